"""What a trained model is worth, and what ails it: measurements, with their standard errors."""

from vae_course.evaluation.annealing import ais
from vae_course.evaluation.estimates import AtLeast, Estimate, PerImage, average
from vae_course.evaluation.frechet import classifier_features, frechet_distance
from vae_course.evaluation.information import log_aggregate, marginal_kl, mutual_information, rate_distortion
from vae_course.evaluation.likelihoods import bits_per_dim, log_likelihood
from vae_course.evaluation.symptoms import (
    active_units,
    kl_per_dimension,
    shuffle_cost,
    signal_to_noise,
    train_test_gap,
)

__all__ = [
    "AtLeast",
    "Estimate",
    "PerImage",
    "active_units",
    "ais",
    "average",
    "bits_per_dim",
    "classifier_features",
    "frechet_distance",
    "kl_per_dimension",
    "log_aggregate",
    "log_likelihood",
    "marginal_kl",
    "mutual_information",
    "rate_distortion",
    "shuffle_cost",
    "signal_to_noise",
    "train_test_gap",
]
