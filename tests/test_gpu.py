"""What only a CUDA device can show; skipped without one. `make gpu` runs these, and rehearses them on a CPU.

They need torch, scikit-learn, tqdm and pytest alone: experiments/gpu.py runs them where there is no nbval.
"""

import os

import pytest
import torch

from vae_course.data import load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.training import fit

EPOCHS = 20 if torch.cuda.is_available() else 5  # a rehearsal needs no more
DEVICE = os.environ.get("GPU_TESTS_ON", "cuda")
pytestmark = pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="no CUDA device")


def learn(epochs=EPOCHS, **settings):
    data = load("digits", binarize="draw")
    torch.manual_seed(0)
    model = VAE(Encoder((1, 8, 8), 8, 200), Decoder((1, 8, 8), 8, 200))
    settings = {"lr": 3e-3, "test_every": epochs, **settings}
    history = fit(model, data, epochs=epochs, **settings)
    return torch.cat([p.detach().flatten() for p in model.parameters()]), history


def end(history):
    return [*history.test.values()][-1]


@pytest.mark.parametrize("settings", [{}, {"precision": "bfloat16"}, {"graph": True}], ids=str)
def test_a_gpu_learns_what_a_cpu_learns(settings):
    _, cpu = learn(device="cpu")
    weights, gpu = learn(device=DEVICE, **settings)
    assert gpu.device == (torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu")
    assert end(gpu) == pytest.approx(end(cpu), rel=0.02)
    assert weights.device.type == "cpu"  # back where it was


def test_a_replayed_step_is_the_step():
    """Noise is drawn by another schedule, so the runs agree as runs do, not to the bit."""
    _, one_by_one = learn(device=DEVICE)
    _, replayed = learn(device=DEVICE, graph=True)
    assert replayed.train[-1] == pytest.approx(one_by_one.train[-1], rel=0.02)
    assert replayed.train[0] == pytest.approx(one_by_one.train[0], rel=0.05)


def test_a_replayed_step_follows_a_schedule():
    """Where the rate falls to nothing the weights stand still: a graph that had kept its first rate would go on."""
    moving, _ = learn(epochs=6, device=DEVICE, graph=True, lr=lambda done: 3e-3)
    stopped, history = learn(epochs=12, device=DEVICE, graph=True, lr=lambda done: 3e-3 if done < 0.5 else 1e-9)
    assert torch.allclose(stopped, moving, atol=1e-5)
    assert history.train[5] > history.train[0] + 5


@pytest.mark.parametrize("graph", [False, True])
def test_a_run_is_resumed_on_the_gpu(tmp_path, graph):
    path = tmp_path / "a.pt"
    learn(epochs=3, device=DEVICE, graph=graph, checkpoint=path)
    _, resumed = learn(epochs=6, device=DEVICE, graph=graph, checkpoint=path, resume=True)
    _, whole = learn(epochs=6, device=DEVICE, graph=graph)
    assert resumed.train == pytest.approx(whole.train, rel=0.02)


def test_a_run_moves_between_devices(tmp_path):
    path = tmp_path / "a.pt"
    learn(epochs=3, device=DEVICE, graph=True, checkpoint=path)
    _, moved = learn(epochs=6, device="cpu", checkpoint=path, resume=True)
    _, whole = learn(epochs=6, device="cpu")
    assert end(moved) == pytest.approx(end(whole), rel=0.02)


def test_out_of_memory_is_said_in_one_sentence():
    def greedy(model, x):
        if len(x) > 2:
            torch.empty(10**15, dtype=torch.uint8, device=x.device)
        return model.encode(x).mean.sum(1)

    with pytest.raises(MemoryError, match="is out of memory at 100 images a batch: try batch_size=50"):
        learn(epochs=1, device=DEVICE, objective=greedy)
