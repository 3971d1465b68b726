"""tools/recording.py: one place says how lessons are run, and whatever runs one listens."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import lab, lessons, recording

PINNED = {**recording.SETTINGS, **recording.INSTRUCTIONS}
ON_X86 = platform.machine().lower() in ("x86_64", "amd64") and recording.has("AVX2")
SAY = f"import json, os\nprint(json.dumps({{name: os.environ.get(name) for name in {sorted(PINNED)}}}))"


@pytest.fixture
def nothing_said(monkeypatch):
    """An environment that says nothing of instructions, on an x86 processor with AVX2."""
    for name in (*PINNED, "UNPINNED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(recording, "has", lambda *_: True)


def test_all_is_pinned_where_nothing_is_said(nothing_said):
    assert {name: recording.environment()[name] for name in PINNED} == PINNED
    assert recording.instructions()[1] == "instructions: AVX2, as recorded"


def test_what_the_environment_says_comes_first_and_is_told(nothing_said):
    found = recording.environment({"ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2", "PATH": "here"})
    assert found == {**PINNED, "ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2", "PATH": "here"}
    told = recording.instructions({"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "AVX2"})[1]
    assert told == "instructions: AVX2, as recorded, but for ATEN_CPU_CAPABILITY=default, MKL_CBWR=AVX2"


@pytest.mark.parametrize("value", ["1", "yes"])
def test_unpinned_leaves_the_instructions_to_the_processor_and_nothing_else(nothing_said, value):
    assert recording.environment({"UNPINNED": value}) == {**recording.SETTINGS, "UNPINNED": value}
    assert "own, as UNPINNED asks" in recording.instructions({"UNPINNED": value})[1]
    for off in ("", "0"):
        assert recording.instructions({"UNPINNED": off})[0] == recording.INSTRUCTIONS


def test_a_processor_without_avx2_is_not_told_to_use_it(nothing_said, monkeypatch):
    monkeypatch.setattr(recording, "has", lambda *_: False)
    assert recording.environment({}) == recording.SETTINGS
    assert "it has no AVX2" in recording.instructions({})[1]


def test_another_kind_of_processor_is_named(nothing_said, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert recording.environment({}) == recording.SETTINGS
    assert "this arm64 processor's own" in recording.instructions({})[1]


@pytest.mark.skipif(not ON_X86, reason="needs an x86 processor with AVX2")
def test_torch_and_mkl_listen():
    """torch names its instructions; MKL, asked to, names its reproducibility mode with each product."""
    code = "import torch; print(torch.backends.cpu.get_cpu_capability()); torch.ones(64, 64) @ torch.ones(64, 64)"
    free = {name: value for name, value in os.environ.items() if name not in (*PINNED, "UNPINNED")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env={**recording.environment(free), "MKL_VERBOSE": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[0] == "AVX2" or "\nAVX2\n" in done.stdout
    if "MKL_VERBOSE" not in done.stdout:
        pytest.skip("this torch has no MKL")
    assert f"CNR:{PINNED['MKL_CBWR']}" in done.stdout


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "99_try.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SAY)]), path)
    return path


def wanted():
    return {name: recording.environment().get(name) for name in sorted(PINNED)}


def test_the_kernel_of_the_recording_tool_listens(small):
    book, _ = lessons.run(small)
    assert json.loads(lessons.printed(book)) == wanted()


def test_the_kernel_of_nbval_listens(small, pytester):
    book = nbformat.read(small, as_version=4)
    text = json.dumps(wanted()) + "\n"
    book.cells[0].update(execution_count=1, outputs=[nbformat.v4.new_output("stream", name="stdout", text=text)])
    nbformat.write(book, pytester.path / "lesson.ipynb")
    root = str(lessons.ROOT)
    pytester.makeconftest(
        f"import sys; sys.path.insert(0, {root!r})\nfrom tests import tolerance; tolerance.install()\n"
    )
    result = pytester.runpytest_subprocess("--nbval", "--nbval-current-env", "lesson.ipynb")
    result.assert_outcomes(passed=1)


def test_the_kernels_of_jupyterlab_listen_but_see_a_gpu(nothing_said):
    found = lab.environment()
    assert {name: found[name] for name in recording.INSTRUCTIONS} == recording.INSTRUCTIONS
    assert found["OMP_NUM_THREADS"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in found


def test_nothing_else_names_these_variables():
    """One place: whoever sets one of them elsewhere is one that was forgotten, or has said why."""
    told = {"tools/recording.py", "tools/robust.py"}
    for path in [*lessons.ROOT.glob("tools/*.py"), lessons.ROOT / "conftest.py", lessons.ROOT / "Makefile"]:
        name = path.relative_to(lessons.ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        assert name in told or not any(variable in text for variable in recording.INSTRUCTIONS), name


def recorded_again(path, into):
    book, _ = lessons.run(path)
    lessons.clean(book)
    target = Path(into) / path.name
    lessons.write(book, target)
    return target


def without_what_may_vary(path):
    """The bytes of a lesson but for the outputs of cells that show timings, devices or widgets."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if lessons.IGNORED in cell.metadata.get("tags", []):
            cell.outputs = []
    return nbformat.writes(book)


def test_a_lesson_recorded_twice_is_the_same_to_the_last_byte(tmp_path):
    """Pictures too. Where the instructions are those of the recording, the first time is the one that is on record."""
    path = lessons.find("00")[0]
    environment = recording.environment()
    as_recorded = all(environment.get(name) == value for name, value in PINNED.items())
    first = path if as_recorded else recorded_again(path, tmp_path / "first")
    assert without_what_may_vary(recorded_again(path, tmp_path / "again")) == without_what_may_vary(first)
