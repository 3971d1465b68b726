"""Where training runs: which device, how much fits on it, and in which precision it computes (lesson 08)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from vae_course.data import Dataset


def pick(device: str | torch.device = "auto") -> torch.device:
    """The device of that name; for "auto" a CUDA device where there is one, else the CPU.

    Under torchrun each process gets the CUDA device of its local rank. Raises ValueError where there is no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        if place.type == "cuda" and place.index is None:
            place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.empty(0, device=place).cpu()  # from "meta", which is everywhere and holds nothing, there is no way back
    except (RuntimeError, AssertionError, NotImplementedError, ImportError, TypeError):
        raise ValueError(
            f"there is no device {str(device)!r} here for torch {torch.__version__}: there is {_there()}; "
            "device='auto' takes the best"
        ) from None
    return place


def _there() -> str:
    return ", ".join(["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))])


def name(place: torch.device) -> str:
    """What to call it in a record: the GPU's own name, or "cpu"."""
    return torch.cuda.get_device_name(place) if place.type == "cuda" else str(place)


@contextmanager
def lent(model: nn.Module, place: torch.device) -> Iterator[None]:
    """Within it the model is on `place`; afterwards it is back where it was, whatever happened."""
    home = next(model.parameters()).device
    model.to(place)
    try:
        with torch.cuda.device(place) if place.type == "cuda" else nullcontext():
            yield
    finally:
        model.to(home)


def can_hold(data: Dataset, place: torch.device) -> bool:
    """Whether all images can stay on the device and leave it half of its free memory."""
    if place.type != "cuda" or data.train.device == place:
        return True
    size = sum(images.numel() * images.element_size() for images in (data.train, data.test))
    return size <= torch.cuda.mem_get_info(place)[0] / 2


@contextmanager
def explained(place: torch.device, batch_size: int) -> Iterator[None]:
    """Turn "out of memory", which each device says in its own way, into MemoryError with one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        text = str(error)
        if isinstance(error, RuntimeError) and not ("out of memory" in text or "allocate memory" in text):
            raise
        raise MemoryError(
            f"{name(place)} is out of memory at {batch_size} images a batch: try batch_size={max(1, batch_size // 2)}"
        ) from error


def autocast(place: torch.device, precision: str) -> AbstractContextManager:
    """Within it matrix products and convolutions are computed in that precision: "float32" or "bfloat16"."""
    return torch.autocast(place.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
