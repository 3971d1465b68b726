"""`make test LESSON=05`: what belongs to a lesson is run, and nothing else is."""

import subprocess
import sys

import pytest

from tests import one_lesson
from tests.faults import FAULTS
from tools import lessons


def collected(lesson):
    command = [sys.executable, "-m", "pytest", "--lesson", lesson, "--collect-only", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=lessons.ROOT, capture_output=True, text=True)


def test_its_cells_rules_exercises_and_faults_and_nothing_else():
    done = collected("00")
    names = [line for line in done.stdout.splitlines() if "::" in line]
    assert done.returncode == 0, done.stdout + done.stderr
    for wanted in (
        "notebooks/00_start_here.ipynb::Cell 0",
        "tests/test_lessons.py::test_the_lesson_keeps_the_house_rules[00_start_here]",
        "tests/test_exercises.py::test_the_stub_is_not_answered_and_the_solution_is_right[00-check_home_of]",
        "tests/test_faults.py::test_the_fault_is_noticed[KL sign]",
    ):
        assert wanted in names
    assert any("test_a_typical_wrong_answer_is_recognised[check_home_of" in name for name in names)
    assert not any("01_autoencoders" in name or "check_erase" in name or "test_setup" in name for name in names)


def test_a_lesson_that_is_not_there_is_said_not_to_be():
    done = collected("77")
    assert done.returncode != 0
    assert "no lesson has the number '77'" in done.stdout + done.stderr


@pytest.mark.parametrize("path", lessons.find(), ids=lambda p: p.stem)
def test_every_lesson_has_faults_in_what_it_imports(path):
    planted = one_lesson.planted_in_what_it_imports(path)
    assert planted
    assert {fault.file for fault in planted} < {fault.file for fault in FAULTS}


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("from vae_course.models import VAE, priors", {"models/vae.py", "models/priors.py"}),
        ("from vae_course.models import gaussian", {"models/likelihoods.py"}),
        ("from vae_course.data.toy import LinearGaussian\nimport torch", {"data/toy.py"}),
        ("from vae_course import doctor\nfrom vae_course.training import fit", {"doctor.py", "training/loop.py"}),
        ("from vae_course.objectives import elbo", {"objectives.py"}),
    ],
)
def test_a_name_leads_to_the_file_that_defines_it(source, files):
    assert one_lesson.files_of(source) == files
