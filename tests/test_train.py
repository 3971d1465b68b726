"""experiments/train.py, alone and under torchrun: what it says, its exit status, and its checkpoint."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vae_course.training.checkpoints import load

ROOT = Path(__file__).resolve().parent.parent
ALONE = [sys.executable, "-W", "ignore"]
TORCHRUN = [*ALONE, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
SMALL = ["--n-train", "300", "--hidden", "30", "--latent", "4", "--batch-size", "50", "--device", "cpu"]


def run(command, *arguments, script="experiments/train.py"):
    environment = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(ROOT / script), *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment, cwd=ROOT, timeout=1200,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def said_by_the_script(err):
    """Its lines, without what torchrun and gloo say."""
    return [line for line in err.splitlines() if line.startswith("train.py")]


def test_alone_and_resumed(tmp_path):
    path = tmp_path / "a.pt"
    status, out, err = run(ALONE, *SMALL, "--epochs", 2, "--checkpoint", path)
    assert (status, err) == (0, "")
    assert re.search(r"Dataset\('digits', 300 training .* on cpu: 2 epochs in \S+ s\nobjective in nats: train -", out)
    status, out, err = run(ALONE, *SMALL, "--epochs", 3, "--checkpoint", path, "--resume", "--test-every", 1)
    assert (status, err) == (0, "")
    assert "3 epochs" in out
    assert ", test -" in out
    assert load(path)["epoch"] == 3


def test_two_processes_under_torchrun(tmp_path):
    path = tmp_path / "a.pt"
    settings = [*SMALL, "--checkpoint", path, "--lr", 3e-3]
    status, out, err = run(TORCHRUN, *settings, "--epochs", 4)
    assert status == 0, err
    assert "on cpu, 2 processes: 4 epochs" in out
    assert out.count("objective in nats") == 1
    _, alone, _ = run(ALONE, *SMALL, "--lr", 3e-3, "--epochs", 4)
    ends = [float(re.search(r"train (-[\d.]+)", text)[1]) for text in (out, alone)]
    assert ends[0] == pytest.approx(ends[1], rel=0.02)
    status, out, err = run(TORCHRUN, *settings, "--epochs", 5, "--resume")
    assert status == 0, err
    assert load(path)["epoch"] == 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--device", "cuda:99"], "there is no device 'cuda:99' here"),
        (["--data", "mnits"], "did you mean 'mnist'"),
        (["--epochs", "0"], "epochs must be a whole number of at least 1"),
        (["--resume"], "give checkpoint="),
        (["--binarize", "None"], "pixels are grey"),
        (["--latent", "-3"], "--latent must be a whole number of at least 1, but it is -3"),
        (["--hidden", "0"], "--hidden must be a whole number of at least 1"),
        (["--data", "no/such/folder"], "there is no folder or file"),
        (["--k", "5"], "--k 5 is for --objective iwae"),
        (["--checkpoint", "tests"], "tests is a folder: name a file in it"),
    ],
)
def test_bad_input_alone(arguments, sentence):
    status, out, err = run(ALONE, *SMALL, *arguments)
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert sentence in err


def test_a_checkpoint_of_another_shape(tmp_path):
    path = tmp_path / "a.pt"
    run(ALONE, *SMALL, "--epochs", 1, "--checkpoint", path)
    before = path.read_bytes()
    status, _, err = run(ALONE, *SMALL, "--hidden", 31, "--epochs", 2, "--checkpoint", path, "--resume")
    assert status == 1
    assert len(err.splitlines()) == 1
    assert "of another model: encoder.net.1.weight is (30, 64) there, and (31, 64) in yours" in err
    assert path.read_bytes() == before


FAILURES = [
    ("memory", "cpu is out of memory at 50 images a batch"),
    ("disk", "No space left on device"),
    ("nan", "the objective stopped being finite at step"),
    ("killed", None),
]


@pytest.mark.parametrize(("kind", "sentence"), FAILURES[:3])
def test_a_failure_alone_leaves_the_last_good_checkpoint(tmp_path, kind, sentence):
    path = tmp_path / "a.pt"
    arguments = [*SMALL, "--checkpoint", path, "--epochs", 500]
    status, out, err = run(ALONE, kind, 0, *arguments, script="tests/failing_training.py")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1, err
    assert sentence in err
    assert load(path)["epoch"] >= 1
    assert not path.with_name("a.pt.part").exists()


@pytest.mark.parametrize(("kind", "sentence"), FAILURES)
def test_one_process_that_fails_ends_all_with_one_message(tmp_path, kind, sentence):
    path = tmp_path / "a.pt"
    arguments = [*SMALL, "--checkpoint", path, "--epochs", 500]
    failing = 0 if kind == "disk" else 1  # process 0 is the one that saves
    status, out, err = run(TORCHRUN, kind, failing, *arguments, script="tests/failing_training.py")
    assert (status, out) == (1, ""), err
    said = said_by_the_script(err)
    assert len(said) == (sentence is not None), err
    assert sentence is None or sentence in said[0]
    assert load(path)["epoch"] >= 1
    status, _, err = run(ALONE, *SMALL, "--epochs", load(path)["epoch"] + 1, "--checkpoint", path, "--resume")
    assert status == 0, err
