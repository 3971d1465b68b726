"""log p(x) by annealed importance sampling, from below and from above."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.arguments import whole
from vae_course.evaluation.estimates import PerImage, jackknife
from vae_course.evaluation.likelihoods import images_at_once
from vae_course.evaluation.measuring import measurement
from vae_course.models import VAE, checking, unchecked

LEAPFROG, FIRST_SIZE = 10, 0.2  # steps of one Hamiltonian move, and their size to begin with


@measurement
def ais(
    model: VAE, x: Tensor, z: Tensor | None = None, *, temperatures: int = 200, chains: int = 16, pilot: int = 4
) -> PerImage:
    """log p(x) by annealed importance sampling from the prior to the posterior (Neal 2001).

    Chains of Hamiltonian moves follow p(z) p(x|z)^b as b grows from 0 to 1, and collect their weights on the way.
    x: (n, *image). Returns n estimates in nats: on average a lower bound.
    z: (n, latent_dim), exact draws from p(z|x), which one has where x was itself drawn from the model with that z.
        Then the chains go the other way, and the estimate is on average an upper bound (Grosse et al. 2015, arXiv
        1511.02543; for decoders, Wu et al. 2016, arXiv 1611.04273).
    pilot: chains of a first run, which finds the step sizes; in the run that counts they are fixed, or the bound fails.
    What a Gaussian decoder drew may lie outside [0, 1], and is taken with its z as it is; without z, measure it within
    `models.unchecked`. The images are taken in parts, so memory does not grow with n. Raises ValueError where there are
    fewer than 2 temperatures or chains, or z does not fit x. Built in lesson 09, with simpler moves.
    """
    temperatures, chains = whole("temperatures", temperatures, 2), whole("chains", chains, 2)
    pilot = whole("pilot", pilot)
    if z is not None and z.shape != (len(x), model.latent_dim):
        raise ValueError(
            f"z must have the shape {(len(x), model.latent_dim)}, one draw for each image, not {(*z.shape,)}"
        )
    if z is None and checking():
        model.check(x)
    elif x.shape[1:] != model.image_shape:
        raise ValueError(f"images must have the shape {('n', *model.image_shape)}, not {(*x.shape,)}")
    betas = torch.linspace(-4, 4, temperatures, device=x.device).sigmoid()  # closer together at both ends
    betas = (betas - betas[0]) / (betas[-1] - betas[0])
    rows = images_at_once(x, max(chains, pilot))
    found = []
    with unchecked():
        for first in range(0, len(x), rows):
            images, start = x[first : first + rows], None if z is None else z[first : first + rows]
            sizes, _ = _anneal(model, images, start, betas, pilot)
            found.append(_anneal(model, images, start, betas, chains, sizes)[1])
    log_weights = torch.cat(found, dim=1)
    values = log_weights.logsumexp(0) - math.log(chains)
    errors = torch.exp(log_weights - values).std(0) / math.sqrt(chains)
    spread = jackknife(log_weights, torch.ones(chains, device=x.device))
    return PerImage(values if z is None else -values, errors, spread)


def _anneal(
    model: VAE, x: Tensor, start: Tensor | None, betas: Tensor, chains: int, sizes: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One run: step sizes (temperatures, n), found on the way where none are given, and log-weights (chains, n)."""
    shape = torch.Size([chains, len(x)])
    upwards, adapt = start is None, sizes is None
    z = model.prior.sample(shape) if start is None else start.expand(*shape, -1)
    used = torch.empty(len(betas), len(x), device=x.device) if sizes is None else sizes
    size = torch.full((len(x),), FIRST_SIZE, device=x.device)
    log_weights = torch.zeros(shape, device=x.device)
    steps = range(1, len(betas))
    for t in steps if upwards else reversed(steps):
        change = betas[t] - betas[t - 1]
        if upwards:
            log_weights += change * model.decode(z).log_prob(x)
        size = size if adapt else used[t]
        z, accepted = _move(model, x, z, betas[t], size)
        if not upwards:
            log_weights -= change * model.decode(z).log_prob(x)
        if adapt:
            used[t] = size
            size = size * torch.where(accepted > 0.65, 1.1, 1 / 1.1)
    return used, log_weights


def _move(model: VAE, x: Tensor, z: Tensor, beta: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """A Hamiltonian move that leaves p(z) p(x|z)^beta as it is. Returns z and the share of chains that moved, (n,)."""

    def energy(z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = -model.prior.log_prob(z) - beta * model.decode(z).log_prob(x)
            return value.detach(), torch.autograd.grad(value.sum(), z)[0]

    step = size[:, None]
    momentum = torch.randn_like(z)
    before, slope = energy(z)
    total_before = before + 0.5 * momentum.square().sum(-1)
    new = z
    for _ in range(LEAPFROG):
        momentum = momentum - 0.5 * step * slope
        new = new + step * momentum
        after, slope = energy(new)
        momentum = momentum - 0.5 * step * slope
    log_ratio = total_before - after - 0.5 * momentum.square().sum(-1)
    accepted = torch.rand_like(log_ratio).log() < log_ratio  # never where it is not a number
    return torch.where(accepted[..., None], new, z), accepted.float().mean(0)
