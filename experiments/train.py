"""Train a VAE of the package on one device or several, with checkpoints from which it can go on.

python experiments/train.py --data mnist --checkpoint runs/mnist.pt [--resume]
torchrun --nproc-per-node 2 experiments/train.py --data mnist --checkpoint runs/mnist.pt [--resume]

Ends with status 0, or with one sentence and status 1; the last good checkpoint is always intact.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys

import torch
from torch import distributed, nn

from vae_course import console
from vae_course.arguments import whole
from vae_course.data import BINARIZE, Dataset, load
from vae_course.data.files import DataError
from vae_course.models import VAE, Decoder, Encoder
from vae_course.models.convolutions import ConvDecoder, ConvEncoder
from vae_course.objectives import elbo, iwae_bound
from vae_course.training import CheckpointError, Cosine, History, devices, fit, processes
from vae_course.training.refusals import PRECISIONS

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}
# What every process finds alike is said by the first of them alone.
FOUND_BY_ALL = (ValueError, TypeError, DataError, FloatingPointError, OSError)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", default="digits", help="a data set of `python -m vae_course data`, or a folder of pictures")
    add("--binarize", default="draw", choices=[str(b) for b in BINARIZE])
    add("--n-train", type=int, help="at most so many training images")
    add("--model", default="mlp", choices=["mlp", "conv"])
    add("--hidden", type=int, nargs="+", default=[200], help="widths of the encoder's hidden layers (mlp)")
    add("--activation", default="relu", choices=ACTIVATIONS, help="between the layers (mlp)")
    add("--channels", type=int, default=32, help="of the first convolution (conv)")
    add("--latent", type=int, default=20, help="number of latents")
    add("--objective", default="elbo", choices=["elbo", "iwae"])
    add("--k", type=int, default=1, help="draws of the importance-weighted bound (iwae)")
    add("--epochs", type=int, default=20)
    add("--batch-size", type=int, default=100, help="over all processes")
    add("--lr", type=float, default=1e-3)
    add("--schedule", default="constant", choices=["constant", "cosine"], help="cosine: up in 2 %%, then down to 0")
    add("--seed", type=int, default=0)
    add("--test-every", type=int, default=0, help="evaluate the test images every so many epochs")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...")
    add("--precision", default="float32", choices=PRECISIONS)
    add("--graph", action="store_true", help="replay steps as a CUDA graph")
    add("--checkpoint", help="file for the state of the run")
    add("--resume", action="store_true", help="go on from it, if it exists")
    return parser.parse_args(arguments)


def check_options(options: argparse.Namespace) -> None:
    """What torch would refuse in words of its own, or nobody would notice. Raises ValueError."""
    for name in ("latent", "channels", "k"):
        whole(f"--{name}", getattr(options, name))
    for width in options.hidden:
        whole("--hidden", width)
    whole("--seed", options.seed, least=-(2**63), most=2**63 - 1)
    if options.k != 1 and options.objective != "iwae":
        raise ValueError(f"--k {options.k} is for --objective iwae: the ELBO takes one draw")


def build(options: argparse.Namespace, data: Dataset) -> VAE:
    """A new model, the same for the same seed."""
    torch.manual_seed(options.seed)
    shape, latent_dim = data.image_shape, options.latent
    if options.model == "conv":
        return VAE(ConvEncoder(shape, latent_dim, options.channels), ConvDecoder(shape, latent_dim, options.channels))
    activation, hidden = ACTIVATIONS[options.activation], options.hidden
    return VAE(
        Encoder(shape, latent_dim, hidden, activation),
        Decoder(shape, latent_dim, hidden[::-1], activation=activation),
    )


def train(options: argparse.Namespace) -> tuple[VAE, Dataset, History]:
    """Load, build and fit, as the options say."""
    check_options(options)
    data = load(options.data, None if options.binarize == "None" else options.binarize, n_train=options.n_train)
    model = build(options, data)
    history = fit(
        model,
        data,
        functools.partial(iwae_bound, k=options.k) if options.objective == "iwae" else elbo,
        epochs=options.epochs,
        batch_size=options.batch_size,
        lr=Cosine(options.lr) if options.schedule == "cosine" else options.lr,
        seed=options.seed,
        test_every=options.test_every,
        device=options.device,
        precision=options.precision,
        graph=options.graph,
        checkpoint=options.checkpoint,
        resume=options.resume,
    )
    return model, data, history


def report(data: Dataset, history: History, processes: int) -> str:
    """What happened, in two lines."""
    shared = f", {processes} processes" if processes > 1 else ""
    lines = [f"{data!r} on {history.device}{shared}: {len(history.train)} epochs in {history.seconds:.1f} s"]
    ends = [*(f"train {v:.2f}" for v in history.train[-1:]), *(f"test {v:.2f}" for v in [*history.test.values()][-1:])]
    return "\n".join([*lines, f"objective in nats: {', '.join(ends) or 'no epoch was finished'}"])


def start_processes(device: str) -> None:
    """Join the other processes that torchrun started, if it did: over NCCL between GPUs, over gloo between CPUs."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        place = devices.pick(device)
        if place.type == "cuda":
            torch.cuda.set_device(place)
        distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    console.replace_unknown_characters()
    options = parse(arguments)
    rank = int(os.environ.get("RANK", "0"))
    try:
        start_processes(options.device)
        _, data, history = train(options)
    except (*FOUND_BY_ALL, CheckpointError, MemoryError) as error:
        if rank == 0 or not isinstance(error, FOUND_BY_ALL):
            print(f"train.py{f', process {rank}' if rank else ''}: {error}", file=sys.stderr, flush=True)
        return 1
    except RuntimeError as error:
        if distributed.is_initialized() and any(word in str(error) for word in ("peer", "gloo", "NCCL", "Socket")):
            return 1  # another process has gone, and has said why, or torchrun will
        raise
    together = processes.count()
    if rank == 0:
        print(report(data, history, together), flush=True)
    if together > 1:
        distributed.destroy_process_group()
    return 1 if history.interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
