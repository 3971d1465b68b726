"""Checks of the exercises of lesson 09."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vae_course.lessons.checks.answers import exercise, given, shown


@exercise
def check_combine(combine: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 09: the log of the mean of all weights, from chunks. (log_means (chunks, n), sizes (chunks,)) -> (n,)."""
    sizes = torch.tensor([1.0, 4.0, 15.0])
    log_w = torch.tensor([[0.1 * i * (-1) ** i - 900.0 * n for n in range(2)] for i in range(20)])  # exp: 0
    log_means = torch.stack([part.logsumexp(0) - math.log(len(part)) for part in log_w.split([1, 4, 15])])
    right = log_w.logsumexp(0) - math.log(len(log_w))
    answer = given(combine(log_means.clone(), sizes.clone()))
    if answer.shape == ():
        return "this is one number for all images: one for each is asked, so sum over the chunks alone"
    if answer.shape == (3,):
        return "you summed over the images: sum over the chunks, which are dimension 0"
    if answer.shape != (2,):
        return f"for two images the shape should be (2,), not {tuple(answer.shape)}"
    if not torch.isfinite(answer).all():
        return "not finite: exp of a log-weight of -900 is 0, so stay in logarithms: logsumexp"
    log_sums = log_means + sizes.log()[:, None]
    mistakes = {
        "this is the mean of the logs: average first, then take the logarithm": log_means.mean(0),
        "this is the mean of the logs, if weighted: average first, then take the logarithm": (
            log_means * sizes[:, None]
        ).sum(0)
        / sizes.sum(),
        "a chunk of 15 draws must count more than a chunk of 1: use the sizes": log_means.logsumexp(0) - math.log(3),
        "that is the log of the sum of all weights: divide by the number of all draws": log_sums.logsumexp(0),
        "divide by the number of all draws, not by the number of chunks": log_sums.logsumexp(0) - math.log(3),
        "without a division it grows with the number of chunks: this adds up the means": log_means.logsumexp(0),
    }
    for complaint, value in mistakes.items():
        if torch.allclose(answer.to(value), value, atol=1e-3):
            return complaint
    if not torch.allclose(answer.to(right), right, atol=1e-3):
        return f"for three chunks of 1, 4 and 15 draws it is {shown(right)}, yours is {shown(answer)}"
    return None


@exercise
def check_extrapolate(extrapolate: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 09: the intercept of the line F + c/N through distances measured with N images. Two (k,) -> a number."""
    sizes = torch.tensor([100.0, 200.0, 400.0, 1600.0])
    distances = 3 + 200 / sizes + torch.tensor([0.02, -0.01, -0.02, 0.01])

    def line(u: Tensor) -> tuple[float, float]:
        slope = ((u - u.mean()) * distances).sum() / (u - u.mean()).square().sum()
        return (distances.mean() - slope * u.mean()).item(), slope.item()

    answer = torch.as_tensor(given(extrapolate(sizes.clone(), distances.clone())))
    if answer.numel() != 1:
        return f"these are {answer.numel()} numbers: F alone is asked"
    value = float(answer)
    right, slope = line(1 / sizes)
    through_zero = ((distances / sizes).sum() / (1 / sizes).square().sum()).item()
    mistakes = {
        "this is the slope c: the value at 1/N = 0 is asked": slope,
        "you fitted a line in N, at N = 0, where no image is left: fit it in 1/N": line(sizes)[0],
        "this is the distance at the largest N, which is still biased": distances[-1].item(),
        "this is the mean of the distances, each of which is biased": distances.mean().item(),
        "twice the last minus the one before it needs sizes in the ratio 2: fit a line through all of them": (
            2 * distances[-1] - distances[-2]
        ).item(),
        "the bias falls like 1/N, not like 1/sqrt(N)": line(sizes.rsqrt())[0],
        "this is the slope of a line through 0: F is what is left at 1/N = 0": through_zero,
        "the line passes through both means: subtract the slope times the mean of 1/N, do not add it": (
            2 * distances.mean().item() - right
        ),
    }
    for complaint, wrong in mistakes.items():
        if abs(value - wrong) < 1e-3 * abs(wrong):
            return complaint
    if not abs(value - right) < 2e-3:
        return f"for distances near 3 + 200/N the fit gives {right:.3f}, yours is {value:.3f}"
    return None


@exercise
def check_unit_nats(unit_nats: Callable[[Tensor], Tensor]) -> str | None:
    """Lesson 09: the average KL of a latent whose mean has the variance v and whose aggregate is N(0, 1). v -> nats."""
    v = torch.tensor([0.01, 0.3, 0.9])
    mu = v.sqrt() * torch.tensor([[-1.5], [-0.5], [0.5], [1.5]]) / math.sqrt(1.25)  # four images; mean 0, variance v
    right = kl_divergence(Normal(mu, (1 - v).sqrt()), Normal(0.0, 1.0)).mean(0)
    nats = given(unit_nats(v.clone()))
    if nats.shape != (3,):
        return f"for three values of v the shape should be (3,), not {tuple(nats.shape)}"
    mistakes = {
        "the sign: a KL is never negative, and log(1 - v) is": -right,
        "there is a factor of one half in the KL": 2 * right,
        "the logarithm is that of sigma^2 = 1 - v, not of 1 + v": 0.5 * torch.log1p(v),
        "the logarithm is that of sigma^2 = 1 - v, not of v": -0.5 * v.log(),
        "sigma^2 is 1 - v, not 1: the logarithm does not vanish": 0.5 * v,
        "v, the average of mu^2, is missing: it cancels the -v of sigma^2": right - 0.5 * v,
        "the 1 - v is sigma^2, not sigma: its logarithm counts half": 0.5 * (v + (1 - v) - 1) - torch.log1p(-v),
        "log_2 would count bits: nats are asked": right / math.log(2),
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(nats, wrong, rtol=1e-3):
            return complaint
    if not torch.allclose(nats, right, rtol=1e-3):
        return f"for v = 0.9 four images give {right[2]:.4f} nats on average, yours is {nats[2]:.4f}"
    return None
