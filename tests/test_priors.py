"""priors.py: mixtures as p(z), against scikit-learn, quadrature and the exact log p(x) of a linear model."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.distributions import Independent, Normal

from vae_course.data import load
from vae_course.evaluation import log_likelihood, rate_distortion
from vae_course.models import VAE, Decoder, DiagonalNormal, Encoder
from vae_course.models.priors import MixturePrior, VampPrior
from vae_course.objectives import elbo, elbo_terms, iwae_bound, kl_at
from vae_course.training import fit

SHAPE = (1, 8, 8)


def two_clusters(n=600):
    torch.manual_seed(0)
    z = torch.randn(n, 2) * torch.tensor([0.3, 0.8])
    z[: n // 3] += torch.tensor([4.0, -1.0])
    return z


def test_a_fitted_mixture_is_scikit_learns():
    z = two_clusters()
    prior = MixturePrior.fitted(z, 2, seed=3)
    theirs = GaussianMixture(2, random_state=3, reg_covar=1e-4).fit(z.double())
    assert np.allclose(prior().log_prob(z), theirs.score_samples(z.double()), atol=1e-4)
    assert not any(p.requires_grad for p in prior.parameters())


@torch.no_grad()
def test_a_mixture_integrates_to_one_and_its_draws_are_its_own():
    torch.manual_seed(1)
    prior = MixturePrior(2, 3)
    with torch.no_grad():
        prior.mu.copy_(torch.randn(3, 2))
        prior.lower.copy_(0.5 * torch.randn(3, 2, 2))
        prior.logits.copy_(torch.randn(3))
    tick = torch.linspace(-40, 40, 1601)
    density = prior().log_prob(torch.cartesian_prod(tick, tick)).exp()
    assert density.sum() * (tick[1] - tick[0]) ** 2 == pytest.approx(1, abs=1e-3)
    draws = prior().sample((50_000,))
    error = draws.std(0) / 50_000**0.5
    assert bool(((draws.mean(0) - prior().mean).abs() < 4 * error).all())


def test_a_new_mixture_is_near_the_standard_normal_and_its_parts_differ():
    torch.manual_seed(0)
    prior = MixturePrior(3, 5)
    z = torch.randn(100, 3)
    standard = Independent(Normal(torch.zeros(3), 1.0), 1)
    assert (standard.log_prob(z) - prior().log_prob(z)).mean().abs() < 0.5
    assert len(prior.mu.unique(dim=0)) == 5


def test_a_mixture_can_be_trained_with_the_model_and_pays():
    data = load("digits", n_train=500, n_test=200, binarize="draw")
    reached = []
    for make in (lambda: None, lambda: MixturePrior(2, 10)):
        torch.manual_seed(0)
        model = VAE(Encoder(SHAPE, 2, 64), Decoder(SHAPE, 2, 64), make())
        start = getattr(model.p_z, "mu", torch.zeros(1)).detach().clone()
        fit(model, data, epochs=30, batch_size=50, lr=5e-3, seed=0, device="cpu")
        reached.append(iwae_bound(model, data.test, 50).mean().item())
    assert reached[1] > reached[0] - 0.3
    assert (model.p_z.mu - start).abs().max() > 0.2


def test_the_vamp_prior_is_the_mean_of_its_posteriors():
    torch.manual_seed(0)
    encoder = Encoder(SHAPE, 3, 20)
    u = torch.rand(6, *SHAPE)
    prior = VampPrior(encoder, u)
    z = torch.randn(4, 5, 3)
    each = torch.stack([Independent(Normal(q.mean, q.stddev), 1).log_prob(z) for q in map(encoder, u.split(1))])
    assert torch.allclose(prior().log_prob(z), each.logsumexp(0) - np.log(6), atol=1e-5)
    assert prior().sample((7, 2)).shape == (7, 2, 3)
    brighter = VampPrior(encoder, 1.0 + u)
    assert torch.allclose(brighter().mean, VampPrior(encoder, torch.ones(6, *SHAPE))().mean)


def test_pseudo_inputs_are_trained_once_and_the_encoder_with_them():
    torch.manual_seed(0)
    encoder = Encoder(SHAPE, 3, 20)
    model = VAE(encoder, Decoder(SHAPE, 3, 20), VampPrior(encoder, torch.rand(6, *SHAPE) * 0.8 + 0.1))
    assert len(list(model.parameters())) == 1 + len(list(encoder.parameters())) + len(list(model.decoder.parameters()))
    elbo(model, torch.bernoulli(torch.rand(9, *SHAPE))).mean().backward()
    assert bool((model.p_z.pseudo_inputs.grad.abs().sum((1, 2, 3)) > 0).all())


def test_the_callers_pseudo_inputs_are_copied():
    """Float32 as they are: no conversion makes the copy. Training must not change the images that they started from."""
    torch.manual_seed(0)
    encoder, u = Encoder(SHAPE, 3, 20), torch.rand(6, *SHAPE)
    before = u.clone()
    prior = VampPrior(encoder, u)
    with torch.no_grad():
        prior.pseudo_inputs += 0.1
    assert torch.equal(u, before)
    u.zero_()
    assert torch.allclose(prior.pseudo_inputs, before + 0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_callers_draws_are_left_as_they_are(dtype):
    z = two_clusters().to(dtype)
    before = z.clone()
    MixturePrior.fitted(z, 2)
    MixturePrior(2, 3)().log_prob(z.float())
    assert torch.equal(z, before)


def test_seed_and_components_of_a_fitted_mixture_count():
    """In draws without clusters EM ends where it starts from, so another seed finds other parts."""
    torch.manual_seed(0)
    z = torch.rand(200, 2)
    one, same, other = (MixturePrior.fitted(z, 6, seed=seed).mu for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.allclose(one.sort(0)[0], other.sort(0)[0], atol=1e-2)
    fit = [MixturePrior.fitted(z, components)().log_prob(z).mean() for components in (1, 3, 6)]
    assert fit[0] + 0.05 < fit[1] < fit[2] - 0.02
    assert [len(MixturePrior(2, components).mu) for components in (1, 4)] == [1, 4]


class LinearEncoder(nn.Module):
    """A Gaussian q for x = z + noise, whose true posterior is a mixture here: the bounds must hold for any q."""

    latent_dim, image_shape = 1, (1, 1, 1)

    def forward(self, x):
        return DiagonalNormal(0.6 * x.flatten(1), torch.full((len(x), 1), -0.5))


class LinearDecoder(nn.Module):
    latent_dim, image_shape = 1, (1, 1, 1)

    def forward(self, z):
        return Independent(Normal(z[..., None, None], 1.0), 3)


def linear_model():
    prior = MixturePrior(1, 2)
    with torch.no_grad():
        prior.mu.copy_(torch.tensor([[-2.0], [1.5]]))
        prior.logits.copy_(torch.tensor([0.3, 0.7]).log())
    return VAE(LinearEncoder(), LinearDecoder(), prior)


def exact(x):
    at = torch.stack([Normal(mean, 2**0.5).log_prob(x) for mean in (-2.0, 1.5)])
    return (at.flatten(1) + torch.tensor([[0.3], [0.7]]).log()).logsumexp(0)


def test_with_a_mixture_the_bounds_stay_below_log_p_and_reach_it():
    torch.manual_seed(0)
    model, x = linear_model(), torch.tensor([0.0, 0.4, 1.0]).reshape(3, 1, 1, 1)
    assert torch.allclose(log_likelihood(model, x, 20_000).values, exact(x), atol=0.02)
    many = x.repeat(4_000, 1, 1, 1)
    lower = elbo(model, many).reshape(4_000, 3)
    assert bool((lower.mean(0) < exact(x) + 4 * lower.std(0) / 4_000**0.5).all())
    assert bool((lower.mean(0) > exact(x) - 0.5).all())
    rate, distortion = rate_distortion(model, x, draws=4_000)
    assert -rate.value - distortion.value == pytest.approx(lower.mean().item(), abs=0.05)


def test_the_kl_is_exact_where_it_has_a_formula_and_else_that_of_the_draw():
    torch.manual_seed(0)
    q_z = DiagonalNormal(torch.randn(5, 1), torch.randn(5, 1))
    z = q_z.sample()
    p_z = linear_model().prior
    assert torch.allclose(kl_at(z, q_z, p_z), q_z.log_prob(z) - p_z.log_prob(z))
    standard = DiagonalNormal(torch.zeros(1), torch.zeros(1))
    assert torch.equal(kl_at(z, q_z, standard), kl_at(10 + z, q_z, standard))
    _, kl = elbo_terms(linear_model(), torch.zeros(5, 1, 1, 1))
    assert kl.shape == (5,)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MixturePrior(0, 3), "latent_dim must be"),
        (lambda: MixturePrior(2, 0), "components must be"),
        (lambda: MixturePrior.fitted(torch.randn(3, 2), 5), "5 components need"),
        (lambda: MixturePrior.fitted(torch.randn(30), 5), "must be finite numbers of shape"),
        (lambda: MixturePrior.fitted(torch.full((30, 2), float("nan")), 5), "must be finite"),
        (lambda: VampPrior(Encoder(SHAPE, 2), torch.rand(4, 8, 8)), "pseudo-inputs must be"),
        (lambda: VampPrior(Encoder(SHAPE, 2), torch.rand(0, *SHAPE)), "pseudo-inputs must be"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, says):
    with pytest.raises(ValueError, match=says) as refused:
        make()
    assert "\n" not in str(refused.value)
