"""Encoders, decoders and the VAE. What they return are distributions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vae_course.data import check_images
from vae_course.models.distributions import DiagonalNormal
from vae_course.models.likelihoods import Likelihood, LogisticLevels, bernoulli, output_shape
from vae_course.models.modes import evaluating
from vae_course.models.priors import StandardNormalPrior


class Encoder(nn.Module):
    """q(z|x) = N(mu(x), diag(sigma(x)^2)) by a network with one hidden layer (built in lesson 05), or several.

    Called with x: (batch, *image), it returns a distribution over z of batch shape (batch,) and
    event shape (latent_dim,). hidden_dim: the width of the hidden layer, or of each from image to latents.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        latent_dim: int,
        hidden_dim: int | Sequence[int] = 200,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        widths = _widths(hidden_dim)
        self.arguments = {
            "image_shape": self.image_shape, "latent_dim": latent_dim, "hidden_dim": widths, "activation": activation,
        }  # fmt: skip
        sizes = (torch.Size(image_shape).numel(), *widths, 2 * latent_dim)
        self.net = nn.Sequential(nn.Flatten(), *layers(*sizes, activation=activation))

    def forward(self, x: Tensor) -> Distribution:
        mu, log_var = self.net(x).chunk(2, dim=-1)
        return DiagonalNormal(mu, log_var)


class Decoder(nn.Module):
    """p(x|z) by a network with one hidden layer (built in lesson 05), or several.

    Called with z: (*samples, batch, latent_dim), it returns a distribution over images of batch shape
    (*samples, batch). hidden_dim: the width of the hidden layer, or of each from latents to image.
    likelihood: turns the network's outputs, (..., *output_shape), into that distribution; one that is a module with
    parameters of its own is trained with the decoder (lesson 06).
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        latent_dim: int,
        hidden_dim: int | Sequence[int] = 200,
        likelihood: Likelihood = bernoulli,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.image_shape, self.latent_dim, self.likelihood = tuple(image_shape), latent_dim, likelihood
        self.output_shape = output_shape(self.image_shape, likelihood)
        widths = _widths(hidden_dim)
        self.arguments = {
            "image_shape": self.image_shape, "latent_dim": latent_dim, "hidden_dim": widths, "likelihood": likelihood,
            "activation": activation,
        }  # fmt: skip
        sizes = (latent_dim, *widths, torch.Size(self.output_shape).numel())
        self.net = nn.Sequential(*layers(*sizes, activation=activation))

    def forward(self, z: Tensor) -> Distribution:
        return self.likelihood(self.net(z).unflatten(-1, self.output_shape))


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
        self.p_z = StandardNormalPrior(self.latent_dim) if prior is None else prior

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
        with evaluating(self):
            p_x = self.decode(torch.zeros(1, self.latent_dim, device=x.device))
        if bool(p_x.support.check(x).all()):  # type: ignore[union-attr]
            return
        if getattr(p_x.support, "base_constraint", None) is constraints.boolean:
            grey = ((x > 0) & (x < 1)).float().mean().item()
            raise ValueError(
                f"{grey:.0%} of the pixels are grey, but a Bernoulli likelihood is for pixels that are 0 or 1: load "
                "the data with binarize='draw', or give the decoder likelihood=continuous_bernoulli"
            )
        if isinstance(p_x, LogisticLevels):
            raise ValueError(
                f"some pixels are none of the {p_x.levels} grey values from 0 to 1 that the likelihood is for: round "
                f"them to multiples of 1/{p_x.levels - 1}, or give it other levels"
            )
        kind = type(getattr(p_x, "base_dist", p_x)).__name__
        raise ValueError(f"some pixels lie outside the support of the likelihood, a {kind}")


def layers(*sizes: int, activation: Callable[[], nn.Module] = nn.ReLU) -> list[nn.Module]:
    """Linear layers from sizes[0] numbers to sizes[-1], with the activation between them."""
    linear = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    return [linear[0], *(module for layer in linear[1:] for module in (activation(), layer))]


def _widths(hidden_dim: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(hidden_dim) if isinstance(hidden_dim, Iterable) else (hidden_dim,)  # numpy has whole numbers too
