"""Typical wrong answers to the exercises of lesson 02: (check, answer, part of what it says)."""

import math

import torch
from torch.distributions import Normal


def two_causes(x, pi, m0, m1, s, odds=None):
    """The right answer of check_explained_by_one, with other log-odds of the prior where they are given."""
    odds = math.log(pi / (1 - pi)) if odds is None else odds
    return torch.sigmoid(odds + (m1 - m0) / s**2 * (x - (m0 + m1) / 2))


def densities(x, pi, m0, m1, s):
    """p(x, z = 0) and p(x, z = 1)."""
    return (1 - pi) * Normal(m0, s).log_prob(x).exp(), pi * Normal(m1, s).log_prob(x).exp()


def by_odds(x, pi, m0, m1, s):
    odds = pi / (1 - pi) * ((m1 - m0) / s**2 * (x - (m0 + m1) / 2)).exp()
    return odds / (1 + odds)


def by_division(*args):
    p0, p1 = densities(*args)
    return p1 / (p0 + p1)


WRONG = [
    ("check_explained_by_one", lambda *a: 1 - two_causes(*a), "the other cause"),
    ("check_explained_by_one", lambda *a: two_causes(*a, odds=0.0), "the prior is missing"),
    ("check_explained_by_one", lambda *a: densities(*a)[1], "the joint density"),
    ("check_explained_by_one", lambda *a: sum(densities(*a)), "the marginal p(x)"),
    ("check_explained_by_one", lambda *a: torch.logit(two_causes(*a)), "take its sigmoid"),
    (
        "check_explained_by_one",
        lambda x, pi, m0, m1, s: two_causes(x, pi, m0, m1, s**0.5),
        "the exponent of a Gaussian has s^2",
    ),
    (
        "check_explained_by_one",
        lambda x, pi, m0, m1, s: two_causes(x, pi, m0, m1, s / 2**0.5),
        "a factor 2 too many",
    ),
    (
        "check_explained_by_one",
        lambda x, pi, m0, m1, s: two_causes(x, pi, m0, m1, s, odds=math.log(pi)),
        "the logarithm of pi alone",
    ),
    (
        "check_explained_by_one",
        lambda x, pi, m0, m1, s: two_causes(x, 1 - pi, m0, m1, s),
        "upside down",
    ),
    ("check_explained_by_one", lambda x, pi, m0, m1, s: two_causes(x, pi, m1, m0, s), "are exchanged"),
    (
        "check_explained_by_one",
        lambda x, pi, m0, m1, s: two_causes(x, pi, m0, m1, s, odds=pi / (1 - pi)),
        "you added the odds themselves",
    ),
    (
        "check_explained_by_one",
        lambda x, pi, m0, m1, s: two_causes(x + (m0 + m1) / 2, pi, m0, m1, s),
        "the term without x is missing",
    ),
    (
        "check_explained_by_one",
        lambda x, pi, m0, m1, s: two_causes(x - (m0 + m1) / 2, pi, m0, m1, s),
        "the 1/2 is missing",
    ),
    ("check_explained_by_one", lambda x, pi, m0, m1, s: two_causes(x + m0 + m1, pi, m0, m1, s), "you added it"),
    ("check_explained_by_one", by_odds, "e^t overflows"),
    ("check_explained_by_one", lambda *a: by_division(*a), "use the difference of the log-densities"),
    ("check_explained_by_one", lambda *a: two_causes(*a).mean(), "should be (4,), not ()"),
    ("check_explained_by_one", lambda *a: two_causes(*a) ** 2, "yours is (0.00"),
    ("check_explained_by_one", lambda *a: 1 / 0, "ZeroDivisionError"),
    ("check_log_mean_exp", lambda w: w.mean(0), "the mean of the logarithms"),
    ("check_log_mean_exp", lambda w: w.logsumexp(0), "the logarithm of the sum"),
    ("check_log_mean_exp", lambda w: w.logsumexp(0) + math.log(len(w)), "do not add it"),
    ("check_log_mean_exp", lambda w: w.logsumexp(0) / len(w), "a factor of the average becomes a difference"),
    ("check_log_mean_exp", lambda w: w.logsumexp(0) - math.log(w.shape[1]), "the number of images"),
    ("check_log_mean_exp", lambda w: w.exp().mean(0), "its logarithm is asked"),
    ("check_log_mean_exp", lambda w: w.max(0).values, "the largest weight only"),
    ("check_log_mean_exp", lambda w: (w - w.max(0).values).exp().mean(0).log(), "did not add it again"),
    ("check_log_mean_exp", lambda w: w.exp().mean(0).log(), "keep to the logarithms"),
    ("check_log_mean_exp", lambda w: (w - w.max()).exp().mean(0).log() + w.max(), "the largest of each image"),
    ("check_log_mean_exp", lambda w: w.logsumexp(1) - math.log(w.shape[1]), "averaged over the images"),
    ("check_log_mean_exp", lambda w: w.logsumexp((0, 1)) - math.log(w.numel()), "one number for all images"),
    ("check_log_mean_exp", lambda w: w.logsumexp(0, keepdim=True) - math.log(len(w)), "keepdim kept"),
    ("check_log_mean_exp", lambda w: w, "should be (2,), not (3, 2)"),
    ("check_log_mean_exp", lambda w: w.logsumexp(0) - math.log(len(w) - 1.5), "yours is"),
    ("check_draws_needed", lambda r, d, e: r**d / e**2, "the 1 is missing"),
    ("check_draws_needed", lambda r, d, e: (r**d - 1) / e, "the error is not squared"),
    ("check_draws_needed", lambda r, d, e: (r * d - 1) / e**2, "not r times d"),
    ("check_draws_needed", lambda r, d, e: (r - 1) ** d / e**2, "is not (r - 1)^d"),
    ("check_draws_needed", lambda r, d, e: (r**d - 1) * e**2, "a smaller error needs more"),
    ("check_draws_needed", lambda r, d, e: (r - 1) / e**2, "where is d?"),
    ("check_draws_needed", lambda r, d, e: math.sqrt(r**d - 1) / e**2, "the root is gone"),
    ("check_draws_needed", lambda r, d, e: torch.tensor([1.0, 2.0]), "one number of draws"),
    ("check_draws_needed", lambda r, d, e: 1000, "yours is 1000.0"),
    ("check_draws_needed", lambda r, d, error: math.sqrt((r**d - 1) / error**2), "the root of it"),
]
