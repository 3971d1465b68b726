"""The batches of an epoch, from the device or through a DataLoader (lesson 08)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vae_course.data import Dataset
from vae_course.training import processes


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
        sampler=[index.tolist() for index in processes.shares(order.cpu().split(batch_size))],
        batch_size=None,  # the sampler's items are whole batches
        pin_memory=place.type == "cuda",
        generator=torch.Generator(),  # else it would draw its seed from the model's noise
    )
    for images in loader:
        yield data.drawn(images.to(place, non_blocking=True))


class _Rows(torch.utils.data.Dataset):
    """A data set whose items are whole batches of images, for a DataLoader that batches nothing itself."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __getitem__(self, index: list[int]) -> Tensor:
        return self.images[index]
