"""Every solution in a lesson passes its check; its stub, and each typical wrong answer, do not."""

import math
import re

import nbformat
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from tools import lessons
from vae_course import checks

LESSONS = lessons.find()


def stubs(path):
    """(name of the check, source of its cell) of each exercise."""
    for cell in nbformat.read(path, as_version=4).cells:
        found = re.search(r"checks\.(check_\w+)\((\w+)\)", cell.source) if cell.cell_type == "code" else None
        if found:
            yield found[1], found[2], cell.source


def solutions(path):
    """The solutions of a lesson in their order: code in the folded parts called Solution."""
    for cell in nbformat.read(path, as_version=4).cells:
        for part in re.findall(r"<details><summary>Solution</summary>(.*?)</details>", cell.source, re.S):
            block = re.search(r"```python\n(.*?)```", part, re.S)
            inline = re.search(r"`(\w+ = .*?)`", part, re.S)
            yield block[1] if block else inline[1]


EXERCISES = [
    pytest.param(check, answer, stub, solution, id=f"{path.stem[:2]}-{check}")
    for path in LESSONS
    for (check, answer, stub), solution in zip(stubs(path), solutions(path), strict=True)
]


def run(source, name):
    scope = {"torch": torch, "math": math, "checks": checks}
    exec(source, scope)
    return scope[name]


@pytest.mark.parametrize(("check", "answer", "stub", "solution"), EXERCISES)
def test_the_stub_is_not_answered_and_the_solution_is_right(capsys, check, answer, stub, solution):
    assert getattr(checks, check)(run(stub, answer)) is False
    assert capsys.readouterr().out.splitlines()[-1] == "○ not answered yet"
    assert getattr(checks, check)(run(solution, answer)) is True
    assert capsys.readouterr().out == "✓ right\n"


def test_every_check_belongs_to_an_exercise():
    used = {p.values[0] for p in EXERCISES}
    assert used == {name for name in vars(checks) if name.startswith("check_")}


RIGHT = {
    "a": "mean for sum", "b": "gradient cut", "c": "KL sign", "d": "sigmoid twice", "e": "no sampling",
    "f": "variance for sigma",
}  # fmt: skip


def kl(q, s=1.0):
    return kl_divergence(q.base_dist if hasattr(q, "base_dist") else q, Normal(0.0, s))


def q_of(mu, log_var):
    return Normal(mu, (0.5 * log_var).exp())


def gaussian(c, n, cov=None):
    root = torch.linalg.cholesky(torch.cov(c.T)) if cov is None else cov
    return c.mean(0) + torch.randn(n, c.shape[1]) @ root.T


def mask(x, p):
    return torch.rand_like(x) >= p


