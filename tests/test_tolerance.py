"""nbval with tolerance: the third digit may differ, nothing else may."""

from pathlib import Path

import nbformat
import pytest

from tests.tolerance import Tolerant


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        ("✓ -ELBO   22.99 ≤ 24.5", "✓ -ELBO   23.10 ≤ 24.5"),
        ("gap 0.0012", "gap 0.0029"),
        ("mean 23", "mean 23.01"),
        ("a     9.98  b", "a    10.02  b"),
        ("3.815e-06", "9e-05"),
        ("−0.70 nats", "−0.71 nats"),
        ("<Figure size 640x360 with 1 Axes>", "<Figure size 640x360 with 1 Axes>"),
    ],
)
def test_the_third_digit_may_differ(recorded, found):
    assert Tolerant(recorded) == Tolerant(found)
    assert not Tolerant(recorded) != found


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        ("✓ -ELBO   22.99 ≤ 24.5", "✗ -ELBO   22.99 ≤ 24.5"),
        ("-ELBO 22.99", "-ELBO 23.99"),
        ("-ELBO 22.99", "-ELBO nan"),
        ("-ELBO 22.99", "-ELBO 22.99 22.99"),
        ("gain 0.70", "gain -0.70"),
        ("7 of 9 units", "8 of 9 units"),
        ("1797 images", "1798 images"),
        ("<Figure size 640x360 with 1 Axes>", "<Figure size 640x360 with 2 Axes>"),
        ("torch 2.13.0", "torch 2.13.1"),
        ("○ not answered yet", "✓ right"),
        ("a fails: z_is_drawn", "a fails: kl_is_a_cost"),
    ],
)
def test_nothing_else_may(recorded, found):
    assert Tolerant(recorded) != Tolerant(found)
    assert not Tolerant(recorded) == found


@pytest.mark.parametrize(("shift", "passes"), [("0.001", True), ("0.5", False)])
def test_nbval_uses_it(pytester, shift, passes):
    """A notebook whose stored output is off by a little passes, and by more fails, in nbval itself."""
    cell = nbformat.v4.new_code_cell(
        "print(f'loss {1.0:.3f}')",
        execution_count=1,
        outputs=[nbformat.v4.new_output("stream", name="stdout", text=f"loss {1 + float(shift):.3f}\n")],
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), pytester.path / "lesson.ipynb")
    root = str(Path(__file__).resolve().parent.parent)
    pytester.makeconftest(
        f"import sys; sys.path.insert(0, {root!r})\nfrom tests import tolerance; tolerance.install()\n"
    )
    result = pytester.runpytest_subprocess("--nbval", "--nbval-current-env", "lesson.ipynb")
    result.assert_outcomes(passed=int(passes), failed=int(not passes))
