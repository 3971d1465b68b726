"""Encoders, decoders, priors and the VAE that they make up. What they return are distributions."""

from vae_course.models.autoregressive import RowDecoder, WindowDecoder
from vae_course.models.convolutions import ConvDecoder, ConvEncoder
from vae_course.models.distributions import DiagonalNormal, StandardNormal
from vae_course.models.likelihoods import (
    bernoulli,
    continuous_bernoulli,
    discretized_logistic,
    gaussian,
    gaussian_per_pixel,
)
from vae_course.models.modes import checking, evaluating, training_mode, unchecked
from vae_course.models.priors import MixturePrior, StandardNormalPrior, VampPrior
from vae_course.models.vae import VAE, Decoder, Encoder

__all__ = [
    "VAE",
    "ConvDecoder",
    "ConvEncoder",
    "Decoder",
    "DiagonalNormal",
    "Encoder",
    "MixturePrior",
    "RowDecoder",
    "StandardNormal",
    "StandardNormalPrior",
    "VampPrior",
    "WindowDecoder",
    "bernoulli",
    "checking",
    "continuous_bernoulli",
    "discretized_logistic",
    "evaluating",
    "gaussian",
    "gaussian_per_pixel",
    "training_mode",
    "unchecked",
]
