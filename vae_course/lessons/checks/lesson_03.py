"""Checks of the exercises of lesson 03."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vae_course.lessons.checks.answers import exercise, given, shown


@exercise
def check_kl_exponentials(kl_exponentials: Callable[[Any, Any], Any]) -> str | None:
    """Lesson 03: KL of the exponential density with rate a from that with rate b. (a, b) -> nats."""
    z = torch.linspace(0, 60, 600_001, dtype=torch.float64)

    def right(a: float, b: float) -> float:
        log_q, log_p = math.log(a) - a * z, math.log(b) - b * z
        return torch.trapezoid(log_q.exp() * (log_q - log_p), z).item()

    for a, b in ((3.0, 0.5), (1.0, 2.5), (1.5, 1.5)):
        rates = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
        value = float(given(kl_exponentials(*rates)))
        true, ratio = right(a, b), math.log(a / b)
        mistakes = {
            "this is the divergence the other way round, or you took a and b for means: they are rates": right(b, a),
            "this is minus the divergence: it is log q - log p that is averaged over q": -true,
            "the average of (b - a) z is b/a - 1: the 1 is missing": true + 1,
            "the sign of the logarithm is wrong: log q has log a, and log p is taken off": b / a - 1 - ratio,
            "this is log(a/b) alone: the average of (b - a) z is missing": ratio,
            "you averaged z over p: it is drawn from q, with mean 1/a": ratio + (b - a) / b,
            "the mean of z under q is 1/a, not a": ratio + (b - a) * a,
            "the mean of z under q is 1/a, not its square": ratio + (b - a) / a**2,
            "the average of (b - a) z is b/a - 1, not a/b - 1": ratio + a / b - 1,
            "that is in bits; leave the natural logarithm": true / math.log(2),
        }
        if math.isclose(value, true, rel_tol=1e-5, abs_tol=1e-5):
            continue
        for complaint, wrong in mistakes.items():
            if math.isclose(value, wrong, rel_tol=1e-4, abs_tol=1e-5):
                return complaint
        return f"for a = {a} and b = {b} the integral is {true:.4f} nats, yours is {value:.4f}"
    return None


@exercise
def check_elbo_of_states(elbo_of_states: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 03: the ELBO where z has K values. (log p(x, z) (n, K), q (n, K)) -> (n,) nats."""
    log_joint = torch.tensor([[-1.0, -2.5, -3.0], [-4.0, -0.5, -2.0], [-2.0, -2.2, -1.7], [-6.0, -3.0, -1.0]])
    q = torch.tensor([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [0.7, 0.1, 0.2], [0.5, 0.0, 0.5]])
    energy, entropy = (q * log_joint).sum(1), -torch.xlogy(q, q).sum(1)
    right = energy + entropy
    answer = torch.as_tensor(given(elbo_of_states(log_joint, q)))
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
        "this is the average of log p(x, z) alone: the entropy of q is missing": energy,
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


@exercise
def check_best_variances(best_variances: Callable[[Tensor], Tensor]) -> str | None:
    """Lesson 03: the diagonal q closest to N(0, cov) in reverse KL. cov: (k, k) -> variances (k,)."""
    cov = torch.tensor([[2.0, 1.2, 0.3], [1.2, 1.5, -0.4], [0.3, -0.4, 0.8]], dtype=torch.float64)
    right = 1 / torch.linalg.inv(cov).diagonal()
    variances = torch.as_tensor(given(best_variances(cov.clone())))
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
        return f"for the covariance {cov.tolist()} they are {shown(right)}, yours are {shown(variances)}"
    return None
