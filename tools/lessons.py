"""Finding, reading, running and writing lessons: what the other tools share."""

from __future__ import annotations

import base64
import math
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbval.plugin import coalesce_streams

from tools import recording

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "notebooks"
IGNORED = "nbval-ignore-output"

_CLAIM = re.compile(r"^([✓✗]) (.+?)(?:   (\S+ (?:≤|≥|in) .+))?$")
_MEASURED = re.compile(r"^· (.+?)   (\S+) \(measured, not asserted\)$", re.MULTILINE)
_RELATION = re.compile(r"^(\S+) (≤|≥|in) (?:\[(\S+), (\S+)\]|(\S+))$")


@dataclass(frozen=True)
class Claim:
    """One claim as a lesson printed it; value and bound are None for an exact fact."""

    holds: bool
    sentence: str
    value: float | None
    relation: str | None
    bound: tuple[float, ...] | None


def holds(value: float | bool, relation: str | None, bound: tuple[float, ...] | None) -> bool:
    """Whether a value keeps the bound of a claim; an exact fact has neither relation nor bound."""
    if relation is None or bound is None:
        return value is True
    low = bound[0] if relation in ("≥", "in") else -math.inf
    high = bound[-1] if relation in ("≤", "in") else math.inf
    return low <= value <= high


def find(number: str = "") -> list[Path]:
    """The lessons in their order, or the one whose file name starts with `number`."""
    paths = sorted(p for p in LESSONS.glob("*.ipynb") if p.name.startswith(number))
    if not paths:
        raise SystemExit(f"no lesson starts with {number!r}: there are {', '.join(p.stem for p in find())}")
    return paths


def run(
    path: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    keep_going: bool = False,
    on_cell: Callable[[], Any] | None = None,
) -> tuple[nbformat.NotebookNode, float]:
    """Run a lesson from a fresh kernel and return it with its outputs, and the seconds it took.

    parameters: names of the cell tagged "parameters" that get another value
    environment: variables beyond the conditions of tools/recording.py, or instead of them
    keep_going: go on after a cell that failed; else it raises nbclient's CellExecutionError
    """
    book = nbformat.read(path, as_version=4)
    set_parameters(book, parameters or {})
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        book,
        timeout=1200,
        kernel_name="python3",
        allow_errors=keep_going,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=(lambda **_: on_cell()) if on_cell else None,
    )
    start = time.perf_counter()
    # The kernel's own log goes nowhere; what a lesson writes to stderr is kept in its outputs.
    client.execute(env=recording.environment({**os.environ, **(environment or {})}), stderr=subprocess.DEVNULL)
    return book, time.perf_counter() - start


def set_parameters(book: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> None:
    """Change `NAME = value` lines in the cell tagged "parameters", which lesson and reader share."""
    cells = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
    for name, value in parameters.items():
        line = re.compile(rf"^{name} = [^#\n]*?(?=\s*(#|$))", re.MULTILINE)
        if len(cells) != 1 or len(line.findall(cells[0].source)) != 1:
            raise ValueError(f"there is no single line '{name} = ...' in one cell tagged 'parameters'")
        cells[0].source = line.sub(f"{name} = {value!r}", cells[0].source)


def clean(book: nbformat.NotebookNode) -> None:
    """Remove what differs from run to run or machine to machine and tells a reader nothing.

    What is printed arrives in pieces that depend on how busy the machine is: each stream becomes one output.
    """
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"file_extension": ".py", "name": "python"},  # or nbconvert writes a script named .txt
    }
    for cell in book.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in ("tags", "alt")}
        if cell.cell_type == "code":
            if IGNORED in cell.metadata.get("tags", []):
                cell.outputs = [o for o in cell.outputs if not _is_widget(o)]
            cell.outputs = coalesce_streams(cell.outputs)
            for output in cell.outputs:
                output.pop("metadata", None) if output.output_type == "stream" else output.update(metadata={})


def _is_widget(output: nbformat.NotebookNode) -> bool:
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def write(book: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    nbformat.write(book, temporary)
    temporary.replace(path)


def save_picture(book: nbformat.NotebookNode, word: str, path: Path) -> None:
    """Write the first figure of the cell whose code holds `word` as a PNG."""
    cell = next(c for c in book.cells if c.cell_type == "code" and word in c.source)
    png = next(o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {}))
    path.write_bytes(base64.b64decode(png))


def printed(book: nbformat.NotebookNode) -> str:
    """All that the lesson printed."""
    outputs = (o for c in book.cells if c.cell_type == "code" for o in c.outputs)
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")


def measured(book: nbformat.NotebookNode) -> dict[str, float]:
    """What the claims measured, by their sentences, with and without a bound; exact facts have no value."""
    asserted = {c.sentence: c.value for c in claims(book) if c.value is not None}
    return asserted | {sentence: float(value) for sentence, value in _MEASURED.findall(printed(book))}


def claims(book: nbformat.NotebookNode) -> list[Claim]:
    """The claims that the lesson printed, in their order; exercise verdicts (a ✓ and one word) are not claims."""
    found = []
    for line in printed(book).splitlines():
        match = _CLAIM.match(line)
        if not match or line == "✓ right":
            continue
        parts = _RELATION.match(match[3] or "")
        bound = tuple(float(b) for b in (parts[3], parts[4], parts[5]) if b) if parts else None
        value = float(parts[1]) if parts else None
        found.append(Claim(match[1] == "✓", match[2], value, parts[2] if parts else None, bound))
    return found
