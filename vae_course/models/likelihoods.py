"""Likelihoods p(x|z): distributions of images, and what makes them of a decoder's outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.nn import functional as F

from vae_course.models.distributions import LOG_2_PI, in_float32

Likelihood = Callable[[Tensor], Distribution]
IMAGE = (-3, -2, -1)  # the dimensions of an image


class BernoulliPixels(Distribution):
    """One coin for each pixel; logits: (*batch, *image), the log-odds of a 1. The logs of the pixels add up.

    What `Independent(Bernoulli(logits=logits), 3)` computes, with fewer operations a call.
    """

    arg_constraints: ClassVar[dict] = {}
    support = constraints.independent(constraints.boolean, 3)

    def __init__(self, logits: Tensor) -> None:
        self.logits = in_float32(logits)
        super().__init__(logits.shape[:-3], logits.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)

    @property
    def variance(self) -> Tensor:
        return self.mean * torch.sigmoid(-self.logits)  # 1 - mean rounds to 0 beyond a logit of 17

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return torch.bernoulli(self.mean.expand(*sample_shape, *self.logits.shape))

    def log_prob(self, x: Tensor) -> Tensor:
        """(*batch,) nats for x: (*batch, *image), or (batch, *image) where there are samples of z."""
        logits = self.logits
        if x.shape != logits.shape:
            logits, x = torch.broadcast_tensors(logits, x)
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=(-3, -2, -1))


def bernoulli(logits: Tensor) -> BernoulliPixels:
    """p(x|z) for pixels that are 0 or 1 (lesson 05). logits: (*batch, *image)."""
    return BernoulliPixels(logits)


class ContinuousBernoulliPixels(Distribution):
    """A Bernoulli's formula as a density of grey values, C(a) p^x (1 - p)^(1 - x) for x in [0, 1], with its normaliser
    C(a) = a / tanh(a / 2). logits: (*batch, *image), a = log p/(1 - p). The logs of the pixels add up.

    Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845. It is an exponential cut at 0 and 1, a e^(ax) / (e^a - 1). We
    count from the end that it favours, y = 1 - x for a >= 0 and y = x for a < 0: with t = |a| the density is
    t e^(-ty) / (1 - e^-t), in which no two large numbers cancel. It holds in float32 for every logit.
    (`torch.distributions.ContinuousBernoulli` computes C and the mean from a p that it keeps away from 0 and 1: beyond
    logits of 15.94 they stay what they were there, and at a logit of -20 its density integrates to 0.80.)
    """

    arg_constraints: ClassVar[dict] = {}
    support = constraints.independent(constraints.unit_interval, 3)
    has_rsample = True

    def __init__(self, logits: Tensor) -> None:
        self.logits = in_float32(logits)
        super().__init__(logits.shape[:-3], logits.shape[-3:], validate_args=False)

    @property
    def rate(self) -> Tensor:
        """t = |a|, (*batch, *image)."""
        return torch.where(self.logits >= 0, self.logits, -self.logits)  # the gradient of abs is 0 at 0, and not 1

    @property
    def mean(self) -> Tensor:
        """(*batch, *image). Not the sigmoid of the logits."""
        near, small, large = _small_and_large(self.rate, self._border)
        squares = small.square()
        series = 1 / 2 - small * (1 / 12 - squares * (1 / 720 - squares / 30240))
        return self._from_0(torch.where(near, series, 1 / large - _one_over_expm1(large)))

    @property
    def variance(self) -> Tensor:
        near, small, large = _small_and_large(self.rate, self._border)
        squares = small.square()
        series = 1 / 12 - squares * (1 / 240 - squares * (1 / 6048 - squares / 172800))
        other = _one_over_expm1(large)
        return torch.where(near, series, (1 / large).square() - other * (1 + other))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x where the distribution function is u, uniform on [0, 1): (*sample_shape, *batch, *image)."""
        u = torch.rand_like(self.logits.expand(*sample_shape, *self.logits.shape))
        # y = -log(1 - u (1 - e^-t)) / t. Its slope by t rounds to eps/t; the series, of the cumulants of a coin with
        # chance u, leaves out 0.001 t^3 of the slope. The two are equal at this border: 0.1 in float32.
        near, small, large = _small_and_large(self.rate, (1e3 * torch.finfo(u.dtype).eps) ** (1 / 4))
        v = u * (1 - u)
        series = u - v * small * (1 / 2 - small * ((1 - 2 * u) / 6 - small * (1 - 6 * v) / 24))
        y = torch.where(near, series, -torch.log1p(u * torch.expm1(-large)) / large)
        return self._from_0(y).clamp(0, 1)  # one rounding may lead beyond 1

    def log_prob(self, x: Tensor) -> Tensor:
        """(*batch,) nats of a density for x: (*batch, *image), or (batch, *image) where there are samples of z."""
        rate = self.rate
        near, small, large = _small_and_large(rate, self._border)
        squares = small.square()
        series = small / 2 - squares * (1 / 24 - squares * (1 / 2880 - squares / 181440))
        highest = torch.where(near, series, torch.log(large / -torch.expm1(-large)))  # the log density at y = 0
        return (highest - rate * self._from_0(x)).sum(IMAGE)

    def _from_0(self, y: Tensor) -> Tensor:
        """x for a distance y from the end that is favoured, and y for an x."""
        return torch.where(self.logits >= 0, 1 - y, y)

    @property
    def _border(self) -> float:
        """The t below which series are taken: 0.79 in float32, 0.06 in float64.

        The slope of log t/(1 - e^-t) is 1/t - 1/(e^t - 1), which rounds to eps/t; at t = 0.0001 three digits are left.
        The series of the slope leaves out t^7 / 1209600. The two are equal at this t: 2e-7 in float32.
        """
        return (1.2e6 * torch.finfo(self.logits.dtype).eps) ** (1 / 8)


