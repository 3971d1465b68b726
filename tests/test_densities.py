"""Every likelihood over the whole range of its parameters, in float32, with what it is in theory.

The values that log_prob gives in float32 are added up, or integrated in double precision: is it 1, and are mean and
variance those of the integral? Value by value they are compared with scipy.stats, or with a formula in mpmath, which
has as many digits as are asked for; so are the gradients.
"""

import math

import mpmath
import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from vae_course.models.likelihoods import (
    bernoulli,
    continuous_bernoulli,
    discretized_logistic,
    gaussian,
    gaussian_per_pixel,
)

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
mpmath.mp.dps = 100
number = mpmath.mpf


def floats(low, high):
    return st.floats(low, high, width=32)


def pixels(*values, dtype=torch.float32):
    """Images of one pixel each: (n, 1, 1, 1)."""
    return torch.tensor(values, dtype=dtype).reshape(-1, 1, 1, 1)


def integral(p_x, x):
    """(integral of the density, mean, variance about it) by the trapezoid rule over the nodes x: (n, 1, 1, 1)."""
    nodes, density = x.flatten().double().numpy(), p_x.log_prob(x).double().exp().numpy()
    total = np.trapezoid(density, nodes)
    mean = np.trapezoid(density * nodes, nodes) / total
    return total, mean, np.trapezoid(density * (nodes - mean) ** 2, nodes) / total


def value_and_gradient(likelihood, outputs, x):
    """log p(x) in float32, and its gradient by each of the outputs of a pixel."""
    given_outputs = torch.tensor(outputs).reshape(-1, 1, 1).requires_grad_()
    value = likelihood(given_outputs).log_prob(torch.tensor(x).reshape(1, 1, 1))
    (gradient,) = torch.autograd.grad(value.sum(), given_outputs)
    return value.item(), gradient.flatten().tolist()


# ----------------------------------------------------------------------------------------------------------- Bernoulli

logits = st.one_of(
    floats(-50, 50),
    floats(-(2.0**17), 2.0**17),
    st.builds(lambda power, sign: float(np.float32(sign * 10**power)), floats(-12, 5), st.sampled_from((-1, 1))),
)


@quick
@given(logits)
def test_bernoulli_adds_up_to_one_with_its_mean_and_variance(a):
    p_x = bernoulli(pixels(a)[0])
    zero, one = p_x.log_prob(pixels(0.0, 1.0)).double().exp().tolist()
    assert zero + one == pytest.approx(1, abs=1e-6)
    p = 1 / (1 + mpmath.exp(-number(a)))
    assert p_x.mean.item() == pytest.approx(float(p), rel=1e-5, abs=1e-37)
    assert p_x.variance.item() == pytest.approx(float(p * (1 - p)), rel=1e-5, abs=1e-37)
    for x in (0.0, 1.0):
        value, gradient = value_and_gradient(bernoulli, [a], x)
        assert gradient == pytest.approx([float(x - p)], abs=1e-6)
        if abs(a) < 30:  # beyond, 1 - p has no digits in SciPy
            assert value == pytest.approx(scipy.stats.bernoulli.logpmf(x, float(p)), rel=1e-5, abs=1e-5)


# ------------------------------------------------------------------------------------------------ continuous Bernoulli


def exact_continuous_bernoulli(a):
    """(mean, variance) of the density a e^(ax) / (e^a - 1) on [0, 1]."""
    if a == 0:
        return number(1) / 2, number(1) / 12
    a = number(a)
    return 1 / (1 - mpmath.exp(-a)) - 1 / a, 1 / a**2 - 1 / (2 * mpmath.sinh(a / 2)) ** 2


def scipys_log_density(a, y):
    """y: an array of distances from the end that is favoured. SciPy has them in units of 1/|a|."""
    t = abs(float(a))
    return 0 * y if t == 0 else scipy.stats.truncexpon.logpdf(t * y, t) + math.log(t)


def scipys_cdf(a, y):
    t = abs(float(a))
    return y if t == 0 else scipy.stats.truncexpon.cdf(t * y, t)


