"""Data sets: images as float32 in [0, 1], with their labels and known factors."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_course.data import pictures
from vae_course.data.sets import SETS, Parts, split_off_test

BINARIZE = (None, "draw", "threshold")


class Split(NamedTuple):
    """One quantity for the training images and for the test images, in their order."""

    train: Tensor
    test: Tensor


def check_images(x: Tensor, image_shape: tuple[int, ...] | None = None) -> None:
    """Refuse anything but float32 images in [0, 1].

    x: (batch, channels, height, width), or (batch, *image_shape) where a shape is given.
    Raises TypeError (not a float32 tensor) or ValueError (shape, NaN, range), in one sentence.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"images must be a torch.Tensor, not {type(x).__name__}: use torch.as_tensor(images)")
    if x.dtype != torch.float32:
        hint = "images.float() / 255" if x.dtype == torch.uint8 else "images.float()"
        raise TypeError(f"images must be float32 in [0, 1], not {x.dtype}: convert them with {hint}")
    expected = f"(batch, {', '.join(map(str, image_shape))})" if image_shape else "(batch, channels, height, width)"
    if (tuple(x.shape[1:]) != tuple(image_shape)) if image_shape else (x.dim() != 4):
        raise ValueError(f"images must have the shape {expected}, not {tuple(x.shape)}")
    if x.numel() == 0:
        raise ValueError("there are no images: the batch is empty")
    low, high = (bound.item() for bound in torch.aminmax(x))  # NaN if any pixel is
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = torch.nonzero(~torch.isfinite(x.flatten(1)).all(1)).flatten().tolist()
        raise ValueError(f"{len(bad)} of {len(x)} images hold NaN or infinite pixels, the first is number {bad[0]}")
    if low < 0 or high > 1:
        raise ValueError(f"pixels must lie in [0, 1], but these range from {low:g} to {high:g}: rescale the images")


@dataclass(frozen=True, repr=False)
class Dataset:
    """Images for training and testing. Lesson 05 says why pixels are drawn anew at each step.

    train, test: (n, channels, height, width), float32 in [0, 1]
    labels: the class of each image, int64 of shape (n,); all 0 where there are none
    factors: what is known of how each image was made, by name; empty where nothing is
    binarize: None, the grey images as they are;
        "threshold", 1 where a pixel is above one half;
        "draw", `train` keeps the grey images, `train_batch` draws each pixel anew with its grey
        value as the probability of a 1, and `test` is one such draw, the same for everybody.
    """

    train: Tensor
    test: Tensor
    labels: Split
    image_shape: tuple[int, ...]
    factors: Mapping[str, Split] = field(default_factory=dict)
    binarize: str | None = None
    name: str = "your own"

    def __post_init__(self) -> None:
        for images in (self.train, self.test):
            check_images(images, self.image_shape)

    def __repr__(self) -> str:
        sizes = f"{len(self.train)} training and {len(self.test)} test images of shape {self.image_shape}"
        return f"Dataset({self.name!r}, {sizes}, binarize={self.binarize!r})"

    def train_batch(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The training images of `index`, as a model is to see them: (batch, *image_shape)."""
        return self.drawn(self.train[index])

    def drawn(self, grey: Tensor) -> Tensor:
        """Training images as a model is to see them: their pixels drawn, where that is how they are binarized."""
        return torch.bernoulli(grey) if self.binarize == "draw" else grey

    def to(self, device: torch.device | str) -> Dataset:
        """The same images, resident on `device`."""
        if self.train.device == self.test.device == torch.device(device):
            return self
        return replace(self, train=self.train.to(device), test=self.test.to(device))


def load(
    source: Any = "digits", binarize: str | None = None, *, n_train: int | None = None, n_test: int | None = None
) -> Dataset:
    """A data set by its name, or your own pictures; the same split and drawn test images on every call.

    source: "digits", "glyphs" (neither needs a file), "mnist", "fashion_mnist", "kmnist", "cifar10", "binarized_mnist"
        (`python -m vae_course data` says where they are); or a folder of pictures, an .npz file, or an array of images
        (see `pictures.read`), a fifth of which is kept for testing unless the folder is divided into "train" and "test"
    binarize: None, "draw" or "threshold": see `Dataset`
    n_train, n_test: at most so many images of each part; of "glyphs", which are drawn, exactly so many
    Raises ValueError for a name or a binarization there is not, and DataError where files cannot be had.
    """
    if binarize not in BINARIZE:
        raise ValueError(f"binarize must be None, 'draw' or 'threshold', not {binarize!r}")
    for name, value in (("n_train", n_train), ("n_test", n_test)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
    generator = torch.Generator().manual_seed(0)  # not a lesson's seed: all numbers are to be of the same images
    parts = _read(source, n_train, n_test, generator)
    train, test = parts.train, parts.test
    if binarize == "threshold":
        train, test = (train > 0.5).float(), (test > 0.5).float()
    elif binarize == "draw":
        test = torch.bernoulli(test, generator=generator)
    return Dataset(
        train=train[:n_train],
        test=test[:n_test],
        labels=Split(parts.train_labels[:n_train], parts.test_labels[:n_test]),
        image_shape=tuple(train.shape[1:]),
        factors={name: Split(a[:n_train], b[:n_test]) for name, (a, b) in parts.factors.items()},
        binarize=binarize,
        name=str(source) if isinstance(source, str | Path) else "your own",
    )


def _read(source: Any, n_train: int | None, n_test: int | None, generator: torch.Generator) -> Parts:
    if isinstance(source, str) and source in SETS:
        return SETS[source].read(n_train, n_test, generator)
    if isinstance(source, str) and not _is_path(source):
        if source == "toy":
            raise ValueError("toy densities are points, not images: from vae_course.data import toy")
        near = difflib.get_close_matches(source.lower(), SETS, n=1, cutoff=0.4)
        meant = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(SETS)}"
        raise ValueError(f"there is no data set called {source!r}: {meant}")
    images, labels, for_testing = pictures.read_parts(source)
    if for_testing is not None:
        check_images(images)
        return Parts(images[~for_testing], images[for_testing], labels[~for_testing], labels[for_testing])
    if len(images) < 5:
        raise ValueError(f"{len(images)} images cannot be split into four parts for training and one for testing")
    check_images(images)
    return split_off_test(images, labels, generator)


def _is_path(source: str) -> bool:
    return any(mark in source for mark in {os.sep, "/", ".np"}) or os.path.exists(source)
