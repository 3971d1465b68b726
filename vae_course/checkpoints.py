"""Checkpoints: the state of a training run in one file, written whole or not at all (lesson 08)."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

FORMAT = 1
UNREADABLE = (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)
PARTS = {"format", "model", "settings"}


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read or used; the sentence says why, and what to do."""


def save(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dictionaries to `path`: beside it first, then put in its place.

    However it ends, `path` holds the former content or the new one. Raises CheckpointError where it cannot be written.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")  # of one name, so what a killed run leaves behind is written over
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            torch.save(dict(content), out)
            out.flush()
            os.fsync(out.fileno())  # or a power cut could leave the new name with nothing behind it
        part.replace(path)
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
    kept = "; the last good one is still there" if path.exists() else ""
    return f"{reason} ({free:.0f} MB are free there){kept}"


def load(path: str | Path) -> dict[str, Any]:
    """What `save` wrote, on the CPU. Nothing but plain values is unpickled. Raises CheckpointError."""
    path = Path(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except UNREADABLE as error:
        raise CheckpointError(f"{path} is damaged, or holds more than plain values: remove it to start anew") from error
    if not isinstance(content, dict) or not content.keys() >= PARTS or content["format"] != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of this course, or of another version of it")
    return content


def same_shapes(path: str | Path, state: Mapping[str, Tensor], model: nn.Module) -> None:
    """Refuse weights that do not fit `model`, before one of them is touched. Raises CheckpointError."""
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    kept = {name: tuple(value.shape) for name, value in state.items()}
    for name in [*own, *kept]:
        if own.get(name) != kept.get(name):
            here, there = own.get(name, "missing"), kept.get(name, "missing")
            raise CheckpointError(f"{path} is of another model: {name} is {there} there, and {here} in yours")


def same_settings(path: str | Path, kept: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse to go on with other settings than those a run began with. Raises CheckpointError."""
    for name, value in own.items():
        if kept.get(name) != value:
            raise CheckpointError(
                f"{path} was made with {name}={kept.get(name)!r}, and now it is {value!r}: "
                "go on with the same, or name another checkpoint"
            )
