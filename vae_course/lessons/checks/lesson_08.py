"""Checks of the exercises of lesson 08."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.lessons.checks.answers import exercise, given


@exercise
def check_conv_flop(conv_flop: Callable[[int, int, int, int, int], float]) -> str | None:
    """Lesson 08: FLOP of a convolution, forward, for one image."""
    for c_in, c_out, k, height, width in ((3, 8, 5, 7, 11), (16, 4, 3, 14, 9)):
        answer = float(given(conv_flop(c_in, c_out, k, height, width)))
        right = 2 * c_in * k * k * c_out * height * width
        mistakes = {
            "a product and an addition are two operations: the factor 2 is missing": right / 2,
            "these are the weights, twice: each is used again for every pixel of the output": right / (height * width),
            "the kernel has k times k weights, not k": right / k,
            "each output number adds up over all input channels": right / c_in,
            "that is for one output channel only": right / c_out,
            "that is forward and backward; only forward is asked for": 3 * right,
            "the bias is not counted, as above": right + c_out * height * width,
            "height and width are already those of the output": (
                2 * c_in * c_out * k * k * (height - k + 1) * (width - k + 1)
            ),
        }
        for complaint, value in mistakes.items():
            if math.isclose(answer, value, rel_tol=1e-9):
                return complaint
        if not math.isclose(answer, right, rel_tol=1e-9):
            of = f"c_in = {c_in}, c_out = {c_out}, k = {k} and {height}x{width} pixels"
            return f"for {of} it is {right:,}, yours is {answer:,.0f}"
    return None


@exercise
def check_largest_log_var(largest_log_var: float) -> str | None:
    """Lesson 08: the largest log-variance whose variance float16 holds."""
    value, largest = float(largest_log_var), 65504.0
    mistakes = {
        "that is for sigma; the KL needs sigma squared": 2 * math.log(largest),
        "that is the largest variance; its logarithm is asked for": largest,
        "take the natural logarithm, the inverse of exp, not that to base 2": math.log2(largest),
        "take the natural logarithm, the inverse of exp, not that to base 10": math.log10(largest),
        "that is for float32 and bfloat16; float16 has fewer bits for the exponent": 128 * math.log(2.0),
    }
    for complaint, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=2e-3):
            return complaint
    if abs(value - math.log(largest)) > 0.006:
        held = torch.tensor(value, dtype=torch.float64).exp().half()
        return f"at {value:.2f} float16 {'overflows' if held.isinf() else 'holds the variance, and it could be larger'}"
    return None


@exercise
def check_share_loss(share_loss: Callable[[Tensor, int, int], Tensor]) -> str | None:
    """Lesson 08: the loss of one of n processes, so that the average of their gradients is the batch's."""
    batch = torch.tensor([0.5, 2.0, -1.0, 4.0, 3.0, 1.5, -0.5], dtype=torch.float64)
    shares = batch[:4], batch[4:6], batch[6:]  # of three processes

    def averaged(loss: Callable[[Tensor, int, int], Tensor]) -> Tensor:
        w = torch.ones((), dtype=torch.float64, requires_grad=True)
        losses = [given(loss(w * share, len(batch), len(shares))) for share in shares]
        total = torch.stack([torch.as_tensor(one).sum() for one in losses]).sum() / len(shares)
        if not total.requires_grad:
            raise ValueError("the loss has lost its gradient: compute it from per_image")
        return torch.autograd.grad(total, w)[0]

    first = given(share_loss(shares[0], len(batch), len(shares)))
    if torch.as_tensor(first).dim() > 0:
        return f"one number for the share is asked for, this has the shape {tuple(torch.as_tensor(first).shape)}"
    try:
        answer, right = averaged(share_loss), batch.mean()
    except ValueError as error:
        return str(error)
    mistakes: dict[str, Callable[[Tensor, int, int], Tensor]] = {
        "with the mean of each share, images of a small share weigh more than others": lambda x, b, n: x.mean(),
        "the average divides by the number of processes: undo that": lambda x, b, n: x.sum() / b,
        "the sum of the share makes the step as much longer as the batch is large": lambda x, b, n: x.sum(),
        "the factor is the other way round: the average has divided already": lambda x, b, n: x.sum() / (b * n),
        "the mean of the share times n still weighs images unevenly": lambda x, b, n: n * x.mean(),
        "the whole batch has batch_size images, the share fewer: divide by batch_size": lambda x, b, n: x.mean() / n,
    }
    for complaint, loss in mistakes.items():
        if torch.allclose(answer, averaged(loss), rtol=1e-9):
            return complaint
    if not torch.allclose(answer, right, rtol=1e-6):
        return f"the averaged gradient should be {right:.4f} here, with yours it is {answer:.4f}"
    return None
