"""Encoders, decoders and the VAE. What they return are distributions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import (
    Distribution,
    Independent,
    Normal,
    constraints,
    kl_divergence,
    register_kl,
)

from vae_course.data import check_images
from vae_course.likelihoods import (
    LOG_2_PI,
    Likelihood,
    LogisticLevels,
    bernoulli,
    in_float32,
    output_shape,
)


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


def layers(*sizes: int, activation: Callable[[], nn.Module] = nn.ReLU) -> list[nn.Module]:
    """Linear layers from sizes[0] numbers to sizes[-1], with the activation between them."""
    linear = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    return [linear[0], *(module for layer in linear[1:] for module in (activation(), layer))]


def _widths(hidden_dim: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(hidden_dim) if isinstance(hidden_dim, Iterable) else (hidden_dim,)  # numpy has whole numbers too


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


class StandardNormalPrior(nn.Module):
    """p(z) = N(0, I). Called without arguments, it returns the distribution, of event shape (latent_dim,)."""

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        return StandardNormal(self.zeros)


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
