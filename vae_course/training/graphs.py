"""A training step recorded as a CUDA graph: its kernels are launched all at once, without Python (lesson 08)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vae_course.training import processes

# Steps that are taken one by one before one is recorded, on a stream of their own: torch asks for both, since libraries
# set themselves up in the first steps, which must not be part of the recording.
WARM_UP = 3


def possible(place: torch.device) -> bool:
    """Whether steps can be recorded here; if not, one line says so."""
    if place.type == "cuda" and processes.count() == 1:
        return True
    if processes.rank() == 0:
        print("graph=True is for one process on a CUDA device: here the steps run one by one")
    return False


class Recorded:
    """`step`, recorded once and replayed from then on.

    What a recording works on has to stay at one place in memory: each batch is copied to where the first one was, and
    the result is copied away. The learning rate is such a number too, so `fit` keeps it on the device. Each replay
    draws new noise: torch hands a recording the generator's seed and position anew.
    A batch of another size (the last one of an epoch) takes its step without the recording.
    """

    def __init__(self, step: Callable[[Tensor], Tensor], place: torch.device) -> None:
        self.step, self.place = step, place
        self.result = torch.zeros((), device=place)
        self.shape: torch.Size | None = None
        self.warmed_up = 0
        self.replay: Callable[[], object] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """What `step` returns for x: (batch, *image)."""
        self.shape = self.shape or x.shape
        if x.shape != self.shape:
            return self.step(x)
        if self.warmed_up < WARM_UP:
            self.warmed_up += 1
            with _side_stream(self.place):
                return self.step(x)
        if self.replay is None:
            self.x = x.clone()
            self.replay = _record(lambda: self.result.copy_(self.step(self.x)))
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
