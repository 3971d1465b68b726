"""log p(x) by importance weighting, and what it is in bits per dimension."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from vae_course.arguments import whole
from vae_course.evaluation.estimates import PerImage, jackknife
from vae_course.evaluation.measuring import measurement
from vae_course.models import VAE, checking, unchecked

Nats = TypeVar("Nats", float, Tensor)
DRAWS = 50  # draws of z for one image that are decoded at once


@measurement
def log_likelihood(model: VAE, x: Tensor, k: int = 5_000) -> PerImage:
    """log p(x): the log of the mean of k weights p(x, z) / q(z|x), in chunks, so memory does not grow with k.

    x: (n, *image). Returns n estimates in nats: on average a lower bound that rises with k (Burda, Grosse &
    Salakhutdinov 2015, arXiv 1509.00519). Of the two errors, the delta method's is too small where few weights make up
    the mean: `over_repeats` has the one that repetition shows. For k = 1 neither is known (NaN). Raises ValueError
    where k < 1. Built in lesson 09.
    """
    k = whole("k", k)
    if checking():
        model.check(x)
    with unchecked():
        parts = [_log_mean_weight(model, part, k) for part in x.split(images_at_once(x, min(k, DRAWS)))]
    return PerImage(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def images_at_once(x: Tensor, draws: int) -> int:
    """How many images may be decoded together, with so many draws each: 1,000 rows on a CPU, 20,000 elsewhere.

    The C library keeps freed blocks of more than a few MB; with larger parts a process would grow, though no tensor is
    kept.
    """
    return max(1, (1_000 if x.device.type == "cpu" else 20_000) // draws)


def _log_mean_weight(model: VAE, x: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    q_z = model.encode(x)
    total = torch.full((len(x),), -math.inf, device=x.device)  # log of the sum of the weights, and of their squares
    squares = total.clone()
    groups = total.repeat(min(k, DRAWS), 1)  # the same of the j-th draws of all chunks, so that memory does not grow
    for first in range(0, k, DRAWS):
        z = q_z.sample(torch.Size([min(DRAWS, k - first)]))
        log_weights = model.decode(z).log_prob(x) + model.prior.log_prob(z) - q_z.log_prob(z)
        total = torch.logaddexp(total, log_weights.logsumexp(0))
        squares = torch.logaddexp(squares, (2 * log_weights).logsumexp(0))
        groups[: len(z)] = torch.logaddexp(groups[: len(z)], log_weights)
    relative_variance = torch.exp(squares - 2 * total + math.log(k)) - 1
    error = (relative_variance.clamp(min=0) / (k - 1)).sqrt() if k > 1 else torch.full_like(total, math.nan)
    counts = torch.tensor([len(range(j, k, DRAWS)) for j in range(len(groups))], device=x.device)
    return total - math.log(k), error, jackknife(groups, counts)


def bits_per_dim(nats: Nats, dims: int, levels: int | None = None) -> Nats:
    """A cost -log p(x) of an image, in bits for each of its `dims` pixels (times channels); lesson 06 builds it.

    nats: a number, or a tensor of any shape; the result is of the same kind
    levels: None where p is a probability of grey values. Where p is a density on [0, 1], the number of grey values that
        uniform noise has spread over it, x = (k + u) / levels: log2(levels) bits are then added, and the result bounds
        the bits of the grey values from above (Theis, van den Oord & Bethge 2016, arXiv 1511.01844).
    Raises ValueError for fewer than one dimension or two levels.
    """
    dims = whole("dims", dims)
    if levels is not None:
        levels = whole("levels", levels, 2)
    return nats / (dims * math.log(2)) + (0.0 if levels is None else math.log2(levels))
