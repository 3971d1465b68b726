"""`pytest --lesson 05`, which `make test LESSON=05` calls: a lesson's cells, rules, exercises and planted faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import faults
from tools import lessons

FILES = ("test_lessons.py", "test_exercises.py", "test_faults.py")  # nothing else is even collected


def find(lesson: str) -> Path:
    """The lesson of that number. Raises pytest.UsageError where there is none."""
    paths = [path for path in lessons.find() if path.stem.partition("_")[0] == lesson]
    if not paths:
        raise pytest.UsageError(f"no lesson has the number {lesson!r}: there are 00, 01, ...")
    return paths[0]


def planted_in_what_it_imports(path: Path) -> list[faults.Fault]:
    """The faults of those modules of the package that a lesson imports from."""
    source = path.read_text(encoding="utf-8")
    names = set(re.findall(r"from vae_course\.(\w+) import", source))
    for together in re.findall(r"from vae_course import ([\w, ]+)", source):
        names |= {name.strip() for name in together.split(",")}
    return [fault for fault in faults.FAULTS if re.split(r"[/.]", fault.file)[0] in names - {"checks", "plots"}]


def is_about(item: pytest.Item, path: Path) -> bool:
    """Whether a test is a cell of the lesson, or has parameters that name it."""
    if item.path == path:
        return True
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if "fault" in given:
        return given["fault"] in planted_in_what_it_imports(path)
    if "check" in given:
        return f"checks.{given['check']}(" in path.read_text(encoding="utf-8")
    return given.get("path") == path
