"""doctor.py and `python -m vae_course`: what is wrong with a machine is said in one line, with what to do."""

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest
import torch

from vae_course import __main__ as command
from vae_course import doctor
from vae_course.data import files, sets
from vae_course.data.files import File
from vae_course.data.sets import SETS
from vae_course.data.toy import LinearGaussian
from vae_course.models import DiagonalNormal


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A data folder of the test's own, and no shared one."""
    monkeypatch.setattr(files, "folder", lambda: tmp_path / "data")
    monkeypatch.delenv("VAE_COURSE_DATA", raising=False)
    return tmp_path


def lines(part):
    return [str(finding) for finding in doctor._guarded(part)]


def test_this_machine_is_ready_and_the_report_is_one_line_each():
    report = doctor.examine()
    assert report.ready, str(report)
    printed = str(report).splitlines()
    assert len(printed) == len(report.findings)
    assert all(re.match("(ok  |note) ", line) for line in printed)
    subjects = [f.subject for f in report.findings if f.subject != "other data"]  # said where some are not here
    assert subjects == [
        "Python", "packages", "torch", "torchvision", "device", "threads", "memory", "disk", "data sets", "arithmetic",
    ]  # fmt: skip


def test_a_note_leaves_the_machine_ready_and_a_fix_does_not():
    fine, note = doctor.Finding("disk", "1 GB"), doctor.Finding("disk", "1 GB", True, "make room")
    fix = doctor.Finding("disk", "none", False, "make room")
    assert [str(f).split()[0] for f in (fine, note, fix)] == ["ok", "note", "FIX"]
    assert str(fix).endswith("none: make room")
    assert doctor.Report((fine, note)).ready
    assert not doctor.Report((fine, fix)).ready


PINS = {"torch": "2.13.0", "numpy": "2.4.6", "matplotlib": "3.11.2", "tqdm": "4.70.1", "mypy": "2.4.1"}


def without(*missing, **others):
    def version(name):
        if name in missing:
            raise PackageNotFoundError(name)
        return others.get(name, PINS[name])

    return version


@pytest.mark.parametrize(
    ("version", "line"),
    [
        (without(), "ok   packages     5 as pinned$"),
        (without(torch=PINS["torch"] + "+cu130"), "ok   packages     5 as pinned$"),
        (without("matplotlib", "tqdm"), "FIX  packages .* matplotlib, tqdm: python -m pip install -r requirements.txt"),
        (
            without(numpy="1.26.4"),
            "note packages     numpy 1.26.4 for 2.4.6: not the pinned versions, so numbers may",
        ),
        (without("mypy"), "note packages     no mypy: not the pinned versions"),
    ],
)
def test_packages_are_compared_with_the_pins(monkeypatch, version, line):
    monkeypatch.setattr(doctor, "_pins", lambda: PINS)
    monkeypatch.setattr(doctor, "version", version)
    assert re.match(line, lines(doctor._versions)[0])


def test_without_requirements_there_is_nothing_to_compare_with(monkeypatch, tmp_path):
    assert PINS.keys() <= doctor._pins().keys()
    monkeypatch.setattr(files, "COURSE", tmp_path)
    assert lines(doctor._versions)[0] == "ok   packages     no requirements.txt here to compare with"


