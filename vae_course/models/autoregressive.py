"""Decoders that draw an image piece by piece, each piece knowing earlier ones: p(x|z) is a product over the pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vae_course.models.likelihoods import BernoulliPixels
from vae_course.models.vae import layers


class InOrder(Distribution):
    """Pixels that are 0 or 1 and drawn in an order: log p(x|z) = sum over i of log p(x_i | earlier pixels, z).

    logits_of: from images x, (..., *image), the log-odds of each pixel given the pixels of x that are drawn before it,
        (*samples, *batch, *image); it must not look at any other
    order: (*image), the step at which each pixel is drawn, from 0 on; pixels of one step are independent
    """

    arg_constraints: ClassVar[dict] = {}
    support = constraints.independent(constraints.boolean, 3)

    def __init__(self, logits_of: Callable[[Tensor], Tensor], batch_shape: Sequence[int], order: Tensor) -> None:
        self.logits_of, self.order = logits_of, order
        super().__init__(torch.Size(batch_shape), order.shape, validate_args=False)

    def log_prob(self, x: Tensor) -> Tensor:
        """(*batch,) nats for x: (*batch, *image), or (batch, *image) where there are samples of z.

        All pixels at once, each given the true earlier ones ("teacher forcing").
        """
        return BernoulliPixels(self.logits_of(x)).log_prob(x)

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Images (*sample_shape, *batch, *image), drawn step by step, each step given what was drawn before it."""
        x = torch.zeros(*sample_shape, *self.batch_shape, *self.event_shape, device=self.order.device)
        for step in range(int(self.order.max()) + 1):
            drawn = torch.bernoulli(self.logits_of(x).sigmoid())
            x = torch.where(self.order == step, drawn, x)
        return x

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError("the mean of an autoregressive p(x|z) has no formula: draw images with sample()")


class WindowDecoder(nn.Module):
    """p(x|z) whose pixel i sees z and the `context` pixels before it, in reading order (built in lesson 11).

    Called with z: (*samples, batch, latent_dim), it returns a distribution over images, of batch shape
    (*samples, batch).
    To the log-odds that a network with one hidden layer makes of z, it adds a weight times each pixel in the window.
    hidden_dim: the width of the hidden layer
    context: from 0, where pixels are independent given z, to the number of pixels less one; None for that
    Raises ValueError for another context, or fewer than one latent or hidden unit.
    """

    weights: Tensor
    window: Tensor
    order: Tensor

    def __init__(
        self, image_shape: tuple[int, ...], latent_dim: int, hidden_dim: int = 200, context: int | None = None
    ) -> None:
        super().__init__()
        self.image_shape, self.latent_dim = _checked(image_shape, latent_dim, hidden_dim), latent_dim
        pixels = torch.Size(self.image_shape).numel()
        self.context = pixels - 1 if context is None else context
        if not _whole(self.context) or not 0 <= self.context < pixels:
            raise ValueError(f"context must be None or a whole number from 0 to {pixels - 1}, but it is {context!r}")
        self.arguments = {
            "image_shape": self.image_shape, "latent_dim": latent_dim, "hidden_dim": hidden_dim,
            "context": self.context,
        }  # fmt: skip
        self.net = nn.Sequential(*layers(latent_dim, hidden_dim, pixels))
        self.weights = nn.Parameter(torch.zeros(pixels, pixels))  # from each pixel to each
        window = torch.ones(pixels, pixels).triu(1).tril(self.context)  # 0 < to - from <= context
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("order", torch.arange(pixels).reshape(self.image_shape), persistent=False)

    def forward(self, z: Tensor) -> InOrder:
        from_z, weights = self.net(z), self.weights * self.window

        def logits_of(x: Tensor) -> Tensor:
            return (from_z + x.flatten(-3) @ weights).unflatten(-1, self.image_shape)

        return InOrder(logits_of, z.shape[:-1], self.order)


class RowDecoder(nn.Module):
    """p(x|z) drawn row by row by a GRU, whose state is a function of z and of all earlier rows (lesson 11).

    Called with z: (*samples, batch, latent_dim), it returns a distribution over images, of batch shape
    (*samples, batch).
    z sets the first state; each step reads the row before (zeros at first) and gives the log-odds of a row. The pixels
    of a row are independent, given z and the rows before.
    hidden_dim: the width of the state
    Raises ValueError for fewer than one latent or hidden unit, or an image of fewer than two rows.
    GRU: Cho et al. 2014, arXiv 1406.1078.
    """

    order: Tensor

    def __init__(self, image_shape: tuple[int, ...], latent_dim: int, hidden_dim: int = 64) -> None:
        super().__init__()
        self.image_shape, self.latent_dim = _checked(image_shape, latent_dim, hidden_dim), latent_dim
        channels, height, width = self.image_shape
        if height < 2:
            raise ValueError(f"an image drawn row by row needs at least two rows, but its shape is {self.image_shape}")
        self.arguments = {"image_shape": self.image_shape, "latent_dim": latent_dim, "hidden_dim": hidden_dim}
        self.start = nn.Linear(latent_dim, hidden_dim)
        self.from_row = nn.Linear(channels * width, 3 * hidden_dim)
        self.from_state = nn.Linear(hidden_dim, 3 * hidden_dim)
        self.to_row = nn.Linear(hidden_dim, channels * width)
        order = torch.arange(height)[:, None].expand(self.image_shape).clone()
        self.register_buffer("order", order, persistent=False)

    def forward(self, z: Tensor) -> InOrder:
        first = torch.tanh(self.start(z))

        def logits_of(x: Tensor) -> Tensor:
            rows = x.movedim(-3, -2).flatten(-2)  # (..., height, channels * width)
            before = torch.cat([torch.zeros_like(rows[..., :1, :]), rows[..., :-1, :]], dim=-2)
            state, states = first, []
            for read in self.from_row(before).unbind(-2):
                state = _gru(read, self.from_state(state), state)
                states.append(state)
            logits = self.to_row(torch.stack(states, dim=-2))
            channels, _, width = self.image_shape
            return logits.unflatten(-1, (channels, width)).movedim(-2, -3)

        return InOrder(logits_of, z.shape[:-1], self.order)


def _gru(read: Tensor, kept: Tensor, state: Tensor) -> Tensor:
    """The next state of a gated recurrent unit; read, kept: what it makes of its input and of its state, (..., 3 h)."""
    h = state.shape[-1]
    reset, update = torch.sigmoid(read[..., : 2 * h] + kept[..., : 2 * h]).chunk(2, dim=-1)
    new = torch.tanh(read[..., 2 * h :] + reset * kept[..., 2 * h :])
    return new + update * (state - new)


def _checked(image_shape: tuple[int, ...], latent_dim: int, hidden_dim: int) -> tuple[int, ...]:
    if len(image_shape) != 3 or not all(_whole(n) and n > 0 for n in image_shape):
        raise ValueError(f"image_shape must be (channels, height, width), not {image_shape!r}")
    for name, value in (("latent_dim", latent_dim), ("hidden_dim", hidden_dim)):
        if not _whole(value) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
    return tuple(image_shape)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
