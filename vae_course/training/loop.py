"""`fit`: the training loop of lesson 05. What lesson 08 adds to it stands in lines that say so, and in other files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from vae_course.arguments import whole
from vae_course.data import Dataset
from vae_course.models import VAE, training_mode, unchecked
from vae_course.objectives import Objective, elbo
from vae_course.training import devices, graphs, learning_rates, processes, refusals, resuming
from vae_course.training.batches import loaded_batches, resident_batches
from vae_course.training.history import History
from vae_course.training.testing import average_objective

# Each epoch draws from a seed of its own, so that a resumed run needs no random state. They lie this far apart, so that
# runs with neighbouring seeds (0, 1, 2, ...) have no epoch in common.
EPOCH_SEEDS_APART = 1_000_003


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
    seed: order and noise follow from (seed, epoch), on one device; the caller's random state is left as it was
    test_every: evaluate the test images every so many epochs, the model in eval() mode; 0 for never
    device: "auto" takes a CUDA device where there is one; the model comes back to the device where it was
    precision: "bfloat16" computes matrix products and convolutions in it, densities and sums in float32
    graph: on a CUDA device, record a step once and replay it, which saves the launching of its many small kernels
    checkpoint: a file for the state of the run, written whole after the first epoch, after the last one, and in
        between as often as takes 2 % of the time
    resume: go on from that file if it exists: on a CPU to the same weights, bit for bit, as without the break;
        settings, the model's architecture and the training images are compared, and must be the same
    adam_eps: added to the root of Adam's second moments; some published settings have another one

    The data stay resident on the device if they fit; else a DataLoader brings them. Among several processes that have
    joined (`torch.distributed.init_process_group`), each takes its share of every batch. A model in eval() mode is put
    into train() mode meanwhile. An interrupt stops cleanly, with what was learned; the checkpoint stays the last one.
    Raises TypeError or ValueError for bad input, before the first step; FloatingPointError at the end of an epoch in
    which the objective stopped being finite, naming the step; MemoryError; and checkpoints.CheckpointError.
    Lesson 05 writes this loop by hand; lesson 08 explains what is marked with its number, and fused Adam.
    """
    epochs, batch_size = whole("epochs", epochs), whole("batch_size", batch_size)
    test_every = whole("test_every", test_every, least=0)
    seed = whole("seed", seed, least=-(2**63), most=2**63 - 1)  # what torch takes, with room for the epochs
    refusals.check_arguments(model, data, objective, epochs, lr, precision, adam_eps)
    place = devices.pick(device)  # lesson 08
    graph = graph and graphs.possible(place)  # lesson 08
    settings = {"batch_size": batch_size, "lr": lr, "seed": seed, "precision": precision, "adam_eps": adam_eps}
    run = resuming.Run(checkpoint, resume, model, data, objective, epochs, settings)  # lesson 08: checkpoints
    with devices.explained(place, batch_size), _own_random_state(place, seed):
        refusals.check_model_and_images(model, data, objective, batch_size)
        run.require_writable()
        with devices.lent(model, place), training_mode(model), unchecked(), _progress_bar(epochs) as progress:
            lr_to_begin_with = torch.zeros((), device=place) if graph else 0.0  # lesson 08: see graphs.py
            optimizer = torch.optim.Adam(
                model.parameters(), lr=lr_to_begin_with, eps=adam_eps, fused=True, capturable=graph
            )
            if devices.can_hold(data, place):  # lesson 08: all images stay on the device, or a DataLoader brings them
                data, batches = data.to(place), resident_batches
            else:
                batches = loaded_batches
            objective_of = processes.shared(model, objective, place)  # lesson 08: each of several has its share of x
            autocast = devices.autocast(place, precision)  # lesson 08: bfloat16
            history = run.restored(model, optimizer, History(device=devices.name(place)))  # lesson 08: checkpoints
            progress.update(len(history.train))

            def step(x: Tensor) -> Tensor:
                with autocast:
                    loss = -objective_of(x).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                return -loss.detach()  # left on the device: reading it would keep Python from calling the next step

            if graph:
                step = graphs.Recorded(step, place)  # lesson 08: the kernels of a step launched all at once
            with _interruptible(history, epochs):
                for epoch in range(len(history.train), epochs):
                    lr_now = learning_rates.set_for_epoch(optimizer, lr, epoch, epochs)
                    torch.manual_seed(seed + EPOCH_SEEDS_APART * epoch)
                    order = torch.randperm(len(data.train), device=place)
                    processes.seed_own_noise(seed + EPOCH_SEEDS_APART * epoch)  # lesson 08
                    values = []
                    for x in batches(data, order, batch_size, place):
                        values.append(step(x))
                    objectives = processes.average(torch.stack(values))  # lesson 08
                    refusals.require_finite(objectives, model, epoch, history.train, lr_now)
                    history.train.append(objectives.mean().item())
                    if test_every and (epoch + 1) % test_every == 0:
                        history.test[epoch] = average_objective(model, objective, data.test, place, autocast)
                    progress.set_postfix_str(f"objective {history.train[-1]:.2f} nats", refresh=False)
                    progress.update()
                    run.after_epoch(model, optimizer, history, last=epoch + 1 == epochs)  # lesson 08: checkpoints
            history.seconds = run.seconds()
    return history


@contextmanager
def _own_random_state(place: torch.device, seed: int) -> Iterator[None]:
    """Within it random numbers follow from `seed`; afterwards the caller's go on as if nothing had been drawn."""
    # torch.manual_seed seeds every CUDA device; one that nobody has used has no state to keep.
    cuda = place.type == "cuda" or torch.cuda.is_initialized()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if cuda else []):
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
        now = min(len(history.train) + 1, epochs)
        print(f"interrupted in epoch {now} of {epochs}: the model keeps what it has learned")
