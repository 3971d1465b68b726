"""Likelihoods of grey pixels (lesson 06) against torch.distributions, scipy.stats and sums over all levels; bits."""

import math

import pytest
import scipy.stats
import torch
from torch.distributions import Independent, Normal

from vae_course.evaluation import bits_per_dim
from vae_course.models import VAE, Decoder, Encoder
from vae_course.models.convolutions import ConvDecoder
from vae_course.models.likelihoods import bernoulli, discretized_logistic, gaussian, gaussian_per_pixel
from vae_course.objectives import elbo, iwae_bound

SHAPE = (2, 3, 5)  # two channels, so that a mix-up of outputs and channels shows


@pytest.fixture
def outputs():
    return torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def two_outputs():
    return torch.randn(4, 2 * SHAPE[0], *SHAPE[1:], generator=torch.Generator().manual_seed(0))


@pytest.fixture
def x():
    return torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(1))


def decoders(levels=17):
    return {
        "fixed": gaussian(0.3),
        "learned": gaussian(learned=True),
        "per pixel": gaussian_per_pixel(),
        "levels": discretized_logistic(levels),
    }


def test_gaussian_is_torchs_normal_with_one_sigma(outputs, x):
    ours, theirs = gaussian(0.3)(outputs), Independent(Normal(outputs, 0.3), 3)
    assert (ours.batch_shape, ours.event_shape) == (theirs.batch_shape, theirs.event_shape)
    assert torch.allclose(ours.log_prob(x), theirs.log_prob(x), rtol=1e-5)
    for name in ("mean", "stddev", "variance"):
        assert torch.allclose(getattr(ours, name), getattr(theirs, name))


def test_gaussian_per_pixel_is_torchs_normal_of_the_two_outputs(two_outputs, x):
    mean, log_sigma = two_outputs[:, :2], two_outputs[:, 2:]
    ours, theirs = gaussian_per_pixel()(two_outputs), Independent(Normal(mean, log_sigma.exp()), 3)
    assert torch.allclose(ours.log_prob(x), theirs.log_prob(x), rtol=1e-5)
    assert torch.equal(ours.mean, mean)


def test_smallest_sigma_is_added_in_squares(two_outputs):
    sigma = gaussian_per_pixel(min_sigma=0.5)(two_outputs).stddev
    assert torch.allclose(sigma, (two_outputs[:, 2:].exp() ** 2 + 0.25).sqrt())
    assert gaussian_per_pixel(min_sigma=0.5)(two_outputs - 50).stddev.min().item() == pytest.approx(0.5)


def test_gaussian_draws_have_mean_and_sigma_and_pass_gradients():
    torch.manual_seed(0)
    mean = torch.tensor([-1.0, 0.0, 2.0]).reshape(1, 1, 3).requires_grad_()
    draws = gaussian(0.5)(mean).rsample((20_000,))
    assert draws.shape == (20_000, 1, 1, 3)
    assert torch.allclose(draws.mean(0), mean, atol=0.02)
    assert torch.allclose(draws.std(0), torch.full((1, 1, 3), 0.5), atol=0.02)
    draws.sum().backward()
    assert torch.equal(mean.grad, torch.full((1, 1, 3), 20_000.0))


def test_a_learned_sigma_is_a_parameter_of_the_decoder_and_a_fixed_one_is_not():
    fixed, learned = (Decoder(SHAPE, 2, likelihood=gaussian(0.3, learned=flag)) for flag in (False, True))
    assert len(list(learned.parameters())) == len(list(fixed.parameters())) + 1
    assert "likelihood.slow" in learned.state_dict()
    assert "likelihood.slow" not in fixed.state_dict()
    assert learned.likelihood.sigma.item() == pytest.approx(0.3)
    assert fixed.likelihood.sigma.item() == pytest.approx(0.3)


