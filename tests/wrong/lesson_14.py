"""Typical wrong answers to the exercises of lesson 14: (check, answer, part of what it says)."""

import torch


def error(L_q, L_star):
    return (L_star - L_q).std() / len(L_q) ** 0.5


def precision(J, sigma):
    return torch.eye(J.shape[-1], dtype=J.dtype) + J.mT @ J / sigma**2


def lost(P):
    return 0.5 * (P.diagonal(dim1=1, dim2=2).log().sum(1) - torch.logdet(P))


def weighted(J, weights):
    return torch.eye(J.shape[1], dtype=J.dtype) + J.T @ (weights[:, None] * J)


def slope(logits):
    return torch.sigmoid(logits) * torch.sigmoid(-logits)


WRONG = [
    ("check_account", lambda p, q, s: ((s - q).mean(), (p - s).mean(), error(q, s)), "the two gaps are exchanged"),
    ("check_account", lambda p, q, s: ((p - q).mean(), (s - q).mean(), error(q, s)), "your first number is the whole"),
    ("check_account", lambda p, q, s: ((p - s).mean(), (p - q).mean(), error(q, s)), "your second number is the whole"),
    ("check_account", lambda p, q, s: ((s - p).mean(), (s - q).mean(), error(q, s)), "the wrong sign"),
    ("check_account", lambda p, q, s: (p - s, s - q, error(q, s)), "average over the images"),
    ("check_account", lambda p, q, s: ((p - s).mean(), (s - q).mean(), (s - q).std()), "over the root of n"),
    ("check_account", lambda p, q, s: ((p - s).mean(), (s - q).mean(), (s - q).var() / len(q)), "take the root"),
    (
        "check_account",
        lambda p, q, s: ((p - s).mean(), (s - q).mean(), ((s.var() + q.var()) / len(q)).sqrt()),
        "image by image",
    ),
    ("check_account", lambda p, q, s: ((p - s).mean(), (s - q).mean()), "return three numbers"),
    ("check_account", lambda p, q, s: ((p - s).mean(), (s - q).mean(), (s - q).std() / len(q)), "and not by n"),
    ("check_foreseen", lambda J, sigma: lost(1 + J.mT @ J / sigma**2), "a 1 is added to every entry"),
    (
        "check_bernoulli_precision",
        lambda J, logits: 1 + J.T @ (slope(logits)[:, None] * J),
        "a 1 is added to every entry",
    ),
    ("check_foreseen", lambda J, sigma: lost(J.mT @ J / sigma**2), "the prior's part is missing"),
    ("check_foreseen", lambda J, sigma: lost(precision(J, sigma**0.5)), "the variance, sigma squared"),
    ("check_foreseen", lambda J, sigma: lost(precision(J, 1 / sigma)), "not by sigma squared"),
    ("check_foreseen", lambda J, sigma: 2 * lost(precision(J, sigma)), "the factor 1/2 is missing"),
    ("check_foreseen", lambda J, sigma: -lost(precision(J, sigma)), "the wrong way round"),
    ("check_foreseen", lambda J, sigma: lost(precision(J, sigma).inverse()), "here P, the precision, is needed"),
    ("check_foreseen", lambda J, sigma: lost(precision(J, sigma)).mean(), "one value for each image"),
    ("check_foreseen", lambda J, sigma: 0 * J[:, 0, 0], "here it should be"),
    ("check_bernoulli_precision", lambda J, logits: J.T @ (slope(logits)[:, None] * J), "the prior's part is missing"),
    ("check_bernoulli_precision", lambda J, logits: weighted(J, torch.sigmoid(logits)), "and not p"),
    ("check_bernoulli_precision", lambda J, logits: weighted(J, 1 / slope(logits)), "it would divide"),
    ("check_bernoulli_precision", lambda J, logits: weighted(J, torch.ones_like(logits)), "every pixel counts alike"),
    ("check_bernoulli_precision", lambda J, logits: weighted(J, slope(logits) ** 2), "you have it squared"),
    ("check_bernoulli_precision", lambda J, logits: weighted(J, slope(logits)).inverse(), "its inverse"),
    ("check_bernoulli_precision", lambda J, logits: -weighted(J, slope(logits)), "minus its second derivative"),
    ("check_bernoulli_precision", lambda J, logits: slope(logits), "a matrix of shape (2, 2)"),
    ("check_bernoulli_precision", lambda J, logits: 3 * weighted(J, slope(logits)), "differ from yours"),
]
