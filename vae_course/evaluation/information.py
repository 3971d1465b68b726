"""How much of an image its latents carry: rate, distortion, and the two parts of the rate."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_course.arguments import whole
from vae_course.evaluation.estimates import Estimate, average
from vae_course.evaluation.measuring import measurement
from vae_course.models import VAE, checking, unchecked
from vae_course.objectives import kl_at

PAIRS = 4_000_000  # pairs of a draw and a posterior that are compared at once


@measurement
def rate_distortion(model: VAE, x: Tensor, draws: int = 16) -> tuple[Estimate, Estimate]:
    """The rate, E[KL(q(z|x) || p(z))], and the distortion, E[-log p(x|z)]; together they are -ELBO.

    x: (n, *image). In nats, averaged over images and `draws` draws of z (Alemi et al. 2018, arXiv 1711.00464); the
    standard errors are due to which images these are. Raises ValueError where draws < 1 or n < 2. Built in lesson 09.
    """
    draws = whole("draws", draws)
    if checking():
        model.check(x)
    with unchecked():
        q_z = model.encode(x)
        z = torch.stack([q_z.sample() for _ in range(draws)])
        distortion = torch.stack([-model.decode(part).log_prob(x) for part in z]).mean(0)
        rate = kl_at(z, q_z, model.prior).reshape(-1, len(x)).mean(0)
        return average(rate), average(distortion)


@measurement
def mutual_information(model: VAE, x: Tensor) -> Estimate:
    """I_q(x; z) for these n images: the mean of log q(z|x) - log q(z), where q(z) averages their n posteriors.

    x: (n, *image). In nats, between 0 (up to its error) and log n; so for many informative latents it says "log n
    or more" and nothing else. The first part of the rate (Hoffman & Johnson 2016). Built in lesson 09.
    """
    if checking():
        model.check(x)
    with unchecked():
        q_z = model.encode(x)
        z = q_z.sample()
        return average(q_z.log_prob(z) - log_aggregate(z, q_z))


@measurement
def marginal_kl(model: VAE, x: Tensor, others: Tensor) -> Estimate:
    """KL(q(z) || p(z)), the second part of the rate: the mean of log q(z) - log p(z) over draws for the images x.

    q(z) averages the posteriors of `others`, images that are not among x: a draw must not meet its own posterior.
    x: (n, *image), others: (m, *image). In nats; on average too low where m is small. Built in lesson 09.
    """
    if checking():
        model.check(x)
        model.check(others)
    with unchecked():
        z = model.encode(x).sample()
        return average(log_aggregate(z, model.encode(others)) - model.prior.log_prob(z))


def log_aggregate(z: Tensor, q_z: Distribution) -> Tensor:
    """log of the mean of the posteriors q_z, of batch shape (m,), at z: (n, latent_dim). Returns (n,)."""
    if len(q_z.batch_shape) != 1 or z.dim() != 2 or z.shape[1:] != q_z.event_shape:
        raise ValueError(
            f"z must be (n, {', '.join(map(str, q_z.event_shape))}) and the posteriors (m,), not {(*z.shape,)} and "
            f"{(*q_z.batch_shape,)}"
        )
    (m,) = q_z.batch_shape
    parts = z.split(max(1, PAIRS // (m * z.shape[1])))
    return torch.cat([q_z.log_prob(part[:, None]).logsumexp(1) for part in parts]) - math.log(m)
