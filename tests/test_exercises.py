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


WRONG = [
    ("check_bug_hunt", RIGHT | {"e": "variance for sigma", "f": "no sampling"}, "4 of 6 right. Look at 'e' again"),
    ("check_bug_hunt", RIGHT | {"a": "KL sign"}, "found 'KL sign' more than once"),
    ("check_bug_hunt", RIGHT | {"a": "mean"}, "'mean' is not one of the bugs"),
    ("check_bug_hunt", RIGHT | {"a": ...}, "not answered yet"),
    ("check_bug_hunt", {"a": "KL sign"}, "not answered yet"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n,))).mean, "some pixels are grey"),
    ("check_draw_images", lambda m, n: m.decode(m.prior.sample((n,))).mean.round(), "came out as 1 in 0%"),
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
