"""Typical wrong answers to the exercises of lesson 09: (check, answer, part of what it says)."""

import math

import torch


def slope(u, d):
    return ((u - u.mean()) * d).sum() / (u - u.mean()).square().sum()


def intercept(u, d):
    return d.mean() - slope(u, d) * u.mean()


WRONG = [
    ("check_combine", lambda m, s: m.mean(0), "mean of the logs: average first"),
    ("check_combine", lambda m, s: (m * s[:, None]).sum(0) / s.sum(), "mean of the logs, if weighted"),
    ("check_combine", lambda m, s: m.logsumexp(0) - math.log(len(s)), "use the sizes"),
    ("check_combine", lambda m, s: (m + s.log()[:, None]).logsumexp(0), "divide by the number of all draws"),
    (
        "check_combine",
        lambda m, s: (m + s.log()[:, None]).logsumexp(0) - math.log(len(s)),
        "not by the number of chunks",
    ),
    ("check_combine", lambda m, s: m.logsumexp(0), "grows with the number of chunks"),
    ("check_combine", lambda m, s: ((m.exp() * s[:, None]).sum(0) / s.sum()).log(), "stay in logarithms"),
    ("check_combine", lambda m, s: (m + s.log()[:, None]).logsumexp(1), "sum over the chunks, which are dimension 0"),
    ("check_combine", lambda m, s: (m + s.log()[:, None]).logsumexp((0, 1)), "one for each is asked"),
    ("check_combine", lambda m, s: (m + s[:, None]).logsumexp(0) - s.sum().log(), "for three chunks of 1, 4 and 15"),
    ("check_combine", lambda m, s: m + s, "stopped with RuntimeError"),
    (
        "check_combine",
        lambda m, s: ((m.double().exp() * s[:, None]).sum(0) / s.sum()).log(),
        "log-weight of -900 is 0",
    ),
    ("check_extrapolate", lambda n, d: (intercept(1 / n, d), slope(1 / n, d)), "F alone is asked"),
    ("check_extrapolate", lambda n, d: slope(1 / n, d), "this is the slope c"),
    ("check_extrapolate", intercept, "a line in N, at N = 0"),
    ("check_extrapolate", lambda n, d: d[-1], "largest N, which is still biased"),
    ("check_extrapolate", lambda n, d: d.mean(), "mean of the distances"),
    ("check_extrapolate", lambda n, d: intercept(n.rsqrt(), d), "not like 1/sqrt(N)"),
    ("check_extrapolate", lambda n, d: (d / n).sum() / (1 / n).square().sum(), "line through 0"),
    ("check_extrapolate", lambda n, d: d.mean() + slope(1 / n, d) * (1 / n).mean(), "do not add it"),
    ("check_extrapolate", lambda n, d: 2 * d[1] - d[0], "the fit gives"),
    ("check_unit_nats", lambda v: 0.5 * torch.log1p(-v), "the sign"),
    ("check_unit_nats", lambda v: -torch.log1p(-v), "factor of one half"),
    ("check_unit_nats", lambda v: 0.5 * torch.log1p(v), "not of 1 + v"),
    ("check_unit_nats", lambda v: -0.5 * v.log(), "not of v"),
    ("check_unit_nats", lambda v: 0.5 * v, "the logarithm does not vanish"),
    ("check_unit_nats", lambda v: 0.5 * (-v - torch.log1p(-v)), "is missing: it cancels"),
    ("check_unit_nats", lambda v: -0.5 * torch.log2(1 - v), "nats are asked"),
    ("check_unit_nats", lambda v: v.sum(), "the shape should be (3,)"),
    ("check_unit_nats", lambda v: v, "four images give"),
    ("check_unit_nats", None, "not answered yet"),
    ("check_extrapolate", lambda sizes, d: 2 * d[-1] - d[-2], "sizes in the ratio 2"),
]
