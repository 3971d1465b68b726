"""`fit`: the one training loop of the course."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm.auto import tqdm

from vae_course.data import Dataset
from vae_course.models import VAE, unchecked
from vae_course.objectives import elbo

Objective = Callable[[VAE, Tensor], Tensor]


@dataclass
class History:
    """What happened during training, one entry an epoch; objectives in nats per example, averaged.

    train: the objective over the batches of an epoch, while the weights were moving
    test: epoch -> the objective on the test images, where `fit` was asked for it
    """

    train: list[float] = field(default_factory=list)
    test: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False


def fit(
    model: VAE,
    data: Dataset,
    objective: Objective = elbo,
    *,
    epochs: int,
    batch_size: int = 100,
    lr: float = 1e-3,
    seed: int = 0,
    test_every: int = 0,
) -> History:
    """Maximise `objective(model, x)` over the training images with Adam, and return the history.

    objective: (model, x of shape (batch, *image)) -> (batch,) nats
    seed: order and noise depend on (seed, epoch) alone, and the caller's random state is left as it was
    test_every: evaluate the test images every so many epochs; 0 for never

    The data stay resident on the model's device. An interrupt stops cleanly, with what was learned.
    Raises TypeError or ValueError for bad input, before the first step, and FloatingPointError where the
    objective stops being finite, naming the step. Lesson 05 writes this loop by hand.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
    if not lr > 0:
        raise ValueError(f"the learning rate must be positive, but it is {lr}")
    device = next(model.parameters()).device
    data = data.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    history, start = History(), time.perf_counter()
    generators = [device] if device.type == "cuda" else []
    silent = os.environ.get("TQDM_DISABLE") == "1"  # tqdm's bar for notebooks does not look at it
    with torch.random.fork_rng(devices=generators), tqdm(total=epochs, unit="epoch", disable=silent) as progress:
        torch.manual_seed(seed)
        # A draw of images that `Dataset` has checked is zeros and ones, so one batch shows whether the model fits.
        model.check(data.train_batch(slice(batch_size)) if data.binarize == "draw" else data.train)
        model.check(data.test)
        if objective(model, data.test[:2]).shape != (len(data.test[:2]),):
            raise ValueError("the objective must return one number for each image, of shape (batch,)")
        try:
            with unchecked():
                for epoch in range(epochs):
                    torch.manual_seed(seed + 1_000_003 * epoch)
                    values = _epoch(model, data, objective, optimizer, batch_size)
                    _require_finite(values, epoch, history, lr)
                    history.train.append(values.mean().item())
                    if test_every and (epoch + 1) % test_every == 0:
                        with torch.no_grad():
                            history.test[epoch] = objective(model, data.test).mean().item()
                    progress.set_postfix_str(f"objective {history.train[-1]:.2f} nats", refresh=False)
                    progress.update()
        except KeyboardInterrupt:
            history.interrupted = True
            print(f"interrupted in epoch {len(history.train) + 1} of {epochs}: the model keeps what it has learned")
    history.seconds = time.perf_counter() - start
    return history


def _epoch(
    model: VAE, data: Dataset, objective: Objective, optimizer: torch.optim.Optimizer, batch_size: int
) -> Tensor:
    """One pass over the training images. Returns the objective of each step, still on the device."""
    values = []
    for index in torch.randperm(len(data.train), device=data.train.device).split(batch_size):
        x = data.train_batch(index)
        loss = -objective(model, x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(-loss.detach())
    return torch.stack(values)


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
