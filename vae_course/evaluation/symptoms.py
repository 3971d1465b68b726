"""What a trained VAE does, in numbers: does it use its latents, and does what it learned carry over to new images?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vae_course.arguments import real, whole
from vae_course.evaluation.estimates import Estimate
from vae_course.evaluation.measuring import measurement
from vae_course.models import VAE, DiagonalNormal, checking
from vae_course.objectives import elbo_terms


@measurement
def active_units(model: VAE, x: Tensor, threshold: float = 0.01) -> int:
    """How many latents say something about the image: those whose mean has a variance of more than `threshold`.

    That is the variance over the images x: (batch, *image) of E_q[z_j]; a latent that equals the prior has 0. The usual
    threshold of 0.01 is that of Burda, Grosse & Salakhutdinov 2015, arXiv 1509.00519. Lessons 09 and 10.
    Raises ValueError for fewer than two images, a threshold that is not positive, or an encoder that gives NaN.
    """
    if not real(threshold) > 0:
        raise ValueError(f"the threshold must be positive, but it is {threshold!r}")
    mu = _posterior(model, x).mean
    return int((mu.var(dim=0, correction=0) > threshold).sum())


@measurement
def signal_to_noise(model: VAE, x: Tensor) -> Tensor:
    """For each latent, how far its means lie apart in units of its noise: std over x of mu_j / rms over x of sigma_j.

    x: (batch, *image). Returns (latent_dim,), without units; 0 where a latent says nothing. Built in lesson 10.
    Raises ValueError for fewer than two images, or an encoder that gives NaN.
    """
    q_z = _posterior(model, x)
    return q_z.mean.std(dim=0, correction=0) / q_z.variance.mean(dim=0).sqrt()


@measurement
def kl_per_dimension(model: VAE, x: Tensor) -> Tensor:
    """KL(q(z_j|x) || p(z_j)) of each image and latent: the KL term of the ELBO before it is summed over j.

    x: (batch, *image). Returns (batch, latent_dim) nats. Exercise 2 of lesson 05.
    Raises TypeError where q(z|x) or the prior is no diagonal Gaussian: the KL of others is no sum over latents.
    """
    q_z, p_z = _posterior(model, x), model.prior
    mean, variance = _diagonal(q_z, "the posterior")
    prior_mean, prior_variance = _diagonal(p_z, "the prior")
    ratio = variance / prior_variance
    return 0.5 * ((mean - prior_mean).square() / prior_variance + ratio - 1 - ratio.log())


@measurement
def shuffle_cost(model: VAE, x: Tensor, repeats: int = 1) -> Tensor:
    """What an image loses when it is decoded with the z of another: log p(x|z) - log p(x|z'), z' of another image.

    x: (batch, *image). Returns (batch,) nats, averaged over `repeats` draws of z and of whose z it is, never an
    image's own; near 0 on average where the decoder ignores z. Built in lesson 10.
    Raises ValueError for fewer than two images or repeats < 1.
    """
    repeats = whole("repeats", repeats)
    q_z = _posterior(model, x)
    costs = torch.zeros(len(x), device=x.device)
    for _ in range(repeats):
        z = q_z.sample()
        circle = torch.randperm(len(x), device=x.device)  # each image takes the z of its neighbour in a random circle
        other = torch.empty_like(circle)
        other[circle] = circle.roll(1)
        costs += model.decode(z).log_prob(x) - model.decode(z[other]).log_prob(x)
    return costs / repeats


@measurement
def train_test_gap(model: VAE, train: Tensor, test: Tensor, repeats: int = 1) -> Estimate:
    """How much better a model does on the images it was trained on: mean ELBO on `train` minus mean ELBO on `test`.

    train, test: (batch, *image), as the model is to see them. In nats, with its standard error over the
    images, and `repeats` draws of z for each. Positive where the model has learned its images by heart. Built in
    lesson 10.
    Raises ValueError for fewer than two images in either, or repeats < 1.
    """
    repeats = whole("repeats", repeats)
    costs = []
    for x in (train, test):
        _posterior(model, x)
        terms = [elbo_terms(model, x) for _ in range(repeats)]
        costs.append(torch.stack([log_likelihood - kl for log_likelihood, kl in terms]).mean(dim=0))
    on_train, on_test = costs
    error = (on_train.var() / len(on_train) + on_test.var() / len(on_test)).sqrt()
    return Estimate((on_train.mean() - on_test.mean()).item(), error.item())


def _posterior(model: VAE, x: Tensor) -> Distribution:
    """q(z|x), after the checks that every measurement needs."""
    if checking():
        model.check(x)
    if len(x) < 2:
        raise ValueError("a spread over images needs at least two images, but there is 1")
    q_z = model.encode(x)
    if not bool(torch.isfinite(q_z.mean).all() and torch.isfinite(q_z.variance).all()):
        raise ValueError("the encoder's means or variances are not finite: there is nothing to measure")
    return q_z


def _diagonal(distribution: Distribution, name: str) -> tuple[Tensor, Tensor]:
    gaussian = distribution.base_dist if isinstance(distribution, Independent) else distribution
    if not isinstance(gaussian, DiagonalNormal | Normal):
        raise TypeError(f"{name} must be a diagonal Gaussian, but it is a {type(gaussian).__name__}")
    return gaussian.mean, gaussian.variance
