"""Checks of the exercises of lesson 07."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vae_course.lessons.checks.answers import exercise, given


@exercise
def check_count_active(count_active: Callable[[Tensor, int, float, float], int]) -> str | None:
    """Lesson 07: active latents of a linear VAE. (eigenvalues, k, variance, beta) -> how many."""
    eigenvalues = torch.tensor([5.0, 3.0, 2.0, 0.9, 0.4, 0.1], dtype=torch.float64)
    cases = {(5, 0.2, 4.0): 4, (2, 0.2, 4.0): 2, (3, 2.0, 4.0): 0, (6, 0.75, 0.5): 5}
    found = {}
    for case in cases:
        answer = torch.as_tensor(given(count_active(eigenvalues, *case)))
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


@exercise
def check_price(price: Callable[[float, float, float], float]) -> str | None:
    """Lesson 07: mean KL of one latent, the posterior as q. (length, eigenvalue, variance) -> nats."""
    length, lam, v = 1.5, 3.0, 0.4
    m = v + length**2
    projections = torch.tensor([-math.sqrt(lam), math.sqrt(lam)], dtype=torch.float64)  # their mean square is lam
    q = Normal(length * projections / m, torch.full_like(projections, math.sqrt(v / m)))
    p = Normal(torch.zeros_like(projections), torch.ones_like(projections))
    right = kl_divergence(q, p).mean().item()
    answer = torch.as_tensor(given(price(length, lam, v)))
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
        "the posterior mean has sigma^2 P below, which is variance + length^2: you divided by P alone": (
            right + 0.5 * square * (v**2 - 1)
        ),
        "the sign is the wrong way round: a KL is never negative": -right,
    }
    if math.isclose(value, right, rel_tol=1e-6):
        lower = float(price(0.0, lam, v))
        return None if abs(lower) < 1e-9 else f"for length 0 the latent is not used and costs nothing, not {lower:.4f}"
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-6):
            return complaint
    return f"for length {length}, eigenvalue {lam} and variance {v} it is {right:.4f} nats, yours is {value:.4f}"


@exercise
def check_learned_variance(learned_variance: Callable[[Tensor, int, float], Tensor]) -> str | None:
    """Lesson 07: the learned sigma^2 of a linear beta-VAE with a active latents. (eigenvalues, a, beta) -> sigma^2."""
    lam, a, beta = torch.tensor([9.0, 7.0, 0.8, 0.5, 0.3, 0.2, 0.1, 0.1], dtype=torch.float64), 2, 1.5
    size, rest = len(lam), lam[a:].sum().item()
    right = rest / (size - a * beta)
    answer = torch.as_tensor(given(learned_variance(lam, a, beta)))
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
