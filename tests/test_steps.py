"""batches.py, graphs.py, devices.py: batches, half precision, recorded steps, and devices that are not there."""

import contextlib

import pytest
import torch
from torch.distributions import kl_divergence

from vae_course.data import load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.models.convolutions import ConvDecoder, ConvEncoder
from vae_course.objectives import elbo
from vae_course.training import Cosine, batches, devices, fit, graphs, testing

CPU = torch.device("cpu")


@pytest.fixture
def data():
    return load("digits", binarize="draw", n_train=330)


def build():
    torch.manual_seed(0)
    return VAE(Encoder((1, 8, 8), 4, 30), Decoder((1, 8, 8), 4, 30))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def learn(data, **settings):
    model = build()
    settings = {"epochs": 3, "batch_size": 50, "lr": 3e-3, "device": "cpu", **settings}
    history = fit(model, data, **settings)  # and only then the weights
    return weights(model), history


def test_images_that_do_not_fit_come_through_a_data_loader_and_teach_the_same(data, monkeypatch):
    resident, history = learn(data, test_every=1)
    loaded = []
    monkeypatch.setattr(devices, "can_hold", lambda data, where: False)
    monkeypatch.setattr(batches, "DataLoader", lambda *a, **k: loaded.append(k) or torch.utils.data.DataLoader(*a, **k))
    brought, same = learn(data, test_every=1)
    assert torch.equal(resident, brought)
    assert same.train == history.train
    assert same.test[2] == pytest.approx(history.test[2], rel=1e-6)
    assert len(loaded) == 3


@pytest.fixture
def recorded_on_the_cpu(monkeypatch):
    """A CUDA graph's stand-in: what is recorded is run. Yields how often."""
    runs = []

    def record(action):
        return lambda: runs.append(1) or action()

    monkeypatch.setattr(graphs, "_record", record)
    monkeypatch.setattr(graphs, "_side_stream", lambda place: contextlib.nullcontext())
    monkeypatch.setattr(graphs, "possible", lambda place: True)
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda p, capturable, **k: adam(p, **{**k, "lr": 0.0}))  # as on a CPU
    return runs


def test_recorded_steps_are_the_steps(data, recorded_on_the_cpu):
    """330 images in batches of 50: three steps to warm up, then replays, and a last batch of 30 alone."""
    trained = {}
    for graph in (False, True):
        trained[graph], history = learn(data, epochs=2, graph=graph)
        assert len(history.train) == 2
    assert len(recorded_on_the_cpu) == 3 + 6
    assert torch.equal(trained[False], trained[True])


def test_too_few_steps_are_not_recorded(data, recorded_on_the_cpu):
    learn(data, epochs=1, batch_size=120, graph=True)
    assert recorded_on_the_cpu == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is CUDA")
def test_a_graph_is_for_cuda_and_says_so(data, capsys):
    without, _ = learn(data)
    capsys.readouterr()
    asked, _ = learn(data, graph=True)
    assert "graph=True is for one process on a CUDA device: here the steps run one by one" in capsys.readouterr().out
    assert torch.equal(without, asked)


