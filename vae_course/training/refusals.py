"""What `fit` refuses before its first step, and what it stops for later. Each in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vae_course.arguments import real
from vae_course.data import Dataset
from vae_course.models import VAE, evaluating
from vae_course.objectives import Objective
from vae_course.training import learning_rates, processes

PRECISIONS = ("float32", "bfloat16")
CHECKED_AT_ONCE = 10_000  # images: a device need not hold all of them to have them checked


def check_arguments(
    model: Any,
    data: Any,
    objective: Any,
    epochs: int,
    lr: float | Callable[[float], float],
    precision: str,
    adam_eps: float,
) -> None:
    """Each argument by itself; a schedule is asked for the rate of every epoch. Raises TypeError, ValueError."""
    if not isinstance(model, nn.Module) or not hasattr(model, "check"):
        raise TypeError(f"model must be a VAE, not a {type(model).__name__}")
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a Dataset, as load(...) returns it, not a {type(data).__name__}")
    if not callable(objective):
        raise TypeError(f"the objective must be a function of (model, x), not a {type(objective).__name__}")
    for rate in [learning_rates.of_epoch(lr, epoch, epochs) for epoch in range(epochs if callable(lr) else 1)]:
        if not 0 < real(rate) < math.inf:
            raise ValueError(f"the learning rate must be positive and finite, but it is {rate!r}")
    if not 0 <= real(adam_eps) < math.inf:
        raise ValueError(f"adam_eps must be a number of at least 0, but it is {adam_eps!r}")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be 'float32' or 'bfloat16', not {precision!r}")
    processes.require_joined()


def check_model_and_images(model: VAE, data: Dataset, objective: Objective, batch_size: int) -> None:
    """Model, images and objective together, once and where the model is. Raises TypeError, ValueError.

    With every layer in eval() mode: batch normalisation would learn from the test images that are shown here.
    """
    home = next(model.parameters()).device
    # A draw of images that `Dataset` has checked is zeros and ones, so one batch shows whether the model fits.
    train = data.train_batch(slice(batch_size)) if data.binarize == "draw" else data.train
    for images in (*train.split(CHECKED_AT_ONCE), *data.test.split(CHECKED_AT_ONCE)):
        model.check(images.to(home))
    few = data.test[:2].to(home)
    with evaluating(model):
        values = objective(model, few)
    if not isinstance(values, Tensor) or values.shape != (len(few),):
        raise ValueError("the objective must return one number for each image, of shape (batch,)")
    if not values.requires_grad:
        raise ValueError("the objective has no gradient: are all weights frozen, or is it computed under no_grad()?")


def require_finite(values: Tensor, model: nn.Module, epoch: int, earlier: list[float], rate: float) -> None:
    """Did the objective stay finite, and do the weights after the last step? Read back once an epoch, not at each step.

    values: (steps,), of this epoch; earlier: of the epochs before. Raises FloatingPointError.
    """
    finite = torch.isfinite(values)
    if bool(finite.all()):
        if bool(torch.isfinite(nn.utils.parameters_to_vector(model.parameters())).all()):
            return
        raise FloatingPointError(
            f"the weights stopped being finite at the last step of epoch {epoch + 1}: its gradient was not, or the "
            f"learning rate, {rate:g}, is too high"
        )
    step = int(torch.nonzero(~finite)[0])
    before = [*earlier[-1:], *values[:step].tolist()]
    if not before:
        cause = "the first step already failed, so look at the model and the objective (a log-variance that overflows?)"
    elif before[-1] < max(before) - 0.5 * abs(max(before)):
        cause = f"the objective was falling before, so the learning rate, {rate:g}, is likely too high"
    else:
        cause = f"it had been {before[-1]:.4g}, so one step was too long: try a learning rate below {rate:g}"
    raise FloatingPointError(f"the objective stopped being finite at step {step + 1} of epoch {epoch + 1}: {cause}")
