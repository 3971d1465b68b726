"""How fast does a VAE train, and what does each step on the way bring? Loops over the same images, in turn.

python experiments/bench.py [--device cpu|cuda] [--rounds 12 | --seconds 60] [--threads 1] [--loops NAME ...] [--record]

customary   pictures turned into tensors one by one, a DataLoader, Adam as it comes: what many tutorials do
resident    the images stay on the device as one tensor
fused       and Adam updates all weights in one call: what one could write by hand at best
tf32        fused, with the inputs of matrix products and convolutions rounded to 10 bits (on a CUDA device)
bfloat16    fused, with matrix products and convolutions in bfloat16
compile     fused, with torch.compile for what lies between them (where a C++ compiler or Triton is present)
graph       fused, with a step replayed as a CUDA graph (on a CUDA device)
fit         the course's loop with all its checks, distributions and history
fit, all    the same with a checkpoint, and on a CUDA device in bfloat16 and as a graph

FLOP rule: a weight costs 2 FLOP forward each time it is used for an image, 2 for its own gradient, and 2 for the
gradient of its input, which the first layer does not need. Activations, losses and the optimiser are not counted.
The peak is the best of several products of two square float32 matrices on the same device; on a GPU, loops in TF32 and
bfloat16 are held against the peak in these, and 8192 numbers a side are enough to reach it. TF32 is off where it is not
said. Kernels are counted by torch's profiler. What is done once (compiling, recording a graph, the checks of `fit`) is
not in the time of an epoch: it is told as seconds to start.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import itertools
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TQDM_DISABLE", "1")

import records
import torch
from PIL import Image
from torch import nn
from torch.autograd import DeviceType
from torch.nn import functional as F
from torch.profiler import ProfilerActivity
from torch.utils.data import DataLoader

from vae_course import console
from vae_course.arguments import whole
from vae_course.data import Dataset, load
from vae_course.data.sets import import_torchvision
from vae_course.models import VAE, Decoder, Encoder
from vae_course.models.convolutions import ConvDecoder, ConvEncoder
from vae_course.training import devices, fit, graphs

COMPILER = os.environ.get("COMPILER", "inductor")  # aot_eager traces and compiles nothing: enough for a rehearsal
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
        self.tf32 = loop == "tf32"
        on = {*LOOPS[: min(LOOPS.index(loop), 2) + 1], loop}
        self.batch_size, self.where, self.half, self.graph = batch_size, where, "bfloat16" in on, "graph" in on
        self.model = build(name, data.image_shape).to(where)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=1e-3, fused=True if "fused" in on else None, capturable=self.graph
        )
        self.data = data.to(where) if "resident" in on else data
        self.loader = None if "resident" in on else DataLoader(Pictures(data), batch_size=batch_size, shuffle=True)
        self.objective: Callable = torch.compile(negative_elbo, backend=COMPILER) if "compile" in on else negative_elbo
        self.take = graphs.Recorded(self.step, where) if self.graph else self.step

    def step(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.where.type, torch.bfloat16, enabled=self.half):
            loss = self.objective(self.model, x)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def __call__(self, epochs: int) -> None:
        for _ in range(epochs):
            if self.loader is not None:
                for x in self.loader:
                    self.take(torch.bernoulli(x.to(self.where)))
                continue
            for index in torch.randperm(len(self.data.train), device=self.where).split(self.batch_size):
                self.take(self.data.train_batch(index))


class WithFit:
    """The course's loop: `fit`, or `fit, all` with a checkpoint and, on a GPU, in bfloat16 and as a graph."""

    tf32 = False

    def __init__(self, loop: str, name: str, data: Dataset, batch_size: int, where: torch.device) -> None:
        self.batch_size, self.where, self.all = batch_size, where, loop == "fit, all"
        self.model, self.data = build(name, data.image_shape).to(where), data.to(where)
        self.gpu = {"precision": "bfloat16", "graph": True} if self.all and where.type == "cuda" else {}

    def __call__(self, epochs: int) -> None:
        settings = {"epochs": epochs, "batch_size": self.batch_size, "device": self.where, **self.gpu}
        if not self.all:
            fit(self.model, self.data, **settings)
            return
        with tempfile.TemporaryDirectory() as folder:
            fit(self.model, self.data, checkpoint=Path(folder) / "run.pt", resume=True, **settings)


LOOPS = ("customary", "resident", "fused", "tf32", "bfloat16", "compile", "graph")
FITS = ("fit", "fit, all")
CUDA_ALONE = {"tf32", "graph"}


def possible(where: torch.device) -> list[str]:
    """The loops that this device and this machine can run."""
    compiler = where.type == "cuda" or shutil.which("g++") or shutil.which("clang++") or shutil.which("cl")
    without = CUDA_ALONE if where.type != "cuda" else set()
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