def test_a_learned_sigma_goes_to_the_root_mean_square_error(x):
    likelihood = gaussian(learned=True)
    mean = torch.full_like(x, 0.4)
    optimizer = torch.optim.LBFGS(likelihood.parameters(), line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = -likelihood(mean).log_prob(x).mean()
        value.backward()
        return value

    for _ in range(5):
        optimizer.step(loss)
    assert likelihood.sigma.item() == pytest.approx((x - mean).square().mean().sqrt().item(), rel=1e-3)


def test_adam_moves_log_sigma_five_times_as_far_as_a_weight(x):
    likelihood = gaussian(sigma=3.0, learned=True)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.01)
    (-likelihood(torch.zeros_like(x)).log_prob(x).mean()).backward()
    optimizer.step()
    assert math.log(3.0) - likelihood.sigma.log().item() == pytest.approx(0.05, rel=1e-2)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_probabilities_of_all_levels_add_up_to_one(levels):
    grey = (torch.arange(levels, dtype=torch.float64) / (levels - 1)).reshape(-1, 1, 1, 1)
    for mean, scale in ((0.4, 0.1), (-0.5, 0.3), (1.2, 0.02), (0.5, 3.0), (0.0, 1e-4)):
        outputs = torch.tensor([mean, math.log(scale)], dtype=torch.float64).reshape(2, 1, 1)
        total = discretized_logistic(levels)(outputs).log_prob(grey).exp().sum().item()
        assert total == pytest.approx(1, abs=1e-9)


def test_discretized_logistic_is_scipys_logistic_cut_at_half_steps():
    mean, scale, levels = 0.3, 0.07, 17
    p_x = discretized_logistic(levels)(torch.tensor([mean, math.log(scale)], dtype=torch.float64).reshape(2, 1, 1))
    theirs = scipy.stats.logistic(mean, scale)
    for k in range(levels):
        low = -math.inf if k == 0 else (k - 0.5) / (levels - 1)
        high = math.inf if k == levels - 1 else (k + 0.5) / (levels - 1)
        ours = p_x.log_prob(torch.full((1, 1, 1), k / (levels - 1), dtype=torch.float64)).exp().item()
        assert ours == pytest.approx(theirs.cdf(high) - theirs.cdf(low), rel=1e-6)


def test_discretized_logistic_adds_the_logs_of_the_pixels(two_outputs):
    x = (torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(1)) * 16).round() / 16
    together = discretized_logistic(17)(two_outputs).log_prob(x)
    one_by_one = sum(
        discretized_logistic(17)(two_outputs[:, [c, 2 + c], i : i + 1, j : j + 1]).log_prob(
            x[:, c : c + 1, i : i + 1, j : j + 1]
        )
        for c in range(2)
        for i in range(3)
        for j in range(5)
    )
    assert torch.allclose(together, one_by_one, rtol=1e-4)


def test_discretized_logistic_is_finite_far_from_its_mean_and_so_are_its_gradients():
    outputs = torch.tensor([5.0, -4.0]).reshape(2, 1, 1).requires_grad_()
    for grey in (0.0, 0.5, 1.0):
        value = discretized_logistic(17)(outputs).log_prob(torch.full((1, 1, 1), grey))
        (gradient,) = torch.autograd.grad(value, outputs)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()
    assert value.item() == pytest.approx(0, abs=1e-6)


def test_mean_variance_and_draws_of_a_discretized_logistic_are_those_of_its_probabilities():
    torch.manual_seed(0)
    p_x = discretized_logistic(5)(torch.tensor([0.1, math.log(0.2)]).reshape(2, 1, 1))
    grey = torch.arange(5) / 4
    probability = p_x.log_prob(grey.reshape(5, 1, 1, 1)).exp()
    mean = (probability * grey).sum()
    assert torch.allclose(p_x.mean, mean)
    assert torch.allclose(p_x.variance, (probability * grey**2).sum() - mean**2, atol=1e-6)
    draws = p_x.sample((20_000,)).flatten()
    assert set(draws.unique().tolist()) == set(grey.tolist())
    frequency = torch.stack([(draws == value).float().mean() for value in grey])
    assert torch.allclose(frequency, probability, atol=0.02)


