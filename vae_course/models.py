"""Encoders, decoders and the VAE. What they return are distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, ContinuousBernoulli, Distribution, Independent, Normal

from vae_course.data import check_images

Likelihood = Callable[[Tensor], Distribution]


def diagonal_normal(mu: Tensor, log_var: Tensor) -> Independent:
    """N(mu, diag(exp(log_var))) over the last dimension, as lesson 05 writes it. mu, log_var: (..., latent_dim)."""
    return Independent(Normal(mu, torch.exp(0.5 * log_var)), 1)


def bernoulli(logits: Tensor) -> Independent:
    """p(x|z) for pixels that are 0 or 1 (lesson 05). logits: (..., *image), the log-odds of a 1."""
    return Independent(Bernoulli(logits=logits), 3)


def continuous_bernoulli(logits: Tensor) -> Independent:
    """p(x|z) for grey pixels in [0, 1]: a Bernoulli's formula, normalised (Loaiza-Ganem & Cunningham 2019, 1907.06845)."""
    return Independent(ContinuousBernoulli(logits=logits), 3)


class Encoder(nn.Module):
    """q(z|x) = N(mu(x), diag(sigma(x)^2)) by a network with one hidden layer (built in lesson 05).

    Called with x: (batch, *image), it returns a distribution over z of batch shape (batch,) and
    event shape (latent_dim,).
    """

    def __init__(self, image_shape: tuple[int, ...], latent_dim: int, hidden_dim: int = 200) -> None:
        super().__init__()
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        pixels = torch.Size(image_shape).numel()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 2 * latent_dim)
        )

    def forward(self, x: Tensor) -> Distribution:
        mu, log_var = self.net(x).chunk(2, dim=-1)
        return diagonal_normal(mu, log_var)


class Decoder(nn.Module):
    """p(x|z) by a network with one hidden layer (built in lesson 05).

    Called with z: (*samples, batch, latent_dim), it returns a distribution over images of batch shape
    (*samples, batch). likelihood: turns the network's outputs, (..., *image), into that distribution.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        latent_dim: int,
        hidden_dim: int = 200,
        likelihood: Likelihood = bernoulli,
    ) -> None:
        super().__init__()
        self.image_shape, self.latent_dim, self.likelihood = tuple(image_shape), latent_dim, likelihood
        pixels = torch.Size(image_shape).numel()
        self.net = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, pixels))

    def forward(self, z: Tensor) -> Distribution:
        return self.likelihood(self.net(z).unflatten(-1, self.image_shape))


class StandardNormal(nn.Module):
    """p(z) = N(0, I). Called without arguments, it returns the distribution, of event shape (latent_dim,)."""

    mean: Tensor
    std: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("std", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        return Independent(Normal(self.mean, self.std), 1)


class VAE(nn.Module):
    """A variational autoencoder: p(z), p(x|z) and q(z|x) (lesson 05; Kingma & Welling 2013, Rezende et al. 2014).

    encoder: called with x, returns q(z|x)       decoder: called with z, returns p(x|z)
    prior: called without arguments, returns p(z); N(0, I) where none is given
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module | None = None) -> None:
        super().__init__()
        if encoder.latent_dim != decoder.latent_dim or encoder.image_shape != decoder.image_shape:
            raise ValueError(
                f"encoder ({encoder.image_shape} to {encoder.latent_dim} latents) and decoder "
                f"({decoder.latent_dim} latents to {decoder.image_shape}) do not fit together"
            )
        self.encoder, self.decoder = encoder, decoder
        self.latent_dim: int = encoder.latent_dim  # type: ignore[assignment]
        self.image_shape: tuple[int, ...] = encoder.image_shape  # type: ignore[assignment]
        self.p_z = StandardNormal(self.latent_dim) if prior is None else prior

    def encode(self, x: Tensor) -> Distribution:
        """q(z|x) for x: (batch, *image)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Distribution:
        """p(x|z) for z: (*samples, batch, latent_dim)."""
        return self.decoder(z)

    @property
    def prior(self) -> Distribution:
        """p(z)."""
        return self.p_z()

    @torch.no_grad()
    def check(self, x: Tensor) -> None:
        """Refuse images that the likelihood p(x|z) cannot have produced. x: (batch, *image).

        Raises TypeError or ValueError, in one sentence.
        """
        check_images(x, self.image_shape)
        p_x = self.decode(torch.zeros(1, self.latent_dim, device=x.device))
        if bool(p_x.support.check(x).all()):  # type: ignore[union-attr]
            return
        kind = type(getattr(p_x, "base_dist", p_x)).__name__
        if kind == "Bernoulli":
            grey = ((x > 0) & (x < 1)).float().mean().item()
            raise ValueError(
                f"{grey:.0%} of the pixels are grey, but a Bernoulli likelihood is for pixels that are 0 or 1: load "
                "the data with binarize='draw', or give the decoder likelihood=continuous_bernoulli"
            )
        raise ValueError(f"some pixels lie outside the support of the likelihood, a {kind}")


@contextmanager
def unchecked() -> Iterator[None]:
    """Within it, inputs and distributions are taken as they are: for loops whose data were checked at the door."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def checking() -> bool:
    """Whether inputs are to be checked, which they are outside of `unchecked`."""
    return Distribution._validate_args
