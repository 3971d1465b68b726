"""nbval compares text letter by letter; results differ in the third digit between processors.

`Tolerant` is a str that is equal to another where the words are the same and the decimal numbers close: within 2 % of
the recorded one, or of the range that `make robust` measured for it under other instructions and numbers of threads
(results/spread.json).
nbval 0.11.0 has no hook for that; every output passes through `IPyNbCell.sanitize`, so `install` wraps it. It also lets
kernels start under the conditions of tools/recording.py.
"""

import functools
import json
import math
import os
import re
from pathlib import Path
from unittest import mock

from tools import recording

SAME = "as recorded, letter by letter"
RELATIVE, ABSOLUTE = 0.02, 2e-3
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)", re.IGNORECASE)
SPREAD = Path(__file__).resolve().parent.parent / "results" / "spread.json"

Range = tuple[float, float]


class Tolerant(str):
    """Text whose decimal numbers may differ by 2 %, or by 0.002. Words may not, nor whole numbers without a range.

    ranges: for each number, the lowest and highest that was measured, or None; 2 % then lie beyond these, or once more
    the width of the range, if that is more
    """

    ranges: list[Range | None] | None

    def __new__(cls, text: str, ranges: list[Range | None] | None = None) -> "Tolerant":
        made = super().__new__(cls, text)
        made.ranges = ranges
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        mine, theirs = numbers(self), numbers(other)
        if words(self) != words(other) or len(mine) != len(theirs):
            return False
        return all(map(close, mine, theirs, self.ranges or [None] * len(mine)))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def numbers(text: str) -> list[str]:
    return NUMBER.findall(text)


def words(text: str) -> str:
    """The text around the numbers; how many spaces pad a column depends on the numbers' width."""
    return re.sub(r"\s+", " ", NUMBER.sub("0", text))


def value(number: str) -> float:
    return float(number.replace("−", "-"))


def is_whole(number: str) -> bool:
    return re.fullmatch(r"[-+−]?\d+", number) is not None


def close(recorded: str, found: str, measured: Range | None = None) -> bool:
    """Whether a number may stand in the place of the recorded one."""
    if recorded == found:
        return True
    if is_whole(recorded) and is_whole(found) and measured is None:  # a count; but 11 may be 11.4 with two digits
        return False
    low, high = measured or (value(recorded), value(recorded))
    x = value(found)
    slack = max(high - low, RELATIVE * max(abs(low), abs(high), abs(x)), ABSOLUTE)
    return math.isfinite(x) and low - slack <= x <= high + slack


def significant_digits(number: str) -> int:
    """How many digits a printed number claims to know: 0.0120 has three, 1.2e-05 two."""
    mantissa = re.sub(r"[-+−]|e.*", "", number.lower())
    return max(1, len(mantissa.replace(".", "").lstrip("0")))


def too_many_digits(number: str, low: float, high: float) -> bool:
    """Whether a number that varies by more than a tenth is printed as if three of its digits were known.

    Below the absolute tolerance stand errors of rounding, whose size alone says something.
    """
    largest = max(abs(low), abs(high))
    varies = largest > ABSOLUTE and high - low > 0.1 * largest
    return varies and not is_whole(number) and significant_digits(number) > 2


@functools.cache
def spread(lesson: str) -> dict[str, list[Range | None]]:
    """What `make robust` measured for a lesson: recorded text -> a range for each of its numbers."""
    if not SPREAD.exists():
        return {}
    return json.loads(SPREAD.read_text(encoding="utf-8"))["lessons"].get(lesson, {})


def install() -> None:
    """Make nbval compare with tolerance, and start kernels as lessons are recorded."""
    from nbval.plugin import IPyNbCell, IPyNbFile

    exact, compare, start = IPyNbCell.sanitize, IPyNbCell.compare_outputs, IPyNbFile.setup

    def sanitize(self, text):
        text = exact(self, text)
        return Tolerant(text, spread(self.path.stem).get(text)) if isinstance(text, str) else text

    def compare_outputs(self, test, ref, skip_compare=None):
        self.user_properties.append((SAME, shown(test) == shown(ref)))
        return compare(self, test, ref, skip_compare)

    def setup(self):
        with mock.patch.dict(os.environ, recording.environment()):
            return start(self)

    IPyNbCell.sanitize, IPyNbCell.compare_outputs, IPyNbFile.setup = sanitize, compare_outputs, setup


def shown(outputs: list) -> list[tuple[str, str]]:
    """All that a cell shows, texts and pictures, letter by letter."""
    found = []
    for output in outputs:
        found += [(kind, str(content).strip()) for kind, content in sorted(output.get("data", {}).items())]
        found += [("text", output["text"])] if "text" in output else []
    return found


def told(reports: list) -> str:
    """How many compared cells came out letter by letter, and which did not, if few."""
    same = {report.nodeid: dict(report.user_properties).get(SAME) for report in reports}
    compared = {cell: equal for cell, equal in same.items() if equal is not None}
    others = [cell.removeprefix("notebooks/") for cell, equal in compared.items() if not equal]
    which = f"; not: {', '.join(others)}" if 0 < len(others) <= 12 else ""
    return f"{len(compared) - len(others)} of {len(compared)} compared cells came out letter by letter{which}"
