"""Do the lessons hold under other conditions than those they were recorded in?

python -m tools.robust seeds [LESSON]        five other seeds; every claim's values go to results/seeds.json
python -m tools.robust conditions [LESSON]   other instructions and threads; every number's range: results/spread.json
python -m tools.robust data [LESSON]         other data sets and a folder of pictures; results/robust.json
python -m tools.robust explorers [LESSON]    how soon each slider's figure follows; results/explorers.json
python -m tools.robust faults [LESSON]       every planted fault against every lesson; results/robust.json
python -m tools.robust all [LESSON]          all of these
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError
from PIL import Image
from tqdm import tqdm

from experiments import records
from tests import faults, tolerance
from tests.tolerance import SPREAD, Tolerant
from tools import lessons, recording
from vae_course import doctor
from vae_course.data import glyphs

SEEDS = (1, 2, 3, 4, 5)
NOT_IN_LESSONS = ("data/files.py", "data/pictures.py", "__main__.py")  # not run with the data a lesson is recorded on
OTHER_DATA = ("glyphs", "mnist", "fashion_mnist")
TWO_THREADS = {"OMP_NUM_THREADS": "2"}
PLAIN = {"ATEN_CPU_CAPABILITY": "default"}
# Each rounds in another way. The record itself comes first: it must come out as it is, to the last bit.
CONDITIONS = {
    "as recorded": {},
    "two threads": TWO_THREADS,
    "this processor's own instructions": {"UNPINNED": "1"},
    "its own, two threads": {"UNPINNED": "1", **TWO_THREADS},
    "plain instructions": PLAIN,
    "plain instructions, and MKL's own choice": {**PLAIN, "MKL_CBWR": "OFF"},
}
if recording.has("AVX512_SKX", "X86_V4"):
    CONDITIONS["AVX-512"] = {"ATEN_CPU_CAPABILITY": "avx512", "MKL_CBWR": "AVX512", "ONEDNN_MAX_CPU_ISA": "ALL"}


def run_seed(path: Path, seed: int) -> list[lessons.Claim]:
    book, _ = lessons.run(path, parameters={"SEED": seed}, keep_going=True)
    return lessons.claims(book)


def seeds(paths: list[Path]) -> bool:
    """Record what every claim measures under other seeds. Returns whether all of them hold."""
    file = records.RESULTS / "seeds.json"
    known = json.loads(file.read_text(encoding="utf-8"))["lessons"] if file.exists() else {}
    jobs = [(path, seed) for path in paths for seed in SEEDS]
    with ProcessPoolExecutor(2) as pool:
        found = dict(zip(jobs, tqdm(pool.map(run_seed, *zip(*jobs, strict=True)), total=len(jobs)), strict=True))
    well = True
    for path in paths:
        known[path.stem] = values = {}
        print(f"\n{path.stem}: worst of the seeds {', '.join(map(str, SEEDS))}")
        for claim in {c.sentence: c for seed in SEEDS for c in found[path, seed]}.values():
            same = [[c for c in found[path, seed] if c.sentence == claim.sentence] for seed in SEEDS]
            values[claim.sentence] = [(c[0].holds if c[0].value is None else c[0].value) if c else None for c in same]
            hold = [v is not None and lessons.holds(v, claim.relation, claim.bound) for v in values[claim.sentence]]
            well &= all(hold)
            print(f"  {'✓' if all(hold) else '✗'} {claim.sentence}   {worst(values[claim.sentence], claim)}")
    records.write("seeds.json", {**records.provenance("make seeds"), "seeds": list(SEEDS), "lessons": known})
    return well


def worst(values: list[Any], claim: lessons.Claim) -> str:
    if claim.bound is None:
        return f"{sum(v is True for v in values)} of {len(values)}"
    numbers = [v for v in values if v is not None]
    if not numbers:
        return "not reached"
    low, high = claim.bound[0], claim.bound[-1]
    if claim.relation == "in":
        return f"{min(numbers):.4g} to {max(numbers):.4g} in [{low:g}, {high:g}]"
    return f"{(max if claim.relation == '≤' else min)(numbers):.4g} {claim.relation} {low:g}"


def compared(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells whose outputs nbval compares."""
    return [c for c in book.cells if c.cell_type == "code" and lessons.IGNORED not in c.metadata.get("tags", [])]


def texts(cell: nbformat.NotebookNode) -> list[str]:
    """The texts of a cell's outputs, one by one, as nbval compares them."""
    found = []
    for output in cell.outputs:
        data = output.get("data", {})
        found.append(output.get("text") or data.get("text/plain") or output.get("ename", ""))
    return found


def differences(recorded: nbformat.NotebookNode, book: nbformat.NotebookNode) -> list[str]:
    """Cells whose text is another than was recorded, beyond 2 %, or that failed."""
    lessons.clean(book)
    pairs = zip(compared(recorded), compared(book), strict=True)
    return [f"cell {a.execution_count}" for a, b in pairs if [Tolerant(t) for t in texts(a)] != texts(b)]


