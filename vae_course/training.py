"""`fit`: the one training loop of the course, from a laptop to several devices."""

from __future__ import annotations

import functools
import math
import os
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from vae_course import architectures, checkpoints, devices
from vae_course.arguments import real, whole
from vae_course.data import Dataset
from vae_course.models import VAE, evaluating, unchecked
from vae_course.objectives import elbo
from vae_course.steps import Objective, Steps

PRECISIONS = ("float32", "bfloat16")
SAVING = 0.02  # the share of the time that goes into checkpoints, at most


@dataclass
class History:
    """What happened during training, one entry an epoch; objectives in nats per example, averaged.

    train: the objective over the batches of an epoch, while the weights were moving
    test: epoch -> the objective on the test images, where `fit` was asked for it
    seconds: spent in `fit`, in all runs that were resumed from one another
    device: where the last of them ran
    """

    train: list[float] = field(default_factory=list)
    test: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class Cosine:
    """A learning rate that rises to `peak` over the share `warm_up` of training and then falls to 0 along a cosine.

    Called with the share of training that is done, in (0, 1). Raises ValueError where warm_up is not in [0, 1).
    """

    peak: float
    warm_up: float = 0.02

    def __post_init__(self) -> None:
        if not 0 <= real(self.warm_up) < 1:
            raise ValueError(f"warm_up must be a share of training, from 0 to below 1, but it is {self.warm_up!r}")

    def __call__(self, done: float) -> float:
        if done < self.warm_up:
            return self.peak * done / self.warm_up
        return self.peak * 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))


def fit(
    model: VAE,
    data: Dataset,
    objective: Objective = elbo,
    *,
    epochs: int,
    batch_size: int = 100,
    lr: float | Callable[[float], float] = 1e-3,
    seed: int = 0,
    test_every: int = 0,
    device: str | torch.device = "auto",
    precision: str = "float32",
    graph: bool = False,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    adam_eps: float = 1e-8,
) -> History:
    """Maximise `objective(model, x)` over the training images with Adam, and return the history.

    objective: (model, x of shape (batch, *image)) -> (batch,) nats
    lr: the learning rate, or a function that gives it for each epoch from the share of training that is done
    seed: order and noise depend on (seed, epoch) alone, and the caller's random state is left as it was
    test_every: evaluate the test images every so many epochs, the model in eval() mode; 0 for never
    device: "auto" takes a CUDA device where there is one; the model comes back to the device where it was
    precision: "bfloat16" computes matrix products and convolutions in it, densities and sums in float32
    graph: on a CUDA device, record a step once and replay it, which saves the launching of its many small kernels
    checkpoint: a file for the state of the run, written whole after the first epoch, after the last one, and in
        between as often as takes 2 % of the time
    resume: go on from that file if it exists: on a CPU to the same weights, bit for bit, as without the break;
        settings, the model's architecture and the training images are compared, and must be the same
    adam_eps: added to the root of Adam's second moments; some published settings have another one

    The data stay resident on the device if they fit; else a DataLoader brings them. Under torchrun, each of n processes
    takes an n-th of every batch. An interrupt stops cleanly, with what was learned.
    Raises TypeError or ValueError for bad input, before the first step; FloatingPointError where the objective stops
    being finite, naming the step; MemoryError; and checkpoints.CheckpointError. Lesson 05 writes this loop by hand,
    lesson 08 adds what begins with `device`.
    """
    epochs, batch_size = whole("epochs", epochs), whole("batch_size", batch_size)
    test_every = whole("test_every", test_every, least=0)
    seed = whole("seed", seed, least=-(2**63), most=2**63 - 1)  # what torch takes, with room for the epochs
    _check_settings(model, data, objective, _rates(lr, epochs), precision, adam_eps)
    where = devices.pick(device)
    rank, processes = devices.rank_and_size()
    settings, state = {}, None
    if checkpoint is not None:
        settings = _settings(data, objective, epochs, batch_size, lr, seed, precision, adam_eps)
        state = _state_to_resume(checkpoint, resume, model, settings, epochs)
    elif resume:
        raise ValueError("resume=True needs to know from where: give checkpoint='a file'")
    if graph and (where.type != "cuda" or processes > 1):
        if rank == 0:
            print("graph=True is for one process on a CUDA device: here the steps run one by one")
        graph = False
    history, start = History(device=devices.name(where)), time.perf_counter()
    generators = [where] if where.type == "cuda" else []
    silent = rank > 0 or os.environ.get("TQDM_DISABLE") == "1"  # tqdm's bar for notebooks does not look at it
    with (
        devices.explained(where, batch_size),
        torch.random.fork_rng(devices=generators),
        tqdm(total=epochs, unit="epoch", disable=silent) as progress,
    ):
        torch.manual_seed(seed)
        _check_at_the_door(model, data, objective, batch_size)
        if checkpoint is not None and rank == 0:
            checkpoints.require_writable(checkpoint)
        with devices.lent(model, where), unchecked():
            steps = Steps(model, data, objective, batch_size, where, precision == "bfloat16", graph, adam_eps)
            if state:
                steps.restore(state)
                history = History(**{**state["history"], "device": history.device})
                progress.update(len(history.train))
            saver, earlier = _Saver(checkpoint if rank == 0 else None, settings), history.seconds
            try:
                for epoch in range(len(history.train), epochs):
                    rate = float(lr((epoch + 0.5) / epochs) if callable(lr) else lr)
                    values = steps.epoch(seed + 1_000_003 * epoch, rate)
                    _require_finite(values, epoch, history, rate)
                    history.train.append(values.mean().item())
                    if test_every and (epoch + 1) % test_every == 0:
                        history.test[epoch] = steps.test()
                    progress.set_postfix_str(f"objective {history.train[-1]:.2f} nats", refresh=False)
                    progress.update()
                    history.seconds = earlier + time.perf_counter() - start
                    saver.after_epoch(steps, history, last=epoch + 1 == epochs)
            except KeyboardInterrupt:
                history.interrupted = True
                print(f"interrupted in epoch {len(history.train) + 1} of {epochs}: the model keeps what it has learned")
            history.seconds = earlier + time.perf_counter() - start
    return history


