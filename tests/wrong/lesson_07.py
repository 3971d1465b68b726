"""Typical wrong answers to the exercises of lesson 07: (check, answer, part of what it says)."""

import math

import torch

WRONG = [
    ("check_count_active", lambda e, k, v, b: int((e > b * v).sum()), "more active latents than the k"),
    ("check_count_active", lambda e, k, v, b: min(k, int((e > v).sum())), "beta is missing"),
    ("check_count_active", lambda e, k, v, b: min(k, int((e > v / b).sum())), "multiply by it"),
    ("check_count_active", lambda e, k, v, b: min(k, int((e > b * v**2).sum())), "do not square it again"),
    ("check_count_active", lambda e, k, v, b: min(k, int((e > b * v**0.5).sum())), "not with beta sigma"),
    ("check_count_active", lambda e, k, v, b: min(k, int((e < b * v).sum())), "not those below"),
    ("check_count_active", lambda e, k, v, b: k - min(k, int((e > b * v).sum())), "these are the idle latents"),
    ("check_count_active", lambda e, k, v, b: e > b * v, "these are 6 values"),
    ("check_count_active", lambda e, k, v, b: 1, "it is 4, yours is 1"),
    ("check_price", lambda w, e, v: 0.5 * math.log(e / v), "only at the best length"),
    ("check_price", lambda w, e, v: 2 * price(w, e, v), "one half is missing"),
    ("check_price", lambda w, e, v: price(w, 0.0, v), "mean of its square is missing"),
    ("check_price", lambda w, e, v: price(w, 1.0, v), "is the eigenvalue: it is missing"),
    ("check_price", lambda w, e, v: price(w, e**0.5 * (v + w**2) / w, v), "goes into the KL squared"),
    ("check_price", lambda w, e, v: price(w, e, v) - math.log((v + w**2) / v), "the sign of the logarithm"),
    ("check_price", lambda w, e, v: price(w, e * (v + w**2), v), "divide its square"),
    ("check_price", lambda w, e, v: price(w, e, v) + 0.5, "the term -1 is missing"),
    ("check_price", lambda w, e, v: price(w, e * v**2, v), "you divided by P alone"),
    ("check_price", lambda w, e, v: -price(w, e, v), "never negative"),
    ("check_price", lambda w, e, v: price(w, e, v) + (w == 0), "for length 0 the latent is not used"),
    ("check_price", lambda w, e, v: torch.ones(2), "these are 2"),
    ("check_price", lambda w, e, v: 3.0, "nats, yours is 3.0000"),
    ("check_learned_variance", lambda e, a, b: e[a:].mean(), "which holds for beta = 1"),
    ("check_learned_variance", lambda e, a, b: e[a:].sum() / len(e), "leave an error as well"),
    ("check_learned_variance", lambda e, a, b: b * e[a:].mean(), "by beta is too simple"),
    ("check_learned_variance", lambda e, a, b: e[:a].sum() / (len(e) - a * b), "the eigenvalues that are kept"),
    ("check_learned_variance", lambda e, a, b: e.sum() / (len(e) - a * b), "all eigenvalues were added"),
    ("check_learned_variance", lambda e, a, b: e[a:].sum() / (len(e) + a * b), "where it is subtracted"),
    ("check_learned_variance", lambda e, a, b: e[a:].sum() / (len(e) - a / b), "not sigma^2 / beta"),
    ("check_learned_variance", lambda e, a, b: e[a:].sum(), "that is the error itself"),
    ("check_learned_variance", lambda e, a, b: e[a:] / (len(e) - a * b), "add up what is discarded"),
    ("check_learned_variance", lambda e, a, b: 1.0, "yours is 1.0000"),
]


def price(w, e, v):
    m = v + w**2
    return 0.5 * (e * w**2 / m**2 + v / m - 1 - math.log(v / m))
