"""Typical wrong answers to the exercises of lesson 04: (check, answer, part of what it says)."""

import torch

# Entries for WRONG in tests/test_exercises.py, in the order of the checks (torch, math and Normal are imported there).
WRONG = [
    ("check_score_log_sigma", lambda z, m, s: (((z - m) / s) ** 2 - 1) / s, "a factor sigma more"),
    ("check_score_log_sigma", lambda z, m, s: ((z - m) / s) ** 2, "the -1 is missing"),
    ("check_score_log_sigma", lambda z, m, s: 1 - ((z - m) / s) ** 2, "sign is the wrong way round"),
    ("check_score_log_sigma", lambda z, m, s: 0.5 * (((z - m) / s) ** 2 - 1), "by log sigma^2"),
    ("check_score_log_sigma", lambda z, m, s: (z - m) / s, "by mu, times sigma"),
    ("check_score_log_sigma", lambda z, m, s: (z - m) / s**2, "the derivative by mu"),
    ("check_score_log_sigma", lambda z, m, s: (z - m) ** 2 / s - 1, "not by sigma"),
    ("check_score_log_sigma", lambda z, m, s: (z - m) / s - 1, "is a square"),
    ("check_score_log_sigma", lambda z, m, s: 0.5 * ((z - m) / s) ** 2 - 1, "no factor 1/2"),
    ("check_score_log_sigma", lambda z, m, s: ((z - m) ** 2 / s**2 - 1).sum(), "should be (3,), not ()"),
    ("check_score_log_sigma", lambda z, m, s: z, "yours is 0.3000"),
    ("check_waiting_times", lambda rate, n: -torch.log(1 - torch.rand(n)) * rate, "you multiplied by the rate"),
    ("check_waiting_times", lambda rate, n: torch.log(1 - torch.rand(n)) / rate, "a minus sign is missing"),
    ("check_waiting_times", lambda rate, n: -torch.log(1 - torch.rand(n)), "divide by the rate"),
    ("check_waiting_times", lambda rate, n: torch.rand(n) / rate, "still uniform"),
    ("check_waiting_times", lambda rate, n: torch.rand(n), "uniform noise: take -log"),
    ("check_waiting_times", lambda rate, n: torch.randn(n) / rate, "not from normal noise"),
    ("check_waiting_times", lambda rate, n: -torch.log(1 - torch.rand(n)) / rate.item(), "no gradient reaches"),
    ("check_waiting_times", lambda rate, n: torch.distributions.Exponential(rate).sample((n,)), "no gradient reaches"),
    ("check_waiting_times", lambda rate, n: (-torch.log(1 - torch.rand(n)) / rate).mean(), "not ()"),
    ("check_waiting_times", lambda rate, n: (-torch.log(1 - torch.rand(1)) / rate).expand(n), "draw noise anew"),
    (
        "check_waiting_times",
        lambda rate, n: -torch.log(1 - torch.rand(n)) / rate.detach() + 0 * rate,
        "but not their gradient",
    ),
    ("check_waiting_times", lambda rate, n: -torch.log(1 - torch.rand(n)) / rate**2, "are 0.4; yours are"),
    ("check_best_baseline", lambda f, s: f.mean(), "that is the average of f"),
    ("check_best_baseline", lambda f, s: (f * s).mean() / s.mean(), "s itself averages to 0"),
    ("check_best_baseline", lambda f, s: (f * s).mean() / (s**2).mean(), "in the numerator, too"),
    ("check_best_baseline", lambda f, s: (f * s**2).mean(), "have to add up to 1"),
    ("check_best_baseline", lambda f, s: (f * s.abs()).sum() / s.abs().sum(), "not with the size of s"),
    ("check_best_baseline", lambda f, s: (f * s**2).mean() / s.mean() ** 2, "not the square of the average"),
    ("check_best_baseline", lambda f, s: (f * s**2).mean() / (s**2).sum(), "not by n as well"),
    ("check_best_baseline", lambda f, s: f * s**2 / (s**2).mean(), "average over the draws"),
    ("check_best_baseline", lambda f, s: f.median(), "made up it is"),
]
