"""Checks of the exercises of lesson 13."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from vae_course.lessons.checks.answers import exercise, given


@exercise
def check_prior_gain(prior_gain: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 13: what the best prior gains where q(z) = N(m, diag(v)). (latents,), (latents,) -> nats."""
    m = torch.tensor([0.5, -1.0, 0.0], dtype=torch.float64)
    v = torch.tensor([0.3, 1.5, 2.0], dtype=torch.float64)
    answer = torch.as_tensor(given(prior_gain(m, v)))
    if answer.shape == (3,):
        return "this is one number for each latent: independent latents add up"
    if answer.shape != ():
        return f"return one number of nats, not a tensor of shape {tuple(answer.shape)}"
    q, p = Independent(Normal(m, v.sqrt()), 1), Independent(Normal(torch.zeros_like(m), torch.ones_like(m)), 1)
    right, value = kl_divergence(q, p).item(), float(answer)
    mistakes = {
        "the KL is the wrong way round: draws come from q(z), so the average is over q": kl_divergence(p, q).item(),
        "the factor one half is missing": 2 * right,
        "this averages over the latents: independent latents add up": right / 3,
        "the means are left out: an aggregate that is off centre can be improved, too": (
            0.5 * (v - 1 - v.log()).sum().item()
        ),
        "v is the variance already: do not square it": 0.5 * (m**2 + v**2 - 1 - 2 * v.log()).sum().item(),
        "the sign is the wrong way round: the best prior gains": -right,
    }
    if math.isclose(value, right, rel_tol=1e-5):
        return None
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-5):
            return complaint
    return f"for m = (0.5, −1, 0) and v = (0.3, 1.5, 2) it is {right:.3f} nats, yours is {value:.3f}"


@exercise
def check_area(area: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 13: the AUC by hand. Scores (n,) of q and (k,) of p -> the share of pairs in which q scores higher."""
    q = torch.tensor([0.2, 1.0, 1.0, 3.0, -1.0], dtype=torch.float64)
    p = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    answer = torch.as_tensor(given(area(q, p)))
    if answer.shape != ():
        return f"return one number, not a tensor of shape {tuple(answer.shape)}"
    difference = q[:, None] - p
    above, ties = (difference > 0).double().mean().item(), (difference == 0).double().mean().item()
    right, value = above + 0.5 * ties, float(answer)
    mistakes = {
        "a tie counts one half, and here it counts nothing": above,
        "a tie counts one half, and here it counts in full": above + ties,
        "the wrong way round: count the pairs in which the draw of q scores higher": 1 - right,
        "this counts pairs: divide by their number": above * len(q) * len(p) + 0.5 * ties * len(q) * len(p),
        "this is the average difference of the scores: only their order matters": difference.mean().item(),
        "compare each draw of q with each draw of p, not with zero": (q > 0).double().mean().item(),
    }
    if math.isclose(value, right, rel_tol=1e-5):
        return None
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-5):
            return complaint
    return f"for scores (0.2, 1, 1, 3, −1) and (1, −2, 0.5) it is {right:.3f}, yours is {value:.3f}"


@exercise
def check_excess(excess: Callable[[int, int, float, float], float]) -> str | None:
    """Lesson 13: what weak modes and mass between modes cost. (modes, weak ones, their share, mass between) -> nats."""
    for k, j, delta, b in ((9, 1, 0.01, 0.2), (9, 0, 0.05, 0.5), (25, 3, 0.001, 0.3)):
        kept = (1 - b - j * delta) / (k - j)
        right = -(j * math.log(k * delta) + (k - j) * math.log(k * kept)) / k
        value = float(given(excess(k, j, delta, b)))
        unspent = (1 - b) / (k - j)
        mistakes = {
            "the sign is the wrong way round: a worse model costs more": -right,
            "this adds up over the modes: the data fall into each with probability 1/K": right * k,
            "the average is over the data, each mode 1/K, not over the model's shares": (
                -(j * delta * math.log(k * delta) + (k - j) * kept * math.log(k * kept))
            ),
            "compare with the right share, 1/K: the best model has a cost, too": (
                -(j * math.log(delta) + (k - j) * math.log(kept)) / k
            ),
            "the mass between the modes is missing from the others": (
                -(j * math.log(k * delta) + (k - j) * math.log(k * (1 - j * delta) / (k - j))) / k
            ),
            "the other K − j modes pay as well, or gain": -j * math.log(k * delta) / k if j else math.inf,
        }
        if math.isclose(value, right, rel_tol=1e-5):
            continue
        for complaint, wrong in mistakes.items():
            if math.isclose(value, wrong, rel_tol=1e-6):
                return complaint
        if j and math.isclose(value, -(j * math.log(k * delta) + (k - j) * math.log(k * unspent)) / k, rel_tol=1e-12):
            return "the shares must add up to 1: take jδ away from the others, too"
        return f"for K = {k}, j = {j}, δ = {delta:g} and b = {b:g} it is {right:.3f} nats, yours is {value:.3f}"
    return None
