"""A convolutional encoder and decoder, for pictures of 28x28 pixels and more (lesson 08)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Distribution

from vae_course.models.distributions import DiagonalNormal
from vae_course.models.likelihoods import Likelihood, bernoulli, output_shape


def _halved_twice(image_shape: tuple[int, ...]) -> tuple[int, int]:
    _, height, width = image_shape
    if height % 4 or width % 4:
        raise ValueError(f"height and width must be multiples of 4 to be halved twice, but they are {height}x{width}")
    return height // 4, width // 4


class ConvEncoder(nn.Module):
    """q(z|x) by two convolutions, each of which halves height and width, and a linear layer.

    Called with x: (batch, *image), it returns a distribution over z of batch shape (batch,) and event shape
    (latent_dim,). channels: of the first convolution; the second has twice as many.
    Raises ValueError where height or width is no multiple of 4.
    """

    def __init__(self, image_shape: tuple[int, ...], latent_dim: int, channels: int = 32) -> None:
        super().__init__()
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        self.arguments = {"image_shape": self.image_shape, "latent_dim": latent_dim, "channels": channels}
        h, w = _halved_twice(self.image_shape)
        self.net = nn.Sequential(
            nn.Conv2d(image_shape[0], channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * channels * h * w, 2 * latent_dim),
        )

    def forward(self, x: Tensor) -> Distribution:
        mu, log_var = self.net(x).chunk(2, dim=-1)
        return DiagonalNormal(mu, log_var)


class ConvDecoder(nn.Module):
    """p(x|z) by a linear layer and two transposed convolutions, each of which doubles height and width.

    Called with z: (*samples, batch, latent_dim), it returns a distribution over images of batch shape
    (*samples, batch). channels: before the last convolution; twice as many before the one above it.
    likelihood: turns the network's outputs, (..., *output_shape), into that distribution.
    Raises ValueError where height or width is no multiple of 4.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        latent_dim: int,
        channels: int = 32,
        likelihood: Likelihood = bernoulli,
    ) -> None:
        super().__init__()
        self.image_shape, self.latent_dim, self.likelihood = tuple(image_shape), latent_dim, likelihood
        self.arguments = {
            "image_shape": self.image_shape, "latent_dim": latent_dim, "channels": channels, "likelihood": likelihood,
        }  # fmt: skip
        self.output_shape = output_shape(self.image_shape, likelihood)
        h, w = _halved_twice(self.image_shape)
        self.net = nn.Sequential(
            nn.Linear(latent_dim, 2 * channels * h * w),
            nn.Unflatten(1, (2 * channels, h, w)),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * channels, channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, self.output_shape[0], kernel_size=4, stride=2, padding=1),
        )

    def forward(self, z: Tensor) -> Distribution:
        pictures = self.net(z.reshape(-1, self.latent_dim))  # convolutions know one batch dimension
        return self.likelihood(pictures.reshape(*z.shape[:-1], *self.output_shape))
