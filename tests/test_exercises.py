"""Every solution in a lesson passes its check; its stub, and each typical wrong answer, do not."""

import math
import re

import nbformat
import pytest
import torch

from tests.wrong import WRONG
from tools import lessons
from vae_course.lessons import checks

LESSONS = lessons.find()


def stubs(path):
    """(name of the check, source of its cell) of each exercise."""
    for cell in nbformat.read(path, as_version=4).cells:
        found = re.search(r"checks\.(check_\w+)\((\w+)\)", cell.source) if cell.cell_type == "code" else None
        if found:
            yield found[1], found[2], cell.source


def solutions(path):
    """The solutions of a lesson in their order: code in the folded parts called Solution."""
    for cell in nbformat.read(path, as_version=4).cells:
        for part in re.findall(r"<details><summary>Solution</summary>(.*?)</details>", cell.source, re.S):
            block = re.search(r"```python\n(.*?)```", part, re.S)
            inline = re.search(r"`(\w+ = .*?)`", part, re.S)
            yield block[1] if block else inline[1]


EXERCISES = [
    pytest.param(check, answer, stub, solution, id=f"{path.stem[:2]}-{check}")
    for path in LESSONS
    for (check, answer, stub), solution in zip(stubs(path), solutions(path), strict=True)
]


def run(source, name):
    scope = {"torch": torch, "math": math, "checks": checks}
    exec(source, scope)
    return scope[name]


@pytest.mark.parametrize(("check", "answer", "stub", "solution"), EXERCISES)
def test_the_stub_is_not_answered_and_the_solution_is_right(capsys, check, answer, stub, solution):
    assert getattr(checks, check)(run(stub, answer)) is False
    assert capsys.readouterr().out.splitlines()[-1] == "○ not answered yet"
    assert getattr(checks, check)(run(solution, answer)) is True
    assert capsys.readouterr().out == "✓ right\n"


def test_every_check_belongs_to_an_exercise():
    used = {p.values[0] for p in EXERCISES}
    assert used == {name for name in vars(checks) if name.startswith("check_")}


def test_what_a_check_says_of_draws_depends_on_no_seed_of_the_reader_and_changes_none(capsys):
    said = set()
    for seed in range(20):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        checks.check_draw_images(lambda m, n: 1 - m.decode(m.prior.sample((n,))).sample())
        assert torch.equal(torch.get_rng_state(), before)
        said.add(capsys.readouterr().out)
    assert len(said) == 1


RIGHT = [  # in other ways than the solution's
    ("check_waiting_times", lambda rate, n: -torch.log(1 - torch.rand(n, dtype=torch.float64)) / rate),
    ("check_waiting_times", lambda rate, n: torch.distributions.Exponential(rate).rsample((n,))),
    ("check_erase", lambda x, p: x.masked_fill(torch.rand_like(x) < p, 0)),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_another_right_answer_is_right(capsys, check, answer):
    assert getattr(checks, check)(answer) is True
    assert capsys.readouterr().out == "✓ right\n"


@pytest.mark.parametrize(("check", "answer", "complaint"), WRONG)
def test_a_typical_wrong_answer_is_recognised(capsys, check, answer, complaint):
    assert getattr(checks, check)(answer) is False
    assert complaint in capsys.readouterr().out


def test_every_check_recognises_two_wrong_answers():
    for name in (name for name in vars(checks) if name.startswith("check_")):
        assert sum(w[0] == name for w in WRONG) >= 2, name
