"""models.py against torch.distributions and closed forms, and what is refused."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal, kl_divergence

from vae_course import models
from vae_course.models import VAE, Decoder, DiagonalNormal, Encoder, StandardNormal
from vae_course.models.likelihoods import bernoulli, continuous_bernoulli

SHAPE = (1, 3, 5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return VAE(Encoder(SHAPE, latent_dim=2, hidden_dim=7), Decoder(SHAPE, latent_dim=2, hidden_dim=7))


@pytest.fixture
def normals():
    """The same distributions of ours and of torch.distributions, (q, theirs, p, theirs)."""
    generator = torch.Generator().manual_seed(0)
    mu, log_var, mu_p, log_var_p = torch.randn(4, 5, 3, generator=generator)
    theirs, theirs_p = (Independent(Normal(m, (0.5 * v).exp()), 1) for m, v in ((mu, log_var), (mu_p, log_var_p)))
    return DiagonalNormal(mu, log_var), theirs, DiagonalNormal(mu_p, log_var_p), theirs_p


def test_diagonal_normal_is_torchs_independent_normal(normals):
    q, theirs, _, _ = normals
    assert (q.batch_shape, q.event_shape) == (theirs.batch_shape, theirs.event_shape)
    for name in ("mean", "stddev", "variance"):
        assert torch.allclose(getattr(q, name), getattr(theirs, name))
    z = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(q.log_prob(z), theirs.log_prob(z), rtol=1e-5)
    assert torch.allclose(q.entropy(), theirs.entropy(), rtol=1e-5)


def test_diagonal_normal_draws_what_torchs_draws(normals):
    q, theirs, _, _ = normals
    for shape in ((), (4,), (2, 3)):
        torch.manual_seed(0)
        ours = q.rsample(shape)
        torch.manual_seed(0)
        assert torch.allclose(ours, theirs.rsample(shape), atol=1e-6)
    assert not q.sample().requires_grad


def test_gradients_flow_through_a_draw():
    mu, log_var = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    torch.manual_seed(0)
    z = DiagonalNormal(mu, log_var).rsample()
    z.sum().backward()
    assert torch.equal(mu.grad, torch.ones(3))
    assert torch.allclose(log_var.grad, 0.5 * z.detach())


def test_kl_divergences_are_torchs(normals):
    q, theirs, p, theirs_p = normals
    assert torch.allclose(kl_divergence(q, p), kl_divergence(theirs, theirs_p), rtol=1e-5)
    standard, theirs_standard = StandardNormal(torch.zeros(3)), Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
    assert torch.allclose(kl_divergence(q, standard), kl_divergence(theirs, theirs_standard), rtol=1e-5)
    assert torch.allclose(kl_divergence(standard, q), kl_divergence(theirs_standard, theirs), rtol=1e-5)
    assert torch.allclose(kl_divergence(theirs, standard), kl_divergence(theirs, theirs_standard), rtol=1e-5)


def test_diagonal_normal_takes_a_log_variance():
    q = DiagonalNormal(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2 * math.log(0.25)]]))
    assert torch.allclose(q.stddev, torch.tensor([[1.0, 0.25]]))
    assert (q.batch_shape, q.event_shape) == ((1,), (2,))


def test_bernoulli_is_one_coin_a_pixel_and_adds_their_logs():
    logits = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    x = torch.bernoulli(torch.full((2, *SHAPE), 0.5), generator=torch.Generator().manual_seed(1))
    p = torch.sigmoid(logits)
    by_hand = (x * p.log() + (1 - x) * (1 - p).log()).sum(dim=(1, 2, 3))
    assert torch.allclose(bernoulli(logits).log_prob(x), by_hand, atol=1e-5)
    assert torch.allclose(bernoulli(logits).mean, p)
    theirs = Independent(Bernoulli(logits=logits.expand(4, 2, *SHAPE)), 3)
    ours = bernoulli(logits.expand(4, 2, *SHAPE))
    assert torch.allclose(ours.log_prob(x), theirs.log_prob(x), atol=1e-5)
    assert torch.allclose(ours.variance, theirs.variance, atol=1e-6)
    assert (ours.batch_shape, ours.event_shape) == (theirs.batch_shape, theirs.event_shape)


def test_bernoulli_draws_are_zeros_and_ones_with_their_mean():
    torch.manual_seed(0)
    p = torch.tensor([0.1, 0.5, 0.9]).reshape(1, 1, 3)
    draws = bernoulli(torch.logit(p)).sample((4000,))
    assert draws.shape == (4000, 1, 1, 3)
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(draws.mean(0), p, atol=0.03)


def test_bernoulli_probabilities_of_all_images_add_up_to_one():
    logits = torch.tensor([0.3, -2.0, 1.5]).reshape(1, 1, 3)
    images = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).reshape(8, 1, 1, 3)
    assert bernoulli(logits).log_prob(images).exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_continuous_bernoulli_integrates_to_one_where_the_bernoulli_formula_does_not():
    x = torch.linspace(0, 1, 2001, dtype=torch.float64).reshape(-1, 1, 1, 1)
    logits = torch.tensor(1.7, dtype=torch.float64).reshape(1, 1, 1)
    density = continuous_bernoulli(logits).log_prob(x).exp()
    assert torch.trapezoid(density, x.flatten()).item() == pytest.approx(1, abs=1e-4)
    pretended = torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).exp()
    assert abs(torch.trapezoid(pretended.flatten(), x.flatten()).item() - 1) > 0.1


def test_shapes_of_encode_decode_and_prior(model):
    x = torch.rand(4, *SHAPE)
    q_z = model.encode(x)
    assert (q_z.batch_shape, q_z.event_shape) == ((4,), (2,))
    for samples in ((), (6,), (3, 6)):
        p_x = model.decode(q_z.rsample(samples))
        assert (p_x.batch_shape, p_x.event_shape) == ((*samples, 4), SHAPE)
    assert (model.prior.batch_shape, model.prior.event_shape) == ((), (2,))


def test_encoder_is_normal_with_mu_and_log_variance_from_the_network(model):
    x = torch.rand(4, *SHAPE)
    mu, log_var = model.encoder.net(x).chunk(2, dim=-1)
    q_z = model.encode(x)
    assert torch.equal(q_z.mean, mu)
    assert torch.allclose(q_z.variance, log_var.exp(), rtol=1e-5)


def test_prior_is_standard_normal_and_another_can_be_given(model):
    z = torch.randn(5, 2)
    assert torch.allclose(model.prior.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(1))

    class Wide(nn.Module):
        def forward(self):
            return Independent(Normal(torch.zeros(2), torch.full((2,), 3.0)), 1)

    assert torch.equal(VAE(model.encoder, model.decoder, prior=Wide()).prior.base_dist.stddev, torch.full((2,), 3.0))


def test_the_prior_follows_the_model_to_its_device_but_is_no_weight(model):
    assert not any("p_z" in name for name in model.state_dict())
    assert model.to(torch.float64).prior.mean.dtype == torch.float64


def test_encoder_and_decoder_must_fit():
    with pytest.raises(ValueError, match="do not fit together"):
        VAE(Encoder(SHAPE, 2), Decoder(SHAPE, 3))
    with pytest.raises(ValueError, match="do not fit together"):
        VAE(Encoder(SHAPE, 2), Decoder((1, 4, 4), 2))


def test_grey_pixels_are_refused_by_a_bernoulli_and_welcome_to_a_continuous_one(model):
    grey = torch.full((2, *SHAPE), 0.5)
    with pytest.raises(ValueError, match="100% of the pixels are grey.*binarize='draw'.*continuous_bernoulli") as error:
        model.check(grey)
    assert "\n" not in str(error.value)
    model.check(grey.round())
    VAE(model.encoder, Decoder(SHAPE, 2, likelihood=continuous_bernoulli)).check(grey)


def test_other_values_outside_the_support_are_refused(model):
    def exponential(logits):
        return Independent(torch.distributions.Uniform(torch.full_like(logits, 0.2), torch.ones_like(logits)), 3)

    with pytest.raises(ValueError, match="outside the support of the likelihood, a Uniform"):
        VAE(model.encoder, Decoder(SHAPE, 2, likelihood=exponential)).check(torch.zeros(1, *SHAPE))


def test_images_of_another_shape_are_refused(model):
    with pytest.raises(ValueError, match=r"shape \(batch, 1, 3, 5\), not \(2, 1, 8, 8\)"):
        model.check(torch.zeros(2, 1, 8, 8))


def test_unchecked_switches_validation_off_and_on_again():
    assert models.checking()
    with pytest.raises(KeyError), models.unchecked():
        assert not models.checking()
        Bernoulli(probs=torch.tensor(0.5)).log_prob(torch.tensor(0.5))
        raise KeyError
    assert models.checking()
    assert Distribution._validate_args
