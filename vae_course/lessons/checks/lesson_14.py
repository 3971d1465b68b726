"""Checks of the exercises of lesson 14."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.lessons.checks.answers import exercise, given, shown


@exercise
@torch.random.fork_rng(devices=[])
def check_account(account: Callable[[Tensor, Tensor, Tensor], tuple]) -> str | None:
    """Lesson 14: both gaps and a paired standard error. (log_p, L_q, L_star), each (n,) -> three numbers."""
    torch.manual_seed(0)
    log_p = torch.randn(50, dtype=torch.float64) * 5 - 20
    L_star = log_p - 0.1 * torch.rand(50, dtype=torch.float64)
    L_q = L_star - torch.rand(50, dtype=torch.float64)
    answer = given(account(log_p, L_q, L_star))
    if isinstance(answer, Tensor) and answer.dim() == 1:
        answer = answer.tolist()
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        return "return three numbers: approximation gap, amortization gap, standard error"
    numbers = [torch.as_tensor(given(number)).double() for number in answer]
    if any(number.shape != () for number in numbers):
        return "average over the images: each of the three is one number"
    approximation, amortization, error = (number.item() for number in numbers)
    first, second = (log_p - L_star).mean().item(), (L_star - L_q).mean().item()
    if math.isclose(approximation, second, rel_tol=1e-6) and math.isclose(amortization, first, rel_tol=1e-6):
        return "the two gaps are exchanged: the approximation gap is what even q* lacks"
    if math.isclose(approximation, first + second, rel_tol=1e-6):
        return "your first number is the whole gap, log p(x) - L[q]: the approximation gap ends at L[q*]"
    if math.isclose(amortization, first + second, rel_tol=1e-6):
        return "your second number is the whole gap, log p(x) - L[q]: the amortization gap begins at L[q*]"
    if math.isclose(approximation, -first, rel_tol=1e-6) or math.isclose(amortization, -second, rel_tol=1e-6):
        return "a gap has the wrong sign: L[q] <= L[q*] <= log p(x)"
    if not math.isclose(approximation, first, rel_tol=1e-6):
        return f"the approximation gap here is {first:.3f}, yours is {approximation:.3f}"
    if not math.isclose(amortization, second, rel_tol=1e-6):
        return f"the amortization gap here is {second:.3f}, yours is {amortization:.3f}"
    gain = L_star - L_q
    unpaired = math.sqrt((L_star.var().item() + L_q.var().item()) / 50)
    if math.isclose(error, unpaired, rel_tol=0.05):
        return "this error treats the two as if they were of other images: take the difference image by image first"
    if math.isclose(error, gain.std().item(), rel_tol=0.05):
        return "this is the standard deviation over the images: the mean of n of them has it over the root of n"
    if math.isclose(error, gain.std().item() / 50, rel_tol=0.05):
        return "the standard deviation is divided by the root of n, and not by n"
    if math.isclose(error, gain.var().item() / 50, rel_tol=0.05):
        return "this is the squared standard error: take the root"
    if not math.isclose(error, gain.std().item() / math.sqrt(50), rel_tol=0.02):
        return f"the paired standard error here is {gain.std().item() / math.sqrt(50):.4f}, yours is {error:.4f}"
    return None


@exercise
@torch.random.fork_rng(devices=[])
def check_foreseen(foreseen: Callable[[Tensor, float], Tensor]) -> str | None:
    """Lesson 14: what the best diagonal Gaussian loses. (J of shape (n, pixels, latents), sigma) -> (n,) nats."""
    torch.manual_seed(0)
    J, sigma = torch.randn(4, 6, 3, dtype=torch.float64), 0.7

    def loss(P: Tensor) -> Tensor:
        return 0.5 * (P.diagonal(dim1=1, dim2=2).log().sum(1) - torch.logdet(P))

    identity, gram = torch.eye(3, dtype=torch.float64), J.mT @ J
    right = loss(identity + gram / sigma**2)
    answer = given(foreseen(J, sigma))
    if not isinstance(answer, Tensor) or answer.shape == ():
        return "return one value for each image, as a tensor of shape (images,)"
    if answer.shape != (4,):
        return f"for 4 images the shape should be (4,), not {tuple(answer.shape)}"
    answer = answer.double()
    P = identity + gram / sigma**2
    S = P.inverse()
    mistakes = {
        "the prior's part is missing: P = I + ...": loss(gram / sigma**2),
        "P = I + ... adds the identity matrix: a 1 is added to every entry here": loss(1 + gram / sigma**2),
        "divide by the variance, sigma squared": loss(identity + gram / sigma),
        "multiply by 1/sigma squared, not by sigma squared": loss(identity + gram * sigma**2),
        "the factor 1/2 is missing": 2 * right,
        "the sign is the wrong way round: a gap is not negative": -right,
        "these are the diagonal entries of the covariance: here P, the precision, is needed": loss(S),
        "the log of a sum is not the sum of the logs": 0.5
        * (P.diagonal(dim1=1, dim2=2).sum(1).log() - torch.logdet(P)),
    }
    if torch.allclose(answer, right, rtol=1e-5):
        return None
    for complaint, wrong in mistakes.items():
        if torch.allclose(answer, wrong, rtol=1e-5):
            return complaint
    return f"here it should be {shown(right)}, yours is {shown(answer)}"


@exercise
@torch.random.fork_rng(devices=[])
def check_bernoulli_precision(bernoulli_precision: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 14: the precision of a posterior for pixels that are 0 or 1. (J, logits) -> (latents, latents)."""
    torch.manual_seed(0)
    J, z = torch.randn(7, 2, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
    offset = torch.randn(7, dtype=torch.float64)
    x = torch.bernoulli(torch.full((7,), 0.5, dtype=torch.float64))

    def minus_log_joint(z: Tensor) -> Tensor:
        logits = J @ z + offset
        return 0.5 * (z @ z) - (x * logits - torch.nn.functional.softplus(logits)).sum()

    right = torch.autograd.functional.hessian(minus_log_joint, z)
    logits = J @ z + offset
    answer = given(bernoulli_precision(J, logits))
    if not isinstance(answer, Tensor) or answer.shape != (2, 2):
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        return f"for 2 latents the precision is a matrix of shape (2, 2), not {shape}"
    answer = answer.double()
    if torch.allclose(answer, right, rtol=1e-6):
        return None
    p, identity = torch.sigmoid(logits), torch.eye(2, dtype=torch.float64)
    mistakes = {
        "the prior adds the identity matrix: a 1 is added to every entry here": right - identity + 1,
        "the prior's part is missing: its second derivative is I": right - identity,
        "the weight of a pixel is the derivative of p by its logit, p(1 - p), and not p": identity
        + J.T @ (p[:, None] * J),
        "J belongs to the logits here, so p(1 - p) multiplies: it would divide if J were that of p": identity
        + J.T @ (J / (p * (1 - p))[:, None]),
        "every pixel counts alike here: the second derivative of log(1 + e^l) is missing": identity + J.T @ J,
        "the weight is p(1 - p) once: you have it squared": identity + J.T @ ((p * (1 - p)).square()[:, None] * J),
        "this is the covariance: the precision is its inverse": right.inverse(),
        "the sign is that of log p: the precision is minus its second derivative": -right,
    }
    for complaint, wrong in mistakes.items():
        if torch.allclose(answer, wrong, rtol=1e-6):
            return complaint
    off = (answer - right).abs().max().item()
    return f"the second derivatives differ from yours by up to {off:.2f}"
