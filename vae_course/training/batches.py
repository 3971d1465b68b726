"""The batches of an epoch, and the objective on the test images (lesson 08)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Rows

from vae_course.data import Dataset
from vae_course.models import VAE, evaluating
from vae_course.objectives import Objective
from vae_course.training import processes

# How many test images are shown to the model at once: with the 50 draws of an importance-weighted bound, decoded to
# 28x28 pixels, a tensor of them has 63 MB. The parts decide which image gets which noise, so a set of up to so many
# images (digits has 359 for testing) is one part, and its numbers are those of one call.
TEST_IMAGES = 400


def resident_batches(data: Dataset, order: Tensor, batch_size: int, place: torch.device) -> Iterator[Tensor]:
    """Batches of images that are on the device `place` already: one indexing operation each.

    order: (images,), in which they come. Yields (batch, *image), as the model is to see them.
    """
    for index in processes.shares(order.split(batch_size)):
        yield data.train_batch(index)


def loaded_batches(data: Dataset, order: Tensor, batch_size: int, place: torch.device) -> Iterator[Tensor]:
    """The same batches of images that the device cannot hold all at once: a DataLoader brings one after another."""
    loader = DataLoader(
        _Rows(data.train),
        sampler=[index.tolist() for index in processes.shares(order.split(batch_size))],
        batch_size=None,  # the sampler's items are whole batches
        pin_memory=place.type == "cuda",
        generator=torch.Generator(),  # else it would draw its seed from the model's noise
    )
    for grey in loader:
        yield data.drawn(grey.to(place, non_blocking=True))


class _Rows(Rows):
    """A data set whose items are whole batches of images, for a DataLoader that batches nothing itself."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __getitem__(self, index: list[int]) -> Tensor:
        return self.images[index]


@torch.no_grad()
def test_objective(
    model: VAE, objective: Objective, images: Tensor, place: torch.device, number_format: AbstractContextManager
) -> float:
    """The objective, averaged over the images (n, *image), with every layer of the model in eval() mode."""
    with number_format, evaluating(model):
        parts = [objective(model, x.to(place)) for x in images.split(TEST_IMAGES)]
    return torch.cat(parts).mean().item()
