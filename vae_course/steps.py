"""One epoch of training: its batches, its steps, and how they are launched (lesson 08)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.utils.data import BatchSampler, DataLoader
from torch.utils.data import Dataset as Rows

from vae_course import devices
from vae_course.data import Dataset
from vae_course.models import VAE, evaluating

Objective = Callable[[VAE, Tensor], Tensor]
# How many test images are shown to the model at once: with the 50 draws of an importance-weighted bound, decoded to
# 28x28 pixels, a tensor of them has 63 MB. The parts decide which image gets which noise, so a set of up to so many
# images (digits has 359 for testing) is one part, and its numbers are those of one call.
TEST_IMAGES = 400
WARM_UP = 3  # steps that are taken one by one before one is recorded as a graph


class _PerImage(nn.Module):
    """The objective as a module: DistributedDataParallel exchanges gradients only for what runs in its `forward`."""

    def __init__(self, model: VAE, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor) -> Tensor:
        return self.objective(self.model, x)


class _Rows(Rows):
    """A data set whose items are whole batches of images, for a DataLoader that batches nothing itself."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __getitem__(self, index: list[int]) -> Tensor:
        return self.images[index]


class Steps:
    """Model, images and optimiser on the device `where`, and the epochs and steps there.

    half: matrix products and convolutions in bfloat16       graph: a step is recorded as a CUDA graph, and replayed
    """

    def __init__(
        self,
        model: VAE,
        data: Dataset,
        objective: Objective,
        batch_size: int,
        where: torch.device,
        half: bool = False,
        graph: bool = False,
        adam_eps: float = 1e-8,
    ) -> None:
        self.model, self.batch_size, self.where, self.half, self.graph = model, batch_size, where, half, graph
        self.resident = devices.can_hold(data, where)
        self.data = data.to(where) if self.resident else data
        self.rank, self.processes = devices.rank_and_size()
        self.alone = _PerImage(model, objective)
        self.per_image: nn.Module = self.alone
        if self.processes > 1:
            ids = [where] if where.type == "cuda" else None
            self.per_image = nn.parallel.DistributedDataParallel(self.alone, device_ids=ids)
        self.optimizer = torch.optim.Adam(model.parameters(), eps=adam_eps, fused=True, capturable=graph)
        # A recorded step does not ask Python for its learning rate: it reads it where the device keeps it.
        self.rate = torch.zeros((), device=where) if graph else 0.0
        self.recorded: _Recorded | None = None

    def _precision(self) -> AbstractContextManager:
        return torch.autocast(self.where.type, torch.bfloat16) if self.half else nullcontext()

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to keep of model and optimiser."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, which may have run on another device."""
        self.model.load_state_dict(state["model"])
        (own,) = self.optimizer.param_groups
        how = {name: own[name] for name in ("lr", "capturable", "fused")}
        self.optimizer.load_state_dict(state["optimizer"])
        self.optimizer.param_groups[0].update(how)

    def epoch(self, seed: int, rate: float) -> Tensor:
        """One pass over the training images. Returns the objective of each step, still on the device."""
        if isinstance(self.rate, Tensor):
            self.rate.fill_(rate)
        else:
            self.rate = rate
        self.optimizer.param_groups[0]["lr"] = self.rate
        torch.manual_seed(seed)
        order = torch.randperm(len(self.data.train), device=self.where if self.resident else "cpu")
        if self.processes > 1:  # one order for all of them, but each its own noise
            torch.manual_seed(seed + 7_919 * (self.rank + 1))
        if self.graph and self.resident:
            return self._replayed(order)
        values = torch.stack([self.step(x, size) for x, size in self._batches(order)])
        if self.processes > 1:
            distributed.all_reduce(values)
        return values

    def step(self, x: Tensor, size: int) -> Tensor:
        """One step of Adam. x: this process's share of a batch of `size` images. Returns its share of their mean."""
        with self._precision():
            objective = self.per_image(x)
        mean = objective.mean() if self.processes == 1 else objective.sum() / size
        loss = -mean * self.processes if self.processes > 1 else -mean  # DistributedDataParallel averages gradients
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return mean.detach()

    def _batches(self, order: Tensor) -> Iterator[tuple[Tensor, int]]:
        """This process's share of each batch, as the model is to see it, and the size of the whole batch."""
        mine = slice(self.rank, None, self.processes)
        if self.resident:
            for index in order.split(self.batch_size):
                yield self.data.train_batch(index[mine]), len(index)
            return
        batches = list(BatchSampler(order.tolist(), self.batch_size, drop_last=False))
        loader = DataLoader(
            _Rows(self.data.train),
            sampler=[batch[mine] for batch in batches],
            batch_size=None,
            pin_memory=self.where.type == "cuda",
            generator=torch.Generator(),  # else it would draw its seed from the model's noise
        )
        for batch, grey in zip(batches, loader, strict=True):
            yield self.data.drawn(grey.to(self.where, non_blocking=True)), len(batch)

    def _replayed(self, order: Tensor) -> Tensor:
        """An epoch with the recorded step; a last batch that is smaller takes its step alone."""
        batches = order.split(self.batch_size)
        whole, values = len(order) // self.batch_size, []
        if not self.recorded and whole > WARM_UP:
            with _side_stream(self.where):  # as torch asks for before a recording
                values = [self._step_of(index) for index in batches[:WARM_UP]]
            self.recorded = _Recorded(self._step_of, whole, self.batch_size, self.where)
        if self.recorded:
            values.extend(self.recorded.steps(torch.stack(batches[len(values) : whole])))
        values.extend(self._step_of(index) for index in batches[len(values) :])
        return torch.stack(values)

    def _step_of(self, index: Tensor) -> Tensor:
        return self.step(self.data.train_batch(index), len(index))

    @torch.no_grad()
    def test(self) -> float:
        """The objective, averaged over the test images, with every layer in eval() mode."""
        with self._precision(), evaluating(self.alone):
            parts = [self.alone(x.to(self.where)) for x in self.data.test.split(TEST_IMAGES)]
        return torch.cat(parts).mean().item()


class _Recorded:
    """A step recorded as a CUDA graph: all its kernels are launched at once, with no Python in between.

    What it works on has to stay at one place in memory. So the order of an epoch is written into `order`, and the
    step itself counts in `number` which batch is its own.
    """

    def __init__(self, step: Callable[[Tensor], Tensor], steps: int, batch_size: int, where: torch.device) -> None:
        self.order = torch.zeros(steps, batch_size, dtype=torch.long, device=where)
        self.values = torch.zeros(steps, device=where)
        self.number = torch.zeros(1, dtype=torch.long, device=where)

        def next_step() -> None:
            value = step(self.order.index_select(0, self.number).flatten())
            self.values.index_copy_(0, self.number, value.reshape(1))
            self.number.add_(1)

        self.replay = _record(next_step)

    def steps(self, order: Tensor) -> Tensor:
        """The objective of each step. order: (steps, batch_size)."""
        self.order[: len(order)] = order
        self.number.zero_()
        for _ in range(len(order)):
            self.replay()
        return self.values[: len(order)].clone()


def _record(action: Callable[[], None]) -> Callable[[], None]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        action()
    return graph.replay


@contextmanager
def _side_stream(where: torch.device) -> Iterator[None]:
    main, side = torch.cuda.current_stream(where), torch.cuda.Stream(where)
    side.wait_stream(main)
    with torch.cuda.stream(side):
        yield
    main.wait_stream(side)
