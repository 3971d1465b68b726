"""Build it, then import it: what a lesson builds by hand is what the package has."""

import ast

import nbformat
import pytest
import torch

from tools import lessons
from vae_course.data import load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.objectives import elbo, elbo_terms
from vae_course.training import fit


def definitions(number):
    """The imports, functions and classes of a lesson, without running the rest of it."""
    book = nbformat.read(lessons.find(number)[0], as_version=4)
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    for cell in book.cells:
        if cell.cell_type == "code":
            yield from (node for node in ast.parse(cell.source).body if isinstance(node, kinds))


@pytest.fixture(scope="module")
def lesson_05():
    data = load("digits", binarize="draw")
    scope = {"data": data, "D": 64, "SEED": 0, "EPOCHS": 3}
    keep = {"HandmadeVAE", "sample", "log_likelihood", "kl_to_standard_normal", "elbo_by_hand", "train"}
    nodes = [n for n in definitions("05") if not isinstance(n, ast.FunctionDef | ast.ClassDef) or n.name in keep]
    exec(compile(ast.Module(nodes, type_ignores=[]), "lesson 05", "exec"), scope)
    assert keep <= set(scope)
    return scope


def both(lesson):
    torch.manual_seed(0)
    by_hand = lesson["HandmadeVAE"](latent_dim=8)
    torch.manual_seed(0)
    encoder = Encoder((1, 8, 8), 8)
    return by_hand, VAE(encoder, Decoder((1, 8, 8), 8))


def test_the_networks_are_the_same(lesson_05):
    by_hand, model = both(lesson_05)
    ours, theirs = list(by_hand.parameters()), list(model.parameters())
    assert len(ours) == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_objectives_are_the_same(lesson_05):
    by_hand, model = both(lesson_05)
    x = lesson_05["data"].test
    torch.manual_seed(1)
    ours = lesson_05["elbo_by_hand"](by_hand, x)
    torch.manual_seed(1)
    assert torch.allclose(ours, elbo(model, x), atol=1e-5)
    mu, log_var = by_hand.encode(x)
    assert torch.allclose(lesson_05["kl_to_standard_normal"](mu, log_var), elbo_terms(model, x)[1], atol=1e-6)
    logits = by_hand.decode(mu)
    assert torch.allclose(lesson_05["log_likelihood"](x, logits), model.decode(mu).log_prob(x), atol=1e-5)


def test_the_training_loops_are_the_same(lesson_05):
    """Five epochs from the same weights. The lesson goes on with one stream of noise, `fit` reseeds each epoch."""
    data = lesson_05["data"]
    ours = lesson_05["train"](lesson_05["elbo_by_hand"], epochs=5)
    _, model = both(lesson_05)
    fit(model, data, epochs=5, lr=3e-3)
    with torch.no_grad():
        mine = lesson_05["elbo_by_hand"](ours, data.test.repeat(20, 1, 1, 1)).mean()
        theirs = elbo(model, data.test.repeat(20, 1, 1, 1)).mean()
    assert abs(mine - theirs) < 0.5
