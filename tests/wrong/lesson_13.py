"""Typical wrong answers to the exercises of lesson 13: (check, answer, part of what it says)."""

import math

import torch


def excess(change):
    """A wrong `excess`: change(K, j, delta, b, share of each other mode)."""
    return lambda K, j, delta, b: change(K, j, delta, b, (1 - b - j * delta) / (K - j))


WRONG = [
    ("check_prior_gain", lambda m, v: 0.5 * (m**2 + v - 1 - v.log()), "one number for each latent"),
    ("check_prior_gain", lambda m, v: 0.5 * (m**2 / v + 1 / v - 1 + v.log()).sum(), "the wrong way round: draws come"),
    ("check_prior_gain", lambda m, v: (m**2 + v - 1 - v.log()).sum(), "one half is missing"),
    ("check_prior_gain", lambda m, v: 0.5 * (m**2 + v - 1 - v.log()).mean(), "independent latents add up"),
    ("check_prior_gain", lambda m, v: 0.5 * (v - 1 - v.log()).sum(), "the means are left out"),
    ("check_prior_gain", lambda m, v: 0.5 * (m**2 + v**2 - 1 - 2 * v.log()).sum(), "v is the variance already"),
    ("check_prior_gain", lambda m, v: -0.5 * (m**2 + v - 1 - v.log()).sum(), "the best prior gains"),
    ("check_prior_gain", lambda m, v: 0.5 * (m**2 + v - 1).sum(), "yours is"),
    ("check_area", lambda q, p: (q[:, None] > p).double().mean(), "it counts nothing"),
    ("check_area", lambda q, p: (q[:, None] >= p).double().mean(), "it counts in full"),
    ("check_area", lambda q, p: (torch.sign(p[:, None] - q) / 2 + 0.5).mean(), "the wrong way round"),
    ("check_area", lambda q, p: (torch.sign(q[:, None] - p) / 2 + 0.5).sum(), "divide by their number"),
    ("check_area", lambda q, p: (q[:, None] - p).mean(), "only their order matters"),
    ("check_area", lambda q, p: (q > 0).double().mean(), "not with zero"),
    ("check_area", lambda q, p: (q[:, None] > p).double().mean(dim=1), "return one number"),
    ("check_area", lambda q, p: 0.5, "yours is"),
    (
        "check_excess",
        excess(lambda K, j, d, b, s: (j * math.log(K * d) + (K - j) * math.log(K * s)) / K),
        "the sign is the wrong way round",
    ),
    (
        "check_excess",
        excess(lambda K, j, d, b, s: -(j * math.log(K * d) + (K - j) * math.log(K * s))),
        "adds up over the modes",
    ),
    (
        "check_excess",
        excess(lambda K, j, d, b, s: -(j * d * math.log(K * d) + (K - j) * s * math.log(K * s))),
        "not over the model's shares",
    ),
    (
        "check_excess",
        excess(lambda K, j, d, b, s: -(j * math.log(d) + (K - j) * math.log(s)) / K),
        "the best model has a cost, too",
    ),
    (
        "check_excess",
        excess(lambda K, j, d, b, s: -(j * math.log(K * d) + (K - j) * math.log(K * (1 - j * d) / (K - j))) / K),
        "the mass between the modes is missing",
    ),
    ("check_excess", excess(lambda K, j, d, b, s: -j * math.log(K * d) / K), "pay as well"),
    (
        "check_excess",
        excess(lambda K, j, d, b, s: -(j * math.log(K * d) + (K - j) * math.log(K * (1 - b) / (K - j))) / K),
        "the shares must add up to 1",
    ),
    ("check_excess", lambda K, j, delta, b: -math.log(1 - b), "yours is"),
]
