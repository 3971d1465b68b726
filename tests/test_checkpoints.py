"""checkpoints.py and `fit(checkpoint=, resume=)`: nothing is lost, nothing half-written is ever read."""

import functools
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests import processes
from vae_course import checkpoints, training
from vae_course.checkpoints import CheckpointError, load, save
from vae_course.data import load as load_data
from vae_course.models import VAE, Decoder, Encoder
from vae_course.objectives import elbo, iwae_bound
from vae_course.training import Cosine, fit

KILLS = int(os.environ.get("KILLS", "3"))
EPOCHS = 50 * KILLS
STEPS = 6 * EPOCHS


def build(hidden_dim=30):
    torch.manual_seed(0)
    return VAE(Encoder((1, 8, 8), 4, hidden_dim), Decoder((1, 8, 8), 4, hidden_dim))


def learn(path=None, resume=False, epochs=6, n_train=300, model=None, **settings):
    model = model or build()
    data = load_data("digits", binarize="draw", n_train=n_train)
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
    assert content["settings"] == {
        "data": "digits", "images": 300, "objective": "iwae_bound(k=3)", "batch_size": 50, "lr": 0.003, "seed": 0,
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

    monkeypatch.setattr(training.checkpoints, "save", slow)
    monkeypatch.setattr(training.time, "perf_counter", lambda: clock[0])

    def twenty_seconds_an_epoch(model, x):
        clock[0] += 20.0
        return elbo(model, x)

    learn(tmp_path / "a.pt", objective=twenty_seconds_an_epoch, epochs=10, batch_size=300, test_every=0)
    assert saved == [1, 4, 7, 10]


def train_until_killed(path, begun, steps_allowed):
    training.SAVING = float("inf")  # save after every epoch, so that many kills meet a save

    def and_say_so(model, x):
        if len(x) > 2:  # after the look at the door
            begun.set()
            steps_allowed.acquire()  # and wait here for the end, however idle the machine is
        return elbo(model, x)

    and_say_so.__qualname__ = "elbo"
    learn(path, resume=True, epochs=EPOCHS, objective=and_say_so)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_run_loses_nothing(tmp_path):
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
