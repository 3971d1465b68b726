"""A folder from which the course can be installed without a network: `make bundle` writes build/bundle/vae-course.

It holds the course as git has it, all packages in wheels/, and in data/ the files of every data set that is at hand. On
another machine of the same kind (system, processor, version of Python), `make lab` in it installs from wheels/ alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools import lessons
from vae_course.data import files, sets

BUNDLE = lessons.ROOT / "build" / "bundle" / "vae-course"


def copy_course(into: Path) -> int:
    """Copy what git keeps. Returns the number of files. Raises SystemExit where this is no clone."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=lessons.ROOT, capture_output=True, text=True)
    if listed.returncode:
        raise SystemExit("a bundle is made from a clone of the repository, and this folder is none")
    names = [name for name in listed.stdout.split("\0") if name and (lessons.ROOT / name).is_file()]
    for name in names:
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lessons.ROOT / name, into / name)
    return len(names)


def copy_data(into: Path) -> list[str]:
    """Copy the verified files of each data set of which all are at hand. Returns the names of those sets."""
    copied = []
    for name, known in sets.SETS.items():
        wanted = known.files()
        found = [files.find(file) for file in wanted]
        if not wanted or not all(found):
            continue
        for file, path in zip(wanted, found, strict=True):
            target = into / "data" / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(path), target)
        copied.append(name)
    return copied


def download_wheels(into: Path) -> int:
    """Fetch each package of requirements.txt for this system. Returns their number; raises SystemExit on failure."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    command += ["--dest", str(into / "wheels")]
    if subprocess.run([*command, "--requirement", str(lessons.ROOT / "requirements.txt")]).returncode:
        raise SystemExit("not all packages could be fetched: see above")
    return len(list((into / "wheels").glob("*.whl")))


def make(into: Path) -> str:
    """Make the folder, whole or not at all. Returns what it holds, in one line."""
    part = into.with_name(into.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    count, data, wheels = copy_course(part), copy_data(part), download_wheels(part)
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)
    size = sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
    sets_said = ", ".join(data) or "none besides those that need no file"
    return f"{into}: {count} files, {wheels} packages, data: {sets_said}; {size / 1e6:.0f} MB"


def main() -> None:
    """Make it, and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=BUNDLE)
    print(make(parser.parse_args().into.resolve()))


if __name__ == "__main__":
    main()
