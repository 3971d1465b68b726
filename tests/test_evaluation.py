"""evaluation/ on models of which everything is known exactly, and against independent code where there is some.

(The measurements of evaluation/symptoms.py have tests of their own.)
"""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import torch
from sklearn.metrics import mutual_info_score
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal, kl_divergence

from vae_course.data import load
from vae_course.data.toy import LinearGaussian
from vae_course.evaluation import (
    PerImage,
    active_units,
    ais,
    annealing,
    average,
    classifier_features,
    frechet_distance,
    information,
    kl_per_dimension,
    log_aggregate,
    log_likelihood,
    marginal_kl,
    mutual_information,
    rate_distortion,
    shuffle_cost,
    signal_to_noise,
    train_test_gap,
)
from vae_course.evaluation.annealing import _anneal, _move
from vae_course.evaluation.estimates import jackknife
from vae_course.models import VAE, Decoder, DiagonalNormal, Encoder, unchecked
from vae_course.models.likelihoods import gaussian

SHAPE, SIGMA = (1, 1, 4), 0.1
W = torch.tensor([[0.2, 0.0], [0.2, 0.0], [0.0, 0.1], [0.0, 0.1]])  # perpendicular columns: the posterior is diagonal
EXACT = LinearGaussian(W, SIGMA, torch.full((4,), 0.5))


class Straight(nn.Module):
    """p(x|z) = N(W z + 1/2, SIGMA^2); it records how many z it is shown at once."""

    image_shape, latent_dim = SHAPE, 2

    def __init__(self):
        super().__init__()
        self.most = 0

    def forward(self, z):
        self.most = max(self.most, z.shape[:-1].numel())
        return Independent(Normal((z @ W.T + 0.5).unflatten(-1, SHAPE), SIGMA), 3)


class Near(nn.Module):
    """The posterior, its mean moved by `shift` standard deviations, these `widen` times as large."""

    image_shape, latent_dim = SHAPE, 2

    def __init__(self, shift=0.0, widen=1.0):
        super().__init__()
        self.shift, self.widen = shift, widen

    def forward(self, x):
        posterior = EXACT.posterior(x.flatten(1))
        sigma = posterior.variance.sqrt()
        return DiagonalNormal(posterior.mean + self.shift * sigma, 2 * (self.widen * sigma).log())


class Says(nn.Module):
    """q(z|x) = N(gain (x_1 - 1/2), sigma^2) for its first latent; the second is N(0, 1), or as the first."""

    image_shape, latent_dim = SHAPE, 2

    def __init__(self, gain, sigma, both=False):
        super().__init__()
        self.gain, self.sigma, self.both = gain, sigma, both

    def forward(self, x):
        mu = self.gain * (x.flatten(1)[:, :2] - 0.5)
        log_var = torch.full_like(mu, 2 * math.log(self.sigma))
        if not self.both:
            mu[:, 1], log_var[:, 1] = 0.0, 0.0
        return DiagonalNormal(mu, log_var)


def linear(shift=0.0, widen=1.0):
    return VAE(Near(shift, widen), Straight())


def images(n, seed=0):
    torch.manual_seed(seed)
    return EXACT.marginal.sample((n,)).clamp(0, 1).reshape(n, *SHAPE)


def one_image(n):
    return images(1).expand(n, *SHAPE)


def exact_log_p(x):
    return EXACT.marginal.log_prob(x.flatten(1))


def normal_images(n, spread=0.08):
    """x_1 and x_2 ~ N(1/2, spread^2), the other pixels 1/2."""
    x = torch.full((n, 4), 0.5)
    x[:, :2] += spread * torch.randn(n, 2)
    return x.clamp(0, 1).reshape(n, *SHAPE)


def standard_errors(values, exact):
    return abs(values.mean() - exact) / (values.std() / math.sqrt(len(values)))


# numbers and their errors


