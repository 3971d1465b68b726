"""Checks of the exercises of lesson 02."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal

from vae_course.lessons.checks.answers import exercise, given, shown


@exercise
def check_explained_by_one(explained_by_one: Callable[..., Tensor]) -> str | None:
    """Lesson 02: p(z = 1 | x) for two causes. (x (n,), pi, m0, m1, s) -> (n,)."""
    x = torch.tensor([-1.0, 0.2, 0.9, 2.5], dtype=torch.float64)
    pi, m0, m1, s = 0.3, -0.5, 1.5, 0.8
    answer = torch.as_tensor(given(explained_by_one(x, pi, m0, m1, s)))
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
        "m0 and m1 are exchanged": torch.sigmoid(prior_odds - slope / s**2),
        "the logarithm of the prior's odds is missing: you added the odds themselves": torch.sigmoid(
            slope / s**2 + pi / (1 - pi)
        ),
        "the term without x is missing: both densities are equal at (m0 + m1)/2, not at 0": torch.sigmoid(
            (m1 - m0) / s**2 * x + prior_odds
        ),
        "both densities are equal at (m0 + m1)/2: the 1/2 is missing": torch.sigmoid(
            (m1 - m0) / s**2 * (x - m0 - m1) + prior_odds
        ),
        "subtract (m0 + m1)/2 from x, where both densities are equal: you added it": torch.sigmoid(
            (m1 - m0) / s**2 * (x + (m0 + m1) / 2) + prior_odds
        ),
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(answer.double(), wrong, rtol=1e-4):
            return complaint
    if not torch.allclose(answer.double(), right, rtol=1e-4):
        return f"for x = -1, 0.2, 0.9, 2.5 it is {shown(right)}, yours is {shown(answer)}"
    far = torch.as_tensor(explained_by_one(torch.tensor([200.0, -200.0], dtype=torch.float64), pi, m0, m1, s))
    if not torch.allclose(far.double(), torch.tensor([1.0, 0.0], dtype=torch.float64)):
        return f"at x = 200 and -200 it is 1 and 0, yours is {shown(far)}: use the difference of the log-densities"
    if not bool(torch.as_tensor(explained_by_one(torch.tensor([200.0]), pi, m0, m1, s / 10)).isfinite().all()):
        return "for a small s it is no number at x = 200, for e^t overflows: use 1/(1 + e^-t), or torch.sigmoid"
    return None


@exercise
def check_log_mean_exp(log_mean_exp: Callable[[Tensor], Tensor]) -> str | None:
    """Lesson 02: the logarithm of the average over draws. (log-weights (draws, images)) -> (images,)."""
    log_w = torch.tensor([[-1.0, -3.0], [-2.0, 0.5], [-4.0, -0.3]], dtype=torch.float64)
    right = log_w.exp().mean(0).log()
    answer = torch.as_tensor(given(log_mean_exp(log_w.clone())))
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
        return f"for these 3 draws it is {shown(right)}, yours is {shown(answer)}"
    for shift in (-2000.0, 2000.0):
        far = torch.as_tensor(log_mean_exp(log_w + shift))
        if not torch.allclose(far.double(), right + shift, atol=1e-4):
            what = "is 0" if shift < 0 else "overflows"
            return f"near {shift:.0f} it gives {shown(far)}, exp of such numbers {what}: keep to the logarithms"
    apart = torch.tensor([0.0, -2000.0])
    if not torch.allclose(torch.as_tensor(log_mean_exp(log_w + apart)).double(), right + apart, atol=1e-4):
        return "where one image is much less probable than another it fails: take out the largest of each image, dim=0"
    return None


@exercise
def check_draws_needed(draws_needed: Callable[[float, int, float], float]) -> str | None:
    """Lesson 02: how many draws until the relative standard error is so small? (r, d, error) -> S."""
    r, d, error = 2.5, 6, 0.2
    right = (r**d - 1) / error**2
    answer = torch.as_tensor(given(draws_needed(r, d, error)))
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
        "this is the root of it: square both sides": math.sqrt((r**d - 1) / error**2),
        "squared, the root is gone: take r^d - 1 as it is": math.sqrt(r**d - 1) / error**2,
    }
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-6):
            return complaint
    if not (math.isclose(value, right, rel_tol=1e-6) or value == math.ceil(right)):
        return f"for r = 2.5, d = 6 and an error of 0.2 it is {right:.1f}, yours is {value:.1f}"
    return None
