"""A training step recorded as a CUDA graph: its kernels are launched all at once, without Python (lesson 08)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vae_course.training import processes

WARM_UP = 3  # steps that are taken one by one before one is recorded


def possible(place: torch.device) -> bool:
    """Whether steps can be recorded here; if not, one line says so."""
    if place.type == "cuda" and processes.count() == 1:
        return True
    if processes.rank() == 0:
        print("graph=True is for one process on a CUDA device: here the steps run one by one")
    return False


def rate(graph: bool, place: torch.device) -> Tensor | float:
    """A learning rate for the optimiser to begin with: `set_rate` sets it for each epoch.

    A recorded step does not ask Python for its learning rate, so it has to be a number that the device keeps.
    """
    return torch.zeros((), device=place) if graph else 0.0


def set_rate(optimizer: torch.optim.Optimizer, value: float) -> float:
    """Give the optimiser its learning rate, where it looks for it. Returns the same as a float."""
    (group,) = optimizer.param_groups
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(value)
    else:
        group["lr"] = float(value)
    return float(value)


class Recorded:
    """`step`, recorded at its fourth call and replayed from then on.

    What a recording works on has to stay at one place in memory: each batch is copied to where the first one was, and
    its result is copied away. A batch of another size (the last one of an epoch) takes its step without the recording.
    """

    def __init__(self, step: Callable[[Tensor], Tensor], place: torch.device) -> None:
        self.step, self.place = step, place
        self.warmed_up = 0
        self.x: Tensor | None = None
        self.result = torch.zeros((), device=place)

    def __call__(self, x: Tensor) -> Tensor:
        """What `step` returns for x: (batch, *image)."""
        if self.warmed_up < WARM_UP:
            self.warmed_up += 1
            with _side_stream(self.place):  # as torch asks for before a recording
                return self.step(x)
        if self.x is None:
            self.x = here = x.clone()
            self.replay = _record(lambda: self.result.copy_(self.step(here)))
        if x.shape != self.x.shape:
            return self.step(x)
        self.x.copy_(x)
        self.replay()
        return self.result.clone()


def _record(action: Callable[[], object]) -> Callable[[], None]:
    """Record, without running it, what `action` does on the device. Returns what runs it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        action()
    return graph.replay


@contextmanager
def _side_stream(place: torch.device) -> Iterator[None]:
    main, side = torch.cuda.current_stream(place), torch.cuda.Stream(place)
    side.wait_stream(main)
    with torch.cuda.stream(side):
        yield
    main.wait_stream(side)
