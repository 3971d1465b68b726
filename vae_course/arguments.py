"""Numbers given as arguments, by people or by numpy: taken as Python's own, or refused in one sentence."""

from __future__ import annotations

import math
import operator
from typing import Any


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """`value` as an int. Whole numbers of numpy and torch are such too; True and 2.0 are not.

    Raises ValueError, which names the argument, where it is no whole number of at least `least` (and at most `most`).
    """
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or (most is not None and number > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {limits}, but it is {value!r}")
    return number


def real(value: Any) -> float:
    """`value` as a float: NaN, which lies within no bounds, where it is no number, as are True and "0.1"."""
    try:
        return math.nan if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # RuntimeError: a tensor of several numbers
        return math.nan
