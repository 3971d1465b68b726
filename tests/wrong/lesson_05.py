"""Typical wrong answers to the exercises of lesson 05: (check, answer, part of what it says)."""

import math

import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

RIGHT = {
    "a": "mean for sum", "b": "gradient cut", "c": "KL sign", "d": "sigmoid twice", "e": "no sampling",
    "f": "variance for sigma",
}  # fmt: skip


def kl(q, s=1.0):
    return kl_divergence(q.base_dist if hasattr(q, "base_dist") else q, Normal(0.0, s))


def q_of(mu, log_var):
    return Normal(mu, (0.5 * log_var).exp())


WRONG = [
    ("check_bug_hunt", RIGHT | {"e": "variance for sigma", "f": "no sampling"}, "4 of 6 right. Look at 'e' again"),
    ("check_bug_hunt", RIGHT | {"a": "KL sign"}, "found 'KL sign' more than once"),
    ("check_bug_hunt", RIGHT | {"a": "mean"}, "'mean' is not one of the bugs"),
    ("check_bug_hunt", RIGHT | {"a": ...}, "not answered yet"),
    ("check_bug_hunt", {"a": "KL sign"}, "not answered yet"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n,))).mean, "some pixels are grey"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n,))).mean.round(), "draw it, do not round"),
    ("check_draw_images", lambda m, n: 1 - m.decode(m.prior.sample((n,))).sample(), "came out as 1 in 70%"),
    ("check_draw_images", lambda m, n: m.decode(torch.zeros(n, 3)).sample(), "the same z"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((1,))).sample((n,))[:, 0], "the same z"),
    ("check_draw_images", lambda m, n: m.decode(torch.rand(n, 3)).sample(), "from the prior"),
    ("check_draw_images", lambda m, n: m.decode(m.encode(None).sample((n,))).sample(), "no x to encode"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n, 1))).sample(), "the shape is"),
    (
        "check_draw_images",
        lambda m, n: m.decode(torch.randn(n, 8)).sample(),
        "has 3 latents, not 8: draw z from model.prior",
    ),
    ("check_draw_images", lambda m, n: Bernoulli(0.3).sample((n, 1, 4, 4)), "the decoder was not used"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample(n)).sample(), "and not sample(n)"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n,))), "draw the images from it"),
    ("check_kl_per_latent", lambda m, x: 2 * kl(m.encode(x)).mean(0), "one half is missing"),
    (
        "check_kl_per_latent",
        lambda m, x: kl(Normal(m.encode(x).mean.mean(0), m.encode(x).variance.mean(0).sqrt())),
        "first the KL of each image",
    ),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)).mean(0).numpy(), "cannot use the ndarray"),
    ("check_kl_to_prior", lambda m, v, s: (2 * kl(q_of(m, v), s) - math.log(s)).sum(1), "one half is missing"),
    ("check_kl_to_prior", lambda m, v, s: (kl(q_of(m, v), s) - 2 * math.log(s)).sum(1), "the sign of log s"),
    ("check_kl_to_prior", lambda m, v, s: (kl(q_of(m, v), s) + math.log(s)).sum(1), "not log s^2"),
    (
        "check_kl_to_prior",
        lambda m, v, s: (0.5 * ((m**2 + v) / s**2 - 1 - v) + math.log(s)).sum(1),
        "sigma^2 is exp(log_var)",
    ),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).mean(1), "you took the mean"),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).sum(0), "and not over the images"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)).sum(1), "summed over the latents"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)).sum(0), "summed over the images"),
    ("check_kl_per_latent", lambda m, x: kl_divergence(m.encode(x), m.prior).mean(0), "has summed over them already"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)), "take the mean over the images"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)).mean(0)[:2], r"not (2,)"),
    ("check_kl_per_latent", lambda m, x: kl(Normal(m.encode(x).mean, m.encode(x).variance)).mean(0), "once too often"),
    ("check_kl_per_latent", lambda m, x: -kl(m.encode(x)).mean(0), "nats, yours is"),
    (
        "check_kl_per_latent",
        lambda m, x: (0.5 * (m.encode(x).mean ** 2 + m.encode(x).variance - 1 - m.encode(x).stddev.log())).mean(0),
        "which is 2 log sigma",
    ),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).sum(1) - math.log(s), "once for each latent, and whole"),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).sum(1) - 2 * math.log(s), "log s is missing"),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v)).sum(1), "s is not in it"),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).sum(), r"should be (2,), not ()"),
    (
        "check_kl_to_prior",
        lambda m, v, s: (0.5 * (m**2 + v.exp() / s**2 - 1 - v) + math.log(s)).sum(1),
        "divided by s^2: mu^2 is not",
    ),
    (
        "check_kl_to_prior",
        lambda m, v, s: (0.5 * (m**2 / s**2 + v.exp() - 1 - v) + math.log(s)).sum(1),
        "divided by s^2: sigma^2 is not",
    ),
    (
        "check_kl_to_prior",
        lambda m, v, s: (0.5 * ((m**2 + v.exp()) / s - 1 - v) + math.log(s)).sum(1),
        "you divided by s",
    ),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s**0.5).sum(1), "s for the variance of the prior"),
    ("check_kl_to_prior", lambda m, v, s: -kl(q_of(m, v), s).sum(1), "nats, yours is"),
]
