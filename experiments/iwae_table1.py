"""Burda, Grosse & Salakhutdinov (arXiv 1509.00519), Table 1, MNIST with dynamic binarization: one stochastic layer.

python experiments/iwae_table1.py --layers 1 --k 1 5 50 [--schedule paper]     what the paper did: 3,280 passes
python experiments/iwae_table1.py --k 1 --passes 80                            a shortened schedule, named in the record

The net is the paper's: 784-200-200-[50]-200-200-784, tanh, Glorot's initialisation, Adam with epsilon 1e-4. As in the
authors' code the biases of the pixels start at the log-odds of the training images' mean. What differs is in the
record: the schedule (the paper's: batches of 20, 3^i passes at 1e-3 * 10^(-i/7), i = 0 ... 7), and 60,000 images
where the authors kept 400 for validation. -L_5000 is measured on the 10,000 test images, each drawn once, or as many as
--test-images says. Each setting leaves results/iwae_k<k>.pt (weights alone) and a record in results/iwae_table1.json.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
import time
from typing import Any

import records
import torch
from torch import Tensor, nn

from vae_course import console
from vae_course.arguments import whole
from vae_course.data import Dataset, load
from vae_course.data.files import DataError
from vae_course.evaluation import PerImage, active_units, log_likelihood
from vae_course.models import VAE, Decoder, Encoder
from vae_course.objectives import elbo, iwae_bound
from vae_course.training import Cosine, History, devices, fit
from vae_course.training.architectures import load_model, save_model
from vae_course.training.checkpoints import CheckpointError

PUBLISHED = {1: (86.76, 19), 5: (85.54, 22), 50: (84.78, 25)}  # NLL and active units of the IWAE column, one layer
PAPER_PASSES, PAPER_BATCH = 3_280, 20
SUBSET, SUBSET_K, REPETITIONS = 500, 500, 10  # what the test re-evaluates


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--layers", type=int, default=1, help="stochastic layers: 1")
    add("--k", type=int, nargs="+", default=[1, 5, 50])
    add("--schedule", default="cosine", choices=["cosine", "paper"])
    add("--passes", type=int, default=80, help="over the training images (cosine)")
    add("--batch-size", type=int, default=100, help="(cosine)")
    add("--lr", type=float, default=3e-3, help="the highest rate (cosine)")
    add("--test-images", type=int, default=10_000)
    add("--seed", type=int, default=0)
    add("--device", default="auto")
    add("--precision", default="float32")
    add("--graph", action="store_true")
    add("--subset-only", action="store_true", help="measure the subset of saved weights again, and train nothing")
    add("--checkpoint", help="file for the state of the run, to go on from (one k at a time)")
    return parser.parse_args(arguments)


def paper_rate(done: float) -> float:
    """3^i passes at 1e-3 * 10^(-i/7), i = 0 ... 7: the rate after the share `done` of the 3,280 passes."""
    passes, i = done * PAPER_PASSES, 0
    while i < 7 and passes >= (3 ** (i + 1) - 1) / 2:
        i += 1
    return 1e-3 * 10 ** (-i / 7)


def build(data: Dataset, seed: int) -> VAE:
    torch.manual_seed(seed)
    shape = data.image_shape
    encoder = Encoder(shape, 50, (200, 200), nn.Tanh)
    decoder = Decoder(shape, 50, (200, 200), activation=nn.Tanh)
    for layer in [*encoder.net, *decoder.net]:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    ink = data.train.mean(0).flatten().clamp(0.001, 0.999)
    with torch.no_grad():
        decoder.net[-1].bias.copy_(torch.logit(ink))
    return VAE(encoder, decoder)


def digest(images: Tensor) -> str:
    """A checksum of binary images, so that a re-evaluation can be sure to see the same ones."""
    return hashlib.sha256(images.cpu().to(torch.uint8).numpy().tobytes()).hexdigest()


def minus(estimates: PerImage) -> dict[str, float]:
    return {
        "nll": -estimates.over_images.value,
        "standard error, over images": estimates.over_images.standard_error,
        "standard error, over repetitions": estimates.over_repeats.standard_error,
    }


def measure_subset(model: VAE, x: Tensor) -> dict[str, Any]:
    """-L_500 of 500 images, several times. What other draws change in one of them is pooled over the images: the
    variance of each over the repetitions, averaged. (The standard deviation of ten numbers is itself a quarter off.)"""
    torch.manual_seed(0)
    found = -torch.stack([log_likelihood(model, x, SUBSET_K).values for _ in range(REPETITIONS)])
    return {
        "images": len(x), "k": SUBSET_K, "sha256": digest(x), "repetitions": REPETITIONS, "nll": found.mean().item(),
        "Monte Carlo standard error of one": (found.var(0).mean() / len(x)).sqrt().item(),
    }  # fmt: skip


def train(options: argparse.Namespace, k: int, data: Dataset) -> tuple[VAE, History]:
    """The net for one k, trained as the options say."""
    paper = options.schedule == "paper"
    passes, batch_size = (PAPER_PASSES, PAPER_BATCH) if paper else (options.passes, options.batch_size)
    model = build(data, options.seed)
    history = fit(
        model, data, elbo if k == 1 else functools.partial(iwae_bound, k=k), epochs=passes, batch_size=batch_size,
        lr=paper_rate if paper else Cosine(options.lr), seed=options.seed, device=options.device,
        precision=options.precision, graph=options.graph, adam_eps=1e-4, checkpoint=options.checkpoint,
        resume=bool(options.checkpoint),
    )  # fmt: skip
    return model, history


def reproduce(options: argparse.Namespace, k: int, data: Dataset, samples: int = 5_000) -> dict[str, Any]:
    """Train for one k, measure -L with so many importance samples, save, and return the record."""
    model, history = train(options, k, data)
    paper = options.schedule == "paper"
    where = devices.pick(options.device)
    model.to(where)
    data = data.to(where)
    torch.manual_seed(options.seed)
    start = time.perf_counter()
    whole = log_likelihood(model, data.test, samples)
    took = time.perf_counter() - start
    settings = {
        "k": k, "passes": len(history.train), "batch size": PAPER_BATCH if paper else options.batch_size,
        "seed": options.seed, "precision": options.precision,
        "learning rate": "3^i passes at 1e-3 * 10^(-i/7)" if paper else f"cosine from {options.lr:g}, 2 % warm-up",
        "training images": len(data.train),
    }  # fmt: skip
    name = f"iwae_k{k}.pt"
    published = dict(zip(("nll", "active units"), PUBLISHED[k], strict=True)) if k in PUBLISHED else None
    save_model(records.RESULTS / name, model.to("cpu"), settings)
    return {
        **settings,
        "weights": name,
        "seconds of training": history.seconds,
        **({"interrupted": True} if history.interrupted else {}),
        "test images": len(data.test),
        f"-L_{samples}": minus(whole),
        "seconds of measuring": took,
        "active units": active_units(model, data.test.cpu()),
        "subset": measure_subset(model.to(where), data.test[:SUBSET]),
        "published": published,
        "provenance": records.provenance(f"python experiments/iwae_table1.py {' '.join(sys.argv[1:])}", where),
    }


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    console.replace_unknown_characters()
    options = parse(arguments)
    if options.layers != 1:
        print("iwae_table1.py: only --layers 1 is built: two stochastic layers belong to lesson 24", file=sys.stderr)
        return 1
    try:
        devices.pick(options.device)
        for k in options.k:
            whole("--k", k)
        data = load("mnist", binarize="draw", n_test=options.test_images)
    except (ValueError, DataError, OSError) as error:
        print(f"iwae_table1.py: {error}", file=sys.stderr)
        return 1
    try:
        tabulate(options, data)
    except (ValueError, TypeError, CheckpointError, MemoryError, FloatingPointError, OSError) as error:
        print(f"iwae_table1.py: {error}", file=sys.stderr)
        return 1
    return 0


def tabulate(options: argparse.Namespace, data: Dataset) -> None:
    """Train and measure, or measure again, for each k; each record is written as soon as it is known."""
    path = records.RESULTS / "iwae_table1.json"
    for k in options.k:
        if options.subset_only:
            found = json.loads(path.read_text(encoding="utf-8"))
            record = found[f"1 layer, k = {k}"]
            model, _ = load_model(records.RESULTS / record["weights"])
            record["subset"] = measure_subset(model, data.test[:SUBSET])
            records.write(path.name, found)
            print(f"k = {k}: {record['subset']}")
            continue
        record = reproduce(options, k, data)
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        records.write(path.name, found | {f"1 layer, k = {k}": record})
        nll, published = record["-L_5000"], record["published"]
        print(
            f"k = {k}: -L_5000 {nll['nll']:.2f} ± {nll['standard error, over images']:.2f} on {record['test images']} "
            f"images, {record['active units']} active units, after {record['passes']} passes in "
            f"{record['seconds of training']:.0f} s"
            + (f"; published {published['nll']} ({published['active units']}) after 3,280" if published else "")
        )


if __name__ == "__main__":
    sys.exit(main())
