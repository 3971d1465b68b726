"""`claim(...)` for what a lesson asserts."""

from __future__ import annotations

from typing import Any

from torch import Tensor

_NO_BOUND: Any = object()


class ClaimError(AssertionError):
    """A claim of a lesson does not hold."""


def claim(
    sentence: str,
    value: Any,
    *,
    at_most: float | None = _NO_BOUND,
    at_least: float | None = _NO_BOUND,
    within: tuple[float, float] | None = _NO_BOUND,
    digits: int = 4,
) -> None:
    """Print the sentence with its value and bound, and raise ClaimError where the bound does not hold.

    value: a number with exactly one bound, or a plain bool for an exact fact.
    digits: how many of the number to print; two where it varies by more than a few per cent between processors
    A bound of None, as for a data set whose bound is not known, only prints what was measured.
    """
    bounds: dict[str, Any] = {
        name: bound
        for name, bound in (("at_most", at_most), ("at_least", at_least), ("within", within))
        if bound is not _NO_BOUND
    }
    if isinstance(value, Tensor):
        value = value.item()
    if type(value).__name__ in ("bool", "bool_"):
        if bounds:
            raise TypeError("a bool has no bound: claim a number, or leave the bound out")
        holds, relation = bool(value), ""
    elif len(bounds) != 1:
        raise TypeError("a number needs one bound: at_most, at_least or within")
    else:
        kind, bound = next(iter(bounds.items()))
        value = float(value)
        if bound is None:
            print(f"· {sentence}   {_printed(value, digits)} (measured, not asserted)")
            return
        if kind == "within":
            low, high = bound
            holds, relation = low <= value <= high, f"   {_printed(value, digits)} in [{low:g}, {high:g}]"
        elif kind == "at_most":
            holds, relation = value <= bound, f"   {_printed(value, digits)} ≤ {bound:g}"
        else:
            holds, relation = value >= bound, f"   {_printed(value, digits)} ≥ {bound:g}"
    print(f"{'✓' if holds else '✗'} {sentence}{relation}")
    if not holds:
        raise ClaimError(f"this claim does not hold: {sentence}{relation}")


def _printed(value: float, digits: int) -> str:
    """Of what is as small as an error of rounding, the size alone means something: two digits."""
    return f"{value:.2g}" if abs(value) < 1e-3 else f"{value:.{digits}g}"
