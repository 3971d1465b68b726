"""`claim(...)` for what a lesson asserts, `check_...(...)` for what a reader answers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

_NO_BOUND: Any = object()


class ClaimError(AssertionError):
    """A claim of a lesson does not hold."""


def claim(
    sentence: str,
    value: Any,
    *,
    at_most: float | None = _NO_BOUND,
    at_least: float | None = _NO_BOUND,
    within: tuple[float, float] | None = _NO_BOUND,
) -> None:
    """Print the sentence with its value and bound, and raise ClaimError where the bound does not hold.

    value: a number with exactly one bound, or a plain bool for an exact fact.
    A bound of None, as for a data set whose bound is not known, only prints what was measured.
    """
    bounds: dict[str, Any] = {
        name: bound
        for name, bound in (("at_most", at_most), ("at_least", at_least), ("within", within))
        if bound is not _NO_BOUND
    }
    if isinstance(value, Tensor):
        value = value.item()
    if type(value).__name__ in ("bool", "bool_"):
        if bounds:
            raise TypeError("a bool has no bound: claim a number, or leave the bound out")
        holds, relation = bool(value), ""
    elif len(bounds) != 1:
        raise TypeError("a number needs one bound: at_most, at_least or within")
    else:
        kind, bound = next(iter(bounds.items()))
        value = float(value)
        if bound is None:
            print(f"· {sentence}   {value:.4g} (measured, not asserted)")
            return
        if kind == "within":
            low, high = bound
            holds, relation = low <= value <= high, f"   {value:.4g} in [{low:g}, {high:g}]"
        elif kind == "at_most":
            holds, relation = value <= bound, f"   {value:.4g} ≤ {bound:g}"
        else:
            holds, relation = value >= bound, f"   {value:.4g} ≥ {bound:g}"
    print(f"{'✓' if holds else '✗'} {sentence}{relation}")
    if not holds:
        raise ClaimError(f"this claim does not hold: {sentence}{relation}")


class _NotAnswered(Exception):
    """The stub is still as the lesson left it."""


def _given(value: Any) -> Any:
    if value is ... or value is None:
        raise _NotAnswered
    return value


def _exercise(judge: Callable[..., str | None]) -> Callable[..., bool]:
    """Make a check of `judge`, which returns what is wrong with an answer, or None where nothing is."""

    @functools.wraps(judge)
    def check(*answer: Any, **context: Any) -> bool:
        try:
            complaint = judge(*(_given(a) for a in answer), **context)
        except _NotAnswered:
            print("○ not answered yet")
            return False
        except Exception as error:  # an answer can fail in any way, and a check never raises
            complaint = f"your answer stopped with {type(error).__name__}: {error}"
        print(f"✗ {complaint}" if complaint else "✓ right")
        return complaint is None

    return check


# Lesson 05 -----------------------------------------------------------------------------------------

_BUGS = {
    "a": ("mean for sum", "what does it do with the 64 pixels, and how large is one nat of KL beside that?"),
    "b": ("gradient cut", "follow the gradient of the reconstruction backwards: does it reach the encoder?"),
    "c": ("KL sign", "is the objective made larger or smaller by a q(z|x) that is far from the prior?"),
    "d": ("sigmoid twice", "what does the log-likelihood expect of the decoder, and what is it given?"),
    "e": ("no sampling", "where does the noise come in?"),
    "f": ("variance for sigma", "what is multiplied with the noise: a standard deviation?"),
}


@_exercise
def check_bug_hunt(diagnosis: Mapping[str, str]) -> str | None:
    """Lesson 05: which suspect has which bug? diagnosis: {"a": name of the bug, ...}."""
    answers = {key: _given(diagnosis.get(key)) for key in _BUGS}
    names = [name for name, _ in _BUGS.values()]
    unknown = [answer for answer in answers.values() if answer not in names]
    if unknown:
        return f"{unknown[0]!r} is not one of the bugs: {', '.join(names)}"
    if len(set(answers.values())) < len(names):
        twice = next(a for a in answers.values() if list(answers.values()).count(a) > 1)
        return f"each bug occurs once, but you found {twice!r} more than once"
    wrong = [key for key, answer in answers.items() if answer != _BUGS[key][0]]
    if wrong:
        return f"{len(names) - len(wrong)} of {len(names)} right. Look at {wrong[0]!r} again: {_BUGS[wrong[0]][1]}"
    return None


class _CoinDecoder:
    """A stand-in for a VAE: it ignores z, and every pixel is 1 with probability 0.3."""

    latent_dim, image_shape = 3, (1, 4, 4)

    def __init__(self) -> None:
        self.seen: list[Tensor] = []
        self.prior = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)

    def encode(self, x: Tensor) -> Any:
        raise RuntimeError("a new image starts from the prior: there is no x to encode")

    def decode(self, z: Tensor) -> Any:
        if z.shape[-1] != self.latent_dim:
            raise ValueError(f"this model has {self.latent_dim} latents, not {z.shape[-1]}: draw z from model.prior")
        self.seen.append(z)
        return Independent(torch.distributions.Bernoulli(torch.full((*z.shape[:-1], *self.image_shape), 0.3)), 3)


@_exercise
def check_draw_images(draw_images: Callable[[Any, int], Tensor]) -> str | None:
    """Lesson 05: draw n new images from p(z) p(x|z). draw_images: (model, n) -> (n, *image), pixels 0 or 1."""
    model = _CoinDecoder()
    images = _given(draw_images(model, 2000))
    if tuple(images.shape) != (2000, *model.image_shape):
        return f"for n = 2000 the shape is {tuple(images.shape)}, not {(2000, *model.image_shape)}"
    z = torch.cat([z.reshape(-1, 3) for z in model.seen])
    if len(z) < 2000 or z.std(dim=0).min() < 0.01:
        return "every image starts from the same z: draw n of them"
    if abs(z.mean()) > 0.1 or abs(z.std() - 1) > 0.1:
        return f"z should come from the prior, N(0, I), but yours has mean {z.mean():.2f} and deviation {z.std():.2f}"
    if not ((images == 0) | (images == 1)).all():
        return "some pixels are grey: that is the mean of p(x|z), not a draw from it"
    if abs(images.mean() - 0.3) > 0.05:
        return f"a pixel that is 1 with probability 0.3 came out as 1 in {images.mean():.0%} of your draws"
    return None


@_exercise
def check_kl_per_latent(kl_per_latent: Callable[[Any, Tensor], Tensor]) -> str | None:
    """Lesson 05: the KL term, latent by latent. kl_per_latent: (model, x) -> (latent_dim,) nats, mean over images."""
    mu, sigma = torch.tensor([[0.0, 1.0, 2.0], [0.0, -1.0, 4.0]]), torch.tensor([[1.0, 0.5, 0.1], [1.0, 0.5, 0.2]])

    class Model:
        prior = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)

        def encode(self, x: Tensor) -> Independent:
            return Independent(Normal(mu, sigma), 1)

    right = kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0))
    kl = _given(kl_per_latent(Model(), torch.zeros(2, 1, 8, 8)))
    if kl.shape == (2,) and torch.allclose(kl, right.sum(1)):
        return "you summed over the latents: that is one number for each image, and one for each latent is asked"
    if kl.shape == ():
        return "this is one number for all latents (kl_divergence of q and the prior has summed over them already)"
    if kl.shape == (2, 3):
        return "this is one number for each image and latent: take the mean over the images"
    if kl.shape != (3,):
        return f"with 3 latents the shape should be (3,), not {tuple(kl.shape)}"
    if torch.allclose(kl, right.sum(0)):
        return "you summed over the images: take their mean"
    if torch.allclose(kl, kl_divergence(Normal(mu, sigma**2), Normal(0.0, 1.0)).mean(0)):
        return "sigma was squared once too often: what the Normal stores is the standard deviation"
    if not torch.allclose(kl, right.mean(0), rtol=1e-4):
        return f"for mu = 1 and -1 with sigma = 0.5 the mean is {right.mean(0)[1]:.4f} nats, yours is {kl[1]:.4f}"
    return None


@_exercise
def check_kl_to_prior(kl_to_prior: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    """Lesson 05: KL(N(mu, sigma^2) || N(0, s^2)), summed over latents. (mu, log_var, s) -> (batch,) nats."""
    mu, log_var, s = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([[0.3, -1.0], [0.0, -2.0]]), 2.0
    right = kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, s)).sum(1)
    kl = _given(kl_to_prior(mu, log_var, s))
    if kl.shape != (2,):
        return f"for two images the shape should be (2,), not {tuple(kl.shape)}: sum over the latents alone"
    var, latents = log_var.exp(), mu.shape[1]
    mistakes = {
        "the term log s is missing: a wider prior spreads its mass thinner": right - latents * math.log(s),
        "both mu^2 and sigma^2 are to be divided by s^2: mu^2 is not": right + (mu**2).sum(1) * (0.5 - 0.5 / s**2),
        "both mu^2 and sigma^2 are to be divided by s^2: sigma^2 is not": right + var.sum(1) * (0.5 - 0.5 / s**2),
        "you took s for the variance of the prior: it is the standard deviation": right
        + (mu**2 + var).sum(1) * (0.5 / s - 0.5 / s**2)
        - latents * 0.5 * math.log(s),
        "you divided by s, but the density has s^2": right + (mu**2 + var).sum(1) * (0.5 / s - 0.5 / s**2),
        "this is the distance to N(0, 1): s is not in it": 0.5 * (mu**2 + var - 1 - log_var).sum(1),
    }
    for complaint, value in mistakes.items():
        if torch.allclose(kl, value, atol=1e-4):
            return complaint
    if not torch.allclose(kl, right, atol=1e-4):
        return f"for mu = (1, -2), log_var = (0.3, -1), s = 2 it is {right[0]:.4f} nats, yours is {kl[0]:.4f}"
    return None
