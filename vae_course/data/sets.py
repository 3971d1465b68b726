"""The image sets by name: what each is, which files it needs, and how they are read."""

from __future__ import annotations

import gzip
import sys
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_course.data import glyphs
from vae_course.data.files import DataError, File, fetch, find


class Parts(NamedTuple):
    """Images, (n, channels, height, width), float32 in [0, 1], and labels, (n,), for training and for testing."""

    train: Tensor
    test: Tensor
    train_labels: Tensor
    test_labels: Tensor
    factors: dict[str, tuple[Tensor, Tensor]] = {}


@dataclass(frozen=True)
class ImageSet:
    """One named set.

    read: (n_train, n_test, or None for all, a generator for what is chosen at random) -> the images and labels
    files: the files it needs, looked up only when they are asked for; none for what is embedded
    """

    what: str
    source: str
    read: Callable[[int | None, int | None, torch.Generator], Parts]
    megabytes: float = 0.0
    files: Callable[[], tuple[File, ...]] = field(default=tuple)


def split_off_test(images: Tensor, labels: Tensor, generator: torch.Generator) -> Parts:
    """A fifth of the images for testing, chosen by the generator."""
    order = torch.randperm(len(images), generator=generator)
    test, train = order.split([len(images) // 5, len(images) - len(images) // 5])
    return Parts(images[train], images[test], labels[train], labels[test])


def _digits(n_train: int | None, n_test: int | None, generator: torch.Generator) -> Parts:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.as_tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 16
    return split_off_test(images, torch.as_tensor(bunch.target, dtype=torch.int64), generator)


def _glyphs(n_train: int | None, n_test: int | None, generator: torch.Generator) -> Parts:
    train, train_factors = glyphs.draw(n_train or 10_000, seed=0)
    test, test_factors = glyphs.draw(n_test or 2_000, seed=1)
    factors = {name: (train_factors[name], test_factors[name]) for name in train_factors}
    return Parts(train, test, *factors["character"], factors)


def _mnist_files(name: str) -> tuple[File, ...]:
    """The lists of torchvision: names, checksums and where to download. Order: train and test, images and labels."""
    try:
        known = getattr(import_torchvision().datasets, name)
    except ImportError as error:
        raise DataError(
            f"{name} needs torchvision, which lists its checksums, but {error}: python -m pip install torchvision"
        ) from error
    return tuple(
        File(f"{name}/raw/{file}", f"md5:{md5}", tuple(mirror + file for mirror in known.mirrors))
        for file, md5 in known.resources
    )


def _read_mnist(name: str) -> Parts:
    train, train_labels, test, test_labels = (_read_idx(fetch(file)) for file in _mnist_files(name))
    return Parts(_pixels(train), _pixels(test), train_labels.long(), test_labels.long())


def _read_idx(path: Path) -> Tensor:
    """LeCun's format: two zero bytes, one for the type, one for the dimensions; the sizes; the numbers.

    torchvision would unpack the file beside itself first, which takes 55 MB and a folder that can be written.
    """
    try:
        packed = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from error
    dimensions = packed[3]
    sizes = np.frombuffer(packed, dtype=">i4", count=dimensions, offset=4)
    numbers = np.frombuffer(packed, dtype=np.uint8, offset=4 + 4 * dimensions)
    return torch.from_numpy(numbers.reshape(sizes).copy())


def _pixels(images: Tensor) -> Tensor:
    return images.unsqueeze(1).float().div_(255)


_AMAT = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/binarized_mnist_{}.amat"
_BINARIZED = File(
    "binarized_mnist/binarized_mnist.npz", "sha256:50de2c8299a5a297789293ab2c30f6fc3cb8c359a15e5e88d5501aa18ebb8fa5"
)


def _binarized_mnist_files() -> tuple[File, ...]:
    """Larochelle's three text files, or one packed file of the same bits where somebody has it already."""
    if find(_BINARIZED):
        return (_BINARIZED,)
    md5 = {"train": "db28b1a6ae0fe70cbd3da91acf46e477", "test": "14e41ae11040adba6ab8cb291eda0dd8"}
    return tuple(
        File(f"binarized_mnist/binarized_mnist_{part}.amat", f"md5:{value}", (_AMAT.format(part),))
        for part, value in md5.items()
    )


def _binarized_mnist(n_train: int | None, n_test: int | None, generator: torch.Generator) -> Parts:
    paths = [fetch(file) for file in _binarized_mnist_files()]
    if len(paths) == 1:
        with np.load(paths[0], allow_pickle=False) as packed:
            bits = [np.unpackbits(packed[part], axis=1) for part in ("train", "test")]
    else:
        texts = [np.frombuffer(path.read_bytes(), dtype=np.uint8) for path in paths]
        bits = [(text[text >= ord("0")] - ord("0")).reshape(-1, 784) for text in texts]  # the rest is white space
    train, test = (torch.from_numpy(b).float().reshape(-1, 1, 28, 28) for b in bits)
    return Parts(train, test, torch.zeros(len(train), dtype=torch.int64), torch.zeros(len(test), dtype=torch.int64))


_CIFAR10 = File(
    "cifar-10-binary.tar.gz",
    "md5:c32a1d4ab5d03f1284b67883e8d87530",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)


def _cifar10(n_train: int | None, n_test: int | None, generator: torch.Generator) -> Parts:
    """The binary version: torchvision reads the one for Python, which is a pickle, and a pickle could run anything."""
    batches = {}
    with tarfile.open(fetch(_CIFAR10)) as archive:
        for member in archive:
            name = Path(member.name).name
            if name.endswith(".bin") and (held := archive.extractfile(member)):
                batches[name] = np.frombuffer(held.read(), dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    test = batches.pop("test_batch.bin")
    train = np.concatenate([batches[name] for name in sorted(batches)])
    labels = [torch.tensor(rows[:, 0]).long() for rows in (train, test)]
    images = [torch.tensor(rows[:, 1:]).float().div_(255).reshape(-1, 3, 32, 32) for rows in (train, test)]
    return Parts(images[0], images[1], labels[0], labels[1])


SETS: dict[str, ImageSet] = {
    "digits": ImageSet(
        "handwritten digits, 8×8, 17 grey levels", "scikit-learn (UCI, Alpaydin & Kaynak 1998)", _digits
    ),
    "glyphs": ImageSet(
        "letters and digits in ten fonts, 28×28, every factor known", "drawn here from Matplotlib's fonts", _glyphs
    ),
    "mnist": ImageSet(
        "handwritten digits, 28×28", "LeCun, Bottou, Bengio & Haffner 1998",
        lambda *_: _read_mnist("MNIST"), 11.6, lambda: _mnist_files("MNIST"),
    ),
    "fashion_mnist": ImageSet(
        "clothing, 28×28", "Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747",
        lambda *_: _read_mnist("FashionMNIST"), 30.9, lambda: _mnist_files("FashionMNIST"),
    ),
    "kmnist": ImageSet(
        "cursive Japanese characters, 28×28", "Clanuwat et al. 2018, arXiv 1812.01718",
        lambda *_: _read_mnist("KMNIST"), 21.2, lambda: _mnist_files("KMNIST"),
    ),
    "cifar10": ImageSet(
        "photographs of ten kinds of things, 32×32, in colour", "Krizhevsky 2009",
        _cifar10, 170.1, lambda: (_CIFAR10,),
    ),
    "binarized_mnist": ImageSet(
        "MNIST in black and white, drawn once for all; no labels",
        "Salakhutdinov & Murray 2008; Larochelle & Murray 2011", _binarized_mnist, 94.1, _binarized_mnist_files,
    ),
}  # fmt: skip


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
