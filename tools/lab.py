"""Open JupyterLab on the reader's own copy of the lessons, in my_lessons/, which git ignores.

python -m tools.lab             copy the lessons that are not there yet, without outputs, and open Lab
python -m tools.lab --fresh 05  put the reader's copy of lesson 05 aside and copy it anew
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import webbrowser
from pathlib import Path

import nbformat

from tools import lessons, recording

MINE = lessons.ROOT / "my_lessons"
SETTINGS = Path(__file__).resolve().parent / "jupyter"
COPIED = ".copied.json"  # lesson -> checksum of what it was copied from, to notice a newer one


def blank(path: Path) -> nbformat.NotebookNode:
    """The lesson as a reader starts it: nothing run yet, so that predictions stay predictions."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return book


def checksum(path: Path) -> str:
    """Of what the reader sees of a lesson: recording it again changes nothing here."""
    sources = [(c.cell_type, c.source) for c in nbformat.read(path, as_version=4).cells]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def copy_lessons(folder: Path = MINE) -> list[str]:
    """Copy each lesson that is not in `folder` yet. Returns what there is to tell the reader."""
    folder.mkdir(exist_ok=True)
    record = folder / COPIED
    copied: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    news = []
    for path in lessons.find():
        if not (folder / path.name).exists():
            lessons.write(blank(path), folder / path.name)
            copied[path.name] = checksum(path)
        elif copied.get(path.name) != checksum(path):
            news.append(
                f"{path.stem} has changed since you copied it: make fresh LESSON={path.name[:2]} gets the new one"
            )
    record.write_text(json.dumps(copied, indent=1))
    return news


def start_afresh(number: str, folder: Path = MINE) -> str:
    """Put the reader's copy of one lesson aside, under a free name, and copy the lesson anew."""
    if len(number) < 2 or len(lessons.find(number)) != 1:
        raise SystemExit("say which lesson, by its two digits: make fresh LESSON=05")
    name = lessons.find(number)[0].name
    mine, aside = folder / name, None
    if mine.exists():
        takes = (mine.with_name(f"{mine.stem}.before-{i}.ipynb") for i in range(1, 1000))
        aside = next(p for p in takes if not p.exists())
        mine.rename(aside)
    copy_lessons(folder)
    kept = f"; what you had is kept as {aside.name}" if aside else ""
    again = (
        ". If it is open in JupyterLab, choose Revert when it asks, or File, Reload Notebook from Disk" if aside else ""
    )
    return f"{folder.name}/{name} is as the course has it{kept}{again}"


def has_browser() -> bool:
    """Whether a window can be opened on this machine."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def command(folder: Path = MINE, first_time: bool = False) -> list[str]:
    """JupyterLab on loopback, with its token; the first time it opens lesson 00."""
    lab = [sys.executable, "-m", "jupyter", "lab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    if not has_browser():
        lab.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        lab.append("--allow-root")  # the usual user of a container
    if first_time:
        lab.append(f"--LabApp.default_url=/lab/tree/{lessons.find('00')[0].name}")
    return lab


def environment() -> dict[str, str]:
    """What JupyterLab, its kernels and terminals find: this Python first, nothing of make, and one thread a kernel
    and the instructions of the recordings, so that a reader's numbers are those of the text. A GPU stays in sight.

    Two kernels whose threads wait for each other on two cores are many times slower than with one thread each.
    The settings in tools/jupyter keep it from asking whether to fetch news: the course needs no network.
    """
    mine = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    path = os.pathsep.join([str(Path(sys.executable).parent), mine.get("PATH", os.defpath)])
    settings = os.pathsep.join(filter(None, [str(SETTINGS), mine.get("JUPYTER_CONFIG_PATH")]))
    pinned = {"OMP_NUM_THREADS": recording.SETTINGS["OMP_NUM_THREADS"], **recording.instructions()[0]}
    return {**pinned, **mine, "PATH": path, "JUPYTER_CONFIG_PATH": settings}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", metavar="LESSON")
    arguments = parser.parse_args()
    if arguments.fresh is not None:
        print(start_afresh(arguments.fresh))
        return 0
    start = command(first_time=not MINE.exists())
    for line in copy_lessons():
        print(line)
    print("your lessons are in my_lessons/; Ctrl-C here ends JupyterLab")
    if not has_browser():
        print("no browser found: open the address that ends in the token, below")
    sys.stdout.flush()
    if os.name == "posix":  # Ctrl-C goes to JupyterLab alone, which asks before it ends
        os.execve(sys.executable, start, environment())
    return subprocess.call(start, env=environment())


if __name__ == "__main__":
    sys.exit(main())
