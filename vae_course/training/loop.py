"""`fit`: the training loop of lesson 05. What lesson 08 adds to it is a named line each, and a file of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from vae_course.arguments import real, whole
from vae_course.data import Dataset
from vae_course.models import VAE, unchecked
from vae_course.objectives import Objective, elbo
from vae_course.training import devices, graphs, processes, refusals, resuming
from vae_course.training.batches import loaded_batches, resident_batches, test_objective
from vae_course.training.history import History

# Epochs begin at seeds this far apart, so that runs with neighbouring seeds share no epoch's noise. Any number works
# that is larger than the seeds people choose; it is a prime, so that seeds in round steps do not meet it either.
SEEDS_APART = 1_000_003


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
    refusals.check_arguments(model, data, objective, epochs, lr, precision, adam_eps)
    place = devices.pick(device)
    graph = graph and graphs.possible(place)
    kept = {"batch_size": batch_size, "lr": lr, "seed": seed, "precision": precision, "adam_eps": adam_eps}
    run = resuming.Run(checkpoint, resume, model, data, objective, epochs, kept)
    with devices.explained(place, batch_size), _own_random_state(place, seed):
        refusals.check_that_they_fit(model, data, objective, batch_size)
        run.require_writable()
        with devices.lent(model, place), unchecked(), _progress_bar(epochs) as progress:
            # Everything up to here is care for bad input; from here on it is lesson 05's loop.
            optimizer = torch.optim.Adam(
                model.parameters(), lr=graphs.rate(graph, place), eps=adam_eps, fused=True, capturable=graph
            )
            fits = devices.can_hold(
                data, place
            )  # lesson 08: all images stay on the device, or a DataLoader brings them
            data, batches = (data.to(place), resident_batches) if fits else (data, loaded_batches)
            per_image = processes.shared(model, objective, place)  # lesson 08: several processes, each with its share
            number_format = devices.autocast(place, precision)  # lesson 08: bfloat16 where that is safe
            history = run.restored(model, optimizer, History(device=devices.name(place)))  # lesson 08: checkpoints
            progress.update(len(history.train))

            def step(x: Tensor) -> Tensor:
                with number_format:
                    loss = -per_image(x).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                return -loss.detach()

            if graph:
                step = graphs.Recorded(step, place)  # lesson 08: the kernels of a step launched all at once
            with _interruptible(history, epochs):
                for epoch in range(len(history.train), epochs):
                    rate = graphs.set_rate(optimizer, lr((epoch + 0.5) / epochs) if callable(lr) else lr)
                    torch.manual_seed(seed + SEEDS_APART * epoch)
                    order = torch.randperm(len(data.train), device=data.train.device)
                    processes.draw_own_noise(seed + SEEDS_APART * epoch)
                    values = torch.stack([step(x) for x in batches(data, order, batch_size, place)])
                    values = processes.average(values)
                    refusals.require_finite(values, epoch, history.train, rate)
                    history.train.append(values.mean().item())
                    if test_every and (epoch + 1) % test_every == 0:
                        history.test[epoch] = test_objective(model, objective, data.test, place, number_format)
                    progress.set_postfix_str(f"objective {history.train[-1]:.2f} nats", refresh=False)
                    progress.update()
                    run.after_epoch(model, optimizer, history, last=epoch + 1 == epochs)
            history.seconds = run.seconds()
    return history


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


@contextmanager
def _own_random_state(place: torch.device, seed: int) -> Iterator[None]:
    """Within it random numbers follow from `seed`; afterwards the caller's go on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _progress_bar(epochs: int) -> tqdm:
    # tqdm's bar for notebooks does not look at TQDM_DISABLE by itself.
    silent = processes.rank() > 0 or os.environ.get("TQDM_DISABLE") == "1"
    return tqdm(total=epochs, unit="epoch", disable=silent)


@contextmanager
def _interruptible(history: History, epochs: int) -> Iterator[None]:
    """An interrupt ends what is within it, and the model keeps what it has learned."""
    try:
        yield
    except KeyboardInterrupt:
        history.interrupted = True
        print(f"interrupted in epoch {len(history.train) + 1} of {epochs}: the model keeps what it has learned")
