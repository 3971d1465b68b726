"""In which mode a model is run: without learning from what is measured, and without checking what was checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.distributions import Distribution


@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """Within it every layer of `model` is in eval() mode; afterwards each is in the mode in which it was.

    In training mode dropout would disturb what is measured, and batch normalisation would learn from it. What is no
    torch module has no modes, and stays as it is.
    """
    before = []
    if isinstance(model, nn.Module):
        before = [(module, module.training) for module in model.modules()]
        model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training  # and not module.train(), which would set those within it as well


@contextmanager
def training_mode(model: nn.Module) -> Iterator[None]:
    """Within it a model that is in eval() mode, as one that was loaded is, is in train() mode; afterwards as before.

    A model that is in train() mode is left as it is, with the layers of it that somebody keeps in eval() mode.
    """
    before = [(module, module.training) for module in model.modules()]
    if not model.training:
        model.train()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def unchecked() -> Iterator[None]:
    """Within it, inputs and distributions are taken as they are: for loops whose data were checked at the door."""
    before = Distribution._validate_args  # torch has a function that sets it, and none that tells it
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def checking() -> bool:
    """Whether inputs are to be checked, which they are outside of `unchecked`."""
    return Distribution._validate_args  # as above
