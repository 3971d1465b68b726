"""What a VAE maximises: per example, in nats."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from vae_course.arguments import whole
from vae_course.models import VAE, checking

Objective = Callable[[VAE, Tensor], Tensor]  # (model, x of shape (batch, *image)) -> (batch,) nats


def elbo_terms(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """The two terms of the ELBO with one sample of z: log p(x|z) and KL(q(z|x) || p(z)).

    x: (batch, *image). Returns two tensors of shape (batch,), in nats. Built in lesson 05.
    """
    if checking():
        model.check(x)
    q_z = model.encode(x)
    z = q_z.rsample()
    log_likelihood = model.decode(z).log_prob(x)
    kl = kl_at(z, q_z, model.prior)
    return log_likelihood, kl


def kl_at(z: Tensor, q_z: Distribution, p_z: Distribution) -> Tensor:
    """KL(q(z|x) || p(z)) where it has a formula, as between Gaussians; else log q(z|x) - log p(z) at z, a draw of q.

    z: (*samples, batch, latent_dim). Returns (batch,) or (*samples, batch) nats: the second is right on average only.
    """
    try:
        return kl_divergence(q_z, p_z)
    except NotImplementedError:
        return q_z.log_prob(z) - p_z.log_prob(z)


def elbo(model: VAE, x: Tensor, beta: float = 1.0) -> Tensor:
    """The evidence lower bound with one sample of z: log p(x|z) - beta KL(q(z|x) || p(z)).

    x: (batch, *image). Returns (batch,) nats; a lower bound of log p(x), on average, where beta >= 1.
    Built in lesson 05 (Kingma & Welling 2013, arXiv 1312.6114; beta: Higgins et al. 2017).
    """
    if not beta >= 0:
        raise ValueError(f"beta must not be negative, but it is {beta}")
    log_likelihood, kl = elbo_terms(model, x)
    return log_likelihood - beta * kl


def iwae_bound(model: VAE, x: Tensor, k: int) -> Tensor:
    """The importance-weighted bound: log of the mean of k weights p(x, z) / q(z|x).

    x: (batch, *image). Returns (batch,) nats; on average it rises with k towards log p(x), and for
    k = 1 it is the ELBO (Burda, Grosse & Salakhutdinov 2015, arXiv 1509.00519, equation 8).
    """
    if checking():
        whole("k", k)
        model.check(x)
    q_z = model.encode(x)
    z = q_z.rsample(torch.Size([k]))
    log_weights = model.decode(z).log_prob(x) + model.prior.log_prob(z) - q_z.log_prob(z)
    return torch.logsumexp(log_weights, dim=0) - math.log(k)
