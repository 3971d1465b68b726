"""data.py: the split, the draws, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.data import Dataset, Split, check_images, glyphs, load
from vae_course.data.sets import SETS


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
    [
        ("digit", "there is no data set called 'digit': did you mean 'digits'?"),
        ("Glyphs", "there is no data set called 'Glyphs': did you mean 'glyphs'?"),
        ("fashionmnist", "there is no data set called 'fashionmnist': did you mean 'fashion_mnist'?"),
        ("xyz", f"there is no data set called 'xyz': there are: {', '.join(SETS)}"),
        ("", f"there is no data set called '': there are: {', '.join(SETS)}"),
        ("toy", "toy densities are points, not images: from vae_course.data import toy"),
    ],
)
def test_an_unknown_data_set_names_the_nearest(name, sentence):
    with pytest.raises(ValueError) as caught:
        load(name)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("binarize", [None, "threshold", "draw"])
def test_n_train_and_n_test_take_the_first_images_with_their_labels(binarize):
    data, all_of_it = load("digits", binarize, n_train=30, n_test=20), load("digits", binarize)
    assert torch.equal(data.train, all_of_it.train[:30])
    assert torch.equal(data.test, all_of_it.test[:20])
    assert torch.equal(data.labels.train, all_of_it.labels.train[:30])
    assert torch.equal(data.labels.test, all_of_it.labels.test[:20])


def test_n_train_and_n_test_are_at_most_what_there_is():
    data = load("digits", n_train=10_000, n_test=1)
    assert (len(data.train), len(data.test)) == (1438, 1)


def test_of_glyphs_exactly_so_many_are_drawn_with_their_factors():
    data = load("glyphs", n_train=60, n_test=30)
    assert (len(data.train), len(data.test), data.image_shape) == (60, 30, (1, 28, 28))
    for images, factors, n, seed in (
        (data.train, {name: f.train for name, f in data.factors.items()}, 60, 0),
        (data.test, {name: f.test for name, f in data.factors.items()}, 30, 1),
    ):
        drawn, known = glyphs.draw(n, seed)
        assert torch.equal(images, drawn)
        assert factors.keys() == known.keys()
        assert all(torch.equal(factors[name], known[name]) for name in known)
    assert torch.equal(data.labels.train, data.factors["character"].train)
    assert torch.equal(data.labels.test, data.factors["character"].test)


def test_the_drawn_test_glyphs_do_not_depend_on_how_many_there_are_for_training():
    few, many = (load("glyphs", "draw", n_train=n, n_test=20) for n in (10, 30))
    assert torch.equal(few.test, many.test)


def test_without_a_number_there_are_ten_thousand_glyphs_for_training_and_two_thousand_for_testing(monkeypatch):
    def few(n, seed=0):
        asked.append((n, seed))
        return draw(5, seed)

    asked, draw = [], glyphs.draw
    monkeypatch.setattr(glyphs, "draw", few)
    load("glyphs")
    load("glyphs", n_train=11_000)
    assert asked == [(10_000, 0), (2_000, 1), (11_000, 0), (2_000, 1)]


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", True])
@pytest.mark.parametrize("name", ["n_train", "n_test"])
def test_another_number_of_images_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, but it is {value!r}"):
        load("digits", **{name: value})


def test_an_array_of_ones_own_is_split_without_overlap_and_the_same_each_time():
    own = np.random.default_rng(0).integers(0, 256, (25, 7, 6), dtype=np.uint8)
    data = load(own)
    assert (len(data.train), len(data.test), data.image_shape, data.name) == (20, 5, (1, 7, 6), "your own")
    assert torch.equal(torch.cat([data.test, data.train]), torch.cat([load(own).test, load(own).train]))
    parts = (torch.cat([data.train, data.test])[:, 0] * 255).round().to(torch.uint8).numpy()
    assert sorted(p.tobytes() for p in parts) == sorted(p.tobytes() for p in own)


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
    with pytest.raises(ValueError, match="empty"):
        check_images(GOOD[:, :, :0])


def test_a_data_set_of_ones_own_is_checked():
    labels = Split(torch.zeros(4), torch.zeros(4))
    assert Dataset(GOOD, GOOD, labels, (1, 8, 8)).to("cpu").name == "your own"
    with pytest.raises(ValueError, match="NaN"):
        Dataset(GOOD, GOOD * torch.nan, labels, (1, 8, 8))


@settings(deadline=None)  # a busy machine may take its time
@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4))
def test_every_image_in_range_is_accepted(pixels):
    check_images(torch.tensor(pixels).reshape(1, 1, 2, 2), (1, 2, 2))
