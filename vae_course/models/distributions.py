"""Gaussians over the latents, in the formulas of the lessons, and their Kullback-Leibler divergences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, constraints, kl_divergence, register_kl

LOG_2_PI = math.log(2 * math.pi)


def in_float32(x: Tensor) -> Tensor:
    """Half-precision numbers as float32, others as they are: densities and their sums need more than 8 or 11 bits."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


class DiagonalNormal(Distribution):
    """N(mu, diag(exp(log_var))) over the last dimension; mu, log_var: (*batch, latent_dim).

    What `Independent(Normal(mu, sigma), 1)` computes, in the formulas of lesson 05 and with fewer operations a call.
    """

    arg_constraints: ClassVar[dict] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, mu: Tensor, log_var: Tensor) -> None:
        self.mu, self.log_var = in_float32(mu), in_float32(log_var)
        super().__init__(mu.shape[:-1], mu.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def variance(self) -> Tensor:
        return self.log_var.exp()

    @property
    def stddev(self) -> Tensor:
        return torch.exp(0.5 * self.log_var)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """z = mu + sigma * noise, (*sample_shape, *batch, latent_dim); gradients flow into mu and log_var."""
        noise = torch.randn(*sample_shape, *self.mu.shape, dtype=self.mu.dtype, device=self.mu.device)
        return self.mu + self.stddev * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """(*samples, *batch) nats for z: (*samples, *batch, latent_dim)."""
        squares = (z - self.mu).square() * torch.exp(-self.log_var)
        return -0.5 * (squares + self.log_var + LOG_2_PI).sum(-1)

    def entropy(self) -> Tensor:
        return 0.5 * (self.log_var + LOG_2_PI + 1).sum(-1)


@register_kl(Independent, DiagonalNormal)
def _kl_from_torchs(q: Independent, p: DiagonalNormal) -> Tensor:
    return kl_divergence(q, Independent(Normal(p.mean, p.stddev), 1))


@register_kl(DiagonalNormal, DiagonalNormal)
def _kl_diagonal_normals(q: DiagonalNormal, p: DiagonalNormal) -> Tensor:
    difference = (q.mu - p.mu).square()
    ratio = q.log_var - p.log_var
    return 0.5 * (difference * torch.exp(-p.log_var) + ratio.exp() - 1 - ratio).sum(-1)


class StandardNormal(DiagonalNormal):
    """N(0, I); zeros: (latent_dim,)."""

    def __init__(self, zeros: Tensor) -> None:
        super().__init__(mu=zeros, log_var=zeros)


@register_kl(DiagonalNormal, StandardNormal)
def _kl_to_standard_normal(q: DiagonalNormal, p: StandardNormal) -> Tensor:
    return 0.5 * (q.mu.square() + q.log_var.exp() - 1 - q.log_var).sum(-1)
