"""Learning rates that change during training (lesson 08)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.arguments import real


@dataclass(frozen=True)
class Cosine:
    """A learning rate that rises to `peak` over the share `warm_up` of training and then falls to 0 along a cosine.

    Called with the share of training that is done, in (0, 1). Raises ValueError where warm_up is not in [0, 1).
    """

    peak: float
    warm_up: float = 0.02

    def __post_init__(self) -> None:
        if not 0 <= real(self.warm_up) < 1:
            raise ValueError(f"warm_up must be a share of training, from 0 to below 1, but it is {self.warm_up!r}")

    def __call__(self, done: float) -> float:
        if done < self.warm_up:
            return self.peak * done / self.warm_up
        return self.peak * 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))


def of_epoch(lr: float | Callable[[float], float], epoch: int, epochs: int) -> float:
    """The learning rate of an epoch: a schedule is asked for the middle of it."""
    return lr((epoch + 0.5) / epochs) if callable(lr) else lr


def set_for_epoch(
    optimizer: torch.optim.Optimizer, lr: float | Callable[[float], float], epoch: int, epochs: int
) -> float:
    """Give the optimiser its learning rate, where it looks for it. Returns the same as a float."""
    rate = float(of_epoch(lr, epoch, epochs))
    (group,) = optimizer.param_groups
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)  # a step that was recorded does not ask Python: it reads the number on the device
    else:
        group["lr"] = rate
    return rate
