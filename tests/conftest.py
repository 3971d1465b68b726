"""What several test files need: small models whose answers are known."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from tests.browser import find_browser
from vae_course.models import VAE

SHAPE = (1, 1, 2)


class ExactEncoder(nn.Module):
    """The true posterior of `linear_gaussian`, by Bayes' rule: a Gaussian with variance 1 / (1 + |w|^2 / s^2)."""

    def __init__(self, w: torch.Tensor, s: float) -> None:
        super().__init__()
        self.w, self.s, self.latent_dim, self.image_shape = w, s, 1, SHAPE

    def forward(self, x):
        variance = 1 / (1 + self.w.square().sum() / self.s**2)
        mean = variance * (x.flatten(1) @ self.w) / self.s**2
        return Independent(Normal(mean[:, None], variance.sqrt().expand(len(x), 1)), 1)


class LinearDecoder(nn.Module):
    """p(x|z) = N(w z, s^2 I)."""

    def __init__(self, w: torch.Tensor, s: float) -> None:
        super().__init__()
        self.w, self.s, self.latent_dim, self.image_shape = w, s, 1, SHAPE

    def forward(self, z):
        return Independent(Normal((z * self.w).unflatten(-1, SHAPE), self.s), 3)


@pytest.fixture(scope="session")
def chromium():
    """The browser's path. One that is named and not there is a mistake; that none is there is not."""
    found = find_browser()
    return found or pytest.skip("needs Chromium or Chrome, on the path or named by the environment variable CHROMIUM")


@pytest.fixture
def linear_gaussian():
    """A VAE whose log p(x) and posterior are known: (model with the exact encoder, x, log p(x))."""
    w, s = torch.tensor([0.8, -0.3]), 0.5
    model = VAE(ExactEncoder(w, s), LinearDecoder(w, s))
    x = torch.tensor([[0.2, 0.1], [0.9, 0.4], [0.0, 1.0]])
    covariance = torch.outer(w, w) + s**2 * torch.eye(2)
    log_p = torch.distributions.MultivariateNormal(torch.zeros(2), covariance).log_prob(x)
    return model, x.reshape(3, *SHAPE), log_p


@pytest.fixture
def wrong_encoder(linear_gaussian):
    """The same model with an encoder that is wrong by a known KL: (model, x, log p(x), KL(q || posterior))."""
    model, x, log_p = linear_gaussian

    class Shifted(ExactEncoder):
        def forward(self, x):
            posterior = super().forward(x)
            return Independent(Normal(posterior.mean + 0.4, posterior.stddev * 1.5), 1)

    gap = 0.4**2 / (2 * model.encode(x).variance) + 0.5 * (1.5**2 - 1) - math.log(1.5)
    return VAE(Shifted(model.encoder.w, model.encoder.s), model.decoder), x, log_p, gap.squeeze(1)