def test_average_and_its_standard_error():
    found = average(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert found.value == 3.0
    assert found.standard_error == pytest.approx(math.sqrt(14 / 3) / 2)
    assert str(found) == "3.00 ± 1.08"


def test_errors_over_images_and_over_draws():
    found = PerImage(
        torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.tensor([0.1, 0.2, 0.2, 0.4]), torch.tensor([0.3, 0.6, 0.6, 1.2])
    )
    assert found.over_images.standard_error == pytest.approx(math.sqrt(14 / 3) / 2)
    assert found.over_draws.value == 3.0
    assert found.over_draws.standard_error == pytest.approx(0.5 / 4)
    assert str(found.over_draws) == "3.00 ± at least 0.12"
    assert found.over_repeats.value == 3.0
    assert found.over_repeats.standard_error == pytest.approx(1.5 / 4)
    assert str(found.over_repeats) == "3.00 ± 0.38"


@pytest.mark.parametrize("values", [torch.tensor([1.0]), torch.zeros(3, 2), torch.tensor(1.0)])
def test_an_average_needs_two_values(values):
    with pytest.raises(ValueError, match="needs \\(n,\\) values of 2 or more"):
        average(values)


def test_the_jackknife_leaves_each_group_out():
    weights = [[1.0, 2.0], [3.0], [0.5, 4.0], [2.0]]
    log_sums = torch.tensor([sum(group) for group in weights]).log()[:, None].expand(4, 2) + torch.tensor([0.0, 300.0])
    without = [np.log(np.mean(np.concatenate([w for w in weights if w is not group]))) for group in weights]
    expected = math.sqrt(3 / 4 * sum((value - np.mean(without)) ** 2 for value in without))
    found = jackknife(log_sums, torch.tensor([len(group) for group in weights]))
    assert found.tolist() == pytest.approx([expected, expected], rel=1e-3)
    assert jackknife(log_sums[:1], torch.tensor([2])).isnan().all()
    nearly_all = jackknife(torch.tensor([[200.0], [0.0], [1.0]]), torch.ones(3)).item()
    without = np.array([np.log((1 + np.e) / 2), 200 - np.log(2), 200 - np.log(2)])
    assert nearly_all == pytest.approx(math.sqrt(2 * without.var()), rel=1e-5)


# log p(x) by importance weighting


@pytest.mark.parametrize("k", [1, 7, 120])
def test_with_the_exact_posterior_every_draw_gives_log_p(k):
    x = images(5)
    found = log_likelihood(linear(), x, k)
    torch.testing.assert_close(found.values, exact_log_p(x), rtol=0, atol=1e-4)
    for errors in (found.errors, found.spread):
        assert errors.isnan().all() if k == 1 else errors.max() < 1e-2


def test_weights_average_to_p_also_where_the_last_chunk_is_short():
    torch.manual_seed(1)
    x = one_image(2000)
    found = log_likelihood(linear(shift=0.7, widen=1.3), x, k=75).values
    assert standard_errors((found - exact_log_p(x)).exp(), 1) < 4


def test_bound_rises_from_the_elbo_to_log_p():
    torch.manual_seed(2)
    model, x = linear(shift=1.0, widen=1.2), one_image(4000)
    q_z = model.encode(x[:1])
    gap = kl_divergence(MultivariateNormal(q_z.mean, q_z.variance.diag_embed()), EXACT.posterior(x[:1].flatten(1)))
    gap = gap.item()
    one, ten, many = (
        log_likelihood(model, x[:n], k).values - exact_log_p(x[:1]) for n, k in ((4000, 1), (4000, 10), (100, 3000))
    )
    assert standard_errors(one, -gap) < 4
    assert -gap < -0.5 < ten.mean() < -0.05
    assert abs(many.mean()) < 0.01


def test_errors_are_what_repetition_shows():
    torch.manual_seed(3)
    found = log_likelihood(linear(shift=0.5, widen=1.2), one_image(2000), k=200)
    assert found.values.std() / found.errors.mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("k", "shift"), [(5, 1.0), (50, 2.0), (130, 2.0)])