def _rates(lr: float | Callable[[float], float], epochs: int) -> list[Any]:
    return [lr((epoch + 0.5) / epochs) for epoch in range(epochs)] if callable(lr) else [lr]


def _check_settings(
    model: VAE, data: Dataset, objective: Objective, rates: list[Any], precision: str, adam_eps: float
) -> None:
    if not isinstance(model, nn.Module) or not hasattr(model, "check"):
        raise TypeError(f"model must be a VAE, not a {type(model).__name__}")
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a Dataset, as load(...) returns it, not a {type(data).__name__}")
    if not callable(objective):
        raise TypeError(f"the objective must be a function of (model, x), not a {type(objective).__name__}")
    for rate in rates:
        if not 0 < real(rate) < math.inf:
            raise ValueError(f"the learning rate must be positive and finite, but it is {rate!r}")
    if not 0 <= real(adam_eps) < math.inf:
        raise ValueError(f"adam_eps must be a number of at least 0, but it is {adam_eps!r}")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be 'float32' or 'bfloat16', not {precision!r}")


def _check_at_the_door(model: VAE, data: Dataset, objective: Objective, batch_size: int) -> None:
    """Once, where the model is; after that nothing is checked but that the objective stays finite.

    With every layer in eval() mode: batch normalisation would learn from the test images that are shown here.
    """
    home = next(model.parameters()).device
    # A draw of images that `Dataset` has checked is zeros and ones, so one batch shows whether the model fits.
    model.check((data.train_batch(slice(batch_size)) if data.binarize == "draw" else data.train).to(home))
    model.check(data.test.to(home))
    few = data.test[:2].to(home)
    with evaluating(model):
        values = objective(model, few)
    if not isinstance(values, Tensor) or values.shape != (len(few),):
        raise ValueError("the objective must return one number for each image, of shape (batch,)")
    if not values.requires_grad:
        raise ValueError("the objective has no gradient: are all weights frozen, or is it computed under no_grad()?")


