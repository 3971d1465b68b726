"""Checkpoints: the state of a training run in one file, written whole or not at all (lesson 08)."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

FORMAT = 1
UNREADABLE = (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)
PARTS = {"format", "model", "settings"}


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read or used; the sentence says why, and what to do."""


def file(path: str | Path) -> Path:
    """The path of a checkpoint, with ~ for the home folder. Raises CheckpointError where it is a folder's."""
    try:
        place = Path(path).expanduser()
        is_folder = place.is_dir()
    except (RuntimeError, ValueError, OSError) as error:
        raise CheckpointError(f"{str(path)!r} cannot be the path of a checkpoint: {error}") from None
    if is_folder:
        raise CheckpointError(f"{place} is a folder: name a file in it, such as {place / 'model.pt'}")
    return place


def require_writable(path: str | Path) -> None:
    """Make the folder and try to write beside `path`, before work begins. Raises CheckpointError."""
    with _beside(file(path)) as part:
        part.open("wb").close()


def save(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dictionaries to `path`: beside it first, then put in its place.

    Numbers of numpy are written as Python's, for `load` reads nothing else. However it ends, `path` holds the former
    content or the new one. Raises CheckpointError where it cannot be written, and TypeError for other content.
    """
    path, content = file(path), _plain(content)
    with _beside(path) as part:
        with part.open("wb") as out:
            torch.save(content, out)
            out.flush()
            os.fsync(out.fileno())  # or a power cut could leave the new name with nothing behind it
        part.replace(path)


def _plain(value: Any) -> Any:
    """The same with Python's numbers and strings for numpy's. Raises TypeError for what `load` would refuse."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping) and not isinstance(value, OrderedDict):  # that is how torch keeps a model's tensors
        return {_plain(name): _plain(item) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, tuple):  # torch.Size, or one with names
        return tuple(map(_plain, value))
    if value is None or isinstance(value, Tensor | OrderedDict) or type(value) in (bool, int, float, str, bytes):
        return value
    raise TypeError(
        f"a checkpoint holds tensors, numbers, strings, lists and dictionaries, and no {type(value).__name__}"
    )


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file to write first, in a folder that is there, and gone in the end. Raises CheckpointError."""
    part = path.with_name(f"{path.name}.part")  # of one name, so what a killed run leaves behind is written over
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
    except (OSError, RuntimeError) as error:  # torch's own writer turns a full disk into a RuntimeError
        raise CheckpointError(f"the checkpoint {path} cannot be written: {_cause(error, path)}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _cause(error: Exception, path: Path) -> str:
    folder = next(p for p in (path.absolute().parent, *path.absolute().parents) if p.is_dir())
    free = shutil.disk_usage(folder).free / 1e6
    of_torch = "no space left" if free < 1 else str(error).strip().splitlines()[0]  # its own words are of positions
    reason = getattr(error, "strerror", None) or of_torch
    kept = "; the last good one is still there" if os.path.exists(path) else ""
    return f"{reason} ({free:.0f} MB are free there){kept}"


def load(path: str | Path) -> dict[str, Any]:
    """What `save` wrote, on the CPU. Nothing but plain values is unpickled. Raises CheckpointError."""
    path = file(path)
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:  # the weights in it may still be of worth, so nothing is said of removing it
        raise CheckpointError(
            f"{path} is damaged, or holds more than plain values: to start anew, name another file"
        ) from error
    if not isinstance(content, dict) or not content.keys() >= PARTS or content["format"] != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of this course, or of another version of it")
    return content


def same_shapes(path: str | Path, state: Mapping[str, Tensor], model: nn.Module) -> None:
    """Refuse weights that do not fit `model`, before one of them is touched. Raises CheckpointError."""
    of_model = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    in_file = {name: tuple(value.shape) for name, value in state.items()}
    for name in [*of_model, *in_file]:
        if of_model.get(name) != in_file.get(name):
            here, there = of_model.get(name, "missing"), in_file.get(name, "missing")
            raise CheckpointError(f"{path} is of another model: {name} is {there} there, and {here} in yours")


def same_architecture(path: str | Path, in_file: Mapping[str, Any] | None, of_model: Mapping[str, Any] | None) -> None:
    """Refuse another model whose weights have the same shapes: another likelihood, say, or activation.

    in_file, of_model: what `architectures.describe` says of them. Raises CheckpointError.
    """
    if in_file is None or of_model is None:
        if in_file is not of_model:
            which = "it" if in_file is None else "yours"
            raise CheckpointError(f"{path} is of another model: {which} has parts that are not of this package")
        return
    there, here = _flat(in_file), _flat(of_model)
    for name in [*here, *there]:
        if here.get(name) != there.get(name):
            was, now = there.get(name, "not known"), here.get(name, "not known")
            raise CheckpointError(f"{path} is of another model: its {name} is {was} there, and {now} in yours")


def _flat(described: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """{"decoder": {"likelihood": {"kind": "gaussian"}}} as {"decoder likelihood kind": "gaussian"}."""
    flat: dict[str, Any] = {}
    for name, value in described.items():
        flat |= _flat(value, f"{before}{name} ") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return flat


def same_settings(path: str | Path, in_file: Mapping[str, Any], of_run: Mapping[str, Any]) -> None:
    """Refuse to go on with other settings than those a run began with. Raises CheckpointError.

    What a file does not say is not compared: those of an earlier version of the course say less.
    """
    for name, value in of_run.items():
        if name in in_file and in_file[name] != value:
            raise CheckpointError(
                f"{path} was made with {name}={in_file[name]!r}, and now it is {value!r}: "
                "go on with the same, or name another checkpoint"
            )