@pytest.mark.parametrize("name", decoders())
def test_every_likelihood_fits_a_decoder_and_the_objectives(name):
    torch.manual_seed(0)
    model = VAE(Encoder(SHAPE, 2, 7), Decoder(SHAPE, 2, 7, likelihood=decoders()[name]))
    x = (torch.rand(4, *SHAPE) * 16).round() / 16
    for samples in ((), (6,), (3, 6)):
        p_x = model.decode(torch.randn(*samples, 4, 2))
        assert (p_x.batch_shape, p_x.event_shape) == ((*samples, 4), SHAPE)
        assert p_x.log_prob(x).shape == (*samples, 4)
        assert p_x.mean.shape == p_x.variance.shape == (*samples, 4, *SHAPE)
        assert p_x.sample((2,)).shape == (2, *samples, 4, *SHAPE)
    elbo(model, x).sum().backward()
    assert all(torch.isfinite(p.grad).all() and p.grad.abs().sum() > 0 for p in model.decoder.parameters())
    assert iwae_bound(model, x, k=3).shape == (4,)


def test_a_likelihood_of_one_output_leaves_the_network_as_it_was():
    torch.manual_seed(0)
    one = Decoder(SHAPE, 2, likelihood=gaussian(0.1))
    torch.manual_seed(0)
    assert torch.equal(one.net[-1].weight, Decoder(SHAPE, 2, likelihood=bernoulli).net[-1].weight)
    assert Decoder(SHAPE, 2, likelihood=gaussian_per_pixel()).net[-1].out_features == 60


def test_a_convolutional_decoder_has_the_outputs_too():
    decoder = ConvDecoder((3, 8, 8), 2, channels=4, likelihood=gaussian_per_pixel())
    p_x = decoder(torch.randn(6, 5, 2))
    assert (p_x.batch_shape, p_x.event_shape) == ((6, 5), (3, 8, 8))
    assert p_x.log_prob(torch.rand(5, 3, 8, 8)).shape == (6, 5)


def test_grey_values_between_the_levels_are_refused():
    model = VAE(Encoder((1, 1, 2), 2), Decoder((1, 1, 2), 2, likelihood=discretized_logistic(17)))
    model.check(torch.tensor([0.0, 3 / 16]).reshape(1, 1, 1, 2))
    with pytest.raises(ValueError, match="none of the 17 grey values.*multiples of 1/16") as error:
        model.check(torch.tensor([0.0, 0.2]).reshape(1, 1, 1, 2))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: gaussian(0.0), "sigma must be a positive number, but it is 0.0"),
        (lambda: gaussian(-1.0), "sigma must be a positive number"),
        (lambda: gaussian(math.nan), "sigma must be a positive number"),
        (lambda: gaussian_per_pixel(-0.1), "min_sigma must not be negative, but it is -0.1"),
        (lambda: discretized_logistic(1), "levels must be a whole number of at least 2, but it is 1"),
        (lambda: discretized_logistic(17.0), "levels must be a whole number of at least 2"),
        (lambda: bits_per_dim(1.0, 0), "dims must be a whole number of at least 1, but it is 0"),
        (lambda: bits_per_dim(1.0, 4, levels=1), "levels must be a whole number of at least 2, but it is 1"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        make()
    assert "\n" not in str(error.value)


def test_bits_of_a_probability_need_nothing_and_of_a_density_the_levels():
    assert bits_per_dim(64 * math.log(2), 64) == pytest.approx(1)  # 64 fair coins
    assert bits_per_dim(3 * math.log(17), 3) == pytest.approx(math.log2(17))  # equal levels
    assert bits_per_dim(0.0, 3072, levels=256) == pytest.approx(8)  # the uniform density on [0, 1]
    nats = torch.tensor([0.0, 64 * math.log(2)])
    assert torch.allclose(bits_per_dim(nats, 64, levels=2), torch.tensor([1.0, 2.0]))


def test_bits_of_a_density_bound_those_of_the_levels():
    density = Normal(torch.tensor(0.4, dtype=torch.float64), 0.2)
    u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for k in range(17):
        exact = -(density.cdf(torch.tensor((k + 1) / 17)) - density.cdf(torch.tensor(k / 17))).log().item()
        bound = bits_per_dim(-density.log_prob((k + u) / 17).mean().item(), 1, levels=17)
        assert bits_per_dim(exact, 1) <= bound <= bits_per_dim(exact, 1) + 0.1
