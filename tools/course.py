"""Run lessons top to bottom with a progress bar, and end with a table: lesson, seconds, claims proved.

python -m tools.course [LESSON]               into build/, leaving the recorded lessons alone
python -m tools.course --in-place [LESSON]    for authors: record the lessons in notebooks/
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

from tools import lessons, recording

PICTURE = ("05", "plots.manifold(")  # lesson and cell of the picture in the README


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", nargs="?", default="", help="the number of one lesson, as 05")
    parser.add_argument("--in-place", action="store_true", help="record the outputs in notebooks/")
    arguments = parser.parse_args()
    paths = lessons.find(arguments.lesson)
    cells = sum(c.cell_type == "code" for p in paths for c in nbformat.read(p, as_version=4).cells)
    print(recording.instructions()[1])
    rows, failed = [], []
    # Each kernel computes with one thread, so as many lessons run side by side as there are processors, up to four.
    # What is recorded runs alone: lesson 08 measures speed.
    workers = 1 if arguments.in_place else min(4, os.cpu_count() or 1)
    with tqdm(total=cells, unit="cell") as progress, ThreadPoolExecutor(workers) as pool:

        def run(path: Path) -> tuple[nbformat.NotebookNode, float]:
            return lessons.run(path, on_cell=lambda: progress.update())

        jobs = [(path, pool.submit(run, path)) for path in paths]
        for path, job in jobs:
            try:
                book, seconds = job.result()
            except CellExecutionError as error:
                failed.append(path.stem)
                progress.write(f"{path.stem} stopped:\n{error}")
                continue
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            lessons.clean(book)
            lessons.write(book, path if arguments.in_place else lessons.ROOT / "build" / path.name)
            if arguments.in_place and path.name.startswith(PICTURE[0]):
                lessons.save_picture(book, PICTURE[1], lessons.ROOT / "results" / "latent_space.png")
            proved = lessons.claims(book)
            rows.append((path.stem, seconds, sum(c.holds for c in proved)))
    width = max([len("lesson"), *(len(r[0]) for r in rows)])
    print(f"{'lesson':<{width}}  seconds  claims proved")
    for name, seconds, proved in rows:
        print(f"{name:<{width}}  {seconds:7.1f}  {proved:13d}")
    print(f"{'together':<{width}}  {sum(r[1] for r in rows):7.1f}  {sum(r[2] for r in rows):13d}")
    if failed:
        print(f"stopped: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