def run_condition(path: Path, name: str) -> list[list[str]]:
    """The texts of each compared cell under one of the CONDITIONS."""
    book, _ = lessons.run(path, environment=CONDITIONS[name], keep_going=True)
    lessons.clean(book)
    return [texts(cell) for cell in compared(book)]


def ranges(recorded: str, found: list[str]) -> list[tolerance.Range | None] | None:
    """The range of each number over the record and what was found in its place; whole numbers have none.

    None where a word or a whole number is another one.
    """
    every = [[t, *tolerance.numbers(t)] for t in (recorded, *found)]
    if len({(tolerance.words(t), len(numbers)) for t, *numbers in every}) > 1:
        return None
    measured: list[tolerance.Range | None] = []
    for same_place in zip(*(numbers for _, *numbers in every), strict=True):
        if all(map(tolerance.is_whole, same_place)):
            if len(set(same_place)) > 1:
                return None
            measured.append(None)
        else:
            values = [tolerance.value(number) for number in same_place]
            measured.append((min(values), max(values)))
    return measured


def conditions(paths: list[Path]) -> bool:
    """Other instructions and threads: the range of every printed number, into results/spread.json.

    Returns whether the record came out as it is, no word and no whole number changed, and no number that varies by more
    than a tenth is printed with three digits.
    """
    jobs = [(path, name) for path in paths for name in CONDITIONS]
    with ProcessPoolExecutor(2) as pool:
        found = dict(zip(jobs, tqdm(pool.map(run_condition, *zip(*jobs, strict=True)), total=len(jobs)), strict=True))
    known = json.loads(SPREAD.read_text(encoding="utf-8"))["lessons"] if SPREAD.exists() else {}
    well = True
    for path in paths:
        known[path.stem], said = {}, []
        for place, cell in enumerate(compared(nbformat.read(path, as_version=4))):
            cell_found = {name: found[path, name][place] for name in CONDITIONS}
            if cell_found["as recorded"] != texts(cell):
                said.append(f"cell {cell.execution_count} does not come out as recorded")
            for at, text in enumerate(texts(cell)):
                same = [f[at] for f in cell_found.values() if len(f) == len(texts(cell))]
                measured = ranges(text, same) if len(same) == len(CONDITIONS) else None
                if measured is None:
                    other = next(
                        (n for n, f in cell_found.items() if len(f) <= at or ranges(text, [f[at]]) is None), "?"
                    )
                    said.append(f"cell {cell.execution_count}, {other}: other words than {text!r}: {cell_found[other]}")
                    continue
                if any(r is not None and r[0] < r[1] for r in measured):
                    known[path.stem][text] = measured
                wide = zip(tolerance.numbers(text), measured, strict=True)
                said += [
                    f"cell {cell.execution_count} prints {number}, which varies from {r[0]:g} to {r[1]:g}"
                    for number, r in wide
                    if r and tolerance.too_many_digits(number, *r)
                ]
        well &= not said
        print(f"{'✗' if said else '✓'} {path.stem}", *said, sep="\n    ")
    lines = [
        f" {json.dumps(lesson)}: {{\n"
        + ",\n".join(f"  {json.dumps(t, ensure_ascii=False)}: {json.dumps(r)}" for t, r in texts_of_it.items())
        + "\n }"
        for lesson, texts_of_it in sorted(known.items())
    ]
    head = json.dumps({**records.provenance("make robust (conditions)"), "conditions": list(CONDITIONS)}, indent=1)
    records.write_text("spread.json", f'{head[:-2]},\n "lessons": {{\n' + ",\n".join(lines) + "\n }\n}\n")
    return well


def run_fault(path: Path, fault: faults.Fault) -> bool:
    """Whether the lesson notices: a cell stops, or prints something else."""
    with tempfile.TemporaryDirectory() as folder:
        faults.plant(fault, Path(folder))
        environment = {"PYTHONPATH": os.pathsep.join([folder, str(lessons.ROOT)])}
        try:
            book, _ = lessons.run(path, environment=environment)
        except CellExecutionError:
            return True
        return bool(differences(nbformat.read(path, as_version=4), book))


def in_turn(path: Path, run: Callable[[Path, Any], Any], cases: Mapping[str, Any]) -> dict[str, Any]:
    """Run a lesson once for each case, two side by side."""
    with ProcessPoolExecutor(2) as pool:
        jobs = {name: pool.submit(run, path, case) for name, case in cases.items()}
        return {name: job.result() for name, job in tqdm(jobs.items(), desc=path.stem)}