def test_where_few_weights_make_up_the_mean_only_the_jackknife_says_what_repetition_shows(k, shift):
    torch.manual_seed(3)
    found = log_likelihood(linear(shift=shift), one_image(4000), k)
    real, delta, by_jackknife = found.values.std(), found.errors, found.spread
    assert delta.square().mean().sqrt() / real < 0.8
    assert by_jackknife.square().mean().sqrt() / real == pytest.approx(1, abs=0.1)
    assert found.over_repeats.standard_error == pytest.approx(real.item() / math.sqrt(4000), rel=0.12)


def test_agrees_with_scipy_and_torch_distributions_on_the_same_draws():
    model, x = linear(shift=0.5, widen=1.2), images(6)
    torch.manual_seed(4)
    found = log_likelihood(model, x, k=50).values
    torch.manual_seed(4)
    q_z = model.encode(x)
    z = q_z.sample((50,))
    log_w = (
        EXACT.likelihood(z).log_prob(x.flatten(1)) + Normal(0.0, 1.0).log_prob(z).sum(-1)
        - Normal(q_z.mean, q_z.stddev).log_prob(z).sum(-1)
    )  # fmt: skip
    np.testing.assert_allclose(found, scipy.special.logsumexp(log_w.numpy(), axis=0, b=1 / 50), atol=1e-4)


def test_5000_draws_are_decoded_in_parts_no_larger_than_50():
    x, most = images(300), []
    for k in (50, 5000):
        model = linear(shift=0.5)
        log_likelihood(model, x[: 300 if k == 50 else 21], k)
        most.append(model.decoder.most)
    assert most == [1_000, 1_000]


@pytest.mark.parametrize("k", [0, -1, 2.5, "5"])
def test_k_is_refused(k):
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        log_likelihood(linear(), images(2), k)


def test_grey_pixels_are_refused_where_they_are_no_likelihood():
    model, grey = VAE(Encoder((1, 2, 2), 2), Decoder((1, 2, 2), 2)), torch.full((3, 1, 2, 2), 0.5)
    for measure in (log_likelihood, ais, rate_distortion, mutual_information):
        with pytest.raises(ValueError, match="grey"):
            measure(model, grey)
    with pytest.raises(ValueError, match="grey"):
        marginal_kl(model, grey.round(), grey)


# annealed importance sampling


def test_ais_brackets_log_p():
    x = images(20)
    z = EXACT.posterior(x.flatten(1)).sample()
    torch.manual_seed(5)
    lower = ais(linear(), x, temperatures=60, chains=8)
    upper = ais(linear(), x, z, temperatures=60, chains=8)
    exact = exact_log_p(x).mean()
    assert (lower.over_repeats.value - exact) / lower.over_repeats.standard_error < 3
    assert (exact - upper.over_repeats.value) / upper.over_repeats.standard_error < 3
    assert abs(upper.over_repeats.value - lower.over_repeats.value) < 0.3


@pytest.mark.parametrize("backwards", [False, True])
def test_ais_weights_average_to_p_also_with_few_temperatures(backwards):
    torch.manual_seed(6)
    x = one_image(3000)
    z = EXACT.posterior(x.flatten(1)).sample() if backwards else None
    off = ais(linear(), x, z, temperatures=5, chains=2).values - exact_log_p(x)
    assert standard_errors((-off if backwards else off).exp(), 1) < 4
    assert off.mean() > 0.02 if backwards else off.mean() < -0.02


def test_ais_error_is_what_repetition_shows_also_with_few_chains_and_temperatures():
    torch.manual_seed(6)
    found = ais(linear(), one_image(2000), temperatures=6, chains=5)
    real = found.values.std()
    assert found.errors.square().mean().sqrt() / real < 0.9
    assert 0.95 < found.spread.square().mean().sqrt() / real < 1.25  # too large for few chains, if anything


