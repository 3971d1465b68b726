"""`toy`: densities of points in one, two or more dimensions whose exact log p(x) is known. They are not images."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Independent,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)


def two_peaks(distance: float = 4.0, sigma: float = 1.0) -> MixtureSameFamily:
    """Two equal normal densities on the line, `distance` apart; event shape ()."""
    _require_positive(distance=distance, sigma=sigma)
    means = torch.tensor([-distance / 2, distance / 2])
    return MixtureSameFamily(Categorical(torch.ones(2)), Normal(means, torch.full((2,), sigma)))


def grid_of_gaussians(side: int = 5, spacing: float = 2.0, sigma: float = 0.1) -> MixtureSameFamily:
    """side x side equal normal densities in the plane, centred on the origin; event shape (2,)."""
    _require_positive(spacing=spacing, sigma=sigma, side=side)
    ticks = spacing * (torch.arange(side) - (side - 1) / 2)
    return _mixture(torch.cartesian_prod(ticks, ticks), sigma)


def ring_of_gaussians(modes: int = 8, radius: float = 2.0, sigma: float = 0.2) -> MixtureSameFamily:
    """Equal normal densities on a circle around the origin; event shape (2,)."""
    _require_positive(modes=modes, radius=radius, sigma=sigma)
    angles = 2 * math.pi * torch.arange(modes) / modes
    return _mixture(radius * torch.stack([angles.cos(), angles.sin()], dim=-1), sigma)


def _mixture(means: Tensor, sigma: float) -> MixtureSameFamily:
    parts = Independent(Normal(means, torch.full_like(means, sigma)), 1)
    return MixtureSameFamily(Categorical(torch.ones(len(means))), parts)


class LinearGaussian:
    """z ~ N(0, I) and x = W z + b + sigma * noise: the latent-variable model of which everything is known exactly.

    weight: W, (observed_dim, latent_dim)      bias: b, (observed_dim,), zeros where none is given
    Source: Tipping & Bishop, Probabilistic principal component analysis, J. R. Stat. Soc. B 61(3), 1999.
    """

    def __init__(self, weight: Tensor, sigma: float, bias: Tensor | None = None) -> None:
        if weight.dim() != 2 or not weight.is_floating_point():
            raise ValueError(f"weight must be a matrix of real numbers, not {weight.dtype} {tuple(weight.shape)}")
        _require_positive(sigma=sigma)
        self.weight, self.sigma = weight, sigma
        self.bias = weight.new_zeros(len(weight)) if bias is None else bias
        if self.bias.shape != weight.shape[:1]:
            raise ValueError(f"bias must have the shape {tuple(weight.shape[:1])}, not {tuple(self.bias.shape)}")

    @property
    def marginal(self) -> LowRankMultivariateNormal:
        """p(x) = N(b, W W^T + sigma^2 I); event shape (observed_dim,)."""
        return LowRankMultivariateNormal(self.bias, self.weight, torch.full_like(self.bias, self.sigma**2))

    def likelihood(self, z: Tensor) -> Independent:
        """p(x|z) = N(W z + b, sigma^2 I) for z: (*batch, latent_dim)."""
        return Independent(Normal(z @ self.weight.T + self.bias, self.sigma), 1)

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """p(z|x) for x: (*batch, observed_dim): precision I + W^T W / sigma^2."""
        precision = torch.eye(self.weight.shape[1]).to(self.weight) + self.weight.T @ self.weight / self.sigma**2
        mean = torch.linalg.solve(precision, ((x - self.bias) @ self.weight / self.sigma**2).unsqueeze(-1)).squeeze(-1)
        return MultivariateNormal(mean, precision_matrix=precision)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, but it is {value}")
