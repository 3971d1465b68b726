"""Typical wrong answers to the exercises of lesson 06: (check, answer, part of what it says)."""

import math

import torch

WRONG = [
    ("check_density_bits", lambda nats, dims: nats / dims / math.log(2), "nothing was added"),
    ("check_density_bits", lambda nats, dims: nats / dims / math.log(2) + 8, "between 0 and 1"),
    ("check_density_bits", lambda nats, dims: nats / dims / math.log(2) + 9, "farther apart"),
    ("check_density_bits", lambda nats, dims: nats / dims / math.log(2) - 7, "the sign of the 7 bits"),
    ("check_density_bits", lambda nats, dims: nats / dims + math.log(128), "divide by ln 2"),
    ("check_density_bits", lambda nats, dims: nats / dims / math.log(2) + math.log(128), "ln 128 nats are 7 bits"),
    ("check_density_bits", lambda nats, dims: (nats / math.log(2) + 7) / dims, "of each dimension already"),
    ("check_density_bits", lambda nats, dims: nats / math.log(2) + 7 * dims, "bits of the whole image"),
    ("check_density_bits", lambda nats, dims: 3.0, "yours is 3.0000"),
    ("check_assumed_variance", lambda D, k: D / k, "beta in front of the summed KL"),
    ("check_assumed_variance", lambda D, k: D / 2, "the KL is averaged as well"),
    ("check_assumed_variance", lambda D, k: k / (2 * D), "the wrong way round"),
    ("check_assumed_variance", lambda D, k: D * k / 2, "you multiplied"),
    ("check_assumed_variance", lambda D, k: 1 / (2 * k), "the error is averaged as well"),
    ("check_assumed_variance", lambda D, k: (D / (2 * k)) ** 0.5, "not its square"),
    ("check_assumed_variance", lambda D, k: 0.5, "where both are summed"),
    ("check_assumed_variance", lambda D, k: 1.0, "yours is 1.0000"),
    ("check_laplace_nats", lambda x, m: 1 + (2 * (x - m).abs().mean()).log(), "cost of one pixel"),
    ("check_laplace_nats", lambda x, m: -x.shape[1] * (1 + (2 * (x - m).abs().mean()).log()), "the other sign"),
    ("check_laplace_nats", lambda x, m: x.shape[1] * (1 + (x - m).abs().mean().log()), "the 2 is missing"),
    ("check_laplace_nats", lambda x, m: x.shape[1] * (2 * (x - m).abs().mean()).log(), "the absolute error is missing"),
    (
        "check_laplace_nats",
        lambda x, m: -torch.distributions.Laplace(m, (x - m).square().mean().sqrt()).log_prob(x).sum(1).mean(),
        "not the root of the mean square",
    ),
    (
        "check_laplace_nats",
        lambda x, m: -torch.distributions.Normal(m, (x - m).square().mean().sqrt()).log_prob(x).sum(1).mean(),
        "a Gaussian's cost",
    ),
    ("check_laplace_nats", lambda x, m: (x - m).abs().mean(), "the best b itself"),
    ("check_laplace_nats", lambda x, m: -torch.distributions.Laplace(m, 1.0).log_prob(x).sum(1).mean(), "at b = 1"),
    (
        "check_laplace_nats",
        lambda x, m: x.shape[1] * (1 + (2 * (x - m).abs().mean(1)).log()).mean(),
        "you took another for each",
    ),
    (
        "check_laplace_nats",
        lambda x, m: (1 + (2 * (x - m).abs().mean(0)).log()).sum(),
        "for all pixels, and you took another",
    ),
    ("check_laplace_nats", lambda x, m: x.numel() * (1 + (2 * (x - m).abs().mean()).log()), "all images together"),
    ("check_laplace_nats", lambda x, m: x[:, 0], "return one number"),
    ("check_laplace_nats", lambda x, m: 0.0, "yours is 0.0000"),
    ("check_density_bits", lambda nats, dims: nats / dims / math.log(2) - 1, "nothing to take off"),
    ("check_assumed_variance", lambda D, k: 2 * D / k, "half of beta, not twice"),
    (
        "check_laplace_nats",
        lambda x, m: 1 + x[0].numel() * math.log(2 * (x - m).abs().mean().item()),
        "1 for each pixel",
    ),
]