def with_examples(test):
    """The logits of interest: 0, near it, on both sides of the border of the series, beyond 16, and far away."""
    for a in (0.0, -0.0, 1e-8, 1e-4, 0.005, 0.7, 0.78, 0.79, 0.9, 1.0, 16.0, 20.0, 40.0, 90.0, 100.0, 1e4, 1e12):
        for sign in (1, -1):
            test = example(float(np.float32(sign * a)))(test)
    return quick(test)


@with_examples
@given(logits)
def test_continuous_bernoulli_integrates_to_one_with_its_mean_and_variance(a):
    assume(a < 2**18)  # beyond, float32 has no numbers near 1 for the nodes
    p_x = continuous_bernoulli(pixels(a)[0])
    y = torch.linspace(0, min(1.0, 60 / max(abs(a), 1)), 4001)
    x = y if a < 0 else 1 - y.flip(0)  # crowded where the density is
    total, mean, variance = integral(p_x, x.unique().reshape(-1, 1, 1, 1))
    assert total == pytest.approx(1, abs=1e-4)
    assert p_x.mean.item() == pytest.approx(mean, rel=1e-4, abs=1e-7)
    assert p_x.variance.item() == pytest.approx(variance, rel=2e-3)


@with_examples
@given(logits)
def test_mean_and_variance_of_a_continuous_bernoulli_are_exact(a):
    logit = pixels(a)[0].requires_grad_()
    p_x = continuous_bernoulli(logit)
    mean, variance = exact_continuous_bernoulli(a)
    assert p_x.mean.item() == pytest.approx(float(mean), rel=1e-6)
    assert p_x.variance.item() == pytest.approx(float(variance), rel=5e-6)
    (slope,) = torch.autograd.grad(p_x.mean.sum(), logit)
    assert slope.item() == pytest.approx(float(variance), rel=1e-4, abs=1e-7)
    (slope,) = torch.autograd.grad(p_x.variance.sum(), logit)
    assert torch.isfinite(slope).all()


@with_examples
@given(logits)
def test_values_of_a_continuous_bernoulli_are_scipys_and_its_gradient_x_less_the_mean(a):
    mean, _ = exact_continuous_bernoulli(a)
    x = pixels(0.0, 1e-6, 0.25, 0.7, 1 - 2.0**-20, 1.0)
    logit = torch.full_like(x, a).requires_grad_()
    values = continuous_bernoulli(logit).log_prob(x)
    (gradient,) = torch.autograd.grad(values.sum(), logit)
    grey = x.flatten().double().numpy()
    theirs = scipys_log_density(a, grey if a < 0 else 1 - grey)
    assert values.tolist() == pytest.approx(theirs.tolist(), rel=1e-6, abs=1e-6)
    assert gradient.flatten().tolist() == pytest.approx([float(g - mean) for g in grey], abs=1e-6)


