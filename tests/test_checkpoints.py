"""checkpoints.py and `fit(checkpoint=, resume=)`: nothing is lost, nothing half-written is ever read."""

import functools
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests import processes
from vae_course.data import load as load_data
from vae_course.models import VAE, Decoder, Encoder
from vae_course.models.likelihoods import bernoulli, continuous_bernoulli, gaussian
from vae_course.objectives import elbo, iwae_bound
from vae_course.training import Cosine, architectures, checkpoints, fit, resuming
from vae_course.training.checkpoints import CheckpointError, load, save

KILLS = int(os.environ.get("KILLS", "3"))
EPOCHS = 50 * KILLS
STEPS = 6 * EPOCHS


def build(hidden_dim=30):
    torch.manual_seed(0)
    return VAE(Encoder((1, 8, 8), 4, hidden_dim), Decoder((1, 8, 8), 4, hidden_dim))


def learn(path=None, resume=False, epochs=6, n_train=300, model=None, binarize="draw", **settings):
    model = model or build()
    data = load_data("digits", binarize=binarize, n_train=n_train)
    settings = {"batch_size": 50, "lr": 3e-3, "test_every": 2, "device": "cpu", **settings}
    history = fit(model, data, epochs=epochs, checkpoint=path, resume=resume, **settings)
    return model, history


def same_weights(a, b):
    b = b if isinstance(b, dict) else b.state_dict()
    return all(torch.equal(value, b[name]) for name, value in (a if isinstance(a, dict) else a.state_dict()).items())


@pytest.mark.parametrize("settings", [{}, {"lr": Cosine(3e-3)}, {"precision": "bfloat16"}], ids=str)
def test_a_resumed_run_ends_as_an_uninterrupted_one_bit_for_bit(tmp_path, settings):
    whole, history = learn(tmp_path / "whole.pt", **settings)
    without, _ = learn(**settings)
    assert same_weights(whole, without)  # saving changes nothing

    calls = []

    def stop_in_epoch_4(model, x):
        calls.append(1)
        if len(calls) > 24:
            raise KeyboardInterrupt
        return elbo(model, x)

    stop_in_epoch_4.__qualname__ = "elbo"
    learn(tmp_path / "a.pt", objective=stop_in_epoch_4, **settings)
    assert 1 <= load(tmp_path / "a.pt")["epoch"] <= 3
    resumed, later = learn(tmp_path / "a.pt", resume=True, **settings)
    assert same_weights(resumed, whole)
    assert later.train == history.train
    assert later.test == history.test
    kept, other = load(tmp_path / "a.pt"), load(tmp_path / "whole.pt")
    assert same_weights(kept["model"], whole)
    moments = [s["optimizer"]["state"][0]["exp_avg_sq"] for s in (kept, other)]
    assert torch.equal(*moments)


def test_a_finished_run_is_taken_as_it_is_and_can_be_made_longer(tmp_path):
    model, history = learn(tmp_path / "a.pt", epochs=4)
    again, same = learn(tmp_path / "a.pt", resume=True, epochs=4, model=build())
    assert same_weights(model, again)
    assert same.train == history.train
    longer, more = learn(tmp_path / "a.pt", resume=True, epochs=6)
    assert same_weights(longer, learn(epochs=6)[0])
    assert len(more.train) == 6
    assert more.seconds > history.seconds


def test_resuming_where_nothing_is_starts(tmp_path):
    model, history = learn(tmp_path / "new" / "a.pt", resume=True, epochs=1)
    assert len(history.train) == 1
    assert same_weights(load(tmp_path / "new" / "a.pt")["model"], model)


def test_it_keeps_model_optimiser_epoch_history_and_settings(tmp_path):
    learn(tmp_path / "a.pt", epochs=2, objective=functools.partial(iwae_bound, k=3))
    content = load(tmp_path / "a.pt")
    assert content["epoch"] == len(content["history"]["train"]) == 2
    assert content["history"]["test"].keys() == {1}
    assert content["settings"].pop("checksum of the images") > 0
    assert content["settings"] == {
        "data": "digits", "images": 300, "binarize": "draw", "objective": "iwae_bound(k=3)", "batch_size": 50,
        "lr": 0.003, "seed": 0,
        "precision": "float32", "adam_eps": 1e-8,
    }  # fmt: skip


def test_a_checkpoint_is_not_written_over_by_mistake(tmp_path):
    learn(tmp_path / "a.pt", epochs=1)
    before = (tmp_path / "a.pt").read_bytes()
    with pytest.raises(CheckpointError, match=r"exists already: resume=True goes on from it"):
        learn(tmp_path / "a.pt", epochs=1)
    assert (tmp_path / "a.pt").read_bytes() == before


