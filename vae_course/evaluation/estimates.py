"""Numbers with their standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error."""

    value: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.standard_error:.2f}"


def average(values: Tensor) -> Estimate:
    """The mean, with the standard error that is due to which images these are. values: (n,), n at least 2."""
    if not isinstance(values, Tensor):
        raise TypeError(f"values must be a torch.Tensor, not {type(values).__name__}: use torch.as_tensor(values)")
    if values.dim() != 1 or len(values) < 2:
        raise ValueError(
            f"an average with its standard error needs (n,) values of 2 or more images, not {(*values.shape,)}"
        )
    return Estimate(values.mean().item(), values.std().item() / math.sqrt(len(values)))


@dataclass(frozen=True)
class PerImage:
    """An estimate for each image, and the standard error of each that is due to the draws of z alone.

    values, errors: (n,), in nats
    """

    values: Tensor
    errors: Tensor

    @property
    def over_images(self) -> Estimate:
        """The mean, with the standard error due to which images these are: for statements about all such images."""
        return average(self.values)

    @property
    def over_draws(self) -> Estimate:
        """The mean, with the standard error due to the draws of z: for statements about these very images."""
        return Estimate(self.values.mean().item(), self.errors.square().sum().sqrt().item() / len(self.values))
