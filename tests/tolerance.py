"""nbval compares text letter by letter; results differ in the third digit between processors.

`Tolerant` is a str that is equal to another where the words are the same and the decimal numbers close.
nbval 0.11.0 has no hook for that; every output passes through `IPyNbCell.sanitize`, so `install` wraps it.
"""

import math
import re

RELATIVE, ABSOLUTE = 0.02, 2e-3
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)", re.IGNORECASE)


class Tolerant(str):
    """Text whose decimal numbers may differ by 2 %, or by 0.002. Whole numbers and words may not."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        mine, theirs = NUMBER.findall(self), NUMBER.findall(other)
        same_words = _words(self) == _words(other)
        return same_words and len(mine) == len(theirs) and all(map(_close, mine, theirs))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _words(text: str) -> str:
    """The text around the numbers; how many spaces pad a column depends on the numbers' width."""
    return re.sub(r"\s+", " ", NUMBER.sub("0", text))


def _close(a: str, b: str) -> bool:
    if a == b:
        return True
    if re.fullmatch(r"[-+−]?\d+", a) and re.fullmatch(r"[-+−]?\d+", b):
        return False
    return math.isclose(float(a.replace("−", "-")), float(b.replace("−", "-")), rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def install() -> None:
    """Make nbval compare with tolerance."""
    from nbval.plugin import IPyNbCell

    exact = IPyNbCell.sanitize

    def sanitize(self, text):
        text = exact(self, text)
        return Tolerant(text) if isinstance(text, str) else text

    IPyNbCell.sanitize = sanitize
