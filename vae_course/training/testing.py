"""The objective on the test images."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from vae_course.models import VAE, evaluating
from vae_course.objectives import Objective

# How many test images are shown to the model at once: with the 50 draws of an importance-weighted bound, decoded to
# 28x28 pixels, a tensor of them has 63 MB. The parts decide which image gets which noise, so a set of up to so many
# images (digits has 359 for testing) is one part, and its numbers are those of one call.
TEST_IMAGES = 400


@torch.no_grad()
def average_objective(
    model: VAE, objective: Objective, images: Tensor, place: torch.device, autocast: AbstractContextManager
) -> float:
    """The objective, averaged over the images (n, *image), with every layer of the model in eval() mode."""
    with autocast, evaluating(model):
        parts = [objective(model, x.to(place)) for x in images.split(TEST_IMAGES)]
    return torch.cat(parts).mean().item()
