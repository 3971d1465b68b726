"""What the checks of exercises share: they print ○, ✗ and why, or ✓, and never raise."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable
from typing import Any

from torch import Tensor


class NotAnswered(Exception):
    """The stub is still as the lesson left it."""


def given(value: Any) -> Any:
    """The value, unless the stub is still as the lesson left it."""
    if value is ... or value is None:
        raise NotAnswered
    return value


def watched(answer: Any, returned: list[Any]) -> Any:
    """The answer; if it is a function, one that leaves in `returned` what it returned last, unless it raised."""
    if not callable(answer):
        return answer

    @functools.wraps(answer)
    def call(*args: Any, **kwargs: Any) -> Any:
        returned.clear()
        returned.append(answer(*args, **kwargs))
        return returned[0]

    return call


def line_of(answers: tuple[Any, ...], error: Exception) -> str:
    """Where in one of the answers it happened, as words to append; nothing if it was elsewhere."""
    files = {answer.__code__.co_filename for answer in answers if inspect.isfunction(answer)}
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f", in the line: {lines[-1]}" if lines and lines[-1] else ""


def exercise(judge: Callable[..., str | None]) -> Callable[..., bool]:
    """Make a check of `judge`, which returns what is wrong with an answer, or None where nothing is."""

    @functools.wraps(judge)
    def check(*answer: Any, **context: Any) -> bool:
        returned: list[Any] = []  # empty while the answer runs
        try:
            complaint = judge(*(watched(given(a), returned) for a in answer), **context)
        except NotAnswered:
            if returned != [None]:
                print("○ not answered yet")
                return False
            complaint = "your function returns None: is its `return` missing?"
        except Exception as error:  # an answer can fail in any way, and a check never raises
            complaint = f"your answer stopped with {type(error).__name__}: {error}{line_of(answer, error)}"
            if returned:
                kind = type(returned[0]).__name__
                complaint = f"the check cannot use the {kind} that you return ({type(error).__name__}: {error})"
        print(f"✗ {complaint}" if complaint else "✓ right")
        return complaint is None

    return check


def shown(values: Tensor) -> str:
    """A few numbers, to be read."""
    return f"({', '.join(f'{v:.2f}' for v in values.tolist())})"
