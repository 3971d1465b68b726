"""toy.py: the densities are densities, their samples follow them, and Bayes' rule holds exactly."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from vae_course.data.toy import LinearGaussian, grid_of_gaussians, ring_of_gaussians, two_peaks

DENSITIES = {
    "two peaks": (two_peaks, ()),
    "two near peaks": (lambda: two_peaks(distance=1.0, sigma=0.3), ()),
    "grid": (grid_of_gaussians, (2,)),
    "even grid": (lambda: grid_of_gaussians(side=2, spacing=3.0, sigma=0.4), (2,)),
    "ring": (ring_of_gaussians, (2,)),
    "odd ring": (lambda: ring_of_gaussians(modes=3, radius=1.5, sigma=0.3), (2,)),
}


@pytest.mark.parametrize(("make", "event"), DENSITIES.values(), ids=DENSITIES)
def test_a_density_integrates_to_one_and_its_moments_are_those_of_its_samples(make, event):
    density = make()
    assert density.event_shape == event
    ticks = torch.linspace(-7, 7, 500, dtype=torch.float64)
    points = torch.cartesian_prod(ticks, ticks) if event else ticks
    mass = density.log_prob(points.float()).double().exp() * (ticks[1] - ticks[0]) ** (2 if event else 1)
    assert mass.sum().item() == pytest.approx(1, abs=1e-3)
    points, mass = points.reshape(len(mass), -1), mass[:, None]
    mean = (mass * points).sum(0)
    variance = (mass * (points - mean) ** 2).sum(0)
    torch.manual_seed(0)
    samples = density.sample((20_000,)).reshape(20_000, -1).double()
    assert ((samples.mean(0) - mean).abs() < 5 * (variance / 20_000).sqrt()).all()
    assert torch.allclose(samples.var(0), variance, rtol=0.05)
    assert mean.abs().max() < 1e-3  # all are centred on the origin


@pytest.mark.parametrize(
    ("density", "peaks"),
    [
        (two_peaks(5.0, 0.5), [-2.5, 2.5]),
        (grid_of_gaussians(3, 2.0, 0.1), [[x, y] for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0)]),
        (ring_of_gaussians(4, 2.0, 0.2), [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]]),
    ],
    ids=["two peaks", "grid", "ring"],
)
def test_the_peaks_stand_where_they_are_said_to(density, peaks):
    assert torch.allclose(density.component_distribution.mean, torch.tensor(peaks), atol=1e-6)
    assert torch.allclose(density.mixture_distribution.probs, torch.full((len(peaks),), 1 / len(peaks)))


def test_log_p_of_two_peaks_by_hand():
    by_hand = math.log(0.5 * sum(math.exp(-((0.3 - m) ** 2) / 2) for m in (-2, 2)) / math.sqrt(2 * math.pi))
    assert two_peaks().log_prob(torch.tensor(0.3)).item() == pytest.approx(by_hand, abs=1e-6)


@pytest.fixture(params=[True, False], ids=["with bias", "without bias"])
def model(request):
    torch.manual_seed(0)
    bias = torch.randn(5, dtype=torch.float64) if request.param else None
    return LinearGaussian(torch.randn(5, 2, dtype=torch.float64), 0.7, bias)


def test_bayes_rule_holds_for_every_x_and_z(model):
    x, z = torch.randn(50, 7, dtype=torch.float64).split([5, 2], dim=-1)
    prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    joint = model.likelihood(z).log_prob(x) + prior.log_prob(z)
    assert (model.posterior(x).log_prob(z) + model.marginal.log_prob(x) - joint).abs().max() < 1e-10


def covariance(model):
    return model.weight @ model.weight.T + model.sigma**2 * torch.eye(5, dtype=torch.float64)


def test_the_marginal_is_normal_with_the_covariance_of_a_sum(model):
    x = torch.randn(50, 5, dtype=torch.float64)
    dense = MultivariateNormal(model.bias, covariance(model))
    assert torch.allclose(model.marginal.log_prob(x), dense.log_prob(x), rtol=0, atol=1e-10)
    assert torch.allclose(model.marginal.covariance_matrix, covariance(model), rtol=0, atol=1e-12)


def test_the_posterior_is_what_conditioning_the_joint_normal_gives(model):
    """E[z|x] = W^T C^-1 (x - b), Cov[z|x] = I - W^T C^-1 W, with C the covariance of x."""
    x = torch.randn(50, 5, dtype=torch.float64)
    gain = torch.linalg.solve(covariance(model), model.weight).T
    posterior = model.posterior(x)
    assert torch.allclose(posterior.mean, (x - model.bias) @ gain.T, rtol=0, atol=1e-10)
    expected = torch.eye(2, dtype=torch.float64) - gain @ model.weight
    assert torch.allclose(posterior.covariance_matrix, expected.expand(50, 2, 2), rtol=0, atol=1e-10)


def test_drawing_z_and_then_x_gives_the_marginal(model):
    z = torch.randn(100_000, 2, dtype=torch.float64)
    x = model.likelihood(z).sample()
    assert torch.allclose(x.mean(0), model.bias, atol=0.05)
    assert torch.allclose(x.T.cov(), covariance(model), atol=0.1)


@pytest.mark.parametrize("batch", [(), (1,), (2,), (5,), (4, 3), (2, 2)])
def test_any_batch_shape(model, batch):
    x, z = torch.randn(*batch, 5, dtype=torch.float64), torch.randn(*batch, 2, dtype=torch.float64)
    posterior, likelihood = model.posterior(x), model.likelihood(z)
    assert (posterior.batch_shape, posterior.event_shape) == (batch, (2,))
    assert (likelihood.batch_shape, likelihood.event_shape) == (batch, (5,))
    assert posterior.log_prob(z).shape == model.marginal.log_prob(x).shape == batch
    alone = model.posterior(x.reshape(-1, 5)[-1])
    assert torch.allclose(posterior.mean.reshape(-1, 2)[-1], alone.mean, rtol=0, atol=1e-12)


MATRIX = torch.ones(3, 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: two_peaks(distance=0.0), "distance must be positive, but it is 0.0"),
        (lambda: two_peaks(sigma=-1.0), "sigma must be positive, but it is -1.0"),
        (lambda: two_peaks(sigma=math.nan), "sigma must be positive, but it is nan"),
        (lambda: grid_of_gaussians(side=0), "side must be positive, but it is 0"),
        (lambda: grid_of_gaussians(spacing=0), "spacing must be positive"),
        (lambda: grid_of_gaussians(sigma=0), "sigma must be positive"),
        (lambda: ring_of_gaussians(modes=0), "modes must be positive"),
        (lambda: ring_of_gaussians(radius=-2.0), "radius must be positive"),
        (lambda: ring_of_gaussians(sigma=0), "sigma must be positive"),
        (lambda: LinearGaussian(MATRIX, 0.0), "sigma must be positive, but it is 0.0"),
        (lambda: LinearGaussian(MATRIX[0], 1.0), r"weight must be a matrix of real numbers, not torch.float32 \(2,\)"),
        (lambda: LinearGaussian(MATRIX.long(), 1.0), "not torch.int64"),
        (lambda: LinearGaussian(MATRIX, 1.0, torch.zeros(2)), r"bias must have the shape \(3,\), not \(2,\)"),
    ],
)
def test_other_numbers_are_refused_in_one_sentence(make, said):
    with pytest.raises(ValueError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)