WRONG = [
    ("check_to_bits", lambda nats: nats * math.log(2), "you multiplied by ln 2"),
    ("check_to_bits", lambda nats: nats / math.log(10), "base 10"),
    ("check_to_bits", lambda nats: nats, "still the number of nats"),
    ("check_to_bits", lambda nats: math.log2(nats), "no logarithm of the nats"),
    ("check_to_bits", lambda nats: nats + 1, "that is 3 bits"),
    ("check_home_of", lambda c, y, d: c.mean(0), "mean of all codes"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(), "take the mean with dim=0"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(1), "is (2, 2), yours is"),
    ("check_home_of", lambda c, y, d: c[y == d][0], "a single image"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(0).tolist(), "not as list"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(0, keepdim=True), "keepdim kept"),
    ("check_home_of", lambda c, y, d: c[y == d], "should be (2,), not (2, 2)"),
    ("check_home_of", lambda c, y, d: c[y == d].sum(0), "is (2, 2), yours is (4.0, 4.0)"),
    ("check_turned_left", lambda f, a: f["rotation"].train > a, "torch.nonzero gives the numbers"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train > a), "flatten it"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train < -a).flatten(), "to the left is positive"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train.abs() > a).flatten(), "turned either way"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train >= a).flatten(), "exactly that angle"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].test > a).flatten(), "part .train"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train > 0).flatten(), "by how much matters"),
    ("check_turned_left", lambda f, a: torch.where(f["rotation"].train > a), "take its first entry"),
    ("check_turned_left", lambda f, a: torch.tensor([3, 0]), "in ascending order"),
    ("check_turned_left", lambda f, a: f["rotation"].train[f["rotation"].train > a], "these are angles"),
    ("check_turned_left", lambda f, a: [0], "it is [0, 3], yours is [0]"),
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
    ("check_bug_hunt", RIGHT | {"e": "variance for sigma", "f": "no sampling"}, "4 of 6 right. Look at 'e' again"),
    ("check_bug_hunt", RIGHT | {"a": "KL sign"}, "found 'KL sign' more than once"),
    ("check_bug_hunt", RIGHT | {"a": "mean"}, "'mean' is not one of the bugs"),
    ("check_bug_hunt", RIGHT | {"a": ...}, "not answered yet"),
    ("check_bug_hunt", {"a": "KL sign"}, "not answered yet"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n,))).mean, "some pixels are grey"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n,))).mean.round(), "draw it, do not round"),
    ("check_draw_images", lambda m, n: 1 - m.decode(m.prior.sample((n,))).sample(), "came out as 1 in 70%"),
    ("check_draw_images", lambda m, n: m.decode(torch.zeros(n, 3)).sample(), "the same z"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((1,))).sample((n,))[:, 0], "the same z"),
    ("check_draw_images", lambda m, n: m.decode(torch.rand(n, 3)).sample(), "from the prior"),
    ("check_draw_images", lambda m, n: m.decode(m.encode(None).sample((n,))).sample(), "no x to encode"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n, 1))).sample(), "the shape is"),
    (
        "check_draw_images",
        lambda m, n: m.decode(torch.randn(n, 8)).sample(),
        "has 3 latents, not 8: draw z from model.prior",
    ),
    ("check_draw_images", lambda m, n: Bernoulli(0.3).sample((n, 1, 4, 4)), "stopped with"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)).sum(1), "summed over the latents"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)).sum(0), "summed over the images"),
    ("check_kl_per_latent", lambda m, x: kl_divergence(m.encode(x), m.prior).mean(0), "has summed over them already"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)), "take the mean over the images"),
    ("check_kl_per_latent", lambda m, x: kl(m.encode(x)).mean(0)[:2], r"not (2,)"),
    ("check_kl_per_latent", lambda m, x: kl(Normal(m.encode(x).mean, m.encode(x).variance)).mean(0), "once too often"),
    ("check_kl_per_latent", lambda m, x: -kl(m.encode(x)).mean(0), "nats, yours is"),
    (
        "check_kl_per_latent",
        lambda m, x: (0.5 * (m.encode(x).mean ** 2 + m.encode(x).variance - 1 - m.encode(x).stddev.log())).mean(0),
        "which is 2 log sigma",
    ),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).sum(1) - math.log(s), "once for each latent, and whole"),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).sum(1) - 2 * math.log(s), "log s is missing"),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v)).sum(1), "s is not in it"),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s).sum(), r"should be (2,), not ()"),
    (
        "check_kl_to_prior",
        lambda m, v, s: (0.5 * (m**2 + v.exp() / s**2 - 1 - v) + math.log(s)).sum(1),
        "divided by s^2: mu^2 is not",
    ),
    (
        "check_kl_to_prior",
        lambda m, v, s: (0.5 * (m**2 / s**2 + v.exp() - 1 - v) + math.log(s)).sum(1),
        "divided by s^2: sigma^2 is not",
    ),
    (
        "check_kl_to_prior",
        lambda m, v, s: (0.5 * ((m**2 + v.exp()) / s - 1 - v) + math.log(s)).sum(1),
        "you divided by s",
    ),
    ("check_kl_to_prior", lambda m, v, s: kl(q_of(m, v), s**0.5).sum(1), "s for the variance of the prior"),
    ("check_kl_to_prior", lambda m, v, s: -kl(q_of(m, v), s).sum(1), "nats, yours is"),
]


@pytest.mark.parametrize(("check", "answer", "complaint"), WRONG)
def test_a_typical_wrong_answer_is_recognised(capsys, check, answer, complaint):
    assert getattr(checks, check)(answer) is False
    assert complaint in capsys.readouterr().out


def test_every_check_recognises_two_wrong_answers():
    for name in (name for name in vars(checks) if name.startswith("check_")):
        assert sum(w[0] == name for w in WRONG) >= 2, name