def test_resume_without_a_file_is_refused():
    with pytest.raises(ValueError, match="give checkpoint="):
        learn(resume=True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch_size": 60}, "made with batch_size=50, and now it is 60"),
        ({"lr": 1e-3}, "made with lr=0.003, and now it is 0.001"),
        ({"seed": 1}, "made with seed=0, and now it is 1"),
        ({"precision": "bfloat16"}, "made with precision='float32'"),
        ({"objective": functools.partial(elbo, beta=2)}, r"made with objective='elbo', and now it is 'elbo\(beta=2\)'"),
        ({"n_train": 200}, "made with images=300, and now it is 200"),
    ],
)
def test_another_setting_is_refused_and_named(tmp_path, settings, sentence):
    learn(tmp_path / "a.pt", epochs=1)
    with pytest.raises(CheckpointError, match=sentence):
        learn(tmp_path / "a.pt", resume=True, **settings)


def test_a_schedule_cannot_be_made_longer_afterwards(tmp_path):
    learn(tmp_path / "a.pt", epochs=1, lr=Cosine(1e-3))
    with pytest.raises(CheckpointError, match="made with epochs=1, and now it is 2"):
        learn(tmp_path / "a.pt", resume=True, epochs=2, lr=Cosine(1e-3))


def test_a_checkpoint_of_another_shape_leaves_the_model_as_it_was(tmp_path):
    learn(tmp_path / "a.pt", epochs=1)
    other = build(hidden_dim=40)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=r"of another model: encoder.net.1.weight is \(30, 64\) there, and \(40, 64\) in yours"
    ):
        learn(tmp_path / "a.pt", resume=True, model=other)
    assert same_weights(other, before)


def test_more_or_fewer_weights_are_named(tmp_path):
    learn(tmp_path / "a.pt", epochs=1)
    with pytest.raises(
        CheckpointError, match="another model: encoder.net.3.weight is .8, 30. there, and .30, 30. in yours"
    ):
        checkpoints.same_shapes("a.pt", load(tmp_path / "a.pt")["model"], build(hidden_dim=(30, 30)))


@pytest.mark.parametrize("kind", ["empty", "cut", "words", "a pickle", "other content", "another version"])
def test_what_is_no_checkpoint_is_refused_in_one_sentence(tmp_path, kind):
    path = tmp_path / "a.pt"
    learn(path, epochs=1)
    content = path.read_bytes()
    if kind == "a pickle":
        path.write_bytes(pickle.dumps(Path("x")))
    elif kind == "other content":
        torch.save([1, 2], path)
    elif kind == "another version":
        torch.save(load(path) | {"format": 0}, path)
    else:
        path.write_bytes({"empty": b"", "cut": content[:-2000], "words": b"not a checkpoint"}[kind])
    with pytest.raises(CheckpointError, match=r"is damaged|is not a checkpoint") as found:
        load(path)
    assert "\n" not in str(found.value)


class Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("harm-was-done"),))


def test_nothing_is_unpickled_but_plain_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "model": Harmful()}, "a.pt")
    with pytest.raises(CheckpointError, match="holds more than plain values"):
        load("a.pt")
    assert not Path("harm-was-done").exists()


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load(tmp_path / "a.pt")


def test_while_a_checkpoint_is_written_the_last_one_stays(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    save(path, {"n": 1})

    def half(content, out):
        out.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(CheckpointError, match=r"No space left on device .* MB are free there.*the last good one is"):
        save(path, {"n": 2})
    monkeypatch.undo()
    assert torch.load(path, weights_only=True) == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_torchs_own_writer_on_a_full_disk_is_understood(tmp_path, monkeypatch):
    (tmp_path / "a.pt.part").symlink_to("/dev/full")
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda path: SimpleNamespace(free=4096))
    with pytest.raises(CheckpointError, match=r"a.pt cannot be written: [Nn]o space left.* \(0 MB are free there\)"):
        save(tmp_path / "a.pt", {"weights": torch.zeros(100_000)})
    assert not (tmp_path / "a.pt").exists()


def test_what_cannot_be_saved_leaves_nothing_behind(tmp_path):
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        save(tmp_path / "a.pt", {"objective": lambda x: x})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written: Not a directory|cannot be written: File exists"):
        save(tmp_path / "file" / "a.pt", {})


def test_saving_costs_little_however_slow_it_is(tmp_path, monkeypatch):
    """A clock that only saving moves: after the first, a save that takes a second is due after fifty more."""
    clock, saved = [0.0], []

    def slow(path, content):
        clock[0] += 1.0
        saved.append(content["epoch"])

    monkeypatch.setattr(resuming.checkpoints, "save", slow)
    monkeypatch.setattr(resuming.time, "perf_counter", lambda: clock[0])

    def twenty_seconds_an_epoch(model, x):
        clock[0] += 20.0
        return elbo(model, x)

    learn(tmp_path / "a.pt", objective=twenty_seconds_an_epoch, epochs=10, batch_size=300, test_every=0)
    assert saved == [1, 4, 7, 10]