def test_ais_weighs_with_the_step_sizes_that_the_pilot_found(monkeypatch):
    calls = []

    def recorded(*arguments):
        calls.append((arguments[4:], _anneal(*arguments)))
        return calls[-1][1]

    monkeypatch.setattr(annealing, "_anneal", recorded)
    ais(linear(), images(3), temperatures=6, chains=5, pilot=2)
    (first, (found, _)), (second, (used, log_weights)) = calls
    assert first == (2,)
    assert second[0] == 5
    assert second[1] is found
    assert torch.equal(used, found)
    assert log_weights.shape == (5, 3)


def test_ais_moves_by_the_step_sizes_that_it_is_given():
    """By next to nothing: the weights are then p(x|z) at the draws of the prior. By 0.3: they are others."""
    model, x, betas = linear(), images(3), torch.linspace(0, 1, 6)
    found = {}
    for size in (1e-9, 0.3):
        torch.manual_seed(7)
        found[size] = _anneal(model, x, None, betas, 4, torch.full((6, 3), size))[1]
    torch.manual_seed(7)
    at_rest = model.decode(model.prior.sample((4, 3))).log_prob(x)
    torch.testing.assert_close(found[1e-9], at_rest, rtol=1e-3, atol=1e-3)
    assert ((found[0.3] - at_rest).abs() > 0.1).all()


def test_ais_does_not_ask_the_encoder():
    x = images(4)
    torch.manual_seed(7)
    good = ais(linear(), x, temperatures=10)
    torch.manual_seed(7)
    assert torch.equal(ais(linear(shift=50.0), x, temperatures=10).values, good.values)


def test_ais_moves_leave_the_bridge_as_it_is():
    torch.manual_seed(8)
    x, beta = one_image(1), 0.5
    middle = LinearGaussian(W, SIGMA / math.sqrt(beta), torch.full((4,), 0.5)).posterior(x.flatten(1))
    z = middle.sample((20_000,))
    new, accepted = _move(linear(), x, z, torch.tensor(beta), torch.tensor([0.3]))
    assert 0.3 < accepted.item() < 0.999
    assert (new != z).any()
    for before, after in ((middle.mean, new), (middle.variance, (new - middle.mean).square())):
        for j in range(2):
            assert standard_errors(after[:, 0, j], before[0, j]) < 4


def test_ais_takes_many_images_in_parts():
    model = linear()
    found = ais(model, images(1500), temperatures=2, chains=16)
    assert found.values.shape == (1500,)
    assert model.decoder.most <= 1_000


