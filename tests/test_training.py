"""`fit`: it learns, it repeats itself, it stops in good order, and it refuses bad input."""

import functools
import itertools

import numpy as np
import pytest
import torch
import tqdm

from vae_course.data import Dataset, Split, load
from vae_course.models import VAE, Decoder, DiagonalNormal, Encoder, checking
from vae_course.objectives import elbo
from vae_course.training import Cosine, fit


@pytest.fixture
def data():
    return load("digits", binarize="draw")


def build(latent_dim=4, seed=0):
    torch.manual_seed(seed)
    return VAE(Encoder((1, 8, 8), latent_dim, 30), Decoder((1, 8, 8), latent_dim, 30))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_it_learns_and_says_so(data):
    model = build()
    with torch.no_grad():
        before = elbo(model, data.test).mean().item()
    history = fit(model, data, epochs=6, lr=3e-3, test_every=3)
    with torch.no_grad():
        assert elbo(model, data.test).mean().item() > before + 10
    assert len(history.train) == 6
    assert history.train[-1] > history.train[0] + 5
    assert list(history.test) == [2, 5]
    with torch.no_grad():
        assert history.test[5] == pytest.approx(elbo(model, data.test).mean().item(), abs=0.5)
    assert history.seconds > 0
    assert not history.interrupted


def test_same_seed_same_weights_another_seed_others(data):
    runs = []
    for seed in (0, 0, 1):
        model = build()
        fit(model, data, epochs=2, seed=seed)
        runs.append(weights(model))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_the_callers_random_state_is_neither_used_nor_changed(data):
    runs = []
    for noise in (5, 6):
        model = build()
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        fit(model, data, epochs=1)
        assert torch.equal(torch.get_rng_state(), before)
        runs.append(weights(model))
    assert torch.equal(*runs)


def test_evaluating_does_not_change_what_is_learned(data):
    runs = []
    for test_every in (0, 1):
        model = build()
        fit(model, data, epochs=3, test_every=test_every)
        runs.append(weights(model))
    assert torch.equal(*runs)


def test_every_epoch_sees_every_image_once_in_a_new_order():
    images = torch.linspace(0, 1, 25).reshape(25, 1, 1, 1).expand(25, 1, 8, 8).contiguous()
    data = Dataset(images, images, Split(torch.zeros(25), torch.zeros(25)), (1, 8, 8))
    model, seen = build(), []
    model.check = lambda x: None

    def watch(model, x):
        seen.append(x[:, 0, 0, 0].tolist())
        return model.encode(x).mean.sum(1)

    fit(model, data, watch, epochs=2, batch_size=10)
    batches = seen[1:]  # the first call is the look at the door
    assert [len(b) for b in batches] == [10, 10, 5] * 2
    first, second = [*itertools.chain(*batches[:3])], [*itertools.chain(*batches[3:])]
    assert sorted(first) == sorted(second) == images[:, 0, 0, 0].tolist()
    assert first != second != sorted(second)


def test_each_step_is_one_step_of_adam_on_the_mean(data):
    """The first steps against torch.optim.Adam by hand: order, drawn pixels and noise from the same seed."""
    model, by_hand = build(), build()
    fit(model, data, epochs=1, batch_size=500, lr=1e-2, seed=3)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=1e-2)
    torch.manual_seed(3)
    for index in torch.randperm(len(data.train)).split(500):
        loss = -elbo(by_hand, torch.bernoulli(data.train[index])).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.allclose(weights(model), weights(by_hand), atol=1e-5)


def test_an_interrupt_keeps_what_was_learned(data, capsys):
    model, calls = build(), []

    def interrupted(model, x):
        calls.append(len(x))
        if len(calls) > 40:
            raise KeyboardInterrupt
        return elbo(model, x)

    start = weights(model)
    history = fit(model, data, interrupted, epochs=100)
    assert history.interrupted
    assert len(history.train) == 2
    assert not torch.equal(weights(model), start)
    assert torch.isfinite(weights(model)).all()
    assert "interrupted in epoch 3 of 100" in capsys.readouterr().out
    assert checking()


def test_a_learning_rate_that_is_too_high_is_named_with_its_step(data):
    with pytest.raises(FloatingPointError, match=r"at step \d+ of epoch \d+: .*learning rate.* 10000"):
        fit(build(), data, epochs=50, lr=1e4)
    assert checking()


def test_the_first_bad_step_is_the_one_named(data):
    calls = []

    def breaks(model, x):
        calls.append(x)
        return elbo(model, x) * (float("nan") if len(calls) == 1 + 15 + 4 else 1.0)

    with pytest.raises(FloatingPointError, match=r"at step 4 of epoch 2: .*learning rate"):
        fit(build(), data, breaks, epochs=5)


