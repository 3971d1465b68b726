"""`claim(...)` for what a lesson asserts, `check_...(...)` for what a reader answers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from vae_course.data import Split

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


# Lesson 00 -----------------------------------------------------------------------------------------


@_exercise
def check_to_bits(to_bits: Callable[[float], float]) -> str | None:
    """Lesson 00: nats -> bits."""
    nats = math.log(8.0)  # three fair coins
    bits = float(_given(to_bits(nats)))
    mistakes = {
        "you multiplied by ln 2: a bit is less than a nat, so there must be more of them": nats * math.log(2),
        "nothing has changed: that is still the number of nats": nats,
        "that is the logarithm to base 10; a bit is base 2": nats / math.log(10),
        "take no logarithm of the nats: they are one already": math.log2(nats),
    }
    for complaint, value in mistakes.items():
        if math.isclose(bits, value, rel_tol=1e-4):
            return complaint
    if not math.isclose(bits, 3.0, rel_tol=1e-4):
        return f"three fair coins cost {nats:.4f} nats, and that is 3 bits; yours is {bits:.4f}"
    return None


@_exercise
def check_home_of(home_of: Callable[[Tensor, Tensor, int], Tensor]) -> str | None:
    """Lesson 00: the mean code of the images of one digit. (codes (n, 2), labels (n,), digit) -> (2,)."""
    codes = torch.tensor([[1.0, 0.0], [3.0, 4.0], [-5.0, 7.0], [0.5, -2.0]])
    labels = torch.tensor([3, 3, 0, 7])
    home = _given(home_of(codes, labels, 3))
    if not isinstance(home, Tensor):
        return f"return the place as a tensor of two numbers, not as {type(home).__name__}"
    if home.shape == () and torch.allclose(home, torch.tensor(2.0)):
        return "you averaged over both numbers as well: take the mean with dim=0, which leaves two"
    if home.shape == (1, 2):
        return "the shape is (1, 2), because keepdim kept the dimension that was averaged over: leave it out"
    if home.shape != (2,):
        return f"a place has two numbers, so the shape should be (2,), not {tuple(home.shape)}: average over the images"
    if torch.allclose(home, codes.mean(0)):
        return "this is the mean of all codes: keep those whose label is the digit"
    if any(torch.allclose(home, code) for code in codes):
        return "this is the code of a single image: average over all images of the digit"
    if not torch.allclose(home, torch.tensor([2.0, 2.0])):
        return (
            f"for codes (1, 0) and (3, 4) of a digit it is (2, 2), yours is {tuple(round(v, 4) for v in home.tolist())}"
        )
    return None


@_exercise
def check_turned_left(turned_left: Callable[[Mapping[str, Any], float], Tensor]) -> str | None:
    """Lesson 00: which training glyphs are turned to the left by more than so many degrees?"""
    angles = torch.tensor([12.0, -15.0, 3.0, 18.0, -2.0, 10.0])
    factors = {"rotation": Split(train=angles, test=angles.flip(0)), "x": Split(-angles, angles)}
    numbers = _given(turned_left(factors, 10.0))
    if isinstance(numbers, tuple):
        return "this is a tuple, as torch.where gives one: take its first entry, [0]"
    if isinstance(numbers, Tensor) and numbers.dtype == torch.bool:
        return "this says of each image whether it is turned; torch.nonzero gives the numbers of those that are"
    found = torch.as_tensor(numbers)
    if found.dim() > 1:
        return f"the shape should be (how many,), not {tuple(found.shape)}: flatten it"
    mistakes = {
        "these are turned to the right: to the left is positive": [1],
        "these are turned either way: only positive angles are to the left": [0, 1, 3],
        "an image at exactly that angle is not turned by more than it": [0, 3, 5],
        "these are the numbers of test images: take the part .train": [2, 5],
        "these are all images that are turned to the left: by how much matters": [0, 2, 3, 5],
    }
    for complaint, value in mistakes.items():
        if sorted(found.tolist()) == value:
            return complaint
    if found.is_floating_point():
        return "these are angles: the numbers of the images are asked"
    if found.tolist() == [3, 0]:
        return "these are the right ones; put them in ascending order"
    if found.tolist() != [0, 3]:
        return f"for the angles {angles.tolist()} and 10 degrees it is [0, 3], yours is {found.tolist()}"
    return None


# Lesson 01 -----------------------------------------------------------------------------------------


@_exercise
def check_lost(lost: Callable[[Tensor, int, int], Tensor]) -> str | None:
    """Lesson 01: the error of PCA with k components. (singular values of n centred images, n, k) -> squared error."""
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.arange(1, 7)
    x = x - x.mean(0)
    _, s, v = torch.linalg.svd(x, full_matrices=False)
    n, k = len(x), 2
    right = (x - x @ v[:k].T @ v[:k]).pow(2).sum(1).mean().item()
    answer = torch.as_tensor(_given(lost(s, n, k)))
    if answer.numel() != 1:
        return f"these are {answer.numel()} numbers, one for each component that is lost: add them up"
    value = answer.item()
    mistakes = {
        "this is what PCA keeps: what it loses belongs to the other components": (s[:k] ** 2).sum() / n,
        "the eigenvalues are the squares of the singular values": s[k:].sum() / n,
        "square each singular value, and then add up": s[k:].sum() ** 2 / n,
        "only the singular value is squared: n is not": ((s[k:] / n) ** 2).sum(),
        "this is the sum over all images: divide by n": (s[k:] ** 2).sum(),
        "this is the error per pixel: ours is summed over the pixels": (s[k:] ** 2).sum() / n / len(s),
        "averaged over components: sum over those that are lost": (s[k:] ** 2).mean() / n,
        "the first k are kept, so k + 1 is the first that is lost": (s[k + 1 :] ** 2).sum() / n,
        "the covariance here is divided by n, not by n - 1": (s[k:] ** 2).sum() / (n - 1),
    }
    for complaint, wrong in mistakes.items():
        if math.isclose(value, float(wrong), rel_tol=1e-6):
            return complaint
    if not math.isclose(value, right, rel_tol=1e-6):
        return f"for 50 images of 6 pixels and k = 2 it is {right:.4f}, yours is {value:.4f}"
    return None


@_exercise
@torch.random.fork_rng(devices=[])
def check_erase(erase: Callable[[Tensor, float], Tensor]) -> str | None:
    """Lesson 01: each pixel is 0 with probability p, and left as it is otherwise. (x (n, pixels), p) -> (n, pixels)."""
    torch.manual_seed(0)
    x = 0.2 + 0.6 * torch.rand(400, 50)
    before = x.clone()
    damaged = _given(erase(x, 0.75))
    if not torch.equal(x, before):
        return "x itself was changed, and the undamaged image is needed as the target: make a new tensor"
    if damaged.shape != x.shape:
        return f"the shape should stay {tuple(x.shape)}, not become {tuple(damaged.shape)}"
    erased = damaged == 0
    if torch.allclose(damaged[~erased], 4 * x[~erased]):
        return "the pixels that stay were made four times as bright, as dropout does: leave them as they are"
    if not torch.equal(damaged[~erased], x[~erased]):
        return "some pixels are neither 0 nor what they were"
    share = erased.float().mean().item()
    if abs(share - 0.25) < 0.02:
        return "with p = 0.75 a quarter of the pixels is erased: that is the probability to keep one"
    if bool((erased == erased[0]).all()):
        return "the same pixels are erased in all images: draw one number for every pixel of every image"
    if bool((erased == erased[:, :1]).all()):
        return "whole images are erased: draw one number for every pixel"
    if abs(share - 0.75) > 0.02:
        return f"with p = 0.75, {share:.0%} of the pixels are erased"
    if bool((erased.sum(1) == erased[0].sum()).all()):
        return "every image loses equally many pixels: each is to be erased independently of the others"
    if torch.equal(erase(x, 0.75) == 0, erased):
        return "the second call erases the same pixels: draw anew each time"
    return None


@_exercise
@torch.random.fork_rng(devices=[])
def check_new_codes(new_codes: Callable[[Tensor, int], Tensor]) -> str | None:
    """Lesson 01: n draws from the Gaussian with the mean and covariance of codes (images, k)."""
    torch.manual_seed(0)
    mix = torch.tensor([[2.0, 0.0], [1.5, 0.5]])
    codes, n = torch.randn(1000, 2) @ mix.T + torch.tensor([3.0, -1.0]), 40_000
    try:
        z = _given(new_codes(codes, n))
    except torch.linalg.LinAlgError:
        return "the covariance of the codes is 2 by 2 here: torch.cov wants one number a row, so torch.cov(codes.T)"
    except RuntimeError as error:
        return f"the shapes do not fit: draws are rows, so it is noise of shape (n, k) @ L.T ({error})"
    if z.shape != (n, 2):
        return f"for {n} draws of 2 numbers the shape should be ({n}, 2), not {tuple(z.shape)}"
    if bool((torch.cdist(z[:100], codes).min(1).values < 1e-5).any()):
        return "these are codes of the images again: draw new ones"
    if torch.equal(z, _given(new_codes(codes, n))):
        return "the second call gives the same draws"
    mean, cov, right = z.mean(0), torch.cov(z.T), torch.cov(codes.T)
    if not torch.allclose(mean, codes.mean(0), atol=0.1):
        missing = ": add the mean of the codes" if mean.abs().max() < 0.1 else ""
        return f"their mean is {_shown(mean)}, that of the codes {_shown(codes.mean(0))}{missing}"
    mistakes = {
        "each number is drawn by itself, but codes go together: their covariance is missing": right.diag().diag(),
        "you multiplied the noise by the covariance itself; it needs L, of which the covariance is L L^T": right
        @ right,
        "the noise is still that of N(0, I): multiply it by L": torch.eye(2),
        "noise @ L has the covariance L^T L; draws are rows, so it is noise @ L.T": (
            torch.linalg.cholesky(right).T @ torch.linalg.cholesky(right)
        ),
    }
    if torch.allclose(cov, right, rtol=0.05, atol=0.1):
        return None
    for complaint, wrong in mistakes.items():
        if torch.allclose(cov, wrong, rtol=0.05, atol=0.1):
            return complaint
    return f"their covariance is {_shown(cov.flatten())}, that of the codes {_shown(right.flatten())}"


def _shown(values: Tensor) -> str:
    return f"({', '.join(f'{v:.2f}' for v in values.tolist())})"


# Lesson 02 -----------------------------------------------------------------------------------------


@_exercise
def check_explained_by_one(explained_by_one: Callable[..., Tensor]) -> str | None:
    """Lesson 02: p(z = 1 | x) for two causes. (x (n,), pi, m0, m1, s) -> (n,)."""
    x = torch.tensor([-1.0, 0.2, 0.9, 2.5], dtype=torch.float64)
    pi, m0, m1, s = 0.3, -0.5, 1.5, 0.8
    answer = torch.as_tensor(_given(explained_by_one(x, pi, m0, m1, s)))
    if answer.shape != x.shape:
        return f"for x of shape (4,) the shape should be (4,), not {tuple(answer.shape)}"
    p0, p1 = Normal(m0, s).log_prob(x).exp(), Normal(m1, s).log_prob(x).exp()
    right = pi * p1 / (pi * p1 + (1 - pi) * p0)
    slope, prior_odds = (m1 - m0) * (x - (m0 + m1) / 2), math.log(pi / (1 - pi))
    mistakes = {
        "this is p(z = 0 | x): the other cause": 1 - right,
        "the prior is missing: the causes are not equally frequent": p1 / (p0 + p1),
        "this is the joint density p(x, z = 1): divide by p(x)": pi * p1,
        "this is the marginal p(x): it is what to divide by": pi * p1 + (1 - pi) * p0,
        "this is t, the log-odds: take its sigmoid": slope / s**2 + prior_odds,
        "you divided by s: the exponent of a Gaussian has s^2": torch.sigmoid(slope / s + prior_odds),
        "the exponent of a Gaussian has 2 s^2 below: there is a factor 2 too many": torch.sigmoid(
            2 * slope / s**2 + prior_odds
        ),
        "the prior's odds are pi to 1 - pi: you took the logarithm of pi alone": torch.sigmoid(
            slope / s**2 + math.log(pi)
        ),
        "the prior's odds stand upside down: they are pi to 1 - pi": torch.sigmoid(slope / s**2 - prior_odds),
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(answer.double(), wrong, rtol=1e-4):
            return complaint
    if not torch.allclose(answer.double(), right, rtol=1e-4):
        return f"for x = -1, 0.2, 0.9, 2.5 it is {_shown(right)}, yours is {_shown(answer)}"
    far = torch.as_tensor(explained_by_one(torch.tensor([200.0, -200.0], dtype=torch.float64), pi, m0, m1, s))
    if not torch.allclose(far.double(), torch.tensor([1.0, 0.0], dtype=torch.float64)):
        return f"at x = 200 and -200 it is 1 and 0, yours is {_shown(far)}: use the difference of the log-densities"
    return None


@_exercise
def check_log_mean_exp(log_mean_exp: Callable[[Tensor], Tensor]) -> str | None:
    """Lesson 02: the logarithm of the average over draws. (log-weights (draws, images)) -> (images,)."""
    log_w = torch.tensor([[-1.0, -3.0], [-2.0, 0.5], [-4.0, -0.3]], dtype=torch.float64)
    right = log_w.exp().mean(0).log()
    answer = torch.as_tensor(_given(log_mean_exp(log_w)))
    over_images = log_w.exp().mean(1).log()
    if answer.shape == over_images.shape:
        return "you averaged over the images: the draws are the first dimension, dim=0"
    if answer.numel() == 1:
        return "this is one number for all images: average over the draws only, with dim=0"
    if answer.shape == (1, 2):
        return "the shape is (1, 2), because keepdim kept the dimension that was averaged over: leave it out"
    if answer.shape != right.shape:
        return f"for 3 draws of 2 images the shape should be (2,), not {tuple(answer.shape)}"
    mistakes = {
        "this is the mean of the logarithms, which by Jensen is too low: average the weights themselves": log_w.mean(0),
        "this is the logarithm of the sum: divide by the number of draws, - log S": log_w.logsumexp(0),
        "S stands under the average: subtract its logarithm, do not add it": log_w.logsumexp(0) + math.log(3),
        "you divided the logarithm by S: a factor of the average becomes a difference, - log S": log_w.logsumexp(0) / 3,
        "you divided by the number of images: S is the number of draws": log_w.logsumexp(0) - math.log(2),
        "this is the average itself: its logarithm is asked": right.exp(),
        "this is the largest weight only": log_w.max(0).values,
        "you subtracted the largest and did not add it again": right - log_w.max(0).values,
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(answer.double(), wrong, atol=1e-4):
            return complaint
    if not torch.allclose(answer.double(), right, atol=1e-4):
        return f"for these 3 draws it is {_shown(right)}, yours is {_shown(answer)}"
    for shift in (-2000.0, 2000.0):
        far = torch.as_tensor(log_mean_exp(log_w + shift))
        if not torch.allclose(far.double(), right + shift, atol=1e-4):
            what = "is 0" if shift < 0 else "overflows"
            return f"near {shift:.0f} it gives {_shown(far)}, exp of such numbers {what}: keep to the logarithms"
    return None


@_exercise
def check_draws_needed(draws_needed: Callable[[float, int, float], float]) -> str | None:
    """Lesson 02: how many draws until the relative standard error is so small? (r, d, error) -> S."""
    r, d, error = 2.5, 6, 0.2
    right = (r**d - 1) / error**2
    answer = torch.as_tensor(_given(draws_needed(r, d, error)))
    if answer.numel() != 1:
        return f"this is {answer.numel()} numbers: one number of draws is asked"
    value = float(answer)
    mistakes = {
        "the variance is E[w^2] - 1: the 1 is missing": r**d / error**2,
        "square both sides: the error is not squared in yours": (r**d - 1) / error,
        "the factors multiply: r to the power d, not r times d": (r * d - 1) / error**2,
        "r^d - 1 is not (r - 1)^d": (r - 1) ** d / error**2,
        "you multiplied by error^2: a smaller error needs more draws": (r**d - 1) * error**2,
        "this is for one latent: where is d?": (r - 1) / error**2,
        "squared, the root is gone: take r^d - 1 as it is": math.sqrt(r**d - 1) / error**2,
    }
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-6):
            return complaint
    if not (math.isclose(value, right, rel_tol=1e-9) or value == math.ceil(right)):
        return f"for r = 2.5, d = 6 and an error of 0.2 it is {right:.1f}, yours is {value:.1f}"
    return None


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
    if images.sum() == 0:
        return "every pixel that is 1 with probability 0.3 came out as 0: draw it, do not round"
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
    if torch.allclose(kl, (0.5 * (mu**2 + sigma**2 - 1 - sigma.log())).mean(0)):
        return "the formula has log sigma^2, which is 2 log sigma: variance.log(), not stddev.log()"
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
        "log s counts once for each latent, and whole: add it before you sum": right + math.log(s) * (1 - latents),
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