def test_ais_refuses():
    x = images(3)
    for name in ("temperatures", "chains", "pilot"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number of at least"):
            ais(linear(), x, **{name: 0})
    with pytest.raises(ValueError, match=r"z must have the shape \(3, 2\)"):
        ais(linear(), x, torch.zeros(2, 2))


# rate, distortion and information


def test_rate_and_distortion_against_their_formulas():
    torch.manual_seed(9)
    model, x = linear(shift=0.5, widen=1.2), images(50)
    rate, distortion = rate_distortion(model, x, draws=400)
    q_z = Normal(*(v for v in (model.encode(x).mean, model.encode(x).stddev)))
    by_torch = kl_divergence(q_z, Normal(0.0, 1.0)).sum(1)
    assert rate.value == pytest.approx(by_torch.mean().item(), rel=1e-5)
    assert rate.standard_error == pytest.approx((by_torch.std() / math.sqrt(50)).item(), rel=1e-4)
    at_mean = EXACT.likelihood(q_z.mean).log_prob(x.flatten(1))
    exact = -at_mean + (W.square().sum(0) * q_z.variance).sum(1) / (2 * SIGMA**2)  # lesson 03
    assert distortion.value == pytest.approx(exact.mean().item(), abs=0.05)


def test_with_the_exact_posterior_rate_and_distortion_add_up_to_minus_log_p():
    x = images(50)
    rate, distortion = rate_distortion(linear(), x, draws=400)
    assert rate.value + distortion.value == pytest.approx(-exact_log_p(x).mean().item(), abs=0.05)


def test_mutual_information_of_gaussians():
    torch.manual_seed(10)
    model, x = VAE(Says(20.0, 0.3), Straight()), normal_images(1500)
    exact = 0.5 * math.log(1 + (20 * 0.08 / 0.3) ** 2)
    found = mutual_information(model, x)
    assert abs(found.value - exact) / found.standard_error < 4
    assert found.standard_error < 0.05


def test_mutual_information_of_two_kinds_of_images_is_that_of_scikit_learn():
    x = torch.full((400, *SHAPE), 0.0)
    x[:100] = 1.0
    model = VAE(Says(20.0, 0.1), Straight())
    by_sklearn = mutual_info_score(x[:, 0, 0, 0], (model.encode(x).sample()[:, 0] > 0).int())
    assert mutual_information(model, x).value == pytest.approx(by_sklearn, abs=1e-4)


def test_mutual_information_lies_between_0_and_log_n():
    apart = torch.linspace(0, 1, 64)[:, None].expand(64, 4).reshape(64, *SHAPE)
    assert mutual_information(VAE(Says(1e4, 1.0), Straight()), apart).value == pytest.approx(math.log(64), abs=1e-3)
    assert mutual_information(VAE(Says(0.0, 0.3), Straight()), apart).value == pytest.approx(0, abs=1e-5)


def test_marginal_kl_of_gaussians():
    torch.manual_seed(11)
    model = VAE(Says(10.0, 0.3, both=True), Straight())
    variance = (10 * 0.08) ** 2 + 0.3**2
    exact = 2 * 0.5 * (variance - 1 - math.log(variance))
    found = marginal_kl(model, normal_images(2000), normal_images(2000))
    assert abs(found.value - exact) / found.standard_error < 4
    assert found.standard_error < 0.05


def test_marginal_kl_is_0_where_every_posterior_is_the_prior():
    found = marginal_kl(VAE(Says(0.0, 1.0), Straight()), images(30), images(40, seed=1))
    assert found.value == pytest.approx(0, abs=1e-5)


def test_marginal_kl_compares_with_the_posteriors_of_the_other_images():
    model = VAE(Says(10.0, 1.0), Straight())
    dark, light = torch.zeros(20, *SHAPE), torch.ones(20, *SHAPE)
    assert marginal_kl(model, dark, light).value < -20  # q(z) of the light ones is far from where z was drawn
    assert marginal_kl(model, dark, dark).value == pytest.approx(12.5, abs=4)


def test_parts_of_the_rate_add_up_to_it():
    torch.manual_seed(12)
    model, x = VAE(Says(10.0, 0.3), Straight()), normal_images(3000)
    parts = mutual_information(model, x[:1500]).value + marginal_kl(model, x[:1500], x[1500:]).value
    assert parts == pytest.approx(rate_distortion(model, x)[0].value, abs=0.1)


def test_log_aggregate_is_a_mixture(monkeypatch):
    torch.manual_seed(13)
    q_z, z = DiagonalNormal(torch.randn(7, 3), torch.randn(7, 3)), torch.randn(11, 3)
    mixture = MixtureSameFamily(Categorical(torch.ones(7)), Independent(Normal(q_z.mean, q_z.stddev), 1))
    torch.testing.assert_close(log_aggregate(z, q_z), mixture.log_prob(z))
    monkeypatch.setattr(information, "PAIRS", 50)
    torch.testing.assert_close(log_aggregate(z, q_z), mixture.log_prob(z))


def test_information_refuses():
    q_z = DiagonalNormal(torch.zeros(7, 3), torch.zeros(7, 3))
    for z in (torch.zeros(11, 2), torch.zeros(3), torch.zeros(2, 11, 3)):
        with pytest.raises(ValueError, match=r"z must be \(n, 3\)"):
            log_aggregate(z, q_z)
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1"):
        rate_distortion(linear(), images(3), draws=0)
    for measure in (rate_distortion, mutual_information):
        with pytest.raises(ValueError, match="2 or more images"):
            measure(linear(), images(1))


# Frechet distance


def with_moments(n, mean, cov, seed=0):
    """n rows whose sample mean and covariance are exactly these."""
    rows = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows = rows - rows.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.cov(rows.T)), rows.T, upper=False).T
    return mean + white @ torch.linalg.cholesky(cov).T