def test_in_bfloat16_densities_and_sums_stay_in_float32(data):
    model, seen = build(), {}

    def watched(model, x):
        q_z = model.encode(x)
        seen["mu"], seen["log_var"] = q_z.mu.dtype, q_z.log_var.dtype
        z = q_z.rsample()
        log_likelihood = model.decode(z).log_prob(x)
        kl = kl_divergence(q_z, model.prior)
        seen["log p(x|z)"], seen["kl"] = log_likelihood.dtype, kl.dtype
        return log_likelihood - kl

    hidden = []
    model.encoder.net[1].register_forward_hook(lambda module, inputs, output: hidden.append(output.dtype))
    fit(model, data, watched, epochs=1, precision="bfloat16", device="cpu")
    assert hidden[-1] == torch.bfloat16
    assert set(seen.values()) == {torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_bfloat16_learns_what_float32_learns(data):
    _, full = learn(data, epochs=20, test_every=20)
    _, half = learn(data, epochs=20, test_every=20, precision="bfloat16")
    assert half.train != full.train
    assert half.train[-1] == pytest.approx(full.train[-1], rel=0.01)
    assert half.test[19] == pytest.approx(full.test[19], rel=0.02)


def test_a_schedule_is_asked_once_an_epoch(data):
    asked = []

    def schedule(done):
        asked.append(done)
        return 1e-3 if done < 0.5 else 1e-9

    model = build()
    fit(model, data, epochs=2, lr=schedule, device="cpu")
    after_one = build()
    fit(after_one, data, epochs=1, lr=1e-3, device="cpu")
    assert asked[-2:] == [0.25, 0.75]
    assert torch.allclose(weights(model), weights(after_one), atol=1e-6)


def test_cosine_rises_and_falls():
    rate = Cosine(2.0, warm_up=0.1)
    assert [rate(d) for d in (0.05, 0.1, 0.55, 1.0)] == pytest.approx([1.0, 2.0, 1.0, 0.0])


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_a_schedule_that_goes_wrong_later_is_refused_at_the_door(data, bad):
    with pytest.raises(ValueError, match="learning rate must be positive"):
        learn(data, lr=lambda done: 1e-3 if done < 0.5 else bad)


def test_an_unknown_precision_is_refused(data):
    with pytest.raises(ValueError, match="precision must be 'float32' or 'bfloat16', not 'float16'"):
        learn(data, precision="float16")


@pytest.mark.parametrize("device", ["cuda:99", "mps" if not torch.backends.mps.is_available() else "xpu", "abacus"])
def test_a_device_that_is_not_there_is_refused_in_one_sentence(data, device):
    with pytest.raises(ValueError, match=f"there is no device '{device}' here .*: there is cpu") as found:
        learn(data, device=device)
    assert "\n" not in str(found.value)


def test_auto_is_what_there_is():
    assert devices.pick("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert devices.pick("cpu") == devices.pick(CPU) == CPU


def test_the_model_comes_back_even_from_an_error(data):
    model = torch.nn.Linear(1, 1)
    moves = []
    model.to = lambda place: moves.append(place)
    with pytest.raises(KeyError), devices.lent(model, torch.device("meta")):
        raise KeyError
    assert moves == [torch.device("meta"), CPU]


def test_out_of_memory_is_said_in_one_sentence(data):
    def greedy(model, x):
        if len(x) > 2:  # after the look at the door
            torch.empty(10**17)
        return elbo(model, x)

    with pytest.raises(MemoryError, match="cpu is out of memory at 50 images a batch: try batch_size=25"):
        learn(data, objective=greedy)


def test_other_errors_stay_what_they_are(data):
    def wrong(model, x):
        return elbo(model, x) @ torch.zeros(3, 3)

    with pytest.raises(RuntimeError, match="size mismatch|shapes cannot|dimension"):
        learn(data, objective=wrong)


def test_small_images_are_held_and_large_ones_only_if_half_the_memory_is_enough(data, monkeypatch):
    assert devices.can_hold(data, CPU)
    size = 4 * (data.train.numel() + data.test.numel())
    for free, holds in ((2 * size, True), (2 * size - 8, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where, free=free: (free, 10**12))
        assert devices.can_hold(data, torch.device("cuda", 0)) is holds


def test_a_convolutional_vae_learns():
    data = load("glyphs", binarize="draw", n_train=1_000, n_test=100)
    torch.manual_seed(0)
    model = VAE(ConvEncoder((1, 28, 28), 8, 8), ConvDecoder((1, 28, 28), 8, 8))
    history = fit(model, data, epochs=4, lr=3e-3, device="cpu")
    assert history.train[-1] > history.train[0] + 100
    samples = model.decode(model.prior.sample((5, 3)))
    assert samples.batch_shape == (5, 3)
    assert samples.event_shape == (1, 28, 28)


def test_convolutions_decode_each_latent_by_itself():
    torch.manual_seed(0)
    decoder = ConvDecoder((3, 12, 8), 4, 8)
    z = torch.randn(2, 3, 4)
    together = decoder(z).logits
    alone = torch.stack([decoder(row).logits for row in z])
    assert torch.allclose(together, alone, atol=1e-5)
    assert ConvEncoder((3, 12, 8), 4, 8)(torch.rand(5, 3, 12, 8)).batch_shape == (5,)


@pytest.mark.parametrize("part", [ConvEncoder, ConvDecoder])
def test_sizes_that_cannot_be_halved_twice_are_refused(part):
    with pytest.raises(ValueError, match="multiples of 4 to be halved twice, but they are 10x28"):
        part((1, 10, 28), 4)


def test_several_hidden_layers():
    encoder = Encoder((1, 8, 8), 4, (30, 20), torch.nn.Tanh)
    kinds = [type(layer).__name__ for layer in encoder.net]
    assert kinds == ["Flatten", "Linear", "Tanh", "Linear", "Tanh", "Linear"]
    assert [tuple(p.shape) for p in encoder.net.parameters()][::2] == [(30, 64), (20, 30), (8, 20)]
    decoder = Decoder((1, 8, 8), 4, (20, 30))
    assert [tuple(p.shape) for p in decoder.net.parameters()][::2] == [(20, 4), (30, 20), (64, 30)]


def test_many_test_images_are_shown_in_parts_and_few_in_one(data, monkeypatch):
    shown = []

    def watched(model, x):
        shown.append(len(x))
        return elbo(model, x)

    arguments = (build(), watched, data.test, CPU, contextlib.nullcontext())
    in_one = testing.average_objective(*arguments)
    assert in_one == pytest.approx(elbo(arguments[0], data.test).mean().item(), abs=1)
    assert shown == [len(data.test)] == [359]
    monkeypatch.setattr(testing, "TEST_IMAGES", 100)
    testing.average_objective(*arguments)
    assert shown[1:] == [100, 100, 100, 59]
