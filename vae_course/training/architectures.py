"""What a model is made of, in plain values: so that a file of weights can be turned into the model again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from vae_course.models import VAE, Decoder, Encoder, StandardNormalPrior, likelihoods
from vae_course.models.autoregressive import RowDecoder, WindowDecoder
from vae_course.models.convolutions import ConvDecoder, ConvEncoder
from vae_course.models.priors import MixturePrior, VampPrior
from vae_course.training import checkpoints

PARTS = {part.__name__: part for part in (Encoder, Decoder, ConvEncoder, ConvDecoder, WindowDecoder, RowDecoder)}
LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "gaussian", "gaussian_per_pixel", "discretized_logistic")
ACTIVATIONS = {activation.__name__: activation for activation in (nn.ReLU, nn.Tanh, nn.SiLU, nn.Softplus)}


def describe(model: nn.Module) -> dict[str, Any] | None:
    """Encoder, decoder and prior with their arguments, in plain values; None where a part is not of this package."""
    if type(model) is not VAE or type(model.p_z) not in (StandardNormalPrior, MixturePrior, VampPrior):
        return None
    described: dict[str, Any] = {}
    if type(model.p_z) is not StandardNormalPrior:
        described["prior"] = {"kind": type(model.p_z).__name__, **model.p_z.arguments}  # type: ignore[dict-item]
    for name, part in (("encoder", model.encoder), ("decoder", model.decoder)):
        arguments = getattr(part, "arguments", None)
        if type(part).__name__ not in PARTS or arguments is None:
            return None
        plain = dict(arguments)
        if "activation" in plain:
            plain["activation"] = getattr(plain["activation"], "__name__", "")
            if plain["activation"] not in ACTIVATIONS:
                return None
        if "likelihood" in plain:
            of = plain["likelihood"]
            kind = getattr(of, "kind", getattr(of, "__name__", ""))
            if kind not in LIKELIHOODS:
                return None
            plain["likelihood"] = {"kind": kind, **getattr(of, "arguments", {})}
        described[name] = {"kind": type(part).__name__, **plain}
    return described


def build(architecture: dict[str, Any]) -> VAE:
    """The model that `describe` described, with new weights. Raises KeyError or TypeError for another description."""
    made = []
    for name in ("encoder", "decoder"):
        arguments = dict(architecture[name])
        kind = PARTS[arguments.pop("kind")]
        if "activation" in arguments:
            arguments["activation"] = ACTIVATIONS[arguments["activation"]]
        if "likelihood" in arguments:
            given = dict(arguments["likelihood"])
            of = given.pop("kind")
            if of not in LIKELIHOODS:
                raise KeyError(of)
            make = getattr(likelihoods, of)
            arguments["likelihood"] = make if of in LIKELIHOODS[:2] else make(**given)
        made.append(kind(**arguments))
    encoder, decoder = made
    return VAE(encoder, decoder, _prior(encoder, architecture.get("prior")))


def _prior(encoder: nn.Module, described: dict[str, Any] | None) -> nn.Module | None:
    if described is None:
        return None
    if described["kind"] == "VampPrior":
        return VampPrior(encoder, torch.zeros(described["pseudo_inputs"], *encoder.image_shape))  # type: ignore[misc]
    if described["kind"] == "MixturePrior":
        return MixturePrior(described["latent_dim"], described["components"])
    raise KeyError(described["kind"])


def save_model(path: str | Path, model: VAE, settings: dict[str, Any] | None = None) -> None:
    """Architecture and weights alone, without what is needed to train on. Raises CheckpointError, ValueError."""
    architecture = describe(model)
    if architecture is None:
        raise ValueError(
            "only models of this package's encoders, decoders and priors can be saved with their architecture"
        )
    content = {"format": checkpoints.FORMAT, "architecture": architecture, "model": model.state_dict()}
    checkpoints.save(path, content | {"settings": settings or {}})


def load_model(path: str | Path) -> tuple[VAE, dict[str, Any]]:
    """The model of a checkpoint, or of `save_model`, and the settings it was trained with. Raises CheckpointError."""
    content = checkpoints.load(path)
    try:
        model = build(content["architecture"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise checkpoints.CheckpointError(
            f"{path} does not say what model it is of: build the model, and load its weights with model.load_state_dict"
        ) from None
    checkpoints.same_shapes(path, content["model"], model)
    model.load_state_dict(content["model"])
    return model.eval(), content.get("settings", {})
