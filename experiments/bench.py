"""How fast does a VAE train, and what does each step on the way bring? Loops over the same images, in turn.

python experiments/bench.py [--device cpu|cuda] [--rounds 12] [--threads 1] [--loops NAME ...] [--record]

customary   pictures turned into tensors one by one, a DataLoader, Adam as it comes: what many tutorials do
resident    the images stay on the device as one tensor
fused       and Adam updates all weights in one call: what one could write by hand at best
bfloat16    fused, with matrix products and convolutions in bfloat16
compile     fused, with torch.compile for what lies between them (where a C++ compiler or Triton is present)
graph       fused, with a step replayed as a CUDA graph (on a CUDA device)
fit         the course's loop with all its checks, distributions and history
fit, all    the same with a checkpoint, and on a CUDA device in bfloat16 and as a graph

FLOP rule: a weight costs 2 FLOP forward each time it is used for an image, 2 for its own gradient, and 2 for the
gradient of its input, which the first layer does not need. Activations, losses and the optimiser are not counted.
The peak is the best of several products of two square float32 matrices on the same device; on a GPU, loops in bfloat16
are held against the peak in bfloat16.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TQDM_DISABLE", "1")

import records
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from vae_course import devices
from vae_course.convolutions import ConvDecoder, ConvEncoder
from vae_course.data import Dataset, load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.sets import import_torchvision
from vae_course.steps import _Recorded, _side_stream
from vae_course.training import fit

MODELS = ("64-200-8, as in lesson 05", "784-400-20", "convolutional, 28x28")


def images(side: int, n: int | None = None) -> Dataset:
    """scikit-learn's digits; for side 28 enlarged, and repeated to n images."""
    digits = load("digits", binarize="draw")
    if side == 8:
        return digits
    train = F.interpolate(digits.train, size=(side, side), mode="bilinear").clamp(0, 1)
    train = train.repeat(-(-(n or 5_752) // len(train)), 1, 1, 1)[: n or 5_752]
    test = (F.interpolate(digits.test, size=(side, side)) > 0.5).float()
    return Dataset(train, test, digits.labels, (1, side, side), binarize="draw", name=f"digits at {side}x{side}")


def build(name: str, shape: tuple[int, ...]) -> VAE:
    torch.manual_seed(0)
    if name.startswith("convolutional"):
        return VAE(ConvEncoder(shape, 20), ConvDecoder(shape, 20))
    hidden_dim, latent_dim = (200, 8) if shape[-1] == 8 else (400, 20)
    return VAE(Encoder(shape, latent_dim, hidden_dim), Decoder(shape, latent_dim, hidden_dim))


def negative_elbo(model: VAE, x: torch.Tensor) -> torch.Tensor:
    """As one writes it by hand, with the mean over the batch."""
    mu, log_var = model.encoder.net(x).float().chunk(2, dim=1)
    z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
    logits = model.decoder.net(z).float()
    reconstruction = F.binary_cross_entropy_with_logits(logits.flatten(1), x.flatten(1), reduction="sum")
    kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum()
    return (reconstruction + kl) / len(x)


class Pictures(torch.utils.data.Dataset):
    """The same images as 8-bit pictures, turned into tensors one by one, as torchvision's data sets do."""

    def __init__(self, data: Dataset) -> None:
        self.transform = import_torchvision().transforms.ToTensor()
        self.pixels = (data.train[:, 0] * 255).round().to(torch.uint8).numpy()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.fromarray(self.pixels[index]))


class ByHand:
    """A training loop written out. What is switched on beyond `customary` is what the loop's name says."""

    def __init__(self, loop: str, name: str, data: Dataset, batch_size: int, where: torch.device) -> None:
        on = {*LOOPS[: min(LOOPS.index(loop), 2) + 1], loop}
        self.batch_size, self.where, self.half, self.graph = batch_size, where, "bfloat16" in on, "graph" in on
        self.model = build(name, data.image_shape).to(where)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=1e-3, fused=True if "fused" in on else None, capturable=self.graph
        )
        self.data = data.to(where) if "resident" in on else data
        self.loader = None if "resident" in on else DataLoader(Pictures(data), batch_size=batch_size, shuffle=True)
        self.objective: Callable = torch.compile(negative_elbo) if "compile" in on else negative_elbo
        self.recorded: _Recorded | None = None

    def step(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.where.type, torch.bfloat16, enabled=self.half):
            loss = self.objective(self.model, x)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def step_of(self, index: torch.Tensor) -> torch.Tensor:
        return self.step(self.data.train_batch(index))

    def __call__(self, epochs: int) -> None:
        for _ in range(epochs):
            if self.loader is not None:
                for x in self.loader:
                    self.step(torch.bernoulli(x.to(self.where)))
                continue
            batches = torch.randperm(len(self.data.train), device=self.where).split(self.batch_size)
            whole = [index for index in batches if len(index) == self.batch_size]
            if self.graph and self.recorded is None:
                with _side_stream(self.where):
                    for index in whole[:3]:
                        self.step_of(index)
                self.recorded = _Recorded(self.step_of, len(whole), self.batch_size, self.where)
            if self.recorded:
                self.recorded.steps(torch.stack(whole))
            for index in batches[len(whole) :] if self.recorded else batches:
                self.step_of(index)