def random_features(n=60, m=80, dim=6):
    torch.manual_seed(14)
    return torch.randn(n, dim) @ torch.randn(dim, dim), 0.5 + torch.randn(m, dim) @ torch.randn(dim, dim)


def test_frechet_distance_of_diagonal_gaussians():
    s, t = torch.tensor([0.5, 1.0, 2.0]).double(), torch.tensor([1.0, 3.0, 2.0]).double()
    a = with_moments(40, torch.zeros(3).double(), s.square().diag())
    b = with_moments(50, torch.tensor([1.0, 0.0, 2.0]).double(), t.square().diag(), seed=1)
    assert frechet_distance(a, b).value == pytest.approx(5 + 0.25 + 4)
    assert frechet_distance(a, a).value == pytest.approx(0, abs=1e-8)


def test_frechet_distance_agrees_with_scipy():
    a, b = random_features()
    cov_a, cov_b = np.cov(a.double().numpy().T), np.cov(b.double().numpy().T)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    squares = ((a.double().mean(0) - b.double().mean(0)) ** 2).sum().item()
    expected = squares + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b).value == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a).value == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_with_fewer_images_than_features():
    torch.manual_seed(15)
    a, b = torch.randn(25, 40), torch.randn(25, 40)
    assert frechet_distance(a, a).value == pytest.approx(0, abs=1e-6)
    assert 20 < frechet_distance(a, b).value < 120


def test_frechet_distance_is_biased_upwards_for_few_images_by_as_much_as_1_over_n():
    torch.manual_seed(16)
    few, many = (torch.tensor([frechet_distance(*torch.randn(2, n, 5)).value for _ in range(60)]) for n in (50, 200))
    assert few.mean() / many.mean() == pytest.approx(4, abs=0.6)


def test_frechet_error_is_what_repetition_shows():
    torch.manual_seed(17)
    found = [frechet_distance(torch.randn(200, 3), 1 + 1.5 * torch.randn(200, 3)) for _ in range(80)]
    said = sum(f.standard_error for f in found) / 80
    assert torch.tensor([f.value for f in found]).std().item() / said == pytest.approx(1, abs=0.35)


def test_frechet_distance_refuses():
    a = torch.randn(30, 4)
    for b, complaint in ((torch.randn(30, 5), r"must be \(n, dim\)"), (torch.randn(30), r"must be \(n, dim\)"),
                         (torch.randn(19, 4), "at least 20 images"), (a / 0, "not finite")):  # fmt: skip
        with pytest.raises(ValueError, match=complaint):
            frechet_distance(a, b)


def test_classifier_features_know_the_classes_and_leave_the_random_state_alone():
    data = load("digits", n_train=600, n_test=200)
    torch.manual_seed(18)
    before = torch.get_rng_state()
    features = classifier_features(data, dim=10, epochs=20)
    assert torch.equal(before, torch.get_rng_state())
    assert features.accuracy > 0.75
    found = features(data.test)
    assert found.shape == (200, 10)
    assert not found.requires_grad
    assert torch.equal(found, classifier_features(data, dim=10, epochs=20)(data.test))
    assert not torch.equal(found, classifier_features(data, dim=10, epochs=20, seed=1)(data.test))


def test_classifier_features_of_images_without_classes_tell_how_they_were_mirrored():
    seven = torch.zeros(1, 6, 5)
    seven[0, 0, :], seven[0, :, 4] = 1.0, 1.0
    features = classifier_features(load((0.9 * seven + 0.1 * torch.rand(200, 1, 6, 5)).numpy()), epochs=20)
    assert features.accuracy > 0.9


