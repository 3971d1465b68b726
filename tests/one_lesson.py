"""`pytest --lesson 05`, which `make test LESSON=05` calls: a lesson's cells, rules, exercises and planted faults."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from tests import faults
from tools import lessons

PACKAGE = lessons.ROOT / "vae_course"
FILES = ("test_lessons.py", "test_exercises.py", "test_faults.py")  # nothing else is even collected


def find(lesson: str) -> Path:
    """The lesson of that number. Raises pytest.UsageError where there is none."""
    paths = [path for path in lessons.find() if path.stem.partition("_")[0] == lesson]
    if not paths:
        raise pytest.UsageError(f"no lesson has the number {lesson!r}: there are 00, 01, ...")
    return paths[0]


def planted_in_what_it_imports(path: Path) -> list[faults.Fault]:
    """The faults of those files of the package that define what a lesson imports, its figures and checks apart."""
    cells = nbformat.read(path, as_version=4).cells
    files = set().union(*(files_of(cell.source) for cell in cells if cell.cell_type == "code"))
    return [fault for fault in faults.FAULTS if fault.file in files and not fault.file.startswith("lessons/")]


def files_of(source: str) -> set[str]:
    """The files of the package that define what some code imports from it: "models/vae.py" for VAE."""
    found: set[str] = set()
    for module, name in imports(source):
        place = PACKAGE.joinpath(*module.split(".")[1:])
        if (place / name).is_dir():
            found |= {file.relative_to(PACKAGE).as_posix() for file in (place / name).glob("*.py")}
        elif (file := place / f"{name}.py").exists() or (file := place.with_suffix(".py")).exists():
            found.add(file.relative_to(PACKAGE).as_posix())
        else:  # the face of a wing says where it has the name from
            face = (place / "__init__.py").read_text(encoding="utf-8")
            sources = [of for of, there in imports(face) if there == name]
            found |= {"/".join(of.split(".")[1:]) + ".py" for of in sources}
    return found


def imports(source: str) -> list[tuple[str, str]]:
    """(module, name) for each name that some code imports from the package."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    of_package = [node for node in nodes if (node.module or "").split(".")[0] == "vae_course"]
    return [(node.module, name.name) for node in of_package for name in node.names if node.module]


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
