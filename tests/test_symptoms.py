"""evaluation/symptoms.py on models whose measurements can be worked out by hand."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vae_course.evaluation import active_units, kl_per_dimension, shuffle_cost, signal_to_noise, train_test_gap
from vae_course.models import VAE, Decoder, DiagonalNormal, Encoder, bernoulli
from vae_course.objectives import elbo_terms

SHAPE = (1, 1, 4)
ONE_HOT = torch.eye(4).reshape(4, *SHAPE)
HALVES = torch.tensor([[0.0] * 4, [0.0] * 4, [1.0] * 4, [1.0] * 4]).reshape(4, *SHAPE)  # half of the images are black


class Says(nn.Module):
    """q(z|x) = N(scale x, sigma(x)^2), with sigma = dark where a pixel is 1 and light where it is 0."""

    def __init__(self, scale, light=1.0, dark=1.0):
        super().__init__()
        self.scale, self.light, self.dark = torch.tensor(scale), light, dark
        self.image_shape, self.latent_dim = SHAPE, 4

    def forward(self, x):
        x = x.flatten(1)
        return DiagonalNormal(self.scale * x, 2 * torch.log(self.light + (self.dark - self.light) * x))


class Draws(nn.Module):
    """p(x|z): a pixel has the log-odds slope (z - 1/2) + shift."""

    def __init__(self, slope, shift=0.0):
        super().__init__()
        self.slope, self.shift, self.image_shape, self.latent_dim = slope, shift, SHAPE, 4

    def forward(self, z):
        return bernoulli((self.slope * (z - 0.5) + self.shift).unflatten(-1, SHAPE))


class Prior(nn.Module):
    def __init__(self, distribution):
        super().__init__()
        self.distribution = distribution

    def forward(self):
        return self.distribution


def model(scale=1.0, light=1.0, dark=1.0, slope=0.0, shift=0.0, prior=None):
    return VAE(Says(scale, light, dark), Draws(slope, shift), prior and Prior(prior))


def trained_like():
    torch.manual_seed(0)
    return VAE(Encoder(SHAPE, 3, 20), Decoder(SHAPE, 3, 20))


def test_active_units_counts_the_means_that_vary_enough():
    vae = model(scale=[0.0, 0.19, 0.21, 2.0])  # variances 0, 0.0090, 0.0110, 1
    assert active_units(vae, HALVES) == 2
    assert isinstance(active_units(vae, HALVES), int)


def test_active_units_takes_a_threshold():
    vae = model(scale=[0.0, 0.19, 0.21, 2.0])
    assert [active_units(vae, HALVES, threshold=t) for t in (0.005, 0.02, 1.5)] == [3, 1, 0]


def test_noise_does_not_make_a_unit_active():
    assert active_units(model(scale=0.0, light=0.1, dark=9.0), HALVES) == 0


def test_signal_to_noise_is_the_spread_of_means_over_the_rms_of_sigma():
    vae = model(scale=[0.0, 1.0, 2.0, 20.0], light=1.0, dark=7.0)  # rms of 1 and 7: 5
    assert torch.allclose(signal_to_noise(vae, HALVES), torch.tensor([0.0, 0.1, 0.2, 2.0]), atol=1e-6)


def test_kl_per_dimension_is_the_closed_form_of_each_image_and_latent():
    kl = kl_per_dimension(model(scale=[0.0, 1.0, 2.0, 3.0], light=1.0, dark=0.5), HALVES)
    black = 0.5 * (torch.tensor([0.0, 1.0, 4.0, 9.0]) + 0.25 - 1 + 2 * math.log(2))
    assert kl.shape == (4, 4)
    assert torch.allclose(kl[:2], torch.zeros(2, 4), atol=1e-6)
    assert torch.allclose(kl[2:], black.expand(2, 4), atol=1e-5)


def test_kl_per_dimension_adds_up_to_the_kl_term():
    vae = trained_like()
    assert torch.allclose(kl_per_dimension(vae, HALVES).sum(1), elbo_terms(vae, HALVES)[1], atol=1e-5)


def test_kl_per_dimension_knows_other_diagonal_priors():
    mean, sigma = torch.tensor([0.5, -1.0, 0.0, 2.0]), torch.tensor([0.5, 1.0, 2.0, 3.0])
    vae = model(scale=1.5, light=0.3, dark=0.8, prior=Independent(Normal(mean, sigma), 1))
    q = vae.encode(HALVES)
    expected = kl_divergence(Normal(q.mean, q.stddev), Normal(mean, sigma))
    assert torch.allclose(kl_per_dimension(vae, HALVES), expected, atol=1e-5)


def test_kl_per_dimension_refuses_a_prior_that_is_no_product():
    with pytest.raises(TypeError, match="the prior must be a diagonal Gaussian, but it is a MultivariateNormal"):
        kl_per_dimension(model(prior=MultivariateNormal(torch.zeros(4), torch.eye(4))), HALVES)


@pytest.mark.parametrize("seed", range(5))
def test_shuffle_cost_never_takes_an_images_own_z(seed):
    torch.manual_seed(seed)
    vae = model(light=1e-6, dark=1e-6, slope=40.0)  # z is x, and the decoder is sure: log-odds of 20 either way
    assert torch.allclose(shuffle_cost(vae, ONE_HOT), torch.full((4,), 40.0), atol=1e-2)


def test_shuffle_cost_is_averaged_over_repeats():
    vae = model(light=1e-6, dark=1e-6, slope=40.0)
    assert torch.allclose(shuffle_cost(vae, ONE_HOT, repeats=3), torch.full((4,), 40.0), atol=1e-2)


def cost(vae, repeats):
    return shuffle_cost(vae, ONE_HOT, repeats=repeats).mean().item()


def gap(vae, repeats):
    return train_test_gap(vae, ONE_HOT, ONE_HOT[:2], repeats=repeats).value


@pytest.mark.parametrize("measured", [cost, gap])
def test_more_repeats_leave_less_noise(measured):
    """16 times as many draws: a quarter of the spread."""
    vae = model(slope=1.0)
    torch.manual_seed(0)
    one, many = (torch.tensor([measured(vae, repeats) for _ in range(60)]).std() for repeats in (1, 16))
    assert (many / one).item() == pytest.approx(0.25, abs=0.1)


def test_shuffle_cost_is_nothing_where_z_is_ignored():
    assert torch.equal(shuffle_cost(model(slope=0.0, shift=1.0), ONE_HOT), torch.zeros(4))


def test_shuffle_cost_draws_z():
    vae = model(slope=1.0)
    torch.manual_seed(0)
    once, again = shuffle_cost(vae, ONE_HOT[:2]), shuffle_cost(vae, ONE_HOT[:2])
    assert not torch.equal(once, again)  # with two images there is one way to swap


def test_train_test_gap_is_positive_where_training_images_are_likelier():
    vae = model(scale=0.0, shift=1.0)  # z is ignored: a black pixel is worth a nat more than a white one
    gap = train_test_gap(vae, torch.ones(6, *SHAPE), torch.zeros(3, *SHAPE))
    assert gap.value == pytest.approx(4.0, abs=1e-5)
    assert gap.standard_error == pytest.approx(0.0, abs=1e-5)


def test_train_test_gap_counts_the_kl_term():
    vae = model(scale=2.0)  # the KL of a black pixel is 2
    gap = train_test_gap(vae, torch.zeros(3, *SHAPE), torch.ones(5, *SHAPE))
    assert gap.value == pytest.approx(8.0, abs=1e-5)


def test_train_test_gap_has_the_standard_error_of_a_difference():
    train = torch.tensor([0.0, 1, 1, 1, 1, 0, 1, 0]).reshape(8, 1, 1, 1).expand(8, *SHAPE)
    test = torch.tensor([0.0, 1, 0, 0]).reshape(4, 1, 1, 1).expand(4, *SHAPE)
    gap = train_test_gap(model(scale=0.0, shift=1.0), train, test, repeats=2)
    on_train, on_test = 4 * train[:, 0, 0, 0], 4 * test[:, 0, 0, 0]
    assert gap.value == pytest.approx((on_train.mean() - on_test.mean()).item(), abs=1e-5)
    assert gap.standard_error == pytest.approx(math.sqrt(on_train.var() / 8 + on_test.var() / 4), abs=1e-5)


MEASUREMENTS = [
    active_units, signal_to_noise, kl_per_dimension, shuffle_cost, lambda vae, x: train_test_gap(vae, HALVES, x),
]  # fmt: skip


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_bad_images_and_models_are_refused(measurement):
    with pytest.raises(ValueError, match="at least two images"):
        measurement(model(), ONE_HOT[:1])
    with pytest.raises(ValueError, match="grey"):
        measurement(model(), 0.5 * ONE_HOT)
    with pytest.raises(ValueError, match="not finite"):
        measurement(model(scale=float("nan")), ONE_HOT)


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_measurements_leave_no_gradients(measurement):
    result = measurement(trained_like(), HALVES)
    for value in result if isinstance(result, tuple) else (result,):
        assert not getattr(value, "requires_grad", False)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="threshold must be positive"):
        active_units(model(), ONE_HOT, threshold=0.0)
    for repeats in (0, 1.5):
        with pytest.raises(ValueError, match="repeats must be a whole number"):
            shuffle_cost(model(), ONE_HOT, repeats=repeats)
        with pytest.raises(ValueError, match="repeats must be a whole number"):
            train_test_gap(model(), ONE_HOT, ONE_HOT, repeats=repeats)