def _settings(
    data: Dataset,
    objective: Objective,
    epochs: int,
    batch_size: int,
    lr: float | Callable[[float], float],
    seed: int,
    precision: str,
    adam_eps: float,
) -> dict[str, Any]:
    """What a run has to keep when it is resumed, to end where it would have ended."""
    return {
        "data": str(data.name),
        "images": len(data.train),
        "binarize": data.binarize,
        # Of the training images alone: the pixels drawn for testing differ from one machine to another.
        "checksum of the images": zlib.crc32(data.train.detach().cpu().contiguous().numpy().data),
        "objective": _called(objective),
        "batch_size": batch_size,
        "lr": _called(lr) if callable(lr) else float(lr),
        "seed": seed,
        "precision": str(precision),
        "adam_eps": float(adam_eps),
        **({"epochs": epochs} if callable(lr) else {}),  # the rates of a schedule depend on where it ends
    }


def _called(thing: Any) -> str:
    """The name of a function, with the arguments it was given: the same in every process that makes it anew."""
    if isinstance(thing, functools.partial):
        given = [*map(_called, thing.args), *(f"{k}={_called(v)}" for k, v in thing.keywords.items())]
        return f"{_called(thing.func)}({', '.join(given)})"
    if isinstance(thing, np.generic):
        return repr(thing.item())
    name = getattr(thing, "__qualname__", None) or repr(thing)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", name)  # where it lies in memory, which is elsewhere in the next process


def _state_to_resume(
    checkpoint: str | Path, resume: bool, model: VAE, settings: dict[str, Any], epochs: int
) -> dict[str, Any] | None:
    checkpoint = checkpoints.file(checkpoint)
    if not os.path.exists(checkpoint):
        return None
    if not resume:
        raise checkpoints.CheckpointError(
            f"{checkpoint} exists already: resume=True goes on from it; to start anew, name another file"
        )
    state = checkpoints.load(checkpoint)
    if not {"optimizer", "epoch", "history"} <= state.keys():
        raise checkpoints.CheckpointError(f"{checkpoint} holds weights alone: they can be used, but not trained on")
    checkpoints.same_shapes(checkpoint, state["model"], model)
    if "architecture" in state:
        checkpoints.same_architecture(checkpoint, state["architecture"], architectures.describe(model))
    checkpoints.same_settings(checkpoint, state["settings"], settings)
    if state["epoch"] > epochs:
        raise checkpoints.CheckpointError(
            f"{checkpoint} has {state['epoch']} epochs behind it, which is more than {epochs}"
        )
    return state


class _Saver:
    """Saves after the first epoch and the last one, and in between so often that it costs little."""

    def __init__(self, path: str | Path | None, settings: dict[str, Any]) -> None:
        self.path, self.settings = path, settings
        self.saved, self.cost = -math.inf, 0.0

    def after_epoch(self, steps: Steps, history: History, last: bool) -> None:
        start = time.perf_counter()
        if self.path is None or (start - self.saved < self.cost / SAVING and not last):
            return
        content = {
            "format": checkpoints.FORMAT, "epoch": len(history.train), "history": asdict(history),
            "settings": self.settings, "architecture": architectures.describe(steps.model), **steps.state(),
        }  # fmt: skip
        checkpoints.save(self.path, content)
        self.saved = time.perf_counter()
        self.cost = self.saved - start


def _require_finite(values: Tensor, epoch: int, history: History, lr: float) -> None:
    """Read back once an epoch, which costs the device no waiting: did the objective stay finite?"""
    finite = torch.isfinite(values)
    if bool(finite.all()):
        return
    step = int(torch.nonzero(~finite)[0])
    before = [*history.train[-1:], *values[:step].tolist()]
    if not before:
        cause = "the first step already failed, so look at the model and the objective (a log-variance that overflows?)"
    elif before[-1] < max(before) - 0.5 * abs(max(before)):
        cause = f"the objective was falling before, so the learning rate, {lr:g}, is likely too high"
    else:
        cause = f"it had been {before[-1]:.4g}, so one step was too long: try a learning rate below {lr:g}"
    raise FloatingPointError(f"the objective stopped being finite at step {step + 1} of epoch {epoch + 1}: {cause}")
