"""architectures.py: a file of weights becomes the model again."""

import pytest
import torch
from torch import nn

from vae_course.data import load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.models.autoregressive import RowDecoder, WindowDecoder
from vae_course.models.convolutions import ConvDecoder, ConvEncoder
from vae_course.models.likelihoods import (
    bernoulli,
    continuous_bernoulli,
    discretized_logistic,
    gaussian,
    gaussian_per_pixel,
)
from vae_course.models.priors import MixturePrior, VampPrior
from vae_course.objectives import elbo
from vae_course.training import architectures, checkpoints, fit
from vae_course.training.architectures import build, describe, load_model, save_model
from vae_course.training.checkpoints import CheckpointError

SHAPE = (1, 8, 8)
MODELS = {
    "one hidden layer": lambda: VAE(Encoder(SHAPE, 4, 30), Decoder(SHAPE, 4, 30)),
    "two, tanh": lambda: VAE(
        Encoder(SHAPE, 4, (30, 20), nn.Tanh), Decoder(SHAPE, 4, (20, 30), continuous_bernoulli, nn.Tanh)
    ),
    "convolutional": lambda: VAE(ConvEncoder(SHAPE, 4, 6), ConvDecoder(SHAPE, 4, 6, discretized_logistic(17))),
    "learned sigma": lambda: VAE(Encoder(SHAPE, 4, 30), Decoder(SHAPE, 4, 30, gaussian(0.3, learned=True))),
    "one pixel after another": lambda: VAE(Encoder(SHAPE, 4, 30), WindowDecoder(SHAPE, 4, 30, context=8)),
    "one row after another": lambda: VAE(Encoder(SHAPE, 4, 30), RowDecoder(SHAPE, 4, 30)),
    "a mixture as prior": lambda: VAE(Encoder(SHAPE, 4, 30), Decoder(SHAPE, 4, 30, gaussian(0.3)), MixturePrior(4, 3)),
    "VampPrior": lambda: _with_vamp_prior(Encoder(SHAPE, 4, 30)),
    "sigma of each pixel": lambda: VAE(Encoder(SHAPE, 4, 30), Decoder(SHAPE, 4, 30, gaussian_per_pixel(0.01))),
}


def _with_vamp_prior(encoder):
    return VAE(encoder, Decoder(SHAPE, 4, 30, gaussian(0.3)), VampPrior(encoder, torch.rand(7, *SHAPE)))


@pytest.mark.parametrize("name", MODELS)
def test_what_was_saved_comes_back(tmp_path, name):
    torch.manual_seed(1)
    model = MODELS[name]()
    save_model(tmp_path / "m.pt", model, {"seed": 1})
    again, settings = load_model(tmp_path / "m.pt")
    x = (torch.rand(5, *SHAPE) * 16).round() / 16
    x = (x > 0.5).float() if "one" in name else x
    values = []
    for m in (model, again):
        torch.manual_seed(2)
        values.append(elbo(m, x))
    assert torch.equal(*values)
    assert settings == {"seed": 1}
    assert describe(again) == describe(model)


def test_a_checkpoint_of_fit_is_one_as_well_but_weights_cannot_be_trained_on(tmp_path):
    data = load("digits", binarize="draw", n_train=200)
    model = MODELS["one hidden layer"]()
    fit(model, data, epochs=1, checkpoint=tmp_path / "run.pt", device="cpu")
    again, settings = load_model(tmp_path / "run.pt")
    assert torch.equal(again.decoder.net[0].weight, model.decoder.net[0].weight)
    assert settings["data"] == "digits"
    save_model(tmp_path / "m.pt", model)
    with pytest.raises(CheckpointError, match="holds weights alone"):
        fit(model, data, epochs=2, checkpoint=tmp_path / "m.pt", resume=True, device="cpu")


class Own(Encoder):
    """Somebody's own encoder."""


@pytest.mark.parametrize(
    "model",
    [
        VAE(Own(SHAPE, 4), Decoder(SHAPE, 4)),
        VAE(Encoder(SHAPE, 4, activation=nn.Hardtanh), Decoder(SHAPE, 4)),
        VAE(Encoder(SHAPE, 4), Decoder(SHAPE, 4, likelihood=lambda outputs: bernoulli(outputs))),
    ],
)
def test_models_of_other_parts_are_not_described(tmp_path, model):
    assert describe(model) is None
    with pytest.raises(ValueError, match="only models of this package"):
        save_model(tmp_path / "m.pt", model)
    assert not (tmp_path / "m.pt").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": None},
        {"architecture": {"encoder": {"kind": "system"}, "decoder": {}}},
        {"architecture": {"encoder": {"kind": "Encoder", "depth": 3}, "decoder": {"kind": "Decoder"}}},
    ],
)
def test_a_file_that_does_not_say_what_it_is_of_is_refused(tmp_path, change):
    save_model(tmp_path / "m.pt", MODELS["one hidden layer"]())
    checkpoints.save(tmp_path / "m.pt", checkpoints.load(tmp_path / "m.pt") | change)
    with pytest.raises(CheckpointError, match="does not say what model it is of"):
        load_model(tmp_path / "m.pt")


def test_a_likelihood_is_made_by_name_only_if_it_is_one(tmp_path):
    description = describe(MODELS["one hidden layer"]())
    description["decoder"]["likelihood"] = {"kind": "output_shape"}
    with pytest.raises(KeyError):
        build(description)


def test_every_part_of_the_list_can_be_built():
    assert set(architectures.LIKELIHOODS) <= set(vars(architectures.likelihoods))
    assert set(architectures.PARTS) == {
        "Encoder", "Decoder", "ConvEncoder", "ConvDecoder", "WindowDecoder", "RowDecoder",
    }  # fmt: skip