def _small_and_large(t: Tensor, border: float) -> tuple[Tensor, Tensor, Tensor]:
    """(whether t < border; t where it is, else 0; t where it is not, else 1).

    `where` multiplies the gradient of what it does not take by 0, and 0 times infinity is no number: so each formula
    gets only such t as are good for it.
    """
    near = t < border
    return near, t.masked_fill(~near, 0.0), t.masked_fill(near, 1.0)


def _one_over_expm1(t: Tensor) -> Tensor:
    """1 / (e^t - 1) for t > 0, and no e^t, which overflows at 89 and takes the gradient with it."""
    return torch.exp(-t) / -torch.expm1(-t)


def continuous_bernoulli(logits: Tensor) -> ContinuousBernoulliPixels:
    """p(x|z) for grey pixels in [0, 1]: a Bernoulli's formula, normalised (lesson 06). logits: (*batch, *image).

    Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845.
    """
    return ContinuousBernoulliPixels(logits)


class NormalPixels(Distribution):
    """N(mean, sigma^2) for each pixel; mean: (*batch, *image), log_sigma: of a shape that broadcasts to it.

    What `Independent(Normal(mean, sigma), 3)` computes, with fewer operations a call. The logs of the pixels add up.
    """

    arg_constraints: ClassVar[dict] = {}
    support = constraints.independent(constraints.real, 3)
    has_rsample = True

    def __init__(self, mean: Tensor, log_sigma: Tensor) -> None:
        self.mu, self.log_sigma = in_float32(mean), in_float32(log_sigma)
        super().__init__(mean.shape[:-3], mean.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def stddev(self) -> Tensor:
        return self.log_sigma.exp().expand_as(self.mu)

    @property
    def variance(self) -> Tensor:
        return self.stddev.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x = mean + sigma * noise, (*sample_shape, *batch, *image)."""
        noise = torch.randn_like(self.mu.expand(*sample_shape, *self.mu.shape))
        return noise * self.stddev + self.mu

    def log_prob(self, x: Tensor) -> Tensor:
        """(*batch,) nats of a density for x: (*batch, *image), or (batch, *image) where there are samples of z."""
        squares = ((x - self.mu) * torch.exp(-self.log_sigma)).square()
        return -0.5 * (squares + 2 * self.log_sigma + LOG_2_PI).sum(IMAGE)


class _Levels(constraints.Constraint):
    """Images whose every pixel is one of 0, 1/(levels - 1), ..., 1."""

    event_dim, is_discrete = 3, True

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def check(self, value: Tensor) -> Tensor:
        step = value * (self.levels - 1)
        on_level = ((step - step.round()).abs() < 1e-3) & (value >= 0) & (value <= 1)
        return on_level.flatten(-3).all(-1)


class LogisticLevels(Distribution):
    """A probability for each of `levels` grey values k/(levels - 1), by a logistic density cut into bins.

    mean, log_scale: (*batch, *image), of the density before it is cut. Each grey value gets the mass within half a
    step of it; the darkest and the brightest get all that lies beyond. The logs of the pixels add up.
    """

    arg_constraints: ClassVar[dict] = {}

    def __init__(self, mean: Tensor, log_scale: Tensor, levels: int) -> None:
        self.mu, self.log_scale, self.levels = in_float32(mean), in_float32(log_scale), levels
        super().__init__(mean.shape[:-3], mean.shape[-3:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        return _Levels(self.levels)

    def _at_least(self) -> Tensor:
        """P(pixel >= level k) for k = 1, ..., levels - 1: (*batch, *image, levels - 1)."""
        return torch.sigmoid(self._above_edges())

    def _above_edges(self) -> Tensor:
        """How far the location lies above the lower edge of level k, in scales: (*batch, *image, levels - 1)."""
        edges = (torch.arange(1, self.levels, device=self.mu.device, dtype=self.mu.dtype) - 0.5) / (self.levels - 1)
        return (self.mu.unsqueeze(-1) - edges) * self._rate.unsqueeze(-1)

    @property
    def _rate(self) -> Tensor:
        """1 / scale, of a scale that is not below e^-74.7 in float32: smaller ones are taken for that."""
        return torch.exp(-self.log_scale.clamp(min=-self._largest))

    @property
    def _largest(self) -> float:
        """14 below the log of the largest number there is: a million pixels may add up. 74.7 in float32."""
        return math.log(torch.finfo(self.mu.dtype).max) - 14

    @property
    def mean(self) -> Tensor:
        return self._at_least().sum(-1) / (self.levels - 1)

    @property
    def variance(self) -> Tensor:
        # The sum over all pairs of levels of P(at least the higher) P(below the lower): no term is negative, whereas
        # E[x^2] - E[x]^2 of a pixel that is nearly certain is the rounding of two numbers near 1.
        at_least, below = self._at_least(), torch.sigmoid(-self._above_edges())
        return (at_least * (2 * below.cumsum(-1) - below)).sum(-1) / (self.levels - 1) ** 2

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = torch.rand_like(self.mu.expand(*sample_shape, *self.mu.shape))
        x = self.mu + self.log_scale.clamp(max=self._largest).exp() * torch.logit(u, eps=1e-6)
        return (x * (self.levels - 1)).round().clamp(0, self.levels - 1) / (self.levels - 1)

    def log_prob(self, x: Tensor) -> Tensor:
        """(*batch,) nats of a probability for x: (*batch, *image), or (batch, *image) where there are samples of z."""
        half, rate = 0.5 / (self.levels - 1), self._rate
        # From a level's number k, one level's upper edge is the next one's lower edge to the last bit. x + half is not,
        # and between the two there would be a gap, or an overlap, of many scales where a scale is small.
        k = (x * (self.levels - 1)).round()
        upper = ((k + 0.5) / (self.levels - 1) - self.mu) * rate
        lower = ((k - 0.5) / (self.levels - 1) - self.mu) * rate
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)); a = -inf at the bottom, b = inf at the top
        bottom, top = x < half, x > 1 - half
        # 1 - exp(a - b) of a bin of width w = b - a. Where w is small its log is log w - w/2 + w^2/24 (- w^4/2880, less
        # than 1e-15 below 0.001), with log w in full: w itself underflows from a log scale of 100 on, and log 0 is -inf
        near, narrow, wide = _small_and_large(2 * half * rate, 1e-3)
        log_width = math.log(2 * half) - self.log_scale
        series = log_width - narrow / 2 + narrow.square() / 24
        inner = torch.where(near, series, torch.log(-torch.expm1(-wide)))
        terms = F.logsigmoid(upper).masked_fill(top, 0.0) + F.logsigmoid(-lower).masked_fill(bottom, 0.0)
        return (terms + inner.masked_fill(bottom | top, 0.0)).sum(IMAGE)


class _OneSigma(nn.Module):
    """See `gaussian`."""

    kind = "gaussian"
    FASTER = 5.0  # Adam moves every parameter alike; log sigma is to move five times as fast

    def __init__(self, sigma: float, learned: bool) -> None:
        super().__init__()
        self.arguments = {"sigma": sigma, "learned": learned}
        start = torch.tensor(math.log(sigma) / self.FASTER)
        if learned:
            self.slow = nn.Parameter(start)
        else:
            self.register_buffer("slow", start, persistent=False)

    @property
    def sigma(self) -> Tensor:
        return torch.exp(self.FASTER * self.slow)

    def forward(self, outputs: Tensor) -> NormalPixels:
        return NormalPixels(outputs, self.FASTER * self.slow)


class _SigmaPerPixel(nn.Module):
    """See `gaussian_per_pixel`."""

    kind = "gaussian_per_pixel"
    outputs_per_pixel = 2

    def __init__(self, min_sigma: float) -> None:
        super().__init__()
        self.min_sigma, self.arguments = min_sigma, {"min_sigma": min_sigma}

    def forward(self, outputs: Tensor) -> NormalPixels:
        mean, log_sigma = outputs.chunk(2, dim=-3)
        if self.min_sigma > 0:
            floor = torch.full_like(log_sigma, math.log(self.min_sigma))
            log_sigma = 0.5 * torch.logaddexp(2 * log_sigma, 2 * floor)
        return NormalPixels(mean, log_sigma)


class _LogisticLevels(nn.Module):
    """See `discretized_logistic`."""

    kind = "discretized_logistic"
    outputs_per_pixel = 2

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels, self.arguments = levels, {"levels": levels}

    def forward(self, outputs: Tensor) -> LogisticLevels:
        mean, log_scale = outputs.chunk(2, dim=-3)
        return LogisticLevels(mean, log_scale, self.levels)


def gaussian(sigma: float = math.exp(-1), learned: bool = False) -> Likelihood:
    """p(x|z) = N(m(z), sigma^2 I): one sigma for all pixels of all images (lesson 06).

    sigma: in units of the pixels; where it is learned, the value to start from. A learned sigma is a parameter of the
    decoder, `decoder.likelihood.sigma`, and Adam moves its logarithm five times as fast as the weights: started at 1
    and moved like them, it can stop on the way (Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202).
    Raises ValueError for a sigma that is not positive.
    """
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma must be a positive number, but it is {sigma}")
    return _OneSigma(sigma, learned)


def gaussian_per_pixel(min_sigma: float = 0.0) -> Likelihood:
    """p(x|z) = N(m(z), diag(sigma(z)^2)), the decoder's outputs being m and log sigma of each pixel (lesson 06).

    min_sigma: added to sigma in squares. With 0 the density has no upper bound where a pixel is constant
    (Mattei & Frellsen 2018, arXiv 1802.04826): give one, or add noise to the data.
    Raises ValueError where it is negative.
    """
    if not 0 <= min_sigma < math.inf:
        raise ValueError(f"min_sigma must not be negative, but it is {min_sigma}")
    return _SigmaPerPixel(min_sigma)


def discretized_logistic(levels: int) -> Likelihood:
    """A probability for each of `levels` grey values from 0 to 1, from a logistic density of each pixel's own location
    and log scale, which are the decoder's outputs (lesson 06).

    As in Kingma et al. 2016, arXiv 1606.04934, and Salimans et al. 2017, arXiv 1701.05517.
    Raises ValueError for fewer than two levels.
    """
    if not isinstance(levels, int) or levels < 2:
        raise ValueError(f"levels must be a whole number of at least 2, but it is {levels!r}")
    return _LogisticLevels(levels)


def output_shape(image_shape: tuple[int, ...], likelihood: Likelihood) -> tuple[int, ...]:
    """What a decoder's network has to put out: the shape of an image, with the channels once for each output of the
    likelihood for a pixel (its attribute `outputs_per_pixel`; 1 where it has none)."""
    channels, *size = image_shape
    return getattr(likelihood, "outputs_per_pixel", 1) * channels, *size
