"""Checks of the exercises of lesson 05."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from vae_course.lessons.checks.answers import exercise, given

_BUGS = {
    "a": ("mean for sum", "what does it do with the 64 pixels, and how large is one nat of KL beside that?"),
    "b": ("gradient cut", "follow the gradient of the reconstruction backwards: does it reach the encoder?"),
    "c": ("KL sign", "is the objective made larger or smaller by a q(z|x) that is far from the prior?"),
    "d": ("sigmoid twice", "what does the log-likelihood expect of the decoder, and what is it given?"),
    "e": ("no sampling", "where does the noise come in?"),
    "f": ("variance for sigma", "what is multiplied with the noise: a standard deviation?"),
}


@exercise
def check_bug_hunt(diagnosis: Mapping[str, str]) -> str | None:
    """Lesson 05: which suspect has which bug? diagnosis: {"a": name of the bug, ...}."""
    answers = {key: given(diagnosis.get(key)) for key in _BUGS}
    names = [name for name, _ in _BUGS.values()]
    unknown = [answer for answer in answers.values() if answer not in names]
    if unknown:
        return f"{unknown[0]!r} is not one of the bugs: {', '.join(names)}"
    if len(set(answers.values())) < len(names):
        twice = next(a for a in answers.values() if list(answers.values()).count(a) > 1)
        return f"each bug occurs once, but you found {twice!r} more than once"
    wrong = [key for key, answer in answers.items() if answer != _BUGS[key][0]]
    if wrong:
        return f"{len(names) - len(wrong)} of {len(names)} right. Look at {wrong[0]!r} again: {_BUGS[wrong[0]][1]}"
    return None


class _CoinDecoder:
    """A stand-in for a VAE: it ignores z, and every pixel is 1 with probability 0.3."""

    latent_dim, image_shape = 3, (1, 4, 4)

    def __init__(self) -> None:
        self.seen: list[Tensor] = []
        self.prior = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)

    def encode(self, x: Tensor) -> Any:
        raise RuntimeError("a new image starts from the prior: there is no x to encode")

    def decode(self, z: Tensor) -> Any:
        if z.shape[-1] != self.latent_dim:
            raise ValueError(f"this model has {self.latent_dim} latents, not {z.shape[-1]}: draw z from model.prior")
        self.seen.append(z)
        return Independent(torch.distributions.Bernoulli(torch.full((*z.shape[:-1], *self.image_shape), 0.3)), 3)


@exercise
@torch.random.fork_rng(devices=[])
def check_draw_images(draw_images: Callable[[Any, int], Tensor]) -> str | None:
    """Lesson 05: draw n new images from p(z) p(x|z). draw_images: (model, n) -> (n, *image), pixels 0 or 1."""
    torch.manual_seed(0)
    model = _CoinDecoder()
    try:
        images = given(draw_images(model, 2000))
    except TypeError as error:
        if "not iterable" not in str(error):
            raise
        return "a sample has a shape, which is a tuple: sample((n,)), and not sample(n)"
    if isinstance(images, torch.distributions.Distribution):
        return "this is p(x|z), a distribution: draw the images from it, with .sample()"
    if tuple(images.shape) != (2000, *model.image_shape):
        return f"for n = 2000 the shape is {tuple(images.shape)}, not {(2000, *model.image_shape)}"
    if not model.seen:
        return "the decoder was not used: a pixel has to be drawn from model.decode(z)"
    images = torch.as_tensor(images).float()
    z = torch.cat([z.reshape(-1, 3) for z in model.seen])
    if len(z) < 2000 or z.std(dim=0).min() < 0.01:
        return "every image starts from the same z: draw n of them"
    if abs(z.mean()) > 0.1 or abs(z.std() - 1) > 0.1:
        return f"z should come from the prior, N(0, I), but yours has mean {z.mean():.2f} and deviation {z.std():.2f}"
    if not ((images == 0) | (images == 1)).all():
        return "some pixels are grey: that is the mean of p(x|z), not a draw from it"
    if images.sum() == 0:
        return "every pixel that is 1 with probability 0.3 came out as 0: draw it, do not round"
    if abs(images.mean() - 0.3) > 0.05:
        return f"a pixel that is 1 with probability 0.3 came out as 1 in {images.mean():.0%} of your draws"
    return None


@exercise
def check_kl_per_latent(kl_per_latent: Callable[[Any, Tensor], Tensor]) -> str | None:
    """Lesson 05: the KL term, latent by latent. kl_per_latent: (model, x) -> (latent_dim,) nats, mean over images."""
    mu = torch.tensor([[0.0, 1.0, 2.0], [0.0, -1.0, 4.0]]).repeat(2, 1)  # four images, three latents
    sigma = torch.tensor([[1.0, 0.5, 0.1], [1.0, 0.5, 0.2]]).repeat(2, 1)

    class Model:
        prior = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)

        def encode(self, x: Tensor) -> Independent:
            return Independent(Normal(mu, sigma), 1)

    right = kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0))
    kl = given(kl_per_latent(Model(), torch.zeros(4, 1, 8, 8)))
    if kl.shape == (4,) and torch.allclose(kl, right.sum(1)):
        return "you summed over the latents: that is one number for each image, and one for each latent is asked"
    if kl.shape == ():
        return "this is one number for all latents (kl_divergence of q and the prior has summed over them already)"
    if kl.shape == (4, 3):
        return "this is one number for each image and latent: take the mean over the images"
    if kl.shape != (3,):
        return f"with 3 latents the shape should be (3,), not {tuple(kl.shape)}"
    if torch.allclose(kl, 2 * right.mean(0)):
        return "the factor one half is missing"
    if torch.allclose(kl, 0.5 * (mu.mean(0) ** 2 + (sigma**2).mean(0) - 1 - (sigma**2).mean(0).log())):
        return "you averaged mu and sigma^2 over the images: first the KL of each image, then the mean"
    if torch.allclose(kl, right.sum(0)):
        return "you summed over the images: take their mean"
    if torch.allclose(kl, kl_divergence(Normal(mu, sigma**2), Normal(0.0, 1.0)).mean(0)):
        return "sigma was squared once too often: what the Normal stores is the standard deviation"
    if torch.allclose(kl, (0.5 * (mu**2 + sigma**2 - 1 - sigma.log())).mean(0)):
        return "the formula has log sigma^2, which is 2 log sigma: variance.log(), not stddev.log()"
    if not torch.allclose(kl, right.mean(0), rtol=1e-4):
        return f"for mu = 1 and -1 with sigma = 0.5 the mean is {right.mean(0)[1]:.4f} nats, yours is {kl[1]:.4f}"
    return None


@exercise
def check_kl_to_prior(kl_to_prior: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    """Lesson 05: KL(N(mu, sigma^2) || N(0, s^2)), summed over latents. (mu, log_var, s) -> (batch,) nats."""
    mu, log_var, s = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([[0.3, -1.0], [0.0, -2.0]]), 2.0
    right = kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, s)).sum(1)
    kl = given(kl_to_prior(mu, log_var, s))
    if kl.shape != (2,):
        return f"for two images the shape should be (2,), not {tuple(kl.shape)}: sum over the latents alone"
    var, latents = log_var.exp(), mu.shape[1]
    mistakes = {
        "log s counts once for each latent, and whole: add it before you sum": right + math.log(s) * (1 - latents),
        "the term log s is missing: a wider prior spreads its mass thinner": right - latents * math.log(s),
        "both mu^2 and sigma^2 are to be divided by s^2: mu^2 is not": right + (mu**2).sum(1) * (0.5 - 0.5 / s**2),
        "both mu^2 and sigma^2 are to be divided by s^2: sigma^2 is not": right + var.sum(1) * (0.5 - 0.5 / s**2),
        "you took s for the variance of the prior: it is the standard deviation": right
        + (mu**2 + var).sum(1) * (0.5 / s - 0.5 / s**2)
        - latents * 0.5 * math.log(s),
        "you divided by s, but the density has s^2": right + (mu**2 + var).sum(1) * (0.5 / s - 0.5 / s**2),
        "this is the distance to N(0, 1): s is not in it": 0.5 * (mu**2 + var - 1 - log_var).sum(1),
        "the factor one half is missing": right * 2 - latents * math.log(s),
        "the sign of log s: a wider prior gives every place less density, so the KL has + log s": (
            right - 2 * latents * math.log(s)
        ),
        "the term is log s, not log s^2": right + latents * math.log(s),
        "log_var is the logarithm of sigma^2: sigma^2 is exp(log_var)": (right + 0.5 * (log_var - var).sum(1) / s**2),
        "the latents are independent: their KLs add up, and you took the mean": right / latents,
        "sum over the latents, the last dimension, and not over the images": (
            kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, s)).sum(0)
        ),
    }
    for complaint, value in mistakes.items():
        if torch.allclose(kl.to(value), value, atol=1e-4):
            return complaint
    if not torch.allclose(kl.to(right), right, atol=1e-4):
        return f"for mu = (1, -2), log_var = (0.3, -1), s = 2 it is {right[0]:.4f} nats, yours is {kl[0]:.4f}"
    return None
