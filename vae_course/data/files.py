"""Files of data sets: looked for, verified, copied or downloaded; whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from os.path import isfile  # Path.is_file raises where a folder may not be entered
from pathlib import Path

from tqdm.auto import tqdm

COURSE = Path(__file__).resolve().parents[2]
TIMEOUT = 30.0  # seconds without an answer
CHUNK = 1 << 20  # bytes
STALE = 3600.0  # seconds after which a file that nobody writes any more is taken for left behind


class DataError(RuntimeError):
    """A data set cannot be had; the sentence says what was tried, and what to do. Notebooks show it alone."""

    def _render_traceback_(self) -> list[str]:  # which IPython asks for
        return [f"DataError: {self}"]


@dataclass(frozen=True)
class File:
    """One file: where it lies below a data folder, its checksum, and where it can be downloaded.

    checksum: "md5:..." or "sha256:..."
    """

    path: str
    checksum: str
    urls: tuple[str, ...] = ()


def folder() -> Path:
    """Where data sets are kept: data/ of the course, or of the current folder if the package is installed elsewhere."""
    return (COURSE if (COURSE / "pyproject.toml").exists() else Path.cwd()) / "data"


def shared_folder() -> Path | None:
    """The folder named by VAE_COURSE_DATA, from which files are copied."""
    named = os.environ.get("VAE_COURSE_DATA")
    return Path(os.path.expanduser(named)) if named else None  # Path.expanduser raises where there is no such user


def checksum(path: Path, like: str) -> str:
    """The checksum of a file, by the algorithm of `like`; of a file that cannot be read, "no checksum" and why."""
    algorithm = like.partition(":")[0]
    digest = hashlib.new(algorithm, usedforsecurity=False)
    try:
        with path.open("rb") as stream:
            while block := stream.read(CHUNK):
                digest.update(block)
    except OSError as error:
        return f"no checksum ({error.strerror})"
    return f"{algorithm}:{digest.hexdigest()}"


def find(file: File) -> Path | None:
    """The verified file, where the data folder or VAE_COURSE_DATA has it; nothing is copied or fetched."""
    for root in (folder(), shared_folder()):
        if root and isfile(root / file.path) and checksum(root / file.path, file.checksum) == file.checksum:
            return root / file.path
    return None


def fetch(file: File) -> Path:
    """A verified file: from the data folder, else copied there from VAE_COURSE_DATA, else downloaded.

    A file in the data folder whose checksum is wrong is set aside as <name>.bad. Where the data folder cannot be
    written, the file in VAE_COURSE_DATA is used as it lies. Raises DataError, in one sentence.
    """
    target, tried = folder() / file.path, []
    if isfile(target):
        found = checksum(target, file.checksum)
        if found == file.checksum:
            return target
        aside = target.with_name(target.name + ".bad")
        try:
            target.replace(aside)
            tried.append(f"{target} had {found} and was set aside as {aside.name}")
        except OSError as error:  # read-only, or another process was faster: VAE_COURSE_DATA may still have it
            tried.append(f"{target} had {found} and could not be set aside ({error.strerror})")
    else:
        tried.append(f"{folder()} does not have it")
    shared = shared_folder()
    if shared is None:
        tried.append("VAE_COURSE_DATA is not set")
    elif not isfile(shared / file.path):
        tried.append(f"{shared} (VAE_COURSE_DATA) does not have it")
    elif (found := checksum(shared / file.path, file.checksum)) != file.checksum:
        tried.append(f"{shared / file.path} has {found}")
    else:
        return _copied(shared / file.path, target, file.checksum)
    for url in file.urls:
        try:
            return _written(target, _downloaded(url), file.checksum)
        except _WrongChecksum as error:
            tried.append(f"{url} gave a file with {error}")
        except (_NoSource, ValueError) as error:
            tried.append(f"{url} could not be read ({error})")
    raise DataError(
        f"{file.path}, expected with {file.checksum}, cannot be had: {'; '.join(tried)}. Put the file there by hand, "
        "set VAE_COURSE_DATA to a folder that has it, or go on with 'digits' or 'glyphs', which need no file"
    )


class _WrongChecksum(Exception):
    """What came is not what was meant; the message is the checksum found."""


class _NoSource(Exception):
    """Reading failed, not writing."""


def _copied(source: Path, target: Path, expected: str) -> Path:
    def blocks() -> Iterator[bytes]:
        with source.open("rb") as stream:
            while block := stream.read(CHUNK):
                yield block

    try:
        return _written(target, blocks(), expected)
    except DataError:
        return source  # the data folder is full or read-only; this file is verified as well


def _downloaded(url: str) -> Iterator[bytes]:
    silent = os.environ.get("TQDM_DISABLE") == "1"
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        size, name = int(answer.headers.get("Content-Length") or 0), url.rpartition("/")[2]
        received = 0
        with tqdm(total=size or None, unit="B", unit_scale=True, desc=name, disable=silent) as progress:
            while block := answer.read(CHUNK):
                received += len(block)
                progress.update(len(block))
                yield block
    if received < size:
        raise OSError(f"it ended after {received} of {size} bytes")


def _written(target: Path, blocks: Iterable[bytes], expected: str) -> Path:
    """Write beside the target, verify, and only then give it its name. Raises DataError where that cannot be done."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")  # two processes may fetch at once

    def write() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left_behind in target.parent.glob(f"{target.name}.*.part"):
            with suppress(FileNotFoundError):  # another process has just finished it
                if time.time() - left_behind.stat().st_mtime > STALE:
                    left_behind.unlink()
        with part.open("wb") as out:
            out.writelines(_with_reading_told_apart(blocks))

    try:
        _or_explain(target, write)
        if (found := checksum(part, expected)) != expected:
            raise _WrongChecksum(found)
        _or_explain(target, lambda: part.replace(target))
    finally:
        if part.exists():
            part.unlink()
    return target


def _with_reading_told_apart(blocks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except (OSError, HTTPException) as error:
        raise _NoSource(getattr(error, "reason", None) or str(error) or type(error).__name__) from error


def _or_explain(target: Path, action: Callable[[], object]) -> None:
    try:
        action()
    except OSError as error:
        there = next(p for p in (target.parent, *target.parent.parents) if p.is_dir())
        free = shutil.disk_usage(there).free / 1e6
        raise DataError(
            f"{target} cannot be written: {error.strerror or error} ({free:.0f} MB are free there). Make room, make "
            "the folder writable, or set VAE_COURSE_DATA to a folder that has the file"
        ) from error
