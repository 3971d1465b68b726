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


# Lesson 03 -----------------------------------------------------------------------------------------


@_exercise
def check_kl_exponentials(kl_exponentials: Callable[[Any, Any], Any]) -> str | None:
    """Lesson 03: KL of the exponential density with rate a from that with rate b. (a, b) -> nats."""
    z = torch.linspace(0, 60, 600_001, dtype=torch.float64)

    def right(a: float, b: float) -> float:
        log_q, log_p = math.log(a) - a * z, math.log(b) - b * z
        return torch.trapezoid(log_q.exp() * (log_q - log_p), z).item()

    for a, b in ((3.0, 0.5), (1.0, 2.5), (1.5, 1.5)):
        rates = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
        value = float(_given(kl_exponentials(*rates)))
        true, ratio = right(a, b), math.log(a / b)
        mistakes = {
            "this is the divergence the other way round, or you took a and b for means: they are rates": right(b, a),
            "this is minus the divergence: it is log q - log p that is averaged over q": -true,
            "the difference of the rates is b - a, and its average is b/a - 1: the 1 is missing": true + 1,
            "the sign of the logarithm is wrong: log q has log a, and log p is taken off": b / a - 1 - ratio,
            "this is log(a/b) alone: the average of (b - a) z is missing": ratio,
            "you averaged z over p: it is drawn from q, with mean 1/a": ratio + (b - a) / b,
            "the mean of z under q is 1/a, not a": ratio + (b - a) * a,
            "that is in bits; leave the natural logarithm": true / math.log(2),
        }
        if math.isclose(value, true, rel_tol=1e-5, abs_tol=1e-5):
            continue
        for complaint, wrong in mistakes.items():
            if math.isclose(value, wrong, rel_tol=1e-4, abs_tol=1e-5):
                return complaint
        return f"for a = {a} and b = {b} the integral is {true:.4f} nats, yours is {value:.4f}"
    return None


