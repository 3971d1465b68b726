"""Typical wrong answers to the exercises of lesson 03: (check, answer, part of what it says)."""

import math

import torch

WRONG = [
    ("check_kl_exponentials", lambda a, b: math.log(b / a) + a / b - 1, "the other way round"),
    ("check_kl_exponentials", lambda a, b: 1 - b / a - math.log(a / b), "minus the divergence"),
    ("check_kl_exponentials", lambda a, b: math.log(a / b) + b / a, "the 1 is missing"),
    ("check_kl_exponentials", lambda a, b: math.log(b / a) + b / a - 1, "the sign of the logarithm"),
    ("check_kl_exponentials", lambda a, b: math.log(a / b), "is missing"),
    ("check_kl_exponentials", lambda a, b: math.log(a / b) + (b - a) / b, "averaged z over p"),
    ("check_kl_exponentials", lambda a, b: math.log(a / b) + (b - a) * a, "is 1/a, not a"),
    ("check_kl_exponentials", lambda a, b: (math.log(a / b) + b / a - 1) / math.log(2), "in bits"),
    ("check_kl_exponentials", lambda a, b: 7.0, "yours is 7.0000"),
    ("check_elbo_of_states", lambda j, q: (q * j).sum(1), "the entropy of q is missing"),
    ("check_elbo_of_states", lambda j, q: (q * j + torch.xlogy(q, q)).sum(1), "wrong sign"),
    ("check_elbo_of_states", lambda j, q: (torch.xlogy(q, q) - q * j).sum(1), "minus the ELBO"),
    ("check_elbo_of_states", lambda j, q: (q * (j - q.log())).sum(1), "some values are nan"),
    ("check_elbo_of_states", lambda j, q: j.logsumexp(1), "there is no q"),
    ("check_elbo_of_states", lambda j, q: (q * j - torch.xlogy(q, q)).sum(), "one number for all x"),
    ("check_elbo_of_states", lambda j, q: q * j - torch.xlogy(q, q), "for each x and each state"),
    ("check_elbo_of_states", lambda j, q: (q * j - torch.xlogy(q, q)).sum(0), "you summed over the x"),
    ("check_elbo_of_states", lambda j, q: (q * j - torch.xlogy(q, q)).mean(1), "averaged over the states"),
    (
        "check_elbo_of_states",
        lambda j, q: j.logsumexp(1) - (q * j - torch.xlogy(q, q)).sum(1),
        "this is the gap",
    ),
    (
        "check_elbo_of_states",
        lambda j, q: torch.where(q > 0, q * (j - q.log()), j).sum(1),
        "right where all of q is positive",
    ),
    ("check_elbo_of_states", lambda j, q: (q * (j - (q + 0.01).log())).sum(1), "yours is"),
    ("check_best_variances", lambda cov: cov.diagonal(), "the forward KL would give"),
    ("check_best_variances", lambda cov: torch.linalg.inv(cov).diagonal(), "one over a precision"),
    ("check_best_variances", lambda cov: torch.linalg.inv(cov).diagonal() ** -0.5, "standard deviations"),
    ("check_best_variances", lambda cov: 1 / cov.diagonal(), "invert the whole matrix first"),
    ("check_best_variances", lambda cov: torch.linalg.eigvalsh(cov), "these are eigenvalues"),
    ("check_best_variances", lambda cov: 1 / torch.linalg.inv(cov), "this is a matrix"),
    ("check_best_variances", lambda cov: 0.5 / torch.linalg.inv(cov).diagonal(), "yours are half"),
    ("check_best_variances", lambda cov: 2 / torch.linalg.inv(cov).diagonal(), "yours are twice"),
    ("check_best_variances", lambda cov: cov.diagonal() + 1, "yours are ("),
    ("check_best_variances", lambda cov: cov.diagonal()[:2], "not (2,)"),
    ("check_kl_exponentials", lambda a, b: math.log(a / b) + (b - a) / a**2, "not its square"),
    ("check_kl_exponentials", lambda a, b: math.log(a / b) + a / b - 1, "not a/b - 1"),
]
