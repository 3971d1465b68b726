"""Data sets: images as float32 in [0, 1], with their labels and known factors."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

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
    if len(x) == 0:
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
    labels: the class of each image, int64 of shape (n,)
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
        x = self.train[index]
        return torch.bernoulli(x) if self.binarize == "draw" else x

    def to(self, device: torch.device | str) -> Dataset:
        """The same images, resident on `device`."""
        if self.train.device == self.test.device == torch.device(device):
            return self
        return replace(self, train=self.train.to(device), test=self.test.to(device))


def _digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's 1,797 scans of handwritten digits, 8x8 with 17 grey levels (UCI, Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.as_tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 16
    return images, torch.as_tensor(bunch.target, dtype=torch.int64)


_SETS: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {"digits": _digits}


def load(name: str = "digits", binarize: str | None = None) -> Dataset:
    """The data set called `name`; the same split, and the same drawn test images, on every call.

    name: "digits" (8x8, needs no network)
    binarize: None, "draw" or "threshold": see `Dataset`
    Raises ValueError for a name or a binarization there is not.
    """
    if name not in _SETS:
        near = difflib.get_close_matches(str(name).lower(), _SETS, n=1, cutoff=0.4)
        meant = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(_SETS)}"
        raise ValueError(f"there is no data set called {name!r}: {meant}")
    if binarize not in BINARIZE:
        raise ValueError(f"binarize must be None, 'draw' or 'threshold', not {binarize!r}")
    images, labels = _SETS[name]()
    # Neither the split nor the test draw may follow a lesson's seed: all numbers are of the same images.
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(images), generator=generator)
    test, train = order.split([len(images) // 5, len(images) - len(images) // 5])
    test_images = images[test]
    if binarize == "threshold":
        images, test_images = (images > 0.5).float(), (test_images > 0.5).float()
    elif binarize == "draw":
        test_images = torch.bernoulli(test_images, generator=generator)
    return Dataset(
        train=images[train],
        test=test_images,
        labels=Split(labels[train], labels[test]),
        image_shape=tuple(images.shape[1:]),
        binarize=binarize,
        name=name,
    )


def import_torchvision() -> ModuleType:
    """torchvision, also where a CUDA build of it stands beside a CPU build of torch.

    There its import stops at "operator torchvision::nms does not exist" (pytorch/pytorch#122494).
    Declaring the two operators it looks for is enough for data sets, transforms and grids of images.
    Raises ImportError where torchvision is not installed.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for half_loaded in [m for m in sys.modules if m.partition(".")[0] == "torchvision"]:
            del sys.modules[half_loaded]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        import torchvision
    return torchvision


_declared: list[torch.library.Library] = []  # a library's operators go when it is collected
