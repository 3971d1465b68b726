"""Checks of the exercises of lesson 12."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.lessons.checks.answers import exercise, given


@exercise
@torch.random.fork_rng(devices=[])
def check_best_mean(best_mean: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 12: the mean that leaves the least squared error. (draws, N), (N, D) -> (draws, D)."""
    torch.manual_seed(0)
    log_q, images = 2 * torch.randn(4, 6) - 3, torch.rand(6, 5)
    answer = given(best_mean(log_q.clone(), images.clone()))
    if not isinstance(answer, Tensor):
        return f"return a tensor, not a {type(answer).__name__}"
    if answer.shape != (4, 5):
        return f"for 4 draws and 6 images of 5 pixels the shape should be (4, 5), not {tuple(answer.shape)}"
    lower = 900 * torch.arange(4.0)[:, None]  # the shares of a draw stay as they are
    far = given(best_mean(log_q - lower, images.clone()))
    if not bool(torch.isfinite(far).all()):
        return "where all log q are near −900 there is no number: exp of them is 0; softmax takes care of that"
    mistakes = {
        "the shares have to add up to 1 over the images: yours are q itself": log_q.exp() @ images,
        "the shares have to add up to 1 over the images, dim=1, and not over the draws": log_q.softmax(0) @ images,
        "every image counts alike here: weight each by its share": images.mean(0).expand(4, 5),
        "this is the most probable image, and not the average of all by their shares": images[log_q.argmax(1)],
        "these shares are proportional to log q: they should be to q": log_q / log_q.sum(1, keepdim=True) @ images,
    }
    if torch.allclose(answer, log_q.softmax(1) @ images, atol=1e-5):
        return None
    for complaint, wrong in mistakes.items():
        if torch.allclose(answer, wrong, atol=1e-5):
            return complaint
    return "another mean leaves a smaller squared error: average the images by their shares"


@exercise
def check_hidden_beta(hidden_beta: Callable[[float], float]) -> str | None:
    """Lesson 12: the β of SSE + KL where the mean squared error is mse."""
    for mse in (0.02, 0.1):
        beta = float(given(hidden_beta(mse)))
        mistakes = {
            "that would be ½ SSE + KL, which assumes σ² = 1": 1 / mse,
            "the other way round: a smaller error makes β larger": mse / 0.5,
            "β is σ² over the MSE, not σ over it": math.sqrt(0.5) / mse,
            "SSE/(2σ²) = SSE for σ² = ½, not 2": 2 / mse,
            "½ is σ², and not yet β: divide it by the mean squared error": 0.5,
        }
        if math.isclose(beta, 0.5 / mse, rel_tol=1e-6):
            continue
        for complaint, wrong in mistakes.items():
            if math.isclose(beta, wrong, rel_tol=1e-3):
                return complaint
        return f"for an error of {mse} your β is {beta:.4g}: multiply the loss until it reads SSE/(2 MSE) + β KL"
    return None


@exercise
def check_price_of_edges(price: Callable[[float, float, int], float]) -> str | None:
    """Lesson 12: the cost of a larger error where σ² is recalibrated. (before, after, D) -> nats."""
    for before, after, D in ((0.02, 0.025, 784), (0.1, 0.2, 64), (0.03, 0.02, 100)):
        nats = float(given(price(before, after, D)))
        ratio = math.log(after / before)
        mistakes = {
            "the sign is the wrong way round: a larger error costs more": -D / 2 * ratio,
            "that is twice as much: the formula has D/2": D * ratio,
            "this is for one pixel: the formula has D/2 in front": ratio / 2,
            "use the natural logarithm: these are bits": D / 2 * ratio / math.log(2),
            "σ² is recalibrated, so the cost is a difference of logarithms, not of errors": D / 2 * (after - before),
            "this keeps σ² as it was; recalibrate it after the remedy, too": D / 2 * (after / before - 1),
        }
        if math.isclose(nats, D / 2 * ratio, rel_tol=1e-6):
            continue
        for complaint, wrong in mistakes.items():
            if math.isclose(nats, wrong, rel_tol=1e-3):
                return complaint
        return f"from {before} to {after} with {D} pixels it costs {D / 2 * ratio:.2f} nats, not {nats:.2f}"
    return None
