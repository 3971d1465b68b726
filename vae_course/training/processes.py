"""Several processes under torchrun, each with its share of a batch (lesson 08). Alone, a process does nothing here."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, distributed, nn

from vae_course.models import VAE
from vae_course.objectives import Objective

# Processes draw their noise from seeds this far apart: other than the distance of epochs in loop.py, and more than
# anybody's neighbouring seeds.
RANK_SEEDS_APART = 7_919


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if count() > 1 else 0


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def require_joined() -> None:
    """Raises ValueError where torchrun has started several processes that do not know of one another."""
    started = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    if started > 1 and count() == 1:
        raise ValueError(
            f"torchrun has started {started} processes, each of which would train alone: join them first, "
            "with torch.distributed.init_process_group()"
        )


def shared(model: VAE, objective: Objective, place: torch.device) -> Callable[[Tensor], Tensor]:
    """The objective as a function of x alone, whose mean is what `fit` maximises.

    Among several processes, x is this one's share of a batch, the mean is the share's part of the mean over the batch,
    and gradients are exchanged.
    """
    if count() == 1:
        return functools.partial(objective, model)
    ids = [place] if place.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(_PartOfTheMean(model, objective), device_ids=ids)


class _PartOfTheMean(nn.Module):
    """A module, for DistributedDataParallel exchanges gradients only for what runs in its `forward`."""

    def __init__(self, model: VAE, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor) -> Tensor:
        images = torch.tensor(float(len(x)), device=x.device)
        distributed.all_reduce(images)  # of the whole batch
        # The bracket of lesson 08: its average over the processes is the mean over the batch, even where a share has
        # fewer images than another, or none.
        return count() / images * self.objective(self.model, x).sum()


def shares(batches: Sequence[Tensor]) -> Sequence[Tensor]:
    """Of each batch, what this process takes: every n-th image. batches: (batch,) indices each."""
    return batches if count() == 1 else [index[rank() :: count()] for index in batches]


def seed_own_noise(seed: int) -> None:
    """From here on each of several processes draws other random numbers; alone, a process goes on as it was."""
    if count() > 1:
        torch.manual_seed(seed + RANK_SEEDS_APART * (rank() + 1))


def average(values: Tensor) -> Tensor:
    """The mean of each number over the processes."""
    if count() > 1:
        distributed.all_reduce(values)
        values /= count()
    return values
