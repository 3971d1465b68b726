"""Each planted fault is noticed by the test that is named beside it, and that test passes without it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import FAULTS, ROOT, plant

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def run_test():
    """run_test(folder, *tests) -> (pytest's exit status, its output)."""
    command = [sys.executable, str(HERE / "fault_server.py")]
    if not hasattr(os, "fork"):  # Windows: a new process each time

        def alone(folder, *tests):
            done = subprocess.run([*command, str(folder), *tests], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr

        yield alone
        return
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def forked(folder, *tests):
            server.stdin.write(json.dumps([str(folder), tests]) + "\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        yield forked
        server.stdin.close()


def prepare(folder, fault):
    plant(fault, folder)
    (folder / "tests").mkdir()
    for file in HERE.glob("*.py"):
        shutil.copy(file, folder / "tests")
    return folder


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_the_fault_is_noticed(fault, run_test, tmp_path):
    status, output = run_test(prepare(tmp_path, fault), fault.caught_by)
    assert status == 1, output  # 1: a test ran and failed; anything else is a fault of this machinery
    assert "1 failed" in output, output


def test_without_a_fault_all_of_these_tests_pass(run_test, tmp_path):
    status, output = run_test(prepare(tmp_path, None), *sorted({fault.caught_by for fault in FAULTS}))
    assert status == 0, output


def test_every_fault_is_another():
    assert len({f.name for f in FAULTS}) == len({(f.file, f.right, f.wrong) for f in FAULTS}) == len(FAULTS)
    assert all((ROOT / "vae_course" / f.file).exists() for f in FAULTS)
