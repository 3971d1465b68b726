"""What all measurements of a model have in common: they change nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import torch

from vae_course.models import VAE, evaluating

P = ParamSpec("P")
Result = TypeVar("Result")


def measurement(function: Callable[Concatenate[VAE, P], Result]) -> Callable[Concatenate[VAE, P], Result]:
    """`function(model, ...)` without gradients, with every layer of the model in eval() mode and then as it was."""

    @functools.wraps(function)
    def measured(model: VAE, *arguments: P.args, **named: P.kwargs) -> Result:
        with torch.no_grad(), evaluating(model):
            return function(model, *arguments, **named)

    return measured
