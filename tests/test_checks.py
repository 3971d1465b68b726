"""checks/: a claim that is false stops the lesson, and a check of an answer never does."""

import math

import numpy as np
import pytest
import torch

from vae_course.lessons.checks import ClaimError, claim
from vae_course.lessons.checks.answers import exercise, given


@pytest.mark.parametrize(
    ("value", "bound", "printed"),
    [
        (23.456, {"at_most": 24.5}, "✓ it holds   23.46 ≤ 24.5\n"),
        (24.5, {"at_most": 24.5}, "✓ it holds   24.5 ≤ 24.5\n"),
        (2.5, {"at_least": 2.5}, "✓ it holds   2.5 ≥ 2.5\n"),
        (torch.tensor(0.25), {"within": (0, 1)}, "✓ it holds   0.25 in [0, 1]\n"),
        (np.float32(1), {"within": (0, 1)}, "✓ it holds   1 in [0, 1]\n"),
        (3.8777e-08, {"at_most": 1e-5}, "✓ it holds   3.9e-08 ≤ 1e-05\n"),  # the size of an error of rounding
        (1.8765, {"at_least": 1.3, "digits": 2}, "✓ it holds   1.9 ≥ 1.3\n"),
        (True, {}, "✓ it holds\n"),
        (np.bool_(True), {}, "✓ it holds\n"),
        (torch.tensor(True), {}, "✓ it holds\n"),
        (3.0, {"at_most": None}, "· it holds   3 (measured, not asserted)\n"),
    ],
)
def test_what_a_claim_prints(capsys, value, bound, printed):
    claim("it holds", value, **bound)
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("value", "bound"),
    [
        (24.6, {"at_most": 24.5}),
        (2.4, {"at_least": 2.5}),
        (1.1, {"within": (0, 1)}),
        (-0.1, {"within": (0, 1)}),
        (False, {}),
        (float("nan"), {"at_most": 24.5}),
        (float("nan"), {"at_least": 24.5}),
        (float("nan"), {"within": (0, 1)}),
        (float("inf"), {"at_most": 24.5}),
    ],
)
def test_a_false_claim_is_printed_and_stops(capsys, value, bound):
    with pytest.raises(ClaimError, match="this claim does not hold: it holds"):
        claim("it holds", value, **bound)
    assert capsys.readouterr().out.startswith("✗ it holds")


@pytest.mark.parametrize(
    ("value", "bound"), [(1.0, {}), (1, {}), (True, {"at_most": 1}), (1.0, {"at_most": 1, "at_least": 0})]
)
def test_a_number_needs_one_bound_and_a_bool_none(value, bound):
    with pytest.raises(TypeError):
        claim("it holds", value, **bound)


@exercise
def check_double(double):
    """An exercise to test the machinery with."""
    return None if given(double(2)) == 4 else "two times two is four"


@pytest.mark.parametrize(
    ("answer", "right", "printed"),
    [
        (..., False, "○ not answered yet"),
        (None, False, "○ not answered yet"),
        (lambda x: ..., False, "○ not answered yet"),
        (lambda x: None, False, "✗ your function returns None: is its `return` missing?"),
        (lambda x: x + x, True, "✓ right"),
        (lambda x: x, False, "✗ two times two is four"),
        (lambda x: 1 / 0, False, "✗ your answer stopped with ZeroDivisionError: division by zero"),
        (lambda x, y: x, False, "✗ your answer stopped with TypeError: "),
        ("four", False, "✗ your answer stopped with TypeError: 'str' object is not callable"),
    ],
)
def test_a_check_says_what_is_wrong_and_never_raises(capsys, answer, right, printed):
    assert check_double(answer) is right
    assert capsys.readouterr().out.startswith(printed)


def test_a_check_names_the_line_of_an_answer_that_stops(capsys):
    def mine(x):
        y = x + 1
        return math.log(torch.zeros(2)) + y

    check_double(mine)
    assert capsys.readouterr().out.endswith(", in the line: return math.log(torch.zeros(2)) + y\n")
