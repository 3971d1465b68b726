"""Checks of the exercises of lesson 04."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal

from vae_course.lessons.checks.answers import exercise, given


@exercise
def check_score_log_sigma(score_log_sigma: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 04: the derivative of log N(z; mu, sigma^2) by log sigma. (z, mu, sigma), all (n,) -> (n,)."""
    z, mu, sigma = torch.tensor([[0.3, -1.2, 2.0], [1.0, 0.4, -0.5], [0.5, 2.0, 1.5]], dtype=torch.float64)
    log_sigma = sigma.log().requires_grad_()
    right = torch.autograd.grad(Normal(mu, log_sigma.exp()).log_prob(z).sum(), log_sigma)[0]
    score = given(score_log_sigma(z, mu, sigma))
    if not isinstance(score, Tensor):
        return f"return a torch tensor with one score for each draw, not a {type(score).__name__}"
    if score.shape != (3,):
        return f"for three draws the shape should be (3,), not {tuple(score.shape)}"
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


@exercise
@torch.random.fork_rng(devices=[])
def check_waiting_times(waiting_times: Callable[[Tensor, int], Tensor]) -> str | None:
    """Lesson 04: reparameterized draws from the density rate exp(-rate z). (rate, n) -> (n,)."""
    torch.manual_seed(0)
    rate, n = torch.tensor(2.5, requires_grad=True), 40_000
    z = given(waiting_times(rate, n))
    if not isinstance(z, Tensor):
        return f"return the draws as a torch tensor, which carries the gradient, not as a {type(z).__name__}"
    if z.shape != (n,):
        return f"for n = {n} the shape should be ({n},), not {tuple(z.shape)}"
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
        "the rate stands inside the logarithm, where it only shifts the times: divide the logarithm by it": (
            1 + math.log(2.5),
            1.0,
        ),
    }
    for complaint, moments in mistakes.items():
        if math.isclose(mean, moments[0], rel_tol=0.03) and math.isclose(spread, moments[1], rel_tol=0.04):
            return complaint
    if z.min() < 0 and abs(mean - 1 + math.log(2.5)) < 0.03 and abs(spread - 1) < 0.04:
        return "the rate stands inside the logarithm, where it only shifts the times: divide the logarithm by it"
    if z.min() < 0:
        return "some of these times are negative: start from uniform noise, not from normal noise"
    if not math.isclose(mean, 0.4, rel_tol=0.03) or not math.isclose(spread, 0.4, rel_tol=0.04):
        return f"for the rate 2.5, mean and standard deviation are 0.4; yours are {mean:.3f} and {spread:.3f}"
    if not z.requires_grad:
        return "the draws are right, but no gradient reaches the rate: compute them from rate and noise, undetached"
    slope = torch.autograd.grad(z.sum(), rate, allow_unused=True)[0]
    if slope is None or not torch.allclose(slope.double(), -z.detach().double().sum() / 2.5, rtol=1e-3):
        return "the draws are right, but not their gradient: it should be -z / rate for each of them"
    return None


@exercise
def check_best_baseline(best_baseline: Callable[[Tensor, Tensor], Any]) -> str | None:
    """Lesson 04: the constant b that makes the variance of (f - b) s smallest. (f (n,), s (n,)) -> a number."""
    f = torch.tensor([3.0, -1.0, 4.0, 1.5, -2.0, 6.0], dtype=torch.float64)
    s = torch.tensor([1.2, -0.4, 2.0, -0.3, 0.5, -3.0], dtype=torch.float64)
    right = ((f * s**2).mean() / (s**2).mean()).item()
    value = torch.as_tensor(given(best_baseline(f, s)))
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
        "s.var() takes off the average of s and divides by n - 1: (s**2).mean() is meant": (f * s**2).mean() / s.var(),
        "divide by the average of s**2 once, not by n as well": (f * s**2).mean() / (s**2).sum(),
    }
    for complaint, wrong in mistakes.items():
        if math.isclose(b, wrong.item(), rel_tol=1e-6):
            return complaint
    if not math.isclose(b, right, rel_tol=1e-6):
        return f"for six draws that the check made up it is {right:.4f}, yours is {b:.4f}"
    return None