@_exercise
def check_elbo_of_states(elbo_of_states: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 03: the ELBO where z has K values. (log p(x, z) (n, K), q (n, K)) -> (n,) nats."""
    log_joint = torch.tensor([[-1.0, -2.5, -3.0], [-4.0, -0.5, -2.0], [-2.0, -2.2, -1.7], [-6.0, -3.0, -1.0]])
    q = torch.tensor([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [0.7, 0.1, 0.2], [0.5, 0.0, 0.5]])
    energy, entropy = (q * log_joint).sum(1), -torch.xlogy(q, q).sum(1)
    right = energy + entropy
    answer = torch.as_tensor(_given(elbo_of_states(log_joint, q)))
    if answer.shape == (1,) or answer.shape == ():
        return "this is one number for all x: sum over the states alone, with dim=1"
    if answer.shape == (4, 3):
        return "this is one number for each x and each state: sum over the states, with dim=1"
    if answer.shape == (3,):
        return "you summed over the x: sum over the states, with dim=1"
    if answer.shape != (4,):
        return f"for 4 x the shape should be (4,), not {tuple(answer.shape)}"
    if bool(answer.isnan().any()):
        return "some values are nan: q is 0 there, and 0 times log 0 is nan; torch.xlogy(q, q) gives 0"
    mistakes = {
        "this is the energy alone: the entropy of q is missing": energy,
        "the entropy has the wrong sign: the ELBO has - q log q": energy - entropy,
        "this is minus the ELBO, the free energy": -right,
        "this is log p(x), in which there is no q": log_joint.logsumexp(1),
        "the weights are q, not the joint density": (log_joint.exp() * (log_joint - q.clamp_min(1e-30).log())).sum(1),
        "you averaged over the states: weight each with its q, and sum": right / 3,
        "this is the log of the average: the ELBO averages the logs": (log_joint.exp() * (q > 0)).sum(1).log(),
        "this is the gap, log p(x) - ELBO": log_joint.logsumexp(1) - right,
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(answer.to(wrong), wrong, atol=1e-4):
            return complaint
    if torch.allclose(answer.to(right), right, atol=1e-4):
        return None
    if torch.allclose(answer.to(right)[[0, 2]], right[[0, 2]], atol=1e-4):
        return "right where all of q is positive; but 0 log 0 is to count as exactly 0"
    return f"for log p = (-1, -2.5, -3) and q = (0.2, 0.5, 0.3) it is {right[0]:.4f} nats, yours is {answer[0]:.4f}"


@_exercise
def check_best_variances(best_variances: Callable[[Tensor], Tensor]) -> str | None:
    """Lesson 03: the diagonal q closest to N(0, cov) in reverse KL. cov: (k, k) -> variances (k,)."""
    cov = torch.tensor([[2.0, 1.2, 0.3], [1.2, 1.5, -0.4], [0.3, -0.4, 0.8]])
    right = 1 / torch.linalg.inv(cov).diagonal()
    variances = torch.as_tensor(_given(best_variances(cov.clone())))
    if variances.shape == (3, 3):
        return "this is a matrix: the variances alone are asked, one for each latent"
    if variances.shape != (3,):
        return f"with 3 latents the shape should be (3,), not {tuple(variances.shape)}"
    mistakes = {
        "these are the true variances, which the forward KL would give": cov.diagonal(),
        "these are the diagonal entries of the precision; a variance is one over a precision": 1 / right,
        "these are standard deviations: square them": right.sqrt(),
        "one over the true variances: invert the whole matrix first, and then look at its diagonal": 1 / cov.diagonal(),
        "these are eigenvalues: q cannot turn its axes": torch.linalg.eigvalsh(cov),
        "the factor 1/2 is in both terms, and cancels: yours are half of the right ones": right / 2,
        "the factor 1/2 is in both terms, and cancels: yours are twice the right ones": right * 2,
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(variances.to(wrong).sort().values, wrong.sort().values, rtol=1e-3):
            return complaint
    if not torch.allclose(variances.to(right), right, rtol=1e-3):
        return f"for the covariance {cov.tolist()} they are {_shown(right)}, yours are {_shown(variances)}"
    return None


# Lesson 04 -----------------------------------------------------------------------------------------


@_exercise
def check_score_log_sigma(score_log_sigma: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 04: the derivative of log N(z; mu, sigma^2) by log sigma. (z, mu, sigma), all (n,) -> (n,)."""
    z, mu, sigma = torch.tensor([[0.3, -1.2, 2.0], [1.0, 0.4, -0.5], [0.5, 2.0, 1.5]], dtype=torch.float64)
    log_sigma = sigma.log().requires_grad_()
    right = torch.autograd.grad(Normal(mu, log_sigma.exp()).log_prob(z).sum(), log_sigma)[0]
    score = _given(score_log_sigma(z, mu, sigma))
    if not isinstance(score, Tensor) or score.shape != (3,):
        return f"for three draws the shape should be (3,), not {tuple(getattr(score, 'shape', ()))}"
    eps = (z - mu) / sigma
    mistakes = {
        "that is the derivative by sigma: the one by log sigma has a factor sigma more, by the chain rule": right
        / sigma,
        "the -1 is missing: log q also contains -log sigma": right + 1,
        "the sign is the wrong way round": -right,
        "that is the derivative by log sigma^2, half of the one by log sigma": right / 2,
        "that is the derivative by mu": eps / sigma,
        "that is the derivative by mu, times sigma": eps,
        "divide the square of z - mu by sigma^2, not by sigma": (z - mu) ** 2 / sigma - 1,
        "square (z - mu) / sigma: the exponent of a normal density is a square": eps - 1,
        "the square has no factor 1/2 any more: differentiating sigma^-2 gives a factor -2": 0.5 * eps**2 - 1,
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(score.double(), wrong):
            return complaint
    if not torch.allclose(score.double(), right):
        return f"for z = 0.3, mu = 1, sigma = 0.5 it is {right[0]:.4f}, yours is {score[0]:.4f}"
    return None


@_exercise
@torch.random.fork_rng(devices=[])
def check_waiting_times(waiting_times: Callable[[Tensor, int], Tensor]) -> str | None:
    """Lesson 04: reparameterized draws from the density rate exp(-rate z). (rate, n) -> (n,)."""
    torch.manual_seed(0)
    rate, n = torch.tensor(2.5, requires_grad=True), 40_000
    z = _given(waiting_times(rate, n))
    if not isinstance(z, Tensor) or z.shape != (n,):
        return f"for n = {n} the shape should be ({n},), not {tuple(getattr(z, 'shape', ()))}"
    if not z.isfinite().all():
        return "some draws are infinite or not a number: mind the logarithm of 0"
    if z.unique().numel() < n // 2:
        return "many draws are the same: draw noise anew for each of the n"
    if z.max() <= 0:
        return "these times are negative: the logarithm of a number below 1 is, so a minus sign is missing"
    mean, spread = z.mean().item(), z.std().item()
    mistakes = {
        "you multiplied by the rate: with a larger rate one waits less, so divide": (2.5, 2.5),
        "the mean is 1, as for the rate 1: divide by the rate": (1.0, 1.0),
        "noise divided by the rate is still uniform: take -log of it first": (0.2, 0.1155),
        "this is uniform noise: take -log of it, and divide by the rate": (0.5, 0.2887),
    }
    for complaint, moments in mistakes.items():
        if math.isclose(mean, moments[0], rel_tol=0.03) and math.isclose(spread, moments[1], rel_tol=0.04):
            return complaint
    if z.min() < 0:
        return "some of these times are negative: start from uniform noise, not from normal noise"
    if not math.isclose(mean, 0.4, rel_tol=0.03) or not math.isclose(spread, 0.4, rel_tol=0.04):
        return f"for the rate 2.5, mean and standard deviation are 0.4; yours are {mean:.3f} and {spread:.3f}"
    if not z.requires_grad:
        return "the draws are right, but no gradient reaches the rate: compute them from rate and noise, undetached"
    slope = torch.autograd.grad(z.sum(), rate, allow_unused=True)[0]
    if slope is None or not torch.allclose(slope, -z.detach().sum() / 2.5, rtol=1e-3):
        return "the draws are right, but not their gradient: it should be -z / rate for each of them"
    return None


@_exercise
def check_best_baseline(best_baseline: Callable[[Tensor, Tensor], Any]) -> str | None:
    """Lesson 04: the constant b that makes the variance of (f - b) s smallest. (f (n,), s (n,)) -> a number."""
    f = torch.tensor([3.0, -1.0, 4.0, 1.5, -2.0, 6.0], dtype=torch.float64)
    s = torch.tensor([1.2, -0.4, 2.0, -0.3, 0.5, -3.0], dtype=torch.float64)
    right = ((f * s**2).mean() / (s**2).mean()).item()
    value = torch.as_tensor(_given(best_baseline(f, s)))
    if value.shape != ():
        return f"a constant baseline is one number, but yours has shape {tuple(value.shape)}: average over the draws"
    b = float(value)
    mistakes = {
        "that is the average of f: the best baseline weighs each value with the square of its score": f.mean(),
        "weigh with the square of the score, s**2: s itself averages to 0": (f * s).mean() / s.mean(),
        "that is the gradient divided by the mean square of the score: in the numerator, too, s is squared": (
            (f * s).mean() / (s**2).mean()
        ),
        "divide by the average of s**2: the weights have to add up to 1": (f * s**2).mean(),
        "weigh with s**2, not with the size of s": (f * s.abs()).mean() / s.abs().mean(),
        "the average of s**2 is meant, not the square of the average": (f * s**2).mean() / s.mean() ** 2,
        "divide by the average of s**2 once, not by n as well": (f * s**2).mean() / (s**2).sum(),
    }
    for complaint, wrong in mistakes.items():
        if math.isclose(b, wrong.item(), rel_tol=1e-6):
            return complaint
    if not math.isclose(b, right, rel_tol=1e-6):
        return f"for six draws that the check made up it is {right:.4f}, yours is {b:.4f}"
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


# Lesson 07 -----------------------------------------------------------------------------------------


@_exercise
def check_count_active(count_active: Callable[[Tensor, int, float, float], int]) -> str | None:
    """Lesson 07: active latents of a linear VAE. (eigenvalues, k, variance, beta) -> how many."""
    eigenvalues = torch.tensor([5.0, 3.0, 2.0, 0.9, 0.4, 0.1], dtype=torch.float64)
    cases = {(5, 0.2, 4.0): 4, (2, 0.2, 4.0): 2, (3, 2.0, 4.0): 0, (6, 0.75, 0.5): 5}
    found = {}
    for case in cases:
        answer = torch.as_tensor(_given(count_active(eigenvalues, *case)))
        if answer.numel() != 1:
            return f"these are {answer.numel()} values: one number is asked, so count them with .sum()"
        found[case] = answer.item()
    mistakes = {
        "these are the idle latents: active are those with an eigenvalue above the threshold": (
            lambda k, v, b: k - min(k, int((eigenvalues > b * v).sum()))
        ),
        "there cannot be more active latents than the k there are": lambda k, v, b: int((eigenvalues > b * v).sum()),
        "beta is missing: the threshold is beta times the variance": (
            lambda k, v, b: min(k, int((eigenvalues > v).sum()))
        ),
        "a larger beta raises the threshold: multiply by it": lambda k, v, b: min(k, int((eigenvalues > v / b).sum())),
        "variance is sigma^2 already: do not square it again": (
            lambda k, v, b: min(k, int((eigenvalues > b * v**2).sum()))
        ),
        "compare the eigenvalues with beta sigma^2, not with beta sigma": (
            lambda k, v, b: min(k, int((eigenvalues > b * math.sqrt(v)).sum()))
        ),
        "count the eigenvalues above the threshold, not those below": (
            lambda k, v, b: min(k, int((eigenvalues < b * v).sum()))
        ),
    }
    if found == cases:
        return None
    for complaint, wrong in mistakes.items():
        if all(found[case] == wrong(*case) for case in cases):
            return complaint
    case = next(case for case in cases if found[case] != cases[case])
    k, variance, beta = case
    return (
        f"for eigenvalues {eigenvalues.tolist()}, k = {k}, variance {variance} and beta {beta} it is {cases[case]}, "
        f"yours is {found[case]}"
    )


@_exercise
def check_price(price: Callable[[float, float, float], float]) -> str | None:
    """Lesson 07: mean KL of one latent, the posterior as q. (length, eigenvalue, variance) -> nats."""
    length, lam, v = 1.5, 4.0, 0.5
    m = v + length**2
    projections = torch.tensor([-math.sqrt(lam), math.sqrt(lam)], dtype=torch.float64)  # their mean square is lam
    q = Normal(length * projections / m, torch.full_like(projections, math.sqrt(v / m)))
    p = Normal(torch.zeros_like(projections), torch.ones_like(projections))
    right = kl_divergence(q, p).mean().item()
    answer = torch.as_tensor(_given(price(length, lam, v)))
    if answer.numel() != 1:
        return f"one number is asked, these are {answer.numel()}"
    value, square, s2 = answer.item(), lam * length**2 / m**2, v / m
    mistakes = {
        "that holds only at the best length: here any length is given": 0.5 * math.log(lam / v),
        "the factor one half is missing": 2 * right,
        "the posterior mean varies from image to image: the mean of its square is missing": right - 0.5 * square,
        "the mean of (v^T x)^2 over the images is the eigenvalue: it is missing": right + 0.5 * square * (1 / lam - 1),
        "the posterior mean goes into the KL squared": right + 0.5 * (math.sqrt(square) - square),
        "the sign of the logarithm is wrong: a sharper posterior costs more": right + math.log(s2),
        "the posterior variance is 1/P = variance / (variance + length^2), not P": 0.5
        * (square + 1 / s2 - 1 - math.log(1 / s2)),
        "the KL has the variance of the posterior, and you put in its standard deviation": 0.5
        * (square + math.sqrt(s2) - 1 - math.log(s2) / 2),
        "the posterior mean is length v^T x / (variance + length^2): divide its square by the square of that": 0.5
        * (lam * length**2 / m + s2 - 1 - math.log(s2)),
        "the term -1 is missing: where q is the prior, the KL has to be zero": right + 0.5,
    }
    if math.isclose(value, right, rel_tol=1e-6):
        lower = float(price(0.0, lam, v))
        return None if abs(lower) < 1e-9 else f"for length 0 the latent is not used and costs nothing, not {lower:.4f}"
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-6):
            return complaint
    return f"for length {length}, eigenvalue {lam} and variance {v} it is {right:.4f} nats, yours is {value:.4f}"


@_exercise
def check_learned_variance(learned_variance: Callable[[Tensor, int, float], Tensor]) -> str | None:
    """Lesson 07: the learned sigma^2 of a linear beta-VAE with a active latents. (eigenvalues, a, beta) -> sigma^2."""
    lam, a, beta = torch.tensor([9.0, 7.0, 0.8, 0.5, 0.3, 0.2, 0.1, 0.1], dtype=torch.float64), 2, 1.5
    size, rest = len(lam), lam[a:].sum().item()
    right = rest / (size - a * beta)
    answer = torch.as_tensor(_given(learned_variance(lam, a, beta)))
    if answer.numel() != 1:
        return f"one number is asked, these are {answer.numel()}: add up what is discarded"
    value = answer.item()
    mistakes = {
        "that is the mean of the discarded eigenvalues, which holds for beta = 1": rest / (size - a),
        "the active components leave an error as well, beta sigma^2 each": rest / size,
        "multiplying by beta is too simple: beta comes in with the active components alone": beta * rest / (size - a),
        "dividing by beta is too simple: beta comes in with the active components alone": rest / (size - a) / beta,
        "you added the eigenvalues that are kept; the discarded ones are the error": lam[:a].sum().item()
        / (size - a * beta),
        "all eigenvalues were added; those of the active components are explained": lam.sum().item()
        / (size - a * beta),
        "each active component leaves the error beta sigma^2: bring it to the left side, where it is subtracted": rest
        / (size + a * beta),
        "the error of an active component is beta sigma^2, not sigma^2 / beta": rest / (size - a / beta),
        "beta weighs only the active components, not all pixels": rest / (beta * (size - a)),
        "that is the error itself: divide it by the number of directions": rest,
    }
    if math.isclose(value, right, rel_tol=1e-6):
        return None
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-6):
            return complaint
    return f"for eigenvalues {lam.tolist()}, a = {a} and beta = {beta} it is {right:.4f}, yours is {value:.4f}"
