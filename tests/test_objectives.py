"""objectives.py against models whose log p(x) is known exactly."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from vae_course.models import VAE, Decoder, Encoder, unchecked
from vae_course.objectives import elbo, elbo_terms, iwae_bound

SHAPE = (1, 4, 4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return VAE(Encoder(SHAPE, 3, 20), Decoder(SHAPE, 3, 20))


@pytest.fixture
def x():
    return torch.bernoulli(torch.full((6, *SHAPE), 0.4), generator=torch.Generator().manual_seed(0))


def averaged(objective, n=20_000):
    """Mean over many draws, and its standard error. The draws are stacked along the batch."""
    values = torch.stack([objective() for _ in range(n // 1000)])
    return values.mean(0), values.std(0) / math.sqrt(len(values))


def test_kl_term_is_the_closed_form(model, x):
    q = model.encode(x)
    closed = 0.5 * (q.mean**2 + q.variance - 1 - q.variance.log()).sum(1)
    assert torch.allclose(elbo_terms(model, x)[1], closed, rtol=1e-4)
    assert torch.allclose(closed, kl_divergence(Normal(q.mean, q.stddev), Normal(0.0, 1.0)).sum(1), rtol=1e-4)


def test_log_likelihood_is_a_sum_over_pixels_at_a_draw_of_z(model, x):
    torch.manual_seed(3)
    log_likelihood, _ = elbo_terms(model, x)
    torch.manual_seed(3)
    q = model.encode(x)
    z = q.mean + q.stddev * torch.randn(6, 3)
    p = model.decode(z).mean
    by_hand = (x * p.log() + (1 - x) * (1 - p).log()).sum(dim=(1, 2, 3))
    assert torch.allclose(log_likelihood, by_hand, atol=1e-4)


def test_elbo_puts_the_terms_together_per_example(model, x):
    for beta in (0.0, 1.0, 4.0):
        torch.manual_seed(1)
        log_likelihood, kl = elbo_terms(model, x)
        torch.manual_seed(1)
        value = elbo(model, x, beta=beta)
        assert value.shape == (6,)
        assert torch.allclose(value, log_likelihood - beta * kl)


def test_elbo_is_drawn_anew(model, x):
    assert not torch.equal(elbo(model, x), elbo(model, x))


def test_reconstruction_reaches_the_encoder(model, x):
    """At q = N(0, I) the KL term has no gradient, so any that arrives came through z."""
    with torch.no_grad():
        model.encoder.net[-1].weight.zero_()
        model.encoder.net[-1].bias.zero_()
    elbo(model, x).sum().backward()
    assert model.encoder.net[-1].bias.grad.abs().min() > 0


def test_elbo_with_the_exact_posterior_is_log_p(linear_gaussian):
    model, x, log_p = linear_gaussian
    torch.manual_seed(0)
    mean, error = averaged(lambda: elbo(model, x.repeat(1000, 1, 1, 1)).reshape(1000, 3).mean(0))
    assert ((mean - log_p).abs() < 4 * error).all()


def test_the_gap_of_the_elbo_is_the_kl_to_the_posterior(wrong_encoder):
    model, x, log_p, gap = wrong_encoder
    torch.manual_seed(0)
    mean, error = averaged(lambda: elbo(model, x.repeat(1000, 1, 1, 1)).reshape(1000, 3).mean(0))
    assert ((log_p - mean - gap).abs() < 4 * error).all()


def test_iwae_with_the_exact_posterior_is_log_p_for_every_k_and_draw(linear_gaussian):
    model, x, log_p = linear_gaussian
    for k in (1, 2, 50):
        assert torch.allclose(iwae_bound(model, x, k), log_p, atol=1e-4)


def test_iwae_starts_at_the_elbo_and_rises_to_log_p(wrong_encoder):
    model, x, log_p, gap = wrong_encoder
    torch.manual_seed(0)
    bounds = [
        averaged(lambda k=k: iwae_bound(model, x.repeat(1000, 1, 1, 1), k).reshape(1000, 3).mean(0)) for k in (1, 5, 50)
    ]
    (one, error), (five, _), (fifty, fifty_error) = bounds
    assert ((one - (log_p - gap)).abs() < 4 * error).all()
    assert (one < five).all()
    assert (five < fifty).all()
    assert (fifty < log_p + 4 * fifty_error).all()
    assert (fifty > log_p - 0.05).all()


@pytest.mark.parametrize(
    "objective",
    [elbo, *(lambda model, x, k=k: iwae_bound(model, x, k) for k in (1, 5, 50))],
    ids=["elbo", "k = 1", "k = 5", "k = 50"],
)
def test_gradients_are_the_change_of_the_value_with_the_noise_kept(x, objective):
    """Of encoder and decoder, by finite differences: the noise stays, z moves with the encoder. Smooth networks, for at
    a ReLU's corner the two differ."""
    torch.manual_seed(0)
    model = VAE(Encoder(SHAPE, 3, 20, nn.Tanh), Decoder(SHAPE, 3, 20, activation=nn.Tanh)).double()

    def value():
        torch.manual_seed(5)
        with unchecked():
            return objective(model, x.double()).sum()

    value().backward()
    for p in model.parameters():
        direction, before = torch.randn_like(p), p.detach().clone()
        ends = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                p.copy_(before + step * direction)
                ends.append(value().item())
        with torch.no_grad():
            p.copy_(before)
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx((p.grad * direction).sum().item(), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("beta", [-1.0, -1e-9, float("nan")])
def test_a_negative_beta_is_refused(model, x, beta):
    with pytest.raises(ValueError, match="beta must not be negative"):
        elbo(model, x, beta=beta)


@pytest.mark.parametrize("k", [0, -3, 2.5, True, "5"])
def test_k_below_one_is_refused(model, x, k):
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        iwae_bound(model, x, k)


@pytest.mark.parametrize("objective", [elbo, lambda model, x: iwae_bound(model, x, 2)])
def test_grey_pixels_are_refused(model, objective):
    with pytest.raises(ValueError, match=r"grey.*binarize='draw'"):
        objective(model, torch.full((2, *SHAPE), 0.3))