@contextlib.contextmanager
def rounded_to_tf32(on: bool) -> Iterator[None]:
    """Within it, products of float32 matrices and convolutions are computed in TF32 on a GPU, or are not."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def peak_flop_per_second(where: torch.device, dtype: torch.dtype = torch.float32, tf32: bool = False) -> float:
    n = 8192 if where.type == "cuda" else 2048
    a, b = (torch.randn(n, n, device=where).to(dtype) for _ in range(2))
    with rounded_to_tf32(tf32):
        return 2 * n**3 / min(seconds(lambda: a @ b, where) for _ in range(8))


def peaks_of(where: torch.device) -> dict[str, float]:
    """The device's own limits: FLOP/s by precision, bytes/s of a copy, and on a GPU seconds from launch to launch."""
    found = {"float32": peak_flop_per_second(where)}
    if where.type == "cuda":
        found["tf32"] = peak_flop_per_second(where, tf32=True)
        found["bfloat16"] = peak_flop_per_second(where, torch.bfloat16)
    a = torch.zeros(2**26 if where.type == "cuda" else 2**23, device=where)
    b = torch.zeros_like(a)
    copied = 2 * a.numel() * a.element_size()  # read and written
    found["bytes per second"] = copied / min(seconds(lambda: b.copy_(a), where) for _ in range(8))
    one = torch.zeros(1, device=where)

    def launches() -> None:
        for _ in range(1_000):
            one.add_(1)

    found["seconds per launch"] = min(seconds(launches, where) for _ in range(3)) / 1_000
    return found


def kernels_of_a_step(loop: str, name: str, batch_size: int, where: torch.device) -> float:
    """How many kernels run for one step, the few of each epoch shared out; on a CPU, how many operators are called."""
    steps = 3
    run = new_run(loop, name, images(8 if name == MODELS[0] else 28, steps * batch_size), batch_size, where)
    if len(run.data.train) > steps * batch_size:
        run.data = dataclasses.replace(run.data, train=run.data.train[: steps * batch_size])
    run(2)  # what is done once
    kind = ProfilerActivity.CUDA if where.type == "cuda" else ProfilerActivity.CPU
    with torch.profiler.profile(activities=[kind]) as found:
        run(1)
        if where.type == "cuda":
            torch.cuda.synchronize(where)
    names = [event.name for event in found.events() if (event.device_type == DeviceType.CUDA) == (where.type == "cuda")]
    return sum(not name.startswith(("Memcpy", "Memset", "Profiler")) for name in names) / steps


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


Run = ByHand | WithFit


def new_run(loop: str, name: str, data: Dataset, batch_size: int, where: torch.device) -> Run:
    return (WithFit if loop in FITS else ByHand)(loop, name, data, batch_size, where)


def seconds_of_an_epoch(run: Run, epochs: int, where: torch.device) -> float:
    """From calls of one and of two times so many epochs, where each call records a graph: their difference has none."""
    if not (isinstance(run, WithFit) and run.gpu):
        return seconds(functools.partial(run, epochs), where) / epochs
    once, twice = (seconds(functools.partial(run, n * epochs), where) for n in (1, 2))
    return max(twice - once, 1e-9) / epochs


