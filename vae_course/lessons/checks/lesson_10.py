"""Checks of the exercises of lesson 10."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vae_course.lessons.checks.answers import exercise, given, shown


@exercise
def check_second_opinion(diagnosis: Mapping[str, str]) -> str | None:
    """Lesson 10: three patients by their charts. {"M": ..., "N": ..., "O": ...}."""
    right = {"M": "over-fitting", "N": "log σ for log σ²", "O": "healthy"}
    kinds = {
        *right.values(), "unscaled input", "learning rate too high", "mean for sum", "beta too large", "no KL term",
        "no noise in training", "decoder too strong",
    }  # fmt: skip
    said = {letter: given(diagnosis.get(letter)) for letter in right}
    unknown = [name for name in said.values() if name not in kinds]
    if unknown:
        return f"{unknown[0]!r} is not one of the names: {', '.join(sorted(kinds))}"
    hints = {
        "O": "O: log and truth agree, train and test agree, and a shuffled z costs ten nats",
        "N": "N: compare the KL that it logged with the KL that was recomputed",
        "M": "M: compare train with recomputed, which is on test images",
    }
    wrong = [letter for letter in right if said[letter] != right[letter]]
    if wrong:
        return f"{3 - len(wrong)} of 3 right. {hints[wrong[0]]}"
    return None


@exercise
@torch.random.fork_rng(devices=[])
def check_accidental_beta(accidental_beta: Callable[[int, int], float]) -> str | None:
    """Lesson 10: the beta that averaging each term over its own dimension amounts to. (pixels, latents) -> number."""
    torch.manual_seed(0)
    for pixels, latents in ((60, 8), (12, 3), (20, 40)):
        beta = float(given(accidental_beta(pixels, latents)))
        mistakes = {
            "the other way round: averaging over many pixels makes the reconstruction small": latents / pixels,
            "that is where the reconstruction alone is averaged: the KL is divided, too": float(pixels),
            "that is where the KL alone is averaged: the reconstruction is divided, too": 1 / latents,
            "the KL is divided by the latents, so they make its weight smaller": float(pixels * latents),
            "it is 1 only where both are divided by the same number": 1.0,
        }
        weights = torch.randn(pixels, latents, dtype=torch.float64)
        mu = torch.randn(latents, dtype=torch.float64).requires_grad_()
        logits, kl = weights @ mu, 0.5 * mu.square()
        x = torch.bernoulli(torch.full_like(logits, 0.5))
        per_pixel = x * logits - torch.nn.functional.softplus(logits)
        averaged = torch.autograd.grad(per_pixel.mean() - kl.mean(), mu, retain_graph=True)[0]
        summed = torch.autograd.grad(per_pixel.sum() - beta * kl.sum(), mu)[0]
        if torch.allclose(averaged * pixels, summed, rtol=1e-6):
            continue
        for complaint, wrong in mistakes.items():
            if math.isclose(beta, wrong, rel_tol=1e-6):
                return complaint
        return f"with {pixels} pixels and {latents} latents the gradients differ for your beta, {beta:.4g}"
    return None


@exercise
@torch.random.fork_rng(devices=[])
def check_flattery(flattery: Callable[[Any, Tensor], Tensor]) -> str | None:
    """Lesson 10: log p(x|mu) minus the average of log p(x|z) over draws. (model, x) -> (batch,) nats."""
    torch.manual_seed(0)
    mean, sigma = torch.randn(5, 3), torch.tensor([0.4, 1.0, 1.5])
    weights = torch.tensor([[1.0, 0.5], [-0.5, 1.5], [0.3, -0.8]])
    x = torch.randn(5, 1, 1, 2)

    class Model:
        prior = Independent(Normal(torch.zeros(3), 1.0), 1)

        def encode(self, x: Tensor) -> Independent:
            return Independent(Normal(mean[: len(x)], sigma.expand(len(x), 3)), 1)

        def decode(self, z: Tensor) -> Independent:
            return Independent(Normal((z @ weights).unflatten(-1, (1, 1, 2)), 1.0), 3)

    right = 0.5 * (sigma.square() @ weights.square()).sum()  # E|W'(z - mu)|^2 / 2, the same for every x
    answer = given(flattery(Model(), x))
    if not isinstance(answer, Tensor):
        return f"return one value for each image as a tensor, not as {type(answer).__name__}"
    if answer.shape == ():
        return "this is one number for all images: average over the draws alone, with dim=0"
    if answer.shape == (200,):
        return "this is one number for each draw: average over the draws, dim=0, and not over the images"
    if answer.shape != (5,):
        return f"for 5 images the shape should be (5,), not {tuple(answer.shape)}"
    if answer.abs().max() < 1e-4:
        return "nothing is left: was z drawn, or is it the mean both times?"
    if (answer - Model().decode(mean).log_prob(x)).std() < 1e-4:
        return "the average over the draws ran over the images, too: it needs dim=0"
    if answer.abs().max() < 0.5:
        return "average log p(x|z) over the draws, not z itself"
    off = (answer - right).abs().max()
    if torch.allclose(answer, -right.expand(5), atol=2.0) and answer.mean() < 0:
        return "the sign is the wrong way round: decoding the mean gives the larger number"
    prior_draws = Model().decode(torch.randn(20_000, 5, 3)).log_prob(x).mean(0)
    if torch.allclose(answer, Model().decode(mean).log_prob(x) - prior_draws, rtol=0.25, atol=0.5) and off > 1.5:
        return "z is to be drawn from q(z|x), not from the prior"
    if off > 1.5 or (answer - right).abs().mean() > 0.8:
        return f"here it is {right:.2f} nats for every image, yours are {shown(answer)}: average over 200 draws"
    return None
