"""data.py: the split, the draws, and what is refused."""

import sys
import types

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_course import data as data_module
from vae_course.data import Dataset, Split, check_images, import_torchvision, load


def test_digits_are_scikit_learns_scans():
    from sklearn.datasets import load_digits

    data = load("digits")
    assert data.image_shape == (1, 8, 8)
    assert (len(data.train), len(data.test)) == (1438, 359)
    assert data.train.dtype == data.test.dtype == torch.float32
    ours = torch.cat([data.train, data.test]).flatten(1) * 16
    theirs = torch.tensor(load_digits().data, dtype=torch.float32)
    assert torch.equal(ours.unique(dim=0), theirs.unique(dim=0))
    assert data.factors == {}


def test_labels_belong_to_their_images():
    from sklearn.datasets import load_digits

    bunch, data = load_digits(), load("digits")
    known = {tuple(pixels): int(label) for pixels, label in zip(bunch.data.astype(int), bunch.target, strict=True)}
    for images, labels in ((data.train, data.labels.train), (data.test, data.labels.test)):
        rows = (images.flatten(1) * 16).int().tolist()
        assert [known[tuple(row)] for row in rows] == labels.tolist()


def test_no_training_image_is_in_the_test_set():
    data = load("digits")
    train = {tuple(row) for row in data.train.flatten(1).tolist()}
    assert not any(tuple(row) in train for row in data.test.flatten(1).tolist())


def test_every_class_is_in_both_parts():
    data = load("digits")
    assert set(data.labels.train.tolist()) == set(data.labels.test.tolist()) == set(range(10))


def test_draw_is_anew_at_each_call_and_has_the_grey_value_as_its_mean():
    torch.manual_seed(0)
    data = load("digits", binarize="draw")
    first, second = data.train_batch(slice(0, 50)), data.train_batch(slice(0, 50))
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)
    draws = torch.stack([data.train_batch(slice(0, 50)) for _ in range(400)])
    standard_error = (data.train[:50] * (1 - data.train[:50]) / 400).sqrt()
    assert ((draws.mean(0) - data.train[:50]).abs() <= 5 * standard_error + 1e-7).all()


def test_the_test_draw_is_the_same_for_every_seed_and_leaves_the_random_state_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = load("digits", binarize="draw").test
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(one, load("digits", binarize="draw").test)
    assert set(one.unique().tolist()) == {0.0, 1.0}


def test_threshold_is_one_half():
    grey, black = load("digits"), load("digits", binarize="threshold")
    assert torch.equal(black.train, (grey.train > 0.5).float())
    assert torch.equal(black.test, (grey.test > 0.5).float())
    assert torch.equal(black.train_batch(slice(0, 5)), black.train[:5])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("digit", "did you mean 'digits'"), ("Digits", "did you mean 'digits'"), ("xyz", "there are: digits")],
)
def test_an_unknown_data_set_names_the_nearest(name, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(name)


def test_an_unknown_binarization_is_refused():
    with pytest.raises(ValueError, match="'draw' or 'threshold', not 'round'"):
        load("digits", binarize="round")


GOOD = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("images", "error", "sentence"),
    [
        (GOOD.numpy(), TypeError, "must be a torch.Tensor, not ndarray"),
        ((GOOD * 255).to(torch.uint8), TypeError, r"images.float\(\) / 255"),
        (GOOD.double(), TypeError, "float32 in .0, 1., not torch.float64"),
        (GOOD[:, 0], ValueError, r"shape \(batch, 1, 8, 8\), not \(4, 8, 8\)"),
        (GOOD[:, :, :7], ValueError, r"shape \(batch, 1, 8, 8\), not \(4, 1, 7, 8\)"),
        (GOOD[:0], ValueError, "empty"),
        (GOOD * 16, ValueError, r"pixels must lie in \[0, 1\], but these range from"),
        (GOOD - 0.5, ValueError, r"pixels must lie in \[0, 1\]"),
        (GOOD.where(GOOD < 0.9, torch.nan), ValueError, "images hold NaN or infinite pixels, the first is number"),
        (GOOD.where(GOOD < 0.9, torch.inf), ValueError, "NaN or infinite"),
    ],
)
def test_bad_images_get_one_clear_sentence(images, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        check_images(images, (1, 8, 8))
    assert "\n" not in str(caught.value)


def test_images_without_a_given_shape_need_four_dimensions():
    check_images(GOOD)
    with pytest.raises(ValueError, match=r"\(batch, channels, height, width\), not \(4, 8, 8\)"):
        check_images(GOOD[:, 0])


def test_a_data_set_of_ones_own_is_checked():
    labels = Split(torch.zeros(4), torch.zeros(4))
    assert Dataset(GOOD, GOOD, labels, (1, 8, 8)).to("cpu").name == "your own"
    with pytest.raises(ValueError, match="NaN"):
        Dataset(GOOD, GOOD * torch.nan, labels, (1, 8, 8))


@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4))
def test_every_image_in_range_is_accepted(pixels):
    check_images(torch.tensor(pixels).reshape(1, 1, 2, 2), (1, 2, 2))


def test_torchvision_can_be_imported():
    """Whatever builds of torch and torchvision stand beside each other here."""
    torchvision = import_torchvision()
    pixels = torchvision.transforms.ToTensor()(GOOD[0, 0].numpy())
    assert torch.equal(pixels, GOOD[0])


@pytest.mark.parametrize("missing", [True, False])
def test_torchvisions_operators_are_declared_only_where_the_import_fails(monkeypatch, missing):
    declared, attempts = [], []

    class Library:
        def __init__(self, *_):
            declared.append(self)

        def define(self, schema):
            declared.append(schema.partition("(")[0])

    def fake_import(name, *arguments):
        if name != "torchvision":
            return real_import(name, *arguments)
        attempts.append(name)
        if missing and not declared:
            raise RuntimeError("operator torchvision::nms does not exist")
        return types.ModuleType("torchvision")

    real_import = __import__
    monkeypatch.setattr("builtins.__import__", fake_import)
    monkeypatch.setattr(data_module.torch.library, "Library", Library)
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if "torchvision" not in k})
    assert import_torchvision().__name__ == "torchvision"
    assert declared[1:] == (["nms", "qnms"] if missing else [])
    assert len(attempts) == 1 + missing


def test_another_failure_of_torchvision_is_not_hidden(monkeypatch):
    def fake_import(name, *arguments):
        if name == "torchvision":
            raise RuntimeError("something else")
        return real_import(name, *arguments)

    real_import = __import__
    monkeypatch.setattr("builtins.__import__", fake_import)
    with pytest.raises(RuntimeError, match="something else"):
        import_torchvision()
