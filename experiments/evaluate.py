"""Measure any saved model of the package: a table, and JSON if asked.

python experiments/evaluate.py CHECKPOINT --data mnist [--json FILE]

CHECKPOINT is what `fit(checkpoint=)`, experiments/train.py or `architectures.save_model` wrote. Each number has its
standard error; of an average over images, that is the one due to which images these are. An error due to the draws of
z alone is a jackknife's: how far other draws would move the number, and not how far a bound lies from -log p(x).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import records
import torch
from torch.distributions import Distribution, constraints

from vae_course import console, evaluation
from vae_course.arguments import whole
from vae_course.data import BINARIZE, Dataset, load
from vae_course.data.files import DataError
from vae_course.evaluation import Estimate, frechet
from vae_course.models import VAE, unchecked
from vae_course.objectives import elbo
from vae_course.training import devices
from vae_course.training.architectures import load_model
from vae_course.training.checkpoints import CheckpointError


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("checkpoint")
    add("--data", required=True, help="the data set to measure it on")
    add("--binarize", default="auto", choices=["auto", *map(str, BINARIZE)], help="auto: draw for a Bernoulli decoder")
    add("--images", type=int, default=1_000, help="at most so many test images")
    add("--k", type=int, default=5_000, help="importance samples for log p(x)")
    add("--ais", type=int, default=20, help="images for annealed importance sampling; 0 for none")
    add("--temperatures", type=int, default=500, help="of annealed importance sampling")
    add("--seed", type=int, default=0)
    add("--device", default="auto")
    add("--json", help="a file for the numbers")
    return parser.parse_args(arguments)


def check_options(options: argparse.Namespace) -> None:
    """At the door, for a measurement takes minutes. Raises ValueError."""
    for name, least in (("images", 3), ("k", 1), ("ais", 0), ("temperatures", 2)):
        whole(f"--{name}", getattr(options, name), least)
    whole("--seed", options.seed, least=-(2**63), most=2**63 - 1)
    if options.json:
        path = Path(options.json).expanduser()
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(
                f"--json {path}: {'that is' if path.is_dir() else 'there is no'} folder to write a file in"
            )
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise ValueError(f"--json {path} cannot be written: no permission")
        options.json = path


def left_out(likelihood: Distribution, data: Dataset, options: argparse.Namespace) -> dict[str, str]:
    """What is not measured, and why. likelihood: p(x|z) at some z."""
    reasons = {}
    if not likelihood.support.is_discrete:
        reasons["bits per dimension"] = "p(x|z) is a density, and of what grey values is not known"
    if not options.ais:
        reasons["annealing"] = "--ais 0"
    least = 2 * frechet.GROUPS
    if int(data.labels.train.max()) <= 0:
        reasons["Frechet distance"] = "the images have no classes"
    elif len(data.test) < least:
        reasons["Frechet distance"] = f"it needs {least} test images, and there are {len(data.test)}"
    else:
        try:
            likelihood.mean  # noqa: B018
        except NotImplementedError as error:
            reasons["Frechet distance"] = str(error)
    return reasons


@torch.no_grad()
def measure(model: VAE, data: Dataset, options: argparse.Namespace, without: dict[str, str]) -> dict[str, Any]:
    """Name -> Estimate or number, in nats where nothing else is said. without: what is to be left out."""
    x, dims = data.test, data.test[0].numel()
    torch.manual_seed(options.seed)
    rate, distortion = evaluation.rate_distortion(model, x)
    terms = evaluation.log_likelihood(model, x, options.k)
    log_p = terms.over_images
    found: dict[str, Any] = {
        "rate, KL(q(z|x) || p(z))": rate,
        "distortion, -log p(x|z)": distortion,
        "-ELBO": Estimate(rate.value + distortion.value, _error_of_elbo(model, x)),
        f"-log p(x), {options.k} importance samples": Estimate(-log_p.value, log_p.standard_error),
        "  of these images, error due to draws alone": Estimate(-log_p.value, terms.over_repeats.standard_error),
    }
    if "bits per dimension" not in without:
        bits = (evaluation.bits_per_dim(v, dims) for v in (-log_p.value, log_p.standard_error))
        found["bits per dimension"] = Estimate(*bits)
    found |= {
        "mutual information, at most log n": evaluation.mutual_information(model, x),
        "log n": float(torch.tensor(float(len(x))).log()),
        "marginal KL(q(z) || p(z)), too low where the rate exceeds log n": evaluation.marginal_kl(
            model, x[::2], x[1::2]
        ),
        "active units": evaluation.active_units(model, x),
        "shuffle cost": evaluation.average(evaluation.shuffle_cost(model, x, repeats=5)),
    }
    if "annealing" not in without:
        few = x[: options.ais]
        n = len(few)
        below = evaluation.ais(model, few, temperatures=options.temperatures)
        z = model.prior.sample(torch.Size([n]))
        drawn = model.decode(z).sample()
        above = evaluation.ais(model, drawn, z, temperatures=options.temperatures).over_repeats
        with unchecked():  # what a Gaussian decoder draws lies outside [0, 1]
            under = evaluation.ais(model, drawn, temperatures=options.temperatures).over_repeats
        found[f"-log p(x) by annealing, {n} test images"] = _minus(below.over_repeats)
        weighted = evaluation.log_likelihood(model, few, options.k)
        found["  the same images by importance samples"] = _minus(weighted.over_repeats)
        found[f"-log p(x) of {n} images drawn from the model, from above"] = _minus(under)
        found["  and from below"] = _minus(above)
    if "Frechet distance" not in without:
        features = evaluation.classifier_features(data)
        real, means = features(data.test), model.decode(model.prior.sample(torch.Size([len(x)]))).mean
        again = model.decode(model.encode(x).sample()).mean
        sets = {"means of prior samples": means, "means of reconstructions": again}
        kind = f"features of a classifier with {features.accuracy:.1%} right, {real.shape[1]} of them, n = {len(x)}"
        for name, images in sets.items():
            found[f"Frechet distance, {name} ({kind})"] = evaluation.frechet_distance(real, features(images))
    return found


def _minus(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, estimate.standard_error)


def _error_of_elbo(model: VAE, x: torch.Tensor) -> float:
    values = torch.stack([elbo(model, x) for _ in range(4)]).mean(0)
    return evaluation.average(values).standard_error


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    console.replace_unknown_characters()
    options = parse(arguments)
    start = time.perf_counter()
    try:
        check_options(options)
        model, settings = load_model(options.checkpoint)
        where = devices.pick(options.device)
        likelihood = model.decode(torch.zeros(1, model.latent_dim))
        draws = getattr(likelihood.support, "base_constraint", None) is constraints.boolean
        binarize = {"auto": "draw" if draws else None, "None": None}.get(options.binarize, options.binarize)
        data = load(options.data, binarize, n_test=options.images).to(where)
        whole("the number of test images", len(data.test), least=3)
        model.to(where).check(data.test)
        without = left_out(likelihood, data, options)
        found = measure(model, data, options, without)
    except (CheckpointError, DataError, ValueError, TypeError, MemoryError, OSError) as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 1
    print(f"{options.checkpoint} on {len(data.test)} test images of {options.data}, {devices.name(where)}")
    for name, value in found.items():
        print(f"{name:<75} {value if isinstance(value, int | Estimate) else f'{value:.2f}'}")
    for name, reason in without.items():
        print(f"left out: {name}: {reason}")
    print(f"{time.perf_counter() - start:.0f} s")
    if options.json:
        numbers = {name: vars(value) if isinstance(value, Estimate) else value for name, value in found.items()}
        given = " ".join(sys.argv[1:] if arguments is None else arguments)
        content = {**records.provenance(f"python experiments/evaluate.py {given}", where), "trained with": settings}
        content |= {"images": len(data.test), "measured": numbers, "left out": without}
        try:
            options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            print(f"evaluate.py: {options.json} cannot be written: {error.strerror}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
