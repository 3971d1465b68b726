"""Typical wrong answers to the exercises of lesson 11: (check, answer, part of what it says)."""

import math

WRONG = [
    ("check_free_bits", lambda kl, lam: kl.clamp(min=lam).sum(1).mean(), "for each image"),
    ("check_free_bits", lambda kl, lam: kl.mean(0).sum().clamp(min=lam), "of the whole KL"),
    ("check_free_bits", lambda kl, lam: kl.mean(0).clamp(max=lam).sum(), "the smaller of the two"),
    ("check_free_bits", lambda kl, lam: kl.mean(0).clamp(min=lam).mean(), "their KLs add up"),
    ("check_free_bits", lambda kl, lam: (kl.mean(0) - lam).clamp(min=0).sum(), "this subtracts lam"),
    ("check_free_bits", lambda kl, lam: kl.mean(0).clamp(min=lam), "one number for the batch"),
    ("check_free_bits", lambda kl, lam: kl.mean(0).max().clamp(min=lam), "it should be"),
    ("check_free_bits", lambda kl, lam: kl.mean(1).clamp(min=lam).sum(), "and not over the latents"),
    ("check_free_bits", lambda kl, lam: kl.sum(0).clamp(min=lam).sum(), "over the batch: take its mean"),
    ("check_free_bits", lambda kl, lam: (kl.mean(0) * (kl.mean(0) > lam)).sum(), "and not 0"),
    ("check_free_bits", lambda kl, lam: None, "is its `return` missing?"),
    ("check_free_bits", lambda kl, lam: ..., "not answered yet"),
    ("check_cyclical", lambda done, cycles, rise: min(1.0, cycles * done / rise), "take the rest of"),
    ("check_average_shuffle_cost", lambda w, sigma: w**2 / sigma, "and not by σ"),
    ("check_average_shuffle_cost", lambda w, sigma: w**2 / sigma**2 + 1, "your formula"),
    ("check_cyclical", lambda done, cycles, rise: min(1.0, done / rise), "starts over with each cycle"),
    ("check_cyclical", lambda done, cycles, rise: cycles * done % 1 / rise, "stays at 1"),
    ("check_cyclical", lambda done, cycles, rise: min(1.0, done % (1 / cycles) / rise), "multiply by the cycles"),
    ("check_cyclical", lambda done, cycles, rise: cycles * done % 1, "not all of it"),
    ("check_cyclical", lambda done, cycles, rise: 1 - min(1.0, cycles * done % 1 / rise), "falls where it should rise"),
    ("check_cyclical", lambda done, cycles, rise: 0.5, "yours is 0.50"),
    ("check_average_shuffle_cost", lambda w, sigma: 0.5 * math.log(1 + w**2 / sigma**2), "that is the average KL"),
    ("check_average_shuffle_cost", lambda w, sigma: 0.5 * w**2 / sigma**2, "z' = 0"),
    ("check_average_shuffle_cost", lambda w, sigma: 2 * w**2 / sigma**2, "1/2 of the Gaussian"),
    ("check_average_shuffle_cost", lambda w, sigma: -(w**2) / sigma**2, "the wrong way round"),
    ("check_average_shuffle_cost", lambda w, sigma: w / sigma, "not on w/σ"),
    ("check_average_shuffle_cost", lambda w, sigma: w**2 / sigma**2 + 3, "your formula"),
]