def compare(
    name: str,
    data: Dataset,
    batch_size: int,
    epochs: int,
    rounds: int,
    where: torch.device,
    loops: list[str],
    peaks: dict[str, float],
    at_most_seconds: float = math.inf,
) -> dict:
    """Run the loops in turn, a round to warm up and `rounds` to measure. Prints and returns medians.

    at_most_seconds: fewer rounds, but two, where these would take longer; a loop then takes a thirtieth of it, at
        most a third of a second
    """
    start = time.perf_counter()
    run = {loop: new_run(loop, name, data, batch_size, where) for loop in loops}
    # bfloat16 can be very slow where the processor has no circuits for it: fewer epochs tell as much.
    epochs_of = {
        loop: max(1, epochs // 10) if loop == "bfloat16" and where.type != "cuda" else epochs for loop in loops
    }
    times: dict[str, list[float]] = {loop: [] for loop in loops}  # of one epoch
    memory: dict[str, int | None] = {}
    starting: dict[str, float] = {}
    for loop in loops:
        with rounded_to_tf32(run[loop].tf32):
            peak_memory(where)
            first = seconds(functools.partial(run[loop], 1), where)
            memory[loop] = peak_memory(where)
            one = seconds(functools.partial(run[loop], 1), where)
            starting[loop] = max(0.0, first - one)
            if at_most_seconds < math.inf:
                epochs_of[loop] = max(1, min(50, round(min(0.33, at_most_seconds / 30) / one)))
    orders = itertools.cycle(itertools.permutations(loops))
    for number in range(rounds):
        if number >= 2 and time.perf_counter() - start > at_most_seconds:
            break
        for loop in next(orders):
            with rounded_to_tf32(run[loop].tf32):
                times[loop].append(seconds_of_an_epoch(run[loop], epochs_of[loop], where))
        for _ in range(7 * 37):  # permutations that follow one another differ at their ends alone
            next(orders)
    done = len(times[loops[0]])
    flop = flop_per_image(build(name, data.image_shape), data.image_shape)
    base = "fused" if "fused" in loops else loops[0]
    kernels = {loop: kernels_of_a_step(loop, name, batch_size, where) for loop in loops if loop != "customary"}
    called = "kernels" if where.type == "cuda" else "operators"
    print(f"\n{name}: {len(data.train)} images, batch {batch_size}, {done} rounds; {flop / 1e6:.2f} MFLOP an image")
    print(f"{'loop':<10} {'images/s':>10} {'time / ' + base:>14} {'share of peak':>14} {called:>10} {'to start':>9}")
    result: dict = {
        "batch size": batch_size,
        "images": len(data.train),
        "rounds": done,
        "flop per image": flop,
        "peak flop per second": peaks["float32"],
        **({"peak flop per second, bfloat16": peaks["bfloat16"]} if "bfloat16" in peaks else {}),
        "seconds to compile": starting.get("compile"),
        "loops": {},
    }
    for loop in loops:
        rate = len(data.train) / statistics.median(times[loop])
        precision = (
            "tf32" if run[loop].tf32 else "bfloat16" if loop == "bfloat16" or getattr(run[loop], "gpu", {}) else ""
        )
        share = rate * flop / peaks.get(precision, peaks["float32"])
        # Ratios are taken within a round, where both loops met the same machine.
        ratio = statistics.median(a / b for a, b in zip(times[loop], times[base], strict=True))
        result["loops"][loop] = {
            "images per second": rate, f"time / {base}": ratio, "share of peak": share,
            "seconds of a step": statistics.median(times[loop]) / -(-len(data.train) // batch_size),
            "seconds to start": starting[loop],
            **({f"{called} of a step": kernels[loop]} if loop in kernels else {}),
            **({"peak memory": memory[loop]} if memory[loop] is not None else {}),
        }  # fmt: skip
        counted = f"{kernels[loop]:.0f}" if loop in kernels else ""
        told = f"{memory[loop] / 1e6:9.0f} MB" if memory[loop] is not None else ""
        print(
            f"{loop:<10} {rate:10.0f} {ratio:14.2f} {share:14.1%} {counted:>10} {starting[loop]:8.1f}s {told}",
            flush=True,
        )
    if "customary" in loops:
        ratios = {
            loop: statistics.median(a / b for a, b in zip(times["customary"], times[loop], strict=True))
            for loop in loops
        }
        fastest = max(loops, key=ratios.get)
        result["customary / fastest"] = ratios[fastest]
        print(f"customary / {fastest}: {ratios[fastest]:.1f}")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=math.inf, help="for each model, about: fewer rounds, but two")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument(
        "--n-train", type=int, help="images of 28x28 pixels; default 5,752 or, for convolutions, 1,000; on a GPU 57,520"
    )
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--loops", nargs="+", choices=[*LOOPS, *FITS], help="default: all that can run here")
    parser.add_argument("--record", action="store_true", help="write results/bench_<device>.json")
    options = parser.parse_args(arguments)
    console.replace_unknown_characters()
    try:
        for setting in ("rounds", "threads", "batch_size"):
            whole(f"--{setting.replace('_', '-')}", getattr(options, setting))
        if options.n_train is not None:
            whole("--n-train", options.n_train)
        where = devices.pick(options.device)
    except ValueError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 1
    torch.set_num_threads(options.threads)
    loops = [loop for loop in options.loops or possible(where) if loop in possible(where)]
    gpu = where.type == "cuda"
    print(
        f"{devices.name(where) if gpu else records.processor()}, torch {torch.__version__}, {options.threads} thread(s)"
    )
    kind = where.type if options.batch_size == 100 else f"{where.type}_{options.batch_size}"
    command = f"python experiments/bench.py {' '.join(sys.argv[1:] if arguments is None else arguments)}"
    results, peaks = {}, peaks_of(where)
    print(", ".join(f"{limit:.3g} {name}" for name, limit in peaks.items()))
    with torch.cuda.device(where) if gpu else contextlib.nullcontext():
        for name in options.models:
            n = options.n_train or (57_520 if gpu else 5_752 if name == MODELS[1] else 1_000)
            data = images(8) if name == MODELS[0] else images(28, n)
            epochs = (10, 3, 1)[MODELS.index(name)]
            results[name] = compare(
                name, data, options.batch_size, epochs, options.rounds, where, loops, peaks, options.seconds
            )
            if options.record:  # at once: what is known is kept, whatever comes next
                told = {**records.provenance(command, where), "limits": peaks, "models": results}
                records.write(f"bench_{kind}.json", told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