def test_old_versions_are_to_be_replaced(monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST_TORCH", (99, 0))
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    assert lines(doctor._python)[0].startswith("FIX  Python ")
    assert lines(doctor._versions)[1].startswith("FIX  torch ")


def raises(error):
    def part(*_, **__):
        raise error

    return part


def test_a_part_that_fails_is_one_line_and_the_rest_is_reported(monkeypatch):
    for part in ("_torchvision", "_data_sets", "_arithmetic"):  # the slow ones
        monkeypatch.setattr(doctor, part, lambda: iter([doctor.Finding("quick", "")]))
    monkeypatch.setattr(doctor.shutil, "disk_usage", raises(RuntimeError("several\n  lines")))
    report = doctor.examine()
    assert not report.ready
    assert "FIX  disk         RuntimeError: several lines: paste `--report` into a question" in str(report).splitlines()
    assert [f.subject for f in report.findings].count("quick") == 3


@pytest.mark.parametrize(
    ("part", "place", "value", "line"),
    [
        ("_disk", "shutil.disk_usage", SimpleNamespace(free=3e8), "note disk .* 0.3 GB free for data sets: make room"),
        ("_disk", "os.access", False, "note disk .*: data/ cannot be written: .* set VAE_COURSE_DATA to a folder"),
        ("_threads", "torch.get_num_threads", 99999, r"note threads .*: .* set OMP_NUM_THREADS=\d+$"),
        ("_device", "torch.cuda.is_available", False, "ok   device "),
    ],
)  # fmt: skip
def test_what_is_scarce_gets_a_note(monkeypatch, part, place, value, line):
    owner, name = place.split(".")[-2:]
    owner = {"cuda": torch.cuda}.get(owner) or getattr(doctor, owner)
    monkeypatch.setattr(owner, name, lambda *_: value)
    assert re.match(line, lines(getattr(doctor, part))[0])


def test_little_memory_gets_a_note_and_unknown_memory_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=1.5e9)))
    assert lines(doctor._memory) == ["note memory       1.5 GB free: a lesson takes 1 GB: close other programs"]
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert lines(doctor._memory) == ["ok   memory       not known without psutil"]


def test_without_torchvision_the_machine_is_ready_for_all_but_three_sets(monkeypatch):
    missing = raises(ImportError("No module named 'torchvision'"))
    monkeypatch.setattr(doctor, "import_torchvision", missing)
    monkeypatch.setattr(sets, "import_torchvision", missing)
    assert lines(doctor._torchvision)[0].startswith("note torchvision  not installed")
    assert lines(doctor._data_sets)[0] == "ok   data sets    here: digits, glyphs"
    assert doctor.state("mnist") == "needs torchvision"


def test_where_a_data_set_is(monkeypatch, folder):
    content = {"md5:900150983cd24fb0d6963f7d28e17f72": b"abc"}
    wanted = tuple(File(f"{n}.gz", md5) for n in (1, 2) for md5 in content)
    monkeypatch.setitem(SETS, "mnist", sets.ImageSet("", "", SETS["mnist"].read, 1.0, lambda: wanted))
    monkeypatch.setenv("VAE_COURSE_DATA", str(folder / "shared"))
    states = [doctor.state("digits"), doctor.state("mnist")]
    for place, name in (("shared", "1.gz"), ("shared", "2.gz"), ("data", "1.gz"), ("data", "2.gz")):
        (folder / place).mkdir(exist_ok=True)
        (folder / place / name).write_bytes(b"abc")
        states.append(doctor.state("mnist"))
    (folder / "data" / "1.gz").write_bytes(b"abd")
    states.append(doctor.state("mnist"))
    shared, fetched = "in VAE_COURSE_DATA", "to be downloaded"
    assert states == ["embedded", fetched, fetched, shared, shared, "here", shared]


def test_the_self_test_passes_and_leaves_the_random_state_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert all(doctor.self_test().values())
    assert torch.equal(torch.get_rng_state(), state)