def test_an_objective_that_fails_at_once_is_told_from_one_that_drifts(data):
    calls = []

    def fails(model, x):
        calls.append(x)
        return elbo(model, x) - (float("inf") if len(calls) > 1 else 0.0)

    with pytest.raises(FloatingPointError, match="step 1 of epoch 1: the first step already failed"):
        fit(build(), data, fails, epochs=1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, but it is 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"epochs": 1, "seed": 1.5}, "seed must be a whole number from"),
        ({"epochs": 1, "seed": 2**70}, "seed must be a whole number from"),
        ({"epochs": 1, "test_every": -1}, "test_every must be a whole number of at least 0"),
        ({"epochs": 1, "lr": "0.1"}, "learning rate must be positive and finite, but it is '0.1'"),
        ({"epochs": 1, "lr": float("inf")}, "learning rate must be positive and finite"),
        ({"epochs": 1, "adam_eps": -1.0}, "adam_eps must be a number of at least 0"),
        ({"epochs": 1, "device": None}, "there is no device 'None' here"),
        ({"epochs": 1, "device": "meta"}, "there is no device 'meta' here"),
        ({"epochs": 1, "objective": lambda model, x: 1.0}, "one number for each image"),
        ({"epochs": 1, "objective": lambda model, x: elbo(model, x).detach()}, "the objective has no gradient"),
        ({"epochs": 1, "batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"epochs": 1, "lr": 0.0}, "learning rate must be positive"),
        ({"epochs": 1, "lr": float("nan")}, "learning rate must be positive"),
    ],
)
def test_bad_settings_get_one_clear_sentence(data, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit(build(), data, **arguments)


def test_grey_images_are_refused_before_the_first_step():
    model = build()
    start = weights(model)
    with pytest.raises(ValueError, match=r"grey.*binarize='draw'.*continuous_bernoulli"):
        fit(model, load("digits"), epochs=1)
    assert torch.equal(weights(model), start)


def test_images_of_another_shape_are_refused(data):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"shape \(batch, 1, 4, 4\), not"):
        fit(VAE(Encoder((1, 4, 4), 2), Decoder((1, 4, 4), 2)), data, epochs=1)


def test_a_negative_beta_is_refused(data):
    with pytest.raises(ValueError, match="beta must not be negative"):
        fit(build(), data, functools.partial(elbo, beta=-1), epochs=1)


def test_an_objective_that_already_averages_is_refused(data):
    with pytest.raises(ValueError, match="one number for each image"):
        fit(build(), data, lambda model, x: elbo(model, x).mean(), epochs=1)


@pytest.mark.parametrize("silent", [True, False])
def test_a_progress_bar_is_shown_to_people_and_not_on_record(data, capsys, monkeypatch, silent):
    monkeypatch.setenv("TQDM_DISABLE", "1" if silent else "0")
    monkeypatch.setattr("vae_course.training.loop.tqdm", tqdm.tqdm)
    fit(build(), data, epochs=2)
    assert ("2/2" in capsys.readouterr().err) is not silent


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"data": torch.rand(9, 1, 8, 8)}, "data must be a Dataset, as load\\(...\\) returns it, not a Tensor"),
        ({"model": torch.nn.Linear(2, 2)}, "model must be a VAE, not a Linear"),
        ({"objective": 3}, "the objective must be a function"),
    ],
)
def test_what_is_of_another_kind_is_named(data, arguments, sentence):
    with pytest.raises(TypeError, match=sentence):
        fit(**{"model": build(), "data": data, "epochs": 1, **arguments})


def test_whole_numbers_of_numpy_are_whole_numbers(data):
    ours, numpys = build(), build()
    fit(ours, data, epochs=1, batch_size=50, seed=3, lr=1e-3)
    fit(numpys, data, epochs=np.int64(1), batch_size=np.int32(50), seed=np.int64(3), lr=np.float64(1e-3))
    assert torch.equal(weights(ours), weights(numpys))


@pytest.mark.parametrize("warm_up", [-0.1, 1, float("nan"), "0.1"])
def test_a_warm_up_that_is_no_share_is_refused(warm_up):
    with pytest.raises(ValueError, match="warm_up must be a share of training"):
        Cosine(1e-3, warm_up=warm_up)


class Normalised(Encoder):
    """An encoder with batch normalisation, and with dropout, some layers of which are kept in eval() mode."""

    def __init__(self):
        super().__init__((1, 8, 8), 4, 30)
        self.norm, self.drop, self.frozen = torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(8)
        self.frozen.eval()

    def forward(self, x):
        return DiagonalNormal(*self.frozen(self.norm(self.drop(self.net(x)))).chunk(2, -1))


def test_test_images_teach_batch_normalisation_nothing(data):
    states = []
    for test_every in (0, 1):
        torch.manual_seed(0)
        model = VAE(Normalised(), Decoder((1, 8, 8), 4, 30))
        history = fit(model, data, epochs=2, test_every=test_every)
        states.append(model.state_dict())
        assert model.encoder.norm.training
        assert not model.encoder.frozen.training
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert states[0]["encoder.norm.num_batches_tracked"] == 2 * 15  # and the look at the door is none
    torch.manual_seed(0)
    with torch.no_grad():
        assert history.test[1] == pytest.approx(elbo(model.eval(), data.test).mean().item(), abs=1.0)


def test_a_model_in_eval_mode_is_trained_in_train_mode_and_comes_back_in_eval_mode(data):
    """As one that `load_model` returns: dropout and batch normalisation would sleep through its training."""
    modes = []

    def watched(model, x):
        modes.append((len(x), model.encoder.drop.training))
        return elbo(model, x)

    torch.manual_seed(0)
    model = VAE(Normalised(), Decoder((1, 8, 8), 4, 30)).eval()
    fit(model, data, watched, epochs=1, test_every=1)
    assert [training for size, training in modes if size not in (2, 359)] == [True] * 15
    assert [training for size, training in modes if size in (2, 359)] == [False, False]
    assert not any(module.training for module in model.modules())
    assert model.encoder.norm.num_batches_tracked == 15


def test_weights_that_the_last_step_breaks_are_noticed(data):
    """The objective is computed before each step, so it does not tell of the last one."""
    calls = []

    def breaks(model, x):
        calls.append(x)
        value = elbo(model, x)
        if len(calls) == 1 + 15:
            value.register_hook(lambda gradient: gradient * float("nan"))
        return value

    with pytest.raises(FloatingPointError, match="the weights stopped being finite at the last step of epoch 1"):
        fit(build(), data, breaks, epochs=1)


def test_processes_that_have_not_joined_are_refused(data, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="torchrun has started 2 processes, each of which would train alone"):
        fit(build(), data, epochs=1)
    monkeypatch.setenv("WORLD_SIZE", "1")
    fit(build(), data, epochs=1)
