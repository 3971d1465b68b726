"""Typical wrong answers to the exercises of lesson 01: (check, answer, part of what it says)."""

import torch


def gaussian(c, n, cov=None):
    root = torch.linalg.cholesky(torch.cov(c.T)) if cov is None else cov
    return c.mean(0) + torch.randn(n, c.shape[1]) @ root.T


def mask(x, p):
    return torch.rand_like(x) >= p


WRONG = [
    ("check_lost", lambda s, n, k: (s[:k] ** 2).sum() / n, "what PCA keeps"),
    ("check_lost", lambda s, n, k: s[k:].sum() / n, "squares of the singular values"),
    ("check_lost", lambda s, n, k: (s[k:] ** 2).sum(), "divide by n"),
    ("check_lost", lambda s, n, k: (s[k:] ** 2).mean() / n, "averaged over components"),
    ("check_lost", lambda s, n, k: (s[k + 1 :] ** 2).sum() / n, "k + 1 is the first"),
    ("check_lost", lambda s, n, k: (s[k:] ** 2).sum() / (n - 1), "not by n - 1"),
    ("check_lost", lambda s, n, k: (s[k:] ** 2).sum() / n / 6, "per pixel"),
    ("check_lost", lambda s, n, k: s[k:] ** 2 / n, "add them up"),
    ("check_lost", lambda s, n, k: s[k:].sum() ** 2 / n, "square each singular value"),
    ("check_lost", lambda s, n, k: ((s[k:] / n) ** 2).sum(), "n is not"),
    ("check_lost", lambda s, n, k: 1.0, "yours is 1.0000"),
    ("check_erase", lambda x, p: x * (torch.rand_like(x) < p), "probability to keep one"),
    ("check_erase", lambda x, p: torch.nn.functional.dropout(x, p), "as dropout does"),
    ("check_erase", lambda x, p: x * mask(x[0], p), "the same pixels are erased in all images"),
    ("check_erase", lambda x, p: x * mask(x[:, :1], p), "whole images are erased"),
    ("check_erase", lambda x, p: x.mul_(mask(x, p)), "x itself was changed"),
    ("check_erase", lambda x, p: x * mask(x, p) + 0.1, "neither 0 nor what they were"),
    ("check_erase", lambda x, p: x * mask(x, 0.5), "50% of the pixels"),
    ("check_erase", lambda x, p: (x * mask(x, p))[:, :10], "should stay (400, 50)"),
    (
        "check_erase",
        lambda x, p: x * (torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) >= p),
        "draw anew each time",
    ),
    ("check_erase", lambda x, p: x, "no pixel was set to 0"),
    ("check_erase", lambda x, p: x + p, "neither 0 nor what they were"),
    ("check_erase", lambda x, p: 0 * x, "every pixel was set to 0"),
    ("check_erase", lambda x, p: x * (torch.rand(1) >= p), "every pixel was set to 0"),
    ("check_erase", mask, "whether it stays or goes"),
    ("check_erase", lambda x, p: x * (torch.randn_like(x) >= p), "torch.rand is uniform"),
    ("check_erase", lambda x, p: (x * mask(x, p)).tolist(), "cannot use the list"),
    ("check_new_codes", lambda c, n: c.mean(0) + torch.randn(n, 1) * c.std(0), "on one straight line"),
    ("check_new_codes", lambda c, n: torch.randn(n, 2), "that of the codes (2.98, -0.99): add the mean"),
    ("check_new_codes", lambda c, n: gaussian(c, n) + 1, "that of the codes (2.98"),
    ("check_new_codes", lambda c, n: torch.linalg.cholesky(torch.cov(c)) @ torch.randn(n, 2), "torch.cov(codes.T)"),
    ("check_new_codes", lambda c, n: torch.linalg.cholesky(torch.cov(c.T)) @ torch.randn(n, 2), "draws are rows"),
    ("check_new_codes", lambda c, n: c.mean(0) + torch.randn(n, 2), "still that of N(0, I)"),
    ("check_new_codes", lambda c, n: c.mean(0) + c.std(0) * torch.randn(n, 2), "their covariance is missing"),
    ("check_new_codes", lambda c, n: gaussian(c, n, torch.cov(c.T)), "it needs L"),
    ("check_new_codes", lambda c, n: gaussian(c, n, torch.linalg.cholesky(torch.cov(c.T)).T), "noise @ L.T"),
    ("check_new_codes", lambda c, n: c[torch.randint(len(c), (n,))], "codes of the images again"),
    ("check_new_codes", lambda c, n: gaussian(c, 7), "should be (40000, 2), not (7, 2)"),
    ("check_new_codes", lambda c, n: 2 * gaussian(c, n) - c.mean(0), "their covariance is ("),
    ("check_lost", lambda s, n, k: (s[k:] ** 2).mean(), "and divide by n"),
    (
        "check_new_codes",
        lambda c, n: torch.rand(n, 2) @ torch.linalg.cholesky(torch.cov(c.T)).T + c.mean(0),
        "torch.rand does not",
    ),
    (
        "check_new_codes",
        lambda c, n: torch.randn(n, 2) @ torch.linalg.cholesky(torch.cov(c.T)).T + c.mean(),
        "codes.mean(0)",
    ),
    (
        "check_erase",
        lambda x, p: x * (torch.rand(x.shape).flatten().argsort().argsort().reshape(x.shape) >= int(p * x.numel())),
        "every call erases equally many",
    ),
]