multiply, gradient, posterior = torch.Tensor.__matmul__, torch.autograd.grad, LinearGaussian.posterior
WRONG = {
    "KL divergence": (DiagonalNormal, "rsample", lambda q, n=(): q.mean + torch.randn(*n, *q.mean.shape)),
    "Bayes' rule": (LinearGaussian, "posterior", lambda model, x: posterior(model, x + 0.001)),
    "gradients": (torch.autograd, "grad", lambda *a: [1.001 * gradient(*a)[0]]),
    "matrix product": (torch.Tensor, "__matmul__", lambda a, b: multiply(a, b) * (1.01 if len(a) == 300 else 1)
                       if a.dtype == torch.float32 else multiply(a, b)),
    "a VAE on glyphs": (doctor, "iwae_bound", lambda *_, **__: torch.tensor([1.0, 2.0, 3.0, torch.nan])),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_self_test_notices_a_wrong_operation(monkeypatch, name):
    monkeypatch.setattr(*WRONG[name])
    assert [n for n, passed in doctor.self_test().items() if not passed] == [name]
    assert lines(doctor._arithmetic)[0].startswith(f"FIX  arithmetic   wrong: {name}: this torch computes wrongly here")


# The command line


def run(capsys, *arguments):
    status = command.main(list(arguments))
    out, err = capsys.readouterr()
    assert not err
    return status, out


def test_the_report_is_one_block_that_names_no_user_and_no_folder(monkeypatch, capsys, tmp_path):
    private = {
        "HOME": str(tmp_path / "somebody"),
        "USERPROFILE": str(tmp_path / "somebody"),
        "VAE_COURSE_DATA": str(tmp_path / "secret"),
    }
    for name, value in private.items():
        monkeypatch.setenv(name, value)
    places = (f"{os.path.expanduser('~')}/x", f"{files.COURSE}/data", f"{tmp_path}/secret/y")
    monkeypatch.setattr(doctor, "_data_sets", raises(OSError(" ".join(places))))
    for slow in ("_torchvision", "_arithmetic"):
        monkeypatch.setattr(doctor, slow, lambda: iter(()))
    status, out = run(capsys, "doctor", "--report")
    assert status == 1
    assert out.startswith("```text\n")
    assert out.endswith("\n```\n")
    assert out.count("```") == 2
    assert "OSError: ~/x <course>/data <data>/y" in out
    assert "VAE_COURSE_DATA is set" in out
    assert not [value for value in (*private.values(), str(files.COURSE)) if value in out]
    assert f"torch {torch.__version__.partition('+')[0]}" in out


@pytest.mark.parametrize(
    ("ready", "last"), [(True, "this machine is ready"), (False, "not ready: do what stands behind FIX")]
)
def test_the_doctor_ends_with_the_verdict(monkeypatch, capsys, ready, last):
    report = doctor.Report((doctor.Finding("disk", "1 GB", ready, "" if ready else "make room"),))
    monkeypatch.setattr(doctor, "examine", lambda: report)
    status, out = run(capsys, "doctor")
    assert status == (not ready)
    assert out.splitlines() == [str(report), "", last]


def test_every_data_set_is_listed(capsys):
    status, out = run(capsys, "data")
    assert status == 0
    rows = [line.split() for line in out.split("\n\n")[0].splitlines()[1:]]
    assert [row[0] for row in rows] == [*SETS, "toy"]
    assert [row[0] for row in rows if row[1] == "embedded"] == ["digits", "glyphs", "toy"]
    assert "cifar10          to be downloaded      170 MB  photographs" in out


def test_what_is_fetched_is_verified_and_what_is_not_there_gets_a_sentence(monkeypatch, capsys, folder):
    (folder / "data").mkdir()
    (folder / "data" / "a.gz").write_bytes(b"abc")
    here, closed = (
        File("a.gz", "md5:900150983cd24fb0d6963f7d28e17f72"),
        File("b.gz", "md5:0", ("http://127.0.0.1:9/b.gz",)),
    )
    for name, wanted in (("mnist", here), ("kmnist", closed)):
        monkeypatch.setitem(SETS, name, sets.ImageSet("", "", SETS[name].read, 1.0, lambda wanted=wanted: (wanted,)))
    assert run(capsys, "data", "mnist", "glyphs") == (
        0, "mnist: here and verified\nglyphs: embedded, needs no file\n"
    )  # fmt: skip
    status, out = run(capsys, "data", "kmnist", "fashion_mnst", "xyz", "mnist")
    assert status == 1
    failed, near, unknown, fine = out.splitlines()
    assert failed.startswith("kmnist: b.gz, expected with md5:0, cannot be had: ")
    assert near == "there is no data set called 'fashion_mnst': did you mean 'fashion_mnist'?"
    assert unknown == f"there is no data set called 'xyz': there are: {', '.join(SETS)}"
    assert fine.startswith("mnist: ")


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--report"], ["data"], ["data", "mnist"]], ids=" ".join)
def test_where_torch_cannot_be_imported_one_sentence_says_what_to_do(tmp_path, arguments):
    (tmp_path / "torch.py").write_text("raise ImportError('No module named torch')")
    done = subprocess.run(
        [sys.executable, "-m", "vae_course", *arguments], cwd=files.COURSE, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == (
        "a package of the course cannot be imported (No module named torch): "
        "run `make setup` in the folder of the course\n"
    )
    assert not done.stderr