def test_classifier_features_refuse():
    for name in ("dim", "epochs"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
            classifier_features(load("digits", n_train=50), **{name: 0})


def test_classifier_features_are_trained_also_where_no_gradients_are_kept():
    with torch.no_grad():
        assert classifier_features(load("digits", n_train=300, n_test=100), epochs=20).accuracy > 0.5


# Measuring changes nothing


class Normalised(Encoder):
    """An encoder with batch normalisation and dropout."""

    def __init__(self):
        super().__init__((1, 8, 8), 2, 8)
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.5)

    def forward(self, x):
        return DiagonalNormal(*self.drop(self.norm(self.net(x))).chunk(2, -1))


MEASUREMENTS = {
    "check": lambda model, x: model.check(x),
    "active_units": active_units,
    "signal_to_noise": signal_to_noise,
    "kl_per_dimension": kl_per_dimension,
    "shuffle_cost": shuffle_cost,
    "train_test_gap": lambda model, x: train_test_gap(model, x, x),
    "rate_distortion": lambda model, x: rate_distortion(model, x, draws=np.int64(2)),
    "mutual_information": mutual_information,
    "marginal_kl": lambda model, x: marginal_kl(model, x, x),
    "log_likelihood": lambda model, x: log_likelihood(model, x, k=np.int64(3)),
    "ais": lambda model, x: ais(model, x, temperatures=np.int64(3)),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measuring_changes_nothing_and_is_done_in_eval_mode(name):
    torch.manual_seed(0)
    model = VAE(Normalised(), Decoder((1, 8, 8), 2, 8))
    model.decoder.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x, found = (torch.rand(6, 1, 8, 8) > 0.5).float(), []
    images_before = x.clone()
    for _ in range(2):
        torch.manual_seed(1)
        found.append(str(MEASUREMENTS[name](model, x)))
        assert model.encoder.norm.training
        assert not model.decoder.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(x, images_before)
    torch.manual_seed(1)
    assert found == [str(MEASUREMENTS[name](model.eval(), x))] * 2


def test_draws_and_features_of_the_caller_stay_as_they_are():
    torch.manual_seed(0)
    model, x, z, others = linear(), images(30), torch.randn(30, 2), torch.randn(40, 2)
    given = (x, z, others)
    before = [tensor.clone() for tensor in given]
    ais(model, x, z, temperatures=4)
    _move(model, x, z, torch.tensor(0.5), torch.full((30,), 0.2))
    _anneal(model, x, z, torch.linspace(0, 1, 4), 3, sizes := torch.full((4, 30), 0.2))
    frechet_distance(z.double(), others.double())
    log_aggregate(z, model.encode(x))
    average(z[:, 0])
    jackknife(z, torch.ones(30))
    assert all(torch.equal(tensor, kept) for tensor, kept in zip(given, before, strict=True))
    assert torch.equal(sizes, torch.full((4, 30), 0.2))


def test_images_that_a_gaussian_decoder_drew_can_be_annealed():
    torch.manual_seed(0)
    model = VAE(Encoder((1, 4, 4), 2, 8), Decoder((1, 4, 4), 2, 8, gaussian(1.0)))
    z = model.prior.sample((3,))
    drawn = model.decode(z).sample()
    assert drawn.min() < 0
    above = ais(model, drawn, z, temperatures=20)
    with pytest.raises(ValueError, match="pixels must lie in"):
        ais(model, drawn, temperatures=20)
    with unchecked():
        below = ais(model, drawn, temperatures=20)
    assert below.over_repeats.value < above.over_repeats.value + 1
    with pytest.raises(ValueError, match="images must have the shape"):
        ais(model, drawn[:, :, :2], z, temperatures=20)


def test_the_distance_of_a_single_feature():
    torch.manual_seed(0)
    a, b = torch.randn(200, 1), 3 * torch.randn(200, 1) + 1
    exact = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert frechet_distance(a, b).value == pytest.approx(exact.item(), rel=1e-4)
