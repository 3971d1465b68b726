"""sets.py: every reader on small files in the genuine layouts, and on the genuine files where they are at hand."""

import gzip
import hashlib
import io
import os
import re
import sys
import tarfile
import types
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vae_course.data import files, load, sets
from vae_course.data.files import DataError, File
from vae_course.data.sets import SETS, import_torchvision

REAL = os.environ.get("VAE_COURSE_DATA")
IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
IDX_SETS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A data folder of the test's own; nothing is shared, nothing is downloaded."""
    monkeypatch.setattr(files, "folder", lambda: tmp_path)
    monkeypatch.delenv("VAE_COURSE_DATA", raising=False)
    monkeypatch.setattr(files.urllib.request, "urlopen", lambda *_, **__: pytest.fail("a download was tried"))
    return tmp_path


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.md5(content).hexdigest()


def numbers(*shape, below=256):
    return np.random.default_rng(len(shape)).integers(0, below, shape, dtype=np.uint8)


def idx(array):
    """LeCun's format."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes() + array.tobytes()


def torchvision_that_lists(monkeypatch, kind, resources):
    known = SimpleNamespace(mirrors=["http://one/", "http://two/"], resources=resources)
    monkeypatch.setattr(sets, "import_torchvision", lambda: SimpleNamespace(datasets=SimpleNamespace(**{kind: known})))


@pytest.mark.parametrize("name", IDX_SETS)
def test_mnist_and_those_made_like_it(monkeypatch, folder, name):
    kind, arrays = IDX_SETS[name], (numbers(7, 28, 28), numbers(7, below=10), numbers(3, 28, 28), numbers(3, below=10))
    resources = [
        (file, put(folder / kind / "raw" / file, gzip.compress(idx(a)))) for file, a in zip(IDX, arrays, strict=True)
    ]
    torchvision_that_lists(monkeypatch, kind, resources)
    assert SETS[name].files()[0].urls == (f"http://one/{IDX[0]}", f"http://two/{IDX[0]}")
    data = load(name)
    assert data.image_shape == (1, 28, 28)
    for images, labels, pixels, classes in (
        (data.train, data.labels.train, *arrays[:2]),
        (data.test, data.labels.test, *arrays[2:]),
    ):
        assert torch.equal(images[:, 0] * 255, torch.tensor(pixels).float())
        assert labels.dtype == torch.int64
        assert labels.tolist() == classes.tolist()


def test_torchvision_lists_four_files_of_each_in_the_order_in_which_they_are_read():
    for name, kind in IDX_SETS.items():
        listed = SETS[name].files()
        assert [file.path for file in listed] == [f"{kind}/raw/{file}" for file in IDX]
        assert all(re.fullmatch("md5:[0-9a-f]{32}", file.checksum) for file in listed)
        assert all(
            url.startswith("http") and url.endswith(Path(file.path).name) for file in listed for url in file.urls
        )


@pytest.mark.parametrize(
    "content", [gzip.compress(idx(numbers(7, 28, 28)))[:-100], b"no gzip", b"\x1f\x8b\x08" + b"x" * 50]
)
def test_a_damaged_gzip_file_gets_one_sentence_even_under_the_right_checksum(monkeypatch, folder, content):
    torchvision_that_lists(monkeypatch, "MNIST", [(IDX[0], put(folder / "MNIST" / "raw" / IDX[0], content))])
    with pytest.raises(ValueError, match=f"{IDX[0]} is not a whole gzip file: ") as caught:
        load("mnist")
    assert "\n" not in str(caught.value)


def test_without_torchvision_there_is_a_sentence(monkeypatch):
    def missing():
        raise ImportError("No module named 'torchvision'")

    monkeypatch.setattr(sets, "import_torchvision", missing)
    with pytest.raises(DataError, match="KMNIST needs torchvision, .* pip install torchvision"):
        load("kmnist")


def test_cifar10_is_read_with_its_channels_labels_and_batches_in_order(monkeypatch, folder):
    def batch(first):
        """Two images of one colour: red is all `first`, green 100 and blue 200."""
        rows = np.zeros((2, 1 + 3 * 1024), dtype=np.uint8)
        rows[:, 0] = first, 9 - first
        rows[:, 1:] = np.repeat([first, 100, 200], 1024)
        rows[:, 1] = 255  # top left, in red
        return rows.tobytes()

    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        contents = {f"data_batch_{n}.bin": batch(n) for n in (3, 1, 5, 2, 4)}
        for name, content in {"readme.html": b"<p>", "test_batch.bin": batch(0), **contents}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(sets, "_CIFAR10", File("c.tar.gz", f"md5:{put(folder / 'c.tar.gz', held.getvalue())}"))
    data = load("cifar10")
    assert data.image_shape == (3, 32, 32)
    assert (data.train[:, :, 5, 7] * 255).round().tolist() == [[n, 100, 200] for n in (1, 2, 3, 4, 5) for _ in "ab"]
    assert data.labels.train.tolist() == [1, 8, 2, 7, 3, 6, 4, 5, 5, 4]
    assert (data.test[:, :, 5, 7] * 255).round().tolist() == [[0, 100, 200]] * 2
    assert data.labels.test.tolist() == [0, 9]
    assert data.train[0, 0, 0, 0] == 1 > data.train[0, 0, 0, 1]


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "text"])
def test_binarized_mnist_is_read_from_one_packed_file_or_from_larochelles_texts(monkeypatch, folder, packed):
    bits = {"train": numbers(6, 784, below=2), "test": numbers(4, 784, below=2)}
    if packed:
        file = io.BytesIO()
        np.savez(file, **{part: np.packbits(array, axis=1) for part, array in bits.items()})
        monkeypatch.setattr(sets, "_BINARIZED", File("b.npz", f"md5:{put(folder / 'b.npz', file.getvalue())}"))
    else:
        texts = {n: "".join(" ".join(map(str, row)) + "\n" for row in array).encode() for n, array in bits.items()}
        listed = tuple(File(f"{n}.amat", f"md5:{put(folder / f'{n}.amat', text)}") for n, text in texts.items())
        monkeypatch.setattr(sets, "_binarized_mnist_files", lambda: listed)
    data = load("binarized_mnist")
    assert torch.equal(data.train.flatten(1), torch.tensor(bits["train"]).float())
    assert torch.equal(data.test.flatten(1), torch.tensor(bits["test"]).float())
    assert data.image_shape == (1, 28, 28)
    assert data.labels.train.tolist() == [0] * 6
    assert data.labels.test.tolist() == [0] * 4


def test_the_texts_of_binarized_mnist_are_named_where_nobody_has_the_packed_file():
    train, test = SETS["binarized_mnist"].files()
    assert train.path.endswith("train.amat")
    assert train.urls[0].endswith("/binarized_mnist_train.amat")
    assert test.path.endswith("test.amat")


def test_every_set_says_what_it_is_where_it_comes_from_and_how_much_there_is_to_fetch():
    for name, kind in SETS.items():
        assert kind.what, name
        assert kind.source, name
        assert bool(kind.megabytes) == bool(kind.files()), name


@pytest.mark.skipif(not REAL, reason="VAE_COURSE_DATA is not set")
@pytest.mark.parametrize(
    ("name", "sizes", "mean", "std", "first"),
    [
        ("mnist", (60_000, 10_000), 0.1307, 0.3081, ([5, 0, 4, 1, 9], [7, 2, 1, 0, 4])),
        ("fashion_mnist", (60_000, 10_000), 0.2860, 0.3530, ([9, 0, 0, 3, 0], [9, 2, 1, 1, 6])),
        ("kmnist", (60_000, 10_000), None, None, None),
        ("binarized_mnist", (50_000, 10_000), None, None, None),
        ("cifar10", (50_000, 10_000), None, None, ([6, 9, 9, 4, 1], [3, 8, 8, 0, 6])),
    ],
)
def test_the_genuine_files(monkeypatch, folder, name, sizes, mean, std, first):
    monkeypatch.setenv("VAE_COURSE_DATA", REAL)
    if not all(map(files.find, SETS[name].files())):
        pytest.skip(f"VAE_COURSE_DATA does not have {name}")
    data = load(name)
    for file in SETS[name].files():
        assert files.checksum(folder / file.path, file.checksum) == file.checksum
    assert (len(data.train), len(data.test)) == sizes
    if mean:
        spread, middle = torch.std_mean(data.train)
        assert (middle.item(), spread.item()) == pytest.approx((mean, std), abs=5e-5)
    if first:
        assert (data.labels.train[:5].tolist(), data.labels.test[:5].tolist()) == first
        assert data.labels.test.bincount().tolist() == [1000] * 10 or name == "mnist"
    if name == "binarized_mnist":
        assert set(data.train[::7].unique().tolist()) == set(data.test.unique().tolist()) == {0.0, 1.0}
        assert data.train.mean().item() == pytest.approx(0.1307, abs=0.002)  # drawn with MNIST's grey values


def test_torchvision_can_be_imported():
    """Whatever builds of torch and torchvision stand beside each other here."""
    torchvision = import_torchvision()
    pixels = numbers(8, 8)
    assert torch.equal(torchvision.transforms.ToTensor()(pixels[..., None]), torch.tensor(pixels)[None] / 255)


@pytest.mark.parametrize("missing", [True, False])
def test_torchvisions_operators_are_declared_only_where_the_import_fails(monkeypatch, missing):
    declared, attempts = [], []

    class Library:
        def __init__(self, *_):
            declared.append(self)

        def define(self, schema):
            declared.append(schema.partition("(")[0])

    def fake_import(name, *arguments):
        if name != "torchvision":
            return real_import(name, *arguments)
        attempts.append(name)
        if missing and not declared:
            raise RuntimeError("operator torchvision::nms does not exist")
        return types.ModuleType("torchvision")

    real_import = __import__
    monkeypatch.setattr("builtins.__import__", fake_import)
    monkeypatch.setattr(sets.torch.library, "Library", Library)
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if "torchvision" not in k})
    assert import_torchvision().__name__ == "torchvision"
    assert declared[1:] == (["nms", "qnms"] if missing else [])
    assert len(attempts) == 1 + missing


def test_another_failure_of_torchvision_is_not_hidden(monkeypatch):
    def fake_import(name, *arguments):
        if name == "torchvision":
            raise RuntimeError("something else")
        return real_import(name, *arguments)

    real_import = __import__
    monkeypatch.setattr("builtins.__import__", fake_import)
    with pytest.raises(RuntimeError, match="something else"):
        import_torchvision()
