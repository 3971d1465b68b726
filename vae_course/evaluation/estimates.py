"""Numbers with their standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error."""

    value: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.standard_error:.2f}"


class AtLeast(Estimate):
    """A number whose standard error is not known, but what is given is too small rather than too large."""

    def __str__(self) -> str:
        return f"{self.value:.2f} ± at least {self.standard_error:.2f}"


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
    """An estimate for each image, and two standard errors of each that are due to the draws of z alone.

    values: (n,), in nats
    errors: (n,), by the delta method: never above 1 nat, and too small where few draws make up the estimate
    spread: (n,), by a jackknife, to be averaged over images: of a single one it hangs on its few largest weights
    """

    values: Tensor
    errors: Tensor
    spread: Tensor

    @property
    def over_images(self) -> Estimate:
        """The mean, with the standard error due to which images these are: for statements about all such images."""
        return average(self.values)

    @property
    def over_draws(self) -> AtLeast:
        """The mean, with the delta method's error due to the draws of z: the least that it can be."""
        return AtLeast(self.values.mean().item(), _pooled(self.errors))

    @property
    def over_repeats(self) -> Estimate:
        """The mean, with the standard error due to the draws of z: for statements about these very images.

        That is how far the mean would move with other draws, and not how far a bound lies from log p(x).
        """
        return Estimate(self.values.mean().item(), _pooled(self.spread))


def _pooled(errors: Tensor) -> float:
    """The error of the mean of independent numbers that have these."""
    return errors.square().sum().sqrt().item() / len(errors)


def jackknife(log_sums: Tensor, counts: Tensor) -> Tensor:
    """The standard error of the log of a mean of independent weights, from how it changes without a group of them.

    log_sums: (groups, n), the log of the sum of each group's weights; counts: (groups,), how many these are. Returns
    (n,) nats, NaN for a single group. Whatever the weights, with G equal groups its square is on average no less than
    (G - 1) / G times the variance of the same estimate from G - 1 of them (Efron & Stein 1981, The Jackknife Estimate
    of Variance, Annals of Statistics 9).
    """
    groups = len(log_sums)
    if groups < 2:
        return torch.full_like(log_sums[0], math.nan)
    # The sum of the others from those before and after: to subtract a group that is nearly all would cancel
    none = torch.full_like(log_sums[:1], -math.inf)
    before = torch.cat([none, log_sums[:-1]]).logcumsumexp(0)
    after = torch.cat([log_sums[1:], none]).flip(0).logcumsumexp(0).flip(0)
    without = torch.logaddexp(before, after) - (counts.sum() - counts).log()[:, None]
    return ((groups - 1) * without.var(0, correction=0)).sqrt()
