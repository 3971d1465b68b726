"""Checks of the exercises of lesson 06."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.lessons.checks.answers import exercise, given


@exercise
def check_density_bits(density_bits: Callable[[float, int], float]) -> str | None:
    """Lesson 06: cost of a density of pixels between -1 and 1, of 256 levels -> bits per dimension."""
    nats, dims = -3000.0, 768
    plain = nats / (dims * math.log(2))
    bits = float(given(density_bits(nats, dims)))
    mistakes = {
        "nothing was added: a density has no bits until the distance between two levels is known": plain,
        "8 bits belong to pixels between 0 and 1; here the 256 levels spread over an interval of length 2": plain + 8,
        "9 bits are too many: over an interval of length 2 the levels lie farther apart, not closer": plain + 9,
        "the sign of the 7 bits: narrow bins hold little probability, so the cost rises": plain - 7,
        "nothing was ever added for 8 bits, so there is nothing to take off: narrow bins cost 7 bits more": plain - 1,
        "these are nats per dimension: divide by ln 2": nats / dims + math.log(128),
        "only the density's part was divided by ln 2: ln 128 nats are 7 bits": plain + math.log(128),
        "the 7 bits are of each dimension already: do not divide them by dims": plain + 7 / dims,
        "these are the bits of the whole image: divide by dims": plain * dims + 7 * dims,
    }
    for complaint, value in mistakes.items():
        if math.isclose(bits, value, rel_tol=1e-4):
            return complaint
    if not math.isclose(bits, plain + 7, rel_tol=1e-4):
        return f"{nats:g} nats of {dims} dimensions are {plain + 7:.4f} bits per dimension; yours is {bits:.4f}"
    return None


@exercise
def check_assumed_variance(assumed_variance: Callable[[int, int], float]) -> str | None:
    """Lesson 06: the sigma^2 behind (squared error averaged over D pixels) + (KL averaged over k latents)."""
    D, k = 784, 20
    variance = float(given(assumed_variance(D, k)))
    mistakes = {
        "that is beta in front of the summed KL; beta = 2 sigma^2": D / k,
        "the KL is averaged as well, which makes it weigh k times less": D / 2,
        "the wrong way round: averaging the error makes the KL weigh more, not less": k / (2 * D),
        "averaging the KL over the latents divides its weight by k, you multiplied": D * k / 2,
        "the error is averaged as well, over D pixels": 1 / (2 * k),
        "that is sigma, not its square": math.sqrt(D / (2 * k)),
        "that holds where both are summed": 0.5,
        "beta = 2 sigma^2, so sigma^2 is half of beta, not twice": 2 * D / k,
    }
    for complaint, value in mistakes.items():
        if math.isclose(variance, value, rel_tol=1e-4):
            return complaint
    if not math.isclose(variance, D / (2 * k), rel_tol=1e-4):
        return f"with {D} pixels and {k} latents it is {D / (2 * k):.4f}, yours is {variance:.4f}"
    return None


@exercise
@torch.random.fork_rng(devices=[])
def check_laplace_nats(laplace_nats: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Lesson 06: the cost of images under a Laplace density with the best shared scale. x, m: (batch, D) -> nats."""
    torch.manual_seed(0)
    x = torch.rand(50, 6)
    m = torch.full_like(x, 0.4)
    answer = torch.as_tensor(given(laplace_nats(x, m)))
    if answer.numel() != 1:
        return f"return one number, the average over the images, not {answer.numel()}"
    nats, D = float(answer), x.shape[1]
    b, root = (x - m).abs().mean().item(), (x - m).square().mean().sqrt().item()
    right = D * (math.log(2 * b) + 1)
    if math.isclose(nats, right, rel_tol=1e-4):
        return None
    mistakes = {
        "that is the cost of one pixel: the logs of the pixels add up": right / D,
        "the cost has the other sign: it is -log p": -right,
        "the density is exp(-|x - m| / b) / 2b: the 2 is missing": D * (math.log(b) + 1),
        "the term of the absolute error is missing: at the best b it is 1 for each pixel": D * math.log(2 * b),
        "b is the mean absolute error, not the root of the mean square": D * (math.log(2 * root) + b / root),
        "that is a Gaussian's cost": D * (math.log(root) + 0.5 * math.log(2 * math.pi) + 0.5),
        "that is the best b itself": b,
        "the absolute error's term is 1 for each pixel, not 1 in all": 1 + D * math.log(2 * b),
        "that is the cost at b = 1": D * (math.log(2) + b),
    }
    for complaint, value in mistakes.items():
        if math.isclose(nats, value, rel_tol=1e-4):
            return complaint
    each = D * (x - m).abs().mean(1).mul(2).log().add(1).mean().item()
    if math.isclose(nats, each, rel_tol=1e-4):
        return "b is one number for all images, and you took another for each"
    if math.isclose(nats, (x - m).abs().mean(0).mul(2).log().add(1).sum().item(), rel_tol=1e-4):
        return "b is one number for all pixels, and you took another for each"
    if math.isclose(nats, right * len(x), rel_tol=1e-4):
        return "this is the cost of all images together: the average of an image is asked"
    return f"for the images of this check it is {right:.4f} nats, yours is {nats:.4f}"