def with_fit(name: str, data: Dataset, batch_size: int, where: torch.device, everything: bool) -> Callable[[int], None]:
    model = build(name, data.image_shape).to(where)
    data = data.to(where)

    def epochs(n: int) -> None:
        fit(model, data, epochs=n, batch_size=batch_size, device=where)

    def epochs_with_all(n: int) -> None:
        gpu = {"precision": "bfloat16", "graph": True} if where.type == "cuda" else {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.pt"
            fit(model, data, epochs=n, batch_size=batch_size, device=where, checkpoint=path, resume=True, **gpu)

    return epochs_with_all if everything else epochs


LOOPS = ("customary", "resident", "fused", "bfloat16", "compile", "graph")
FITS = ("fit", "fit, all")


def possible(where: torch.device) -> list[str]:
    """The loops that this device and this machine can run."""
    compiler = where.type == "cuda" or shutil.which("g++") or shutil.which("clang++") or shutil.which("cl")
    without = {"graph"} if where.type != "cuda" else set()
    return [loop for loop in (*LOOPS, *FITS) if loop not in (without if compiler else {*without, "compile"})]


def flop_per_image(model: VAE, shape: tuple[int, ...]) -> int:
    """By the rule above; how often a weight is used, is counted in a forward pass."""
    forward: list[int] = []

    def count(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        times = output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        if isinstance(module, nn.ConvTranspose2d):
            times = inputs[0][0, 0].numel()
        forward.append(2 * module.weight.numel() * times)

    counted = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [module.register_forward_hook(count) for module in counted]
    with torch.no_grad():
        model.decode(model.encode(torch.zeros(1, *shape)).mean)
    for hook in hooks:
        hook.remove()
    return 3 * sum(forward) - forward[0]


def peak_flop_per_second(where: torch.device, dtype: torch.dtype) -> float:
    n = 8192 if where.type == "cuda" else 2048
    a, b = (torch.randn(n, n, device=where).to(dtype) for _ in range(2))
    return 2 * n**3 / min(seconds(lambda: a @ b, where) for _ in range(8))


def seconds(action: Callable[[], object], where: torch.device) -> float:
    wait = functools.partial(torch.cuda.synchronize, where) if where.type == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    action()
    wait()
    return time.perf_counter() - start


def peak_memory(where: torch.device) -> int | None:
    """Bytes that tensors took at most since the last call, on a GPU; a CPU does not tell."""
    if where.type != "cuda":
        return None
    peak = torch.cuda.max_memory_allocated(where)
    torch.cuda.reset_peak_memory_stats(where)
    return peak


def compare(
    name: str, data: Dataset, batch_size: int, epochs: int, rounds: int, where: torch.device, loops: list[str]
) -> dict:
    """Run the loops in turn, a round to warm up and `rounds` to measure. Prints and returns medians."""
    run = {
        loop: with_fit(name, data, batch_size, where, loop == "fit, all")
        if loop in FITS
        else ByHand(loop, name, data, batch_size, where)
        for loop in loops
    }
    # bfloat16 can be very slow where the processor has no circuits for it: fewer epochs tell as much.
    rounds_of = {
        loop: max(1, epochs // 10) if loop == "bfloat16" and where.type != "cuda" else epochs for loop in loops
    }
    times: dict[str, list[float]] = {loop: [] for loop in loops}  # of one epoch
    memory: dict[str, int | None] = {}
    compiling = None
    for loop in loops:
        peak_memory(where)
        warming = seconds(functools.partial(run[loop], rounds_of[loop]), where)
        memory[loop] = peak_memory(where)
        if loop == "compile":
            compiling = warming
    orders = itertools.cycle(itertools.permutations(loops))
    for _ in range(rounds):
        for loop in next(orders):
            times[loop].append(seconds(functools.partial(run[loop], rounds_of[loop]), where) / rounds_of[loop])
        for _ in range(7 * 37):  # permutations that follow one another differ at their ends alone
            next(orders)
    flop = flop_per_image(build(name, data.image_shape), data.image_shape)
    peaks = {torch.float32: peak_flop_per_second(where, torch.float32)}
    if where.type == "cuda":
        peaks[torch.bfloat16] = peak_flop_per_second(where, torch.bfloat16)
    base = "fused" if "fused" in loops else loops[0]
    print(f"\n{name}: {len(data.train)} images, batch {batch_size}, {epochs} epochs a round, {rounds} rounds")
    told = ", ".join(f"{peak / 1e12:.3g} TFLOP/s in {str(dtype)[6:]}" for dtype, peak in peaks.items())
    print(f"{flop / 1e6:.2f} MFLOP an image; measured peak {told}")
    if compiling is not None:
        print(f"the first epochs with torch.compile, compiling included: {compiling:.0f} s")
    print(f"{'loop':<10} {'images/s':>10} {'time / ' + base:>14} {'share of peak':>14} {'peak memory':>12}")
    result: dict = {
        "batch size": batch_size,
        "flop per image": flop,
        "peak flop per second": peaks[torch.float32],
        **({"peak flop per second, bfloat16": peaks[torch.bfloat16]} if torch.bfloat16 in peaks else {}),
        "seconds to compile": compiling,
        "loops": {},
    }
    for loop in loops:
        rate = len(data.train) / statistics.median(times[loop])
        half = where.type == "cuda" and loop in ("bfloat16", "fit, all")
        share = rate * flop / peaks[torch.bfloat16 if half else torch.float32]
        # Ratios are taken within a round, where both loops met the same machine.
        ratio = statistics.median(a / b for a, b in zip(times[loop], times[base], strict=True))
        result["loops"][loop] = {
            "images per second": rate, f"time / {base}": ratio, "share of peak": share,
            **({"peak memory": memory[loop]} if memory[loop] is not None else {}),
        }  # fmt: skip
        told = f"{memory[loop] / 1e6:9.0f} MB" if memory[loop] is not None else ""
        print(f"{loop:<10} {rate:10.0f} {ratio:14.2f} {share:14.1%} {told}", flush=True)
    if "customary" in loops:
        ratios = {
            loop: statistics.median(a / b for a, b in zip(times["customary"], times[loop], strict=True))
            for loop in loops
        }
        fastest = max(loops, key=ratios.get)
        result["customary / fastest"] = ratios[fastest]
        print(f"customary / {fastest}: {ratios[fastest]:.1f}")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument(
        "--n-train", type=int, help="images of 28x28 pixels; default 5,752 or, for convolutions, 1,000; on a GPU 57,520"
    )
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--loops", nargs="+", choices=[*LOOPS, *FITS], help="default: all that can run here")
    parser.add_argument("--record", action="store_true", help="write results/bench_<device>.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        where = devices.pick(options.device)
    except ValueError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 1
    loops = [loop for loop in options.loops or possible(where) if loop in possible(where)]
    gpu = where.type == "cuda"
    print(
        f"{devices.name(where) if gpu else records.processor()}, torch {torch.__version__}, {options.threads} thread(s)"
    )
    results = {}
    with torch.cuda.device(where) if gpu else contextlib.nullcontext():
        for name in options.models:
            n = options.n_train or (57_520 if gpu else 5_752 if name == MODELS[1] else 1_000)
            data = images(8) if name == MODELS[0] else images(28, n)
            epochs = (10, 3, 1)[MODELS.index(name)]
            results[name] = compare(name, data, options.batch_size, epochs, options.rounds, where, loops)
    if options.record:
        kind = where.type if options.batch_size == 100 else f"{where.type}_{options.batch_size}"
        command = f"python experiments/bench.py {' '.join(a for a in sys.argv[1:])}"
        records.write(f"bench_{kind}.json", {**records.provenance(command, where), "models": results})
    return 0


if __name__ == "__main__":
    sys.exit(main())
