"""experiments/vae.py: one file that needs nothing of ours, and finds what the package finds."""

import ast
import gzip
import re
import subprocess
import sys

import matplotlib.pyplot
import numpy as np
import pytest
import torch

from tools import lessons
from vae_course.data import load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.objectives import elbo
from vae_course.training import fit

FILE = lessons.ROOT / "experiments" / "vae.py"
EPOCHS = 30


def run(folder, *arguments):
    command = [sys.executable, str(FILE), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_it_is_short_and_imports_nothing_of_ours():
    source = FILE.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 80
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    others = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert others == {"torch", "torchvision", "sklearn", "matplotlib"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copied")
    return folder, run(folder, "--epochs", str(EPOCHS))


def test_its_elbo_is_that_of_the_package(trained):
    """The same net, step size, batches and test images; other starting weights and noise, hence half a nat."""
    _, done = trained
    assert done.returncode == 0, done.stderr
    costs = [float(cost) for cost in re.findall(r"-ELBO (\S+) nats per test image", done.stdout)]
    assert len(costs) == EPOCHS // 10
    assert costs == sorted(costs, reverse=True)
    data = load("digits", binarize="draw")
    torch.manual_seed(0)
    model = VAE(Encoder(data.image_shape, 8), Decoder(data.image_shape, 8))
    fit(model, data, epochs=EPOCHS, device="cpu")
    with torch.no_grad():
        ours = -torch.stack([elbo(model, data.test).mean() for _ in range(5)]).mean().item()
    assert costs[-1] == pytest.approx(ours, abs=0.5)


def test_its_samples_are_a_picture_of_digits(trained):
    folder, _ = trained
    sheet = 1 - matplotlib.pyplot.imread(folder / "samples.png")[..., 0]
    assert sheet.shape == (80, 80)
    mean = sheet.reshape(10, 8, 10, 8).mean((0, 2))
    assert np.abs(mean - load("digits").train.mean(0)[0].numpy()).mean() < 0.06


def test_it_trains_on_mnist_from_files(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 300), ("t10k", 50)):
        head = np.array([2051, n, 28, 28], dtype=">i4").tobytes()
        pixels = (255 * rng.random((n, 784)) ** 4).astype(np.uint8).tobytes()
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels))
    done = run(tmp_path, "--data", "mnist", "--folder", str(tmp_path), "--epochs", "1")
    assert done.returncode == 0, done.stderr
    cost = float(re.findall(r"-ELBO (\S+) nats", done.stdout)[0])
    assert 200 < cost < 784 * np.log(2) + 20
    assert matplotlib.pyplot.imread(tmp_path / "samples.png").shape[:2] == (280, 280)
