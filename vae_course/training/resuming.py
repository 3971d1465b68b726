"""A run that survives being killed: its checkpoints, and whether a file is one of this very run (lesson 08)."""

from __future__ import annotations

import functools
import math
import os
import re
import time
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vae_course.data import Dataset
from vae_course.objectives import Objective
from vae_course.training import architectures, checkpoints, processes
from vae_course.training.history import History

SAVING = 0.02  # the share of the time that goes into checkpoints, at most


class Run:
    """A call of `fit`, with the checkpoint that it leaves; without a path it only keeps the time.

    settings: those that have to be the same when the run is resumed
    Raises ValueError for resume without a path, and CheckpointError where there is a file of another run. Where there
    is none, the run begins.
    """

    def __init__(
        self,
        path: str | Path | None,
        resume: bool,
        model: nn.Module,
        data: Dataset,
        objective: Objective,
        epochs: int,
        settings: dict[str, Any],
    ) -> None:
        if path is None and resume:
            raise ValueError("resume=True needs to know from where: give checkpoint='a file'")
        self.path, self.state = path, None
        self.begun, self.seconds_before = time.perf_counter(), 0.0
        self.saved_at, self.seconds_to_save = -math.inf, 0.0
        if path is not None:
            self.settings = _plain_settings(data, objective, epochs, settings)
            self.state = _state_to_resume(path, resume, model, self.settings, epochs)

    def require_writable(self) -> None:
        """Before work begins. Raises CheckpointError."""
        if self.path is not None and processes.rank() == 0:
            checkpoints.require_writable(self.path)

    def restored(self, model: nn.Module, optimizer: torch.optim.Optimizer, new: History) -> History:
        """Put model and optimiser where the checkpoint was, which may have been on another device.

        Returns the history so far; `new` where the run begins.
        """
        if self.state is None:
            return new
        model.load_state_dict(self.state["model"])
        (here,) = optimizer.param_groups
        of_this_device = {name: here[name] for name in ("lr", "capturable", "fused")}
        optimizer.load_state_dict(self.state["optimizer"])
        optimizer.param_groups[0].update(of_this_device)
        history = History(**{**self.state["history"], "device": new.device})
        self.seconds_before = history.seconds
        return history

    def seconds(self) -> float:
        """Spent in `fit`, in this run and in those that it goes on from."""
        return self.seconds_before + time.perf_counter() - self.begun

    def after_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, history: History, last: bool) -> None:
        """Save after the first epoch and the last one, and in between so often that it costs little."""
        history.seconds = self.seconds()
        start = time.perf_counter()
        due = last or start - self.saved_at >= self.seconds_to_save / SAVING
        if self.path is None or processes.rank() > 0 or not due:
            return
        content = {
            "format": checkpoints.FORMAT, "epoch": len(history.train), "history": asdict(history),
            "settings": self.settings, "architecture": architectures.describe(model),
            "model": model.state_dict(), "optimizer": optimizer.state_dict(),
        }  # fmt: skip
        checkpoints.save(self.path, content)
        self.saved_at = time.perf_counter()
        self.seconds_to_save = self.saved_at - start


def _plain_settings(data: Dataset, objective: Objective, epochs: int, settings: dict[str, Any]) -> dict[str, Any]:
    """What a run has to keep when it is resumed, to end where it would have ended, in plain values."""
    lr = settings["lr"]
    return {
        "data": str(data.name),
        "images": len(data.train),
        "binarize": data.binarize,
        # Of the training images alone: the pixels drawn for testing differ from one machine to another.
        "checksum of the images": zlib.crc32(data.train.detach().cpu().contiguous().numpy().data),
        "objective": _stable_name(objective),
        "batch_size": settings["batch_size"],
        "lr": _stable_name(lr) if callable(lr) else float(lr),
        "seed": settings["seed"],
        "precision": str(settings["precision"]),
        "adam_eps": float(settings["adam_eps"]),
        **({"epochs": epochs} if callable(lr) else {}),  # the rates of a schedule depend on where it ends
    }


def _stable_name(thing: Any) -> str:
    """The name of a function, with the arguments it was given: the same in every process that makes it anew."""
    if isinstance(thing, functools.partial):
        given = [*map(_stable_name, thing.args), *(f"{k}={_stable_name(v)}" for k, v in thing.keywords.items())]
        return f"{_stable_name(thing.func)}({', '.join(given)})"
    if isinstance(thing, np.generic):
        return repr(thing.item())
    name = getattr(thing, "__qualname__", None) or repr(thing)
    if "<lambda>" in name:  # all of them have that name: what they compute tells them apart
        code = thing.__code__
        held = [_stable_name(cell.cell_contents) for cell in thing.__closure__ or ()]
        parts = (code.co_code, code.co_names, [repr(c) for c in code.co_consts if not hasattr(c, "co_code")], held)
        name += f" {zlib.crc32(repr((parts, thing.__defaults__)).encode()):08x}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", name)  # where it lies in memory, which is elsewhere in the next process


def _state_to_resume(
    path: str | Path, resume: bool, model: nn.Module, settings: dict[str, Any], epochs: int
) -> dict[str, Any] | None:
    path = checkpoints.file(path)
    if not os.path.exists(path):
        return None
    if not resume:
        raise checkpoints.CheckpointError(
            f"{path} exists already: resume=True goes on from it; to start anew, name another file"
        )
    state = checkpoints.load(path)
    if not {"optimizer", "epoch", "history"} <= state.keys():
        raise checkpoints.CheckpointError(f"{path} holds weights alone: they can be used, but not trained on")
    checkpoints.same_shapes(path, state["model"], model)
    if "architecture" in state:
        checkpoints.same_architecture(path, state["architecture"], architectures.describe(model))
    checkpoints.same_settings(path, state["settings"], settings)
    if state["epoch"] > epochs:
        raise checkpoints.CheckpointError(f"{path} has {state['epoch']} epochs behind it, which is more than {epochs}")
    return state
