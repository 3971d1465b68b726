"""Checks of the exercises of lesson 11."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.lessons.checks.answers import exercise, given


@exercise
@torch.random.fork_rng(devices=[])
def check_free_bits(free_bits: Callable[[Tensor, float], Tensor]) -> str | None:
    """Lesson 11: the KL term with free bits. (kl (batch, latents), lam) -> number."""
    torch.manual_seed(0)
    for lam in (0.25, 0.5):
        kl = torch.rand(40, 6).square() * torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0, 0.8])
        answer = torch.as_tensor(given(free_bits(kl, lam)), dtype=torch.float32)
        mean = kl.mean(0)
        mistakes = {
            "it is taken for each image: average over the batch first": kl.clamp(min=lam).sum(1).mean(),
            "the larger of the two is taken of the whole KL: it is due in each latent": mean.sum().clamp(min=lam),
            "this takes the smaller of the two: clamp(min=lam), or torch.maximum": mean.clamp(max=lam).sum(),
            "this is the mean over the latents: their KLs add up": mean.clamp(min=lam).mean(),
            "this subtracts lam; it is to be the least that a latent can cost": (mean - lam).clamp(min=0).sum(),
            "lam has no effect on it": mean.sum(),
            "average over the batch, dim=0, and not over the latents": kl.mean(1).clamp(min=lam).sum(),
            "this adds up over the batch: take its mean": kl.sum(0).clamp(min=lam).sum(),
            "a latent that costs less than lam counts lam, and not 0": mean[mean > lam].sum(),
        }
        if answer.shape != ():
            return f"return one number for the batch, not a tensor of shape {tuple(answer.shape)}"
        right = mean.clamp(min=lam).sum()
        if torch.allclose(answer, right, rtol=1e-4):
            continue
        for complaint, wrong in mistakes.items():
            if torch.allclose(answer, wrong, rtol=1e-4):
                return complaint
        return f"with lam = {lam} it should be {right:.3f} here, yours is {answer.item():.3f}"
    return None


@exercise
def check_cyclical(cyclical: Callable[[float, int, float], float]) -> str | None:
    """Lesson 11: the weight of the KL in cyclical annealing. (share done, cycles, rise) -> number."""
    for cycles, rise in ((1, 0.5), (4, 0.5), (3, 0.8)):
        for done in (0.26, 0.45, 0.0, 0.11, 0.24, 0.62, 0.8, 0.97):
            beta = float(given(cyclical(done, cycles, rise)))
            part = cycles * done % 1
            right = min(1.0, part / rise)
            if math.isclose(beta, right, abs_tol=1e-6):
                continue
            where = f"at done = {done} with {cycles} cycles and rise = {rise}"
            if beta > 1:
                return f"β is {beta:.2f} {where}: it stays at 1 once it is there"
            mistakes = {
                "β starts over with each cycle": min(1.0, done / rise),
                "β starts over with each cycle: take the rest of `cycles * done`, % 1": min(1.0, cycles * done / rise),
                "multiply by the cycles, to get the share of a cycle": min(1.0, done % (1 / cycles) / rise),
                "the rise is to take the share `rise` of a cycle, not all of it": part,
                "β falls where it should rise": 1 - right,
            }  # fmt: skip
            for complaint, wrong in mistakes.items():
                if math.isclose(beta, wrong, abs_tol=1e-6):
                    return f"{where} β should be {right:.2f}, yours is {beta:.2f}: {complaint}"
            return f"{where} β should be {right:.2f}, yours is {beta:.2f}"
    return None


@exercise
@torch.random.fork_rng(devices=[])
def check_average_shuffle_cost(average_shuffle_cost: Callable[[float, float], float]) -> str | None:
    """Lesson 11: the shuffle cost of a linear-Gaussian model of one pixel and one latent. (w, sigma) -> nats."""
    torch.manual_seed(0)
    for w, sigma in ((1.2, 0.9), (2.1, 0.6), (0.7, 1.3)):
        answer, t = float(given(average_shuffle_cost(w, sigma))), w**2 / sigma**2
        z, other, noise = torch.randn(3, 400_000, dtype=torch.float64)
        x = w * z + sigma * noise
        cost = ((x - w * other).square() - (x - w * z).square()) / (2 * sigma**2)
        mean, error = cost.mean().item(), cost.std().item() / math.sqrt(len(cost))
        if abs(answer - mean) < 5 * error:
            continue
        mistakes = {
            "that is the average KL, what z says; a wrong z also misleads": 0.5 * math.log1p(t),
            "that is the cost of no z at all, z' = 0: a z' of another image has a spread of its own": 0.5 * t,
            "the factor 1/2 of the Gaussian's exponent is missing": 2 * t,
            "the sign is the wrong way round: the right z gives the larger log-likelihood": -t,
            "it depends on w²/σ², not on w/σ": w / sigma,
            "the noise of the second square has to be subtracted": t + 0.5,
            "divide by σ², the variance, and not by σ": w**2 / sigma,
        }  # fmt: skip
        for complaint, wrong in mistakes.items():
            if math.isclose(answer, wrong, rel_tol=1e-4):
                return complaint
        return f"for w = {w} and σ = {sigma} draws give {mean:.2f} ± {error:.2f} nats, your formula {answer:.2f}"
    return None