@given(logits)
@quick
def test_continuous_bernoulli_is_the_formula_of_lesson_06_with_its_normaliser(a):
    assume(abs(a) > 1e-3)
    logit, x = pixels(a, dtype=torch.float64)[0], pixels(0.0, 0.3, 1.0, dtype=torch.float64)
    log_c = torch.log(logit.abs()) - torch.log(torch.tanh(logit.abs() / 2))
    by_hand = log_c + x * torch.nn.functional.logsigmoid(logit) + (1 - x) * torch.nn.functional.logsigmoid(-logit)
    assert torch.allclose(continuous_bernoulli(logit).log_prob(x), by_hand.flatten(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("a", [0.0, 1e-8, -0.005, 1.0, 16.0, -40.0, 100.0, -1e4])
def test_draws_of_a_continuous_bernoulli_follow_its_distribution(a):
    torch.manual_seed(0)
    draws = continuous_bernoulli(pixels(a)[0]).sample((20_000,))
    assert draws.shape == (20_000, 1, 1, 1)
    x = draws.flatten().double().numpy()
    assert ((x >= 0) & (x <= 1)).all()
    assert scipy.stats.kstest(x if a < 0 else 1 - x, lambda y: scipys_cdf(a, y)).pvalue > 0.01


@pytest.mark.parametrize("a", [0.0, 1e-8, -0.005, 0.09, -0.12, 1.0, 16.0, -40.0, 100.0, -1e4])
def test_draws_of_a_continuous_bernoulli_pass_the_gradient_of_its_inverse(a, monkeypatch):
    u = pixels(0.0, 0.1, 0.5, 0.8, 0.999, 1 - 2.0**-24)  # the last is the largest that there is
    monkeypatch.setattr(torch, "rand_like", lambda like: u)
    logit = pixels(a)[0].requires_grad_()
    x = continuous_bernoulli(logit).rsample((6,))
    assert ((x >= 0) & (x <= 1)).all()
    (slope,) = torch.autograd.grad(x.sum(), logit, retain_graph=True)
    assert torch.isfinite(slope).all()
    for drawn, chance in zip(x[:5], u.flatten().tolist()[:5], strict=True):
        chance = number(chance) if a < 0 else 1 - number(chance)

        def inverse(a, u=chance):
            return mpmath.log1p(u * mpmath.expm1(a)) / a

        near = number(np.float32(a).item()) + number(10) ** -30  # at 0 the formula is 0/0
        assert drawn.item() == pytest.approx(float(inverse(near)), abs=1e-6)
        (slope,) = torch.autograd.grad(drawn.sum(), logit, retain_graph=True)
        assert slope.item() == pytest.approx(float(mpmath.diff(inverse, near, h=number(10) ** -40)), abs=3e-6)


def test_continuous_bernoulli_has_the_shapes_and_the_support_of_its_neighbours():
    p_x = continuous_bernoulli(torch.randn(3, 4, 2, 5, 6))
    assert (p_x.batch_shape, p_x.event_shape) == ((3, 4), (2, 5, 6))
    assert p_x.log_prob(torch.rand(4, 2, 5, 6)).shape == (3, 4)
    assert p_x.mean.shape == p_x.variance.shape == (3, 4, 2, 5, 6)
    assert p_x.rsample((7,)).shape == (7, 3, 4, 2, 5, 6)
    assert p_x.support.check(torch.rand(4, 2, 5, 6)).tolist() == [True] * 4
    assert not p_x.support.check(torch.full((2, 5, 6), 1.1))
    alone = continuous_bernoulli(p_x.logits[:, :, :1, :1, :1]).log_prob(torch.full((1, 1, 1), 0.3))
    assert torch.allclose(alone, p_x.log_prob(torch.full((2, 5, 6), 0.3)) - sum_of_others(p_x, 0.3), atol=1e-3)


def sum_of_others(p_x, x):
    every = continuous_bernoulli(p_x.logits.flatten(2)[..., None, None, None]).log_prob(torch.full((1, 1, 1), x))
    return every[..., 1:].sum(-1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_becomes_float32(dtype):
    few = torch.tensor([-40.0, -0.3, 0.0, 2.0]).reshape(4, 1, 1, 1).to(dtype)
    x = torch.full((4, 1, 1, 1), 0.3)
    half, single = continuous_bernoulli(few), continuous_bernoulli(few.float())
    assert half.log_prob(x).dtype == half.mean.dtype == half.sample().dtype == torch.float32
    assert torch.equal(half.log_prob(x), single.log_prob(x))


# ------------------------------------------------------------------------------------------------------------ Gaussians


@quick
@given(floats(-100, 100), floats(-40, 40))
def test_gaussian_integrates_to_one_and_is_scipys(centre, log_sigma):
    """centre: the mean in units of sigma, so that float32 has numbers between it and the next sigma."""
    likelihood = gaussian(math.exp(log_sigma))
    sigma = likelihood.sigma.item()
    mean = float(np.float32(centre * sigma))
    p_x = likelihood(pixels(mean)[0])
    x = (mean + sigma * torch.linspace(-8, 8, 2001, dtype=torch.float64)).float().reshape(-1, 1, 1, 1)
    total, its_mean, variance = integral(p_x, x)
    assert total == pytest.approx(1, abs=1e-4)
    assert (p_x.mean.item() - its_mean) / sigma == pytest.approx(0, abs=1e-4)
    assert p_x.variance.item() == pytest.approx(variance, rel=1e-3, abs=1e-37)
    theirs = scipy.stats.norm.logpdf(x[::100].flatten().double().numpy(), mean, sigma)
    assert p_x.log_prob(x)[::100].tolist() == pytest.approx(theirs.tolist(), rel=1e-5, abs=1e-4)
    _, gradient = value_and_gradient(likelihood, [mean], x[500].item())
    assert gradient == pytest.approx([(x[500].item() - mean) / sigma**2], rel=1e-4)


@quick
@given(floats(-3, 3), floats(-200, 40), floats(-14, 0), floats(-3, 3))
def test_gaussian_per_pixel_with_a_smallest_sigma_is_scipys(mean, log_sigma, log_floor, x):
    likelihood = gaussian_per_pixel(min_sigma=math.exp(log_floor))
    own, floor = mpmath.exp(number(log_sigma)), mpmath.exp(number(log_floor))
    sigma = float(mpmath.sqrt(own**2 + floor**2))
    value, (by_mean, by_log_sigma) = value_and_gradient(likelihood, [mean, log_sigma], x)
    z = (x - mean) / sigma
    assert value == pytest.approx(scipy.stats.norm.logpdf(x, mean, sigma), rel=1e-5, abs=1e-5)
    assert by_mean == pytest.approx(z / sigma, rel=1e-4, abs=1e-6)
    share = float(own**2 / (own**2 + floor**2))  # of the variance that log_sigma answers for
    assert by_log_sigma == pytest.approx(share * (z**2 - 1), rel=1e-4, abs=1e-5 * share + 1e-37)
    p_x = likelihood(torch.tensor([mean, log_sigma]).reshape(2, 1, 1))
    nodes = (mean + sigma * torch.linspace(-8, 8, 2001, dtype=torch.float64)).float().unique().reshape(-1, 1, 1, 1)
    if sigma > 1e-3:  # below, float32 has too few numbers around the mean
        total, its_mean, variance = integral(p_x, nodes)
        assert total == pytest.approx(1, abs=1e-4)
        assert p_x.mean.item() == pytest.approx(its_mean, rel=1e-4, abs=1e-4 * sigma)
        assert p_x.variance.item() == pytest.approx(variance, rel=1e-3)


# ------------------------------------------------------------------------------------------------ discretized logistic


def exact_level(k, levels, mean, log_scale):
    """(log of the probability of level k, its slopes by mean and log_scale)."""
    s, half = mpmath.exp(number(log_scale)), 1 / number(2 * (levels - 1))
    x = number(k) / (levels - 1)
    b, a, width = (x + half - number(mean)) / s, (x - half - number(mean)) / s, 2 * half / s

    def sigmoid(t):
        return 1 / (1 + mpmath.exp(-t)) if t > -1000 else mpmath.exp(t)

    def log_sigmoid(t):
        return -mpmath.log1p(mpmath.exp(-t)) if t > -1000 else t

    value = by_mean = by_log_scale = number(0)
    if k < levels - 1:
        value, by_mean, by_log_scale = log_sigmoid(b), -sigmoid(-b) / s, -b * sigmoid(-b)
    if k > 0:
        value, by_mean, by_log_scale = value + log_sigmoid(-a), by_mean + sigmoid(a) / s, by_log_scale + a * sigmoid(a)
    if 0 < k < levels - 1:
        log_inner = mpmath.log(-mpmath.expm1(-width)) if width < 1000 else number(0)
        slope = 1 / mpmath.expm1(width) if width < 1000 else number(0)
        value, by_log_scale = value + log_inner, by_log_scale - width * slope
    return value, by_mean, by_log_scale


log_scales = st.one_of(floats(-120, 130), floats(-8, 8))


@quick
@given(st.sampled_from((2, 3, 17, 256)), floats(-5, 6), log_scales)
@example(17, 0.3, -100.0)
@example(17, 0.3, 110.0)
@example(17, 0.03125, -100.0)  # on the border of two levels
@example(2, -5.0, -120.0)
@example(256, 0.75, -7.0)  # scales so small that the rounding of an edge is seen
@example(256, 0.7509804, -17.0)
@example(256, 0.7588235, -30.0)
@example(256, 6.0, 130.0)
def test_discretized_logistic_adds_up_to_one_with_its_mean_and_variance(levels, mean, log_scale):
    p_x = discretized_logistic(levels)(torch.tensor([mean, log_scale]).reshape(2, 1, 1))
    x = torch.arange(levels) / (levels - 1)
    log_probability = p_x.log_prob(x.reshape(-1, 1, 1, 1))
    assert torch.isfinite(log_probability).all()
    probability, x = log_probability.double().exp(), x.double()
    assert probability.sum().item() == pytest.approx(1, abs=1e-5)
    its_mean = (probability * x).sum()
    variance = (probability * (x - its_mean).square()).sum().item()
    assert p_x.mean.item() == pytest.approx(its_mean.item(), abs=1e-5)
    assert p_x.variance.item() == pytest.approx(variance, rel=1e-3, abs=1e-30)
    draws = p_x.sample((100,)).flatten().double()
    assert torch.isfinite(draws).all()
    if log_scale > -15:  # below, float32 has no numbers between the location and the border of a bin
        assert abs(draws.mean() - its_mean).item() < 6 * math.sqrt(variance / 100) + 1e-5


@pytest.mark.parametrize("log_scale", [-120.0, -90.0, 0.0, 90.0, 130.0])
def test_draws_of_a_discretized_logistic_are_levels_at_every_scale(log_scale, monkeypatch):
    u = pixels(0.0, 0.3, 0.5, 1 - 2.0**-24)  # a logit of 0 is among them, and 0 times infinity is no number
    monkeypatch.setattr(torch, "rand_like", lambda like: u)
    p_x = discretized_logistic(17)(torch.tensor([0.5, log_scale]).reshape(2, 1, 1))
    low, _, middle, high = draws = p_x.sample((4,))
    assert bool(p_x.support.check(draws).all())
    assert low <= middle == 0.5 <= high
    if log_scale > 10:
        assert (low, high) == (0, 1)


# With 2^n + 1 levels and such means, the borders of the bins are exact in float32: what is left is the formula's error.
@quick
@given(st.sampled_from((2, 3, 17, 257)), st.integers(-5 * 64, 6 * 64), log_scales, floats(0, 1))
@example(17, 20, -74.0, 0.0)
@example(17, 20, 88.0, 0.5)
@example(17, 20, 90.0, 0.5)
@example(17, 20, 104.0, 0.5)
@example(17, 20, 110.0, 0.5)
@example(17, 2, -20.0, 0.0)  # on a border
def test_values_and_gradients_of_a_discretized_logistic_are_exact(levels, mean, log_scale, where):
    mean /= 64
    k = round(where * (levels - 1))
    value, slopes = value_and_gradient(discretized_logistic(levels), [mean, log_scale], k / (levels - 1))
    assert all(map(math.isfinite, (value, *slopes)))
    exact = list(map(float, exact_level(k, levels, mean, log_scale)))
    if log_scale > -74:  # narrower scales are taken for e^-74.7
        assert value == pytest.approx(exact[0], rel=1e-5, abs=1e-5)
        assert slopes == pytest.approx(exact[1:], rel=1e-4, abs=1e-5)
    elif exact[0] > -1:
        assert value == pytest.approx(exact[0], abs=1e-5)
    if abs(mean) < 2 and abs(log_scale) < 3:
        theirs, half = scipy.stats.logistic(mean, math.exp(log_scale)), 0.5 / (levels - 1)
        low = 0 if k == 0 else theirs.cdf(k / (levels - 1) - half)
        high = 1 if k == levels - 1 else theirs.cdf(k / (levels - 1) + half)
        assert math.exp(value) == pytest.approx(high - low, rel=1e-4, abs=1e-7)
