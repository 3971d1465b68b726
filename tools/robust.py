"""Do the lessons hold under other conditions than those they were recorded in?

python -m tools.robust seeds [LESSON]   five other seeds; every claim's values go to results/seeds.json
python -m tools.robust all [LESSON]     seeds, then two threads, plain instructions and every planted fault;
                                        results/robust.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from tqdm import tqdm

from experiments import records
from tests import faults
from tests.tolerance import Tolerant
from tools import lessons

SEEDS = (1, 2, 3, 4, 5)
CONDITIONS = {
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "plain instructions": {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "default"},
}


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


def differences(recorded: nbformat.NotebookNode, book: nbformat.NotebookNode) -> list[str]:
    """Cells whose text is another than was recorded, or that failed."""
    cells = [
        (a, b)
        for a, b in zip(recorded.cells, book.cells, strict=True)
        if a.cell_type == "code" and lessons.IGNORED not in a.metadata.get("tags", [])
    ]
    return [f"cell {a.execution_count}" for a, b in cells if Tolerant(text(a)) != text(b)]


def text(cell: nbformat.NotebookNode) -> str:
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text") or output.get("data", {}).get("text/plain") or output.get("ename", ""))
    return "\n".join(parts)


def run_condition(path: Path, environment: dict[str, str]) -> list[str]:
    book, _ = lessons.run(path, environment=environment, keep_going=True)
    return differences(nbformat.read(path, as_version=4), book)


def run_fault(path: Path, fault: faults.Fault) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        faults.plant(fault, Path(folder))
        return run_condition(path, {"PYTHONPATH": os.pathsep.join([folder, str(lessons.ROOT)])})


def everything(paths: list[Path]) -> bool:
    well = seeds(paths)
    report: dict[str, Any] = {**records.provenance("make robust"), "lessons": {}}
    for path in paths:
        with ProcessPoolExecutor(2) as pool:
            conditions = {n: pool.submit(run_condition, path, e) for n, e in CONDITIONS.items()}
            planted = {f.name: pool.submit(run_fault, path, f) for f in faults.FAULTS}
            jobs = list(tqdm([*conditions.items(), *planted.items()], desc=path.stem))
            done = {name: job.result() for name, job in jobs}
        differ = {name: done[name] for name in conditions}
        noticed = {name: bool(done[name]) for name in planted}
        report["lessons"][path.stem] = {"cells that differ": differ, "planted fault noticed": noticed}
        well &= not any(differ.values())
        print(f"\n{path.stem}")
        for name, cells in differ.items():
            print(f"  {'✗' if cells else '✓'} {name}{': ' if cells else ''}{', '.join(cells)}")
        print(f"  {sum(noticed.values())} of {len(noticed)} planted faults are noticed by the lesson alone")
    records.write("robust.json", report)
    return well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("seeds", "all"))
    parser.add_argument("lesson", nargs="?", default="")
    arguments = parser.parse_args()
    paths = lessons.find(arguments.lesson)
    return 0 if (seeds if arguments.what == "seeds" else everything)(paths) else 1


if __name__ == "__main__":
    sys.exit(main())