@pytest.fixture
def one_thread():
    """Bit for bit is promised with as many threads; how many a machine gives each of several processes, it decides."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train_until_killed(path, begun, steps_allowed):
    torch.set_num_threads(1)
    resuming.SAVING = float("inf")  # save after every epoch, so that many kills meet a save

    def and_say_so(model, x):
        if len(x) > 2:  # after the look at the door
            begun.set()
            steps_allowed.acquire()  # and wait here for the end, however idle the machine is
        return elbo(model, x)

    and_say_so.__qualname__ = "elbo"
    learn(path, resume=True, epochs=EPOCHS, objective=and_say_so)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_run_loses_nothing(tmp_path, one_thread):
    """A real process, killed at random moments and resumed, ends with the weights of one that was left alone.

    It may take so many steps and then waits, so that no run comes to its end before it is killed.
    """
    random.seed(time.time_ns())
    path, reached, half_written = tmp_path / "a.pt", [], 0
    expected, history = learn(epochs=EPOCHS)
    for _ in range(KILLS):
        begun, steps_allowed = processes.CONTEXT.Event(), processes.CONTEXT.Semaphore(random.randrange(STEPS // KILLS))
        process = processes.start(train_until_killed, path, begun, steps_allowed)
        assert begun.wait(processes.PATIENCE)
        time.sleep(random.uniform(0.0, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        half_written += path.with_name("a.pt.part").exists()
        reached.append(load(path)["epoch"] if path.exists() else 0)  # whole, whatever was going on
    assert reached == sorted(reached)
    finished, resumed = learn(path, resume=True, epochs=EPOCHS)
    assert resumed.train == history.train
    assert same_weights(finished, expected)
    print(f"{KILLS} kills, {half_written} of them while saving; epochs in the checkpoints found: {reached}")


def test_reading_one_needs_no_course(tmp_path):
    """Weights are plain tensors under their names: torch alone reads them."""
    model, _ = learn(tmp_path / "a.pt", epochs=1)
    code = f"import torch; print(*torch.load({str(tmp_path / 'a.pt')!r}, weights_only=True)['model'])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(model.state_dict())


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": np.float64(3e-3)},
        {"lr": lambda done: np.float64(3e-3)},
        {
            "seed": np.int64(3),
            "adam_eps": np.float32(1e-8),
            "batch_size": np.int64(50),
            "precision": np.str_("float32"),
        },
    ],
    ids=["rate", "schedule", "others"],
)
def test_numbers_of_numpy_are_written_as_pythons(tmp_path, settings):
    learn(tmp_path / "a.pt", epochs=np.int64(1), **settings)
    content = load(tmp_path / "a.pt")
    assert {type(value) for value in content["settings"].values()} <= {int, float, str}
    learn(tmp_path / "a.pt", resume=True, epochs=1, **settings)


def test_so_are_those_of_a_models_architecture_and_of_own_settings(tmp_path):
    model = VAE(Encoder((1, 8, 8), np.int64(4), np.int64(30)), Decoder((1, 8, 8), np.int64(4), np.array([30])))
    architectures.save_model(
        tmp_path / "m.pt", model, {"loss": np.float32(0.5), "shape": (np.int64(1), [np.bool_(True)])}
    )
    again, settings = architectures.load_model(tmp_path / "m.pt")
    assert same_weights(again, model)
    assert settings == {"loss": 0.5, "shape": (1, [True])}


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    with pytest.raises(TypeError, match="and no function"):
        architectures.save_model(tmp_path / "m.pt", build(), {"objective": elbo})
    assert list(tmp_path.iterdir()) == []


def test_no_sentence_costs_anybody_a_file(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    torch.save({"format": 1, "model": {}, "settings": {"lr": np.float64(1)}}, path)
    said = []
    for call in (lambda: load(path), lambda: learn(path), lambda: learn(path, resume=True), lambda: load(tmp_path)):
        with pytest.raises(CheckpointError) as found:
            call()
        said.append(str(found.value))
    assert not any("remove" in sentence or "\n" in sentence for sentence in said)
    assert "is a folder: name a file in it" in said[-1]

    def forbidden(*arguments, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(CheckpointError, match="a.pt cannot be read: Permission denied"):
        load(path)


@pytest.mark.parametrize("path", [".", "", "n" * 300, "file/a.pt"])
def test_a_path_that_no_file_can_have_is_refused_before_the_first_step(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    model = build()
    with pytest.raises(CheckpointError, match="is a folder: name a file in it|cannot be written|cannot be the path"):
        learn(path, model=model)
    assert same_weights(model, build())


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    model, _ = learn("~/runs/a.pt", epochs=1)
    assert (tmp_path / "runs" / "a.pt").is_file()
    assert not Path("~").exists()
    learn("~/runs/a.pt", epochs=1, resume=True)
    assert same_weights(architectures.load_model("~/runs/a.pt")[0], model)


@pytest.mark.parametrize(
    ("kept", "now", "sentence"),
    [
        ({"activation": torch.nn.ReLU}, {"activation": torch.nn.Tanh}, "encoder activation is ReLU there, and Tanh in"),
        (
            {"likelihood": gaussian(0.3)},
            {"likelihood": continuous_bernoulli},
            "likelihood kind is gaussian there, and con",
        ),
        ({"likelihood": gaussian(0.3)}, {"likelihood": gaussian(0.4)}, "likelihood sigma is 0.3 there, and 0.4 in"),
        ({"activation": torch.nn.Hardtanh}, {}, "it has parts that are not of this package"),
    ],
    ids=["activation", "likelihood", "sigma", "a part of one's own"],
)
def test_another_model_of_the_same_shapes_is_refused(tmp_path, kept, now, sentence):
    def made(likelihood=bernoulli, activation=torch.nn.ReLU):
        encoder = Encoder((1, 8, 8), 4, 30, activation)
        return VAE(encoder, Decoder((1, 8, 8), 4, 30, likelihood, activation))

    learn(tmp_path / "a.pt", epochs=1, model=made(**kept), binarize=None if "likelihood" in kept else "draw")
    before = (tmp_path / "a.pt").read_bytes()
    with pytest.raises(CheckpointError, match=sentence):
        learn(tmp_path / "a.pt", resume=True, model=made(**now), binarize=None if "likelihood" in kept else "draw")
    assert (tmp_path / "a.pt").read_bytes() == before


def test_other_images_of_the_same_shape_are_refused(tmp_path):
    learn(tmp_path / "a.pt", epochs=1)
    with pytest.raises(CheckpointError, match="made with binarize='draw', and now it is 'threshold'"):
        learn(tmp_path / "a.pt", resume=True, binarize="threshold")
    data = load_data("digits", binarize="draw", n_train=300)
    others = replace(data, train=data.train.flip(0))
    with pytest.raises(CheckpointError, match="made with checksum of the images="):
        fit(build(), others, epochs=2, batch_size=50, lr=3e-3, device="cpu", checkpoint=tmp_path / "a.pt", resume=True)


def test_a_file_of_an_earlier_version_says_less_and_is_gone_on_from(tmp_path):
    learn(tmp_path / "a.pt", epochs=1)
    content = load(tmp_path / "a.pt")
    del content["architecture"], content["settings"]["checksum of the images"], content["settings"]["binarize"]
    save(tmp_path / "a.pt", content)
    assert len(learn(tmp_path / "a.pt", resume=True, epochs=2)[1].train) == 2


def test_fewer_epochs_than_it_has_are_refused(tmp_path):
    learn(tmp_path / "a.pt", epochs=2)
    with pytest.raises(CheckpointError, match="has 2 epochs behind it, which is more than 1"):
        learn(tmp_path / "a.pt", epochs=1, resume=True)


class Weighed:
    """A function with settings of its own, which Python shows by its address alone."""

    def __call__(self, model, x):
        return elbo(model, x)


def by(model, x, measure):
    return measure(model, x)


@pytest.mark.parametrize("make", [lambda: functools.partial(by, measure=lambda m, x: elbo(m, x)), Weighed])
def test_an_objective_that_is_made_anew_is_the_same_one(tmp_path, make):
    learn(tmp_path / "a.pt", epochs=1, objective=make())
    assert " 0x" not in load(tmp_path / "a.pt")["settings"]["objective"]
    learn(tmp_path / "a.pt", epochs=2, objective=make(), resume=True)


def test_two_functions_without_a_name_are_told_apart(tmp_path):
    """All lambdas are called <lambda>: what they compute, and the values they hold, tell which is which."""

    def weighted(beta):
        return lambda model, x: elbo(model, x, beta=beta)

    learn(tmp_path / "a.pt", epochs=1, objective=weighted(1.0))
    learn(tmp_path / "a.pt", epochs=2, objective=weighted(1.0), resume=True)
    with pytest.raises(CheckpointError, match="was made with objective="):
        learn(tmp_path / "a.pt", epochs=3, objective=weighted(4.0), resume=True)
    with pytest.raises(CheckpointError, match="was made with objective="):
        learn(tmp_path / "a.pt", epochs=3, objective=lambda model, x: 2 * elbo(model, x), resume=True)