def update(part: str, found: dict[str, Any]) -> None:
    file = records.RESULTS / "robust.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    before = known.get(part, {}).get("lessons", {})
    known[part] = {**records.provenance(f"make robust ({part})"), "lessons": before | found}
    records.write("robust.json", known)


def run_data(path: Path, source: str) -> dict[str, Any]:
    """Whether the lesson runs on other images, in which time, and what it measured."""
    book, seconds = lessons.run(path, parameters={"DATA": source}, keep_going=True)
    errors = [f"{o.ename}: {o.evalue}" for c in book.cells for o in c.get("outputs", []) if o.output_type == "error"]
    return {"stopped by": errors[0] if errors else None, "seconds": round(seconds), "measured": lessons.measured(book)}


def two_hundred_pictures(folder: Path) -> str:
    """A folder of PNG files, as a reader might have: ten classes, a folder each."""
    images, factors = glyphs.draw(200, seed=7)
    for number, (image, character) in enumerate(zip(images, factors["character"] % 10, strict=True)):
        file = folder / f"class_{character}" / f"{number:03}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray((255 * image[0]).byte().numpy()).save(file)
    return str(folder)


def other_data(paths: list[Path]) -> bool:
    """Other data sets, where their files are here: no cell may stop."""
    with tempfile.TemporaryDirectory() as folder:
        sources = {"a folder of 200 PNG files": two_hundred_pictures(Path(folder))}
        sources |= {name: name for name in OTHER_DATA if doctor.state(name) in doctor.READY}
        found = {path.stem: in_turn(path, run_data, sources) for path in paths}
    update("other data", found)
    for lesson, by_source in found.items():
        for name, outcome in by_source.items():
            stopped = outcome["stopped by"]
            print(f"{'✗' if stopped else '✓'} {lesson} on {name}: {stopped or str(outcome['seconds']) + ' s'}")
    return not any(outcome["stopped by"] for by_source in found.values() for outcome in by_source.values())


TIMED = """
import json, time

seconds = []
for control in explorer.children[:-2]:  # the last two are the picture and a place for errors
    start = control.value
    for step in range(1, 9):
        value = control.min + (control.max - control.min) * step / 9
        before = time.perf_counter()
        control.value = type(start)(value)
        seconds.append(time.perf_counter() - before)
    control.value = start
print("seconds", json.dumps(seconds))
"""


def explorers(paths: list[Path]) -> bool:
    """Record how long each explorer takes to answer, from the slider's value to the picture. Returns True."""
    file = records.RESULTS / "explorers.json"
    found = json.loads(file.read_text(encoding="utf-8"))["lessons"] if file.exists() else {}
    for path in paths:
        book = nbformat.read(path, as_version=4)
        places = [i for i, c in enumerate(book.cells) if c.cell_type == "code" and "lessons.explorers" in c.source]
        if not places:
            continue
        book.cells = book.cells[: places[-1] + 1]
        for place in places:
            head, _, call = book.cells[place].source.rpartition("\n\n")
            book.cells[place].source = f"{head}\n\nexplorer = {call}\ndisplay(explorer)\n{TIMED}"
        with tempfile.TemporaryDirectory() as folder:
            lessons.write(book, Path(folder) / path.name)
            book, _ = lessons.run(Path(folder) / path.name)
        for number, line in enumerate(re.findall(r"^seconds (.*)$", lessons.printed(book), re.MULTILINE)):
            seconds, name = json.loads(line), path.stem + (f", {number + 1}" if number else "")
            worst_ms, median_ms = (round(1000 * f(seconds), 1) for f in (max, statistics.median))
            found[name] = {"answers": len(seconds), "median_ms": median_ms, "worst_ms": worst_ms}
            print(f"{name}: {found[name]}")
    command = "python -m tools.robust explorers"
    records.write("explorers.json", {**records.provenance(command), "lessons": dict(sorted(found.items()))})
    return True


def planted(paths: list[Path]) -> bool:
    """Every planted fault against every lesson. Only told: a lesson need not notice what it does not use."""
    chosen = {f.name: f for f in faults.FAULTS if f.file not in NOT_IN_LESSONS}
    found = {path.stem: in_turn(path, run_fault, chosen) for path in paths}
    update("planted fault noticed", found)
    for lesson, noticed in found.items():
        missed = [name for name, seen in noticed.items() if not seen]
        print(f"{lesson} notices {len(noticed) - len(missed)} of {len(noticed)} faults, not: {', '.join(missed)}")
    return True


def main() -> int:
    parts = {
        "seeds": seeds, "conditions": conditions, "data": other_data, "explorers": explorers, "faults": planted,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=(*parts, "all"))
    parser.add_argument("lesson", nargs="?", default="")
    arguments = parser.parse_args()
    paths = lessons.find(arguments.lesson)
    chosen = parts.values() if arguments.part == "all" else [parts[arguments.part]]
    return 0 if all([part(paths) for part in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
