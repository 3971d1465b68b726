"""How fast is `fit`? Three loops over the same images, with the same model, batch size and threads, in turn.

python experiments/bench.py [--rounds 12] [--threads 1] [--record]

by hand     a training loop written out, data resident, closed-form ELBO, fused Adam: what one could do at best
fit         the course's loop, with all its checks, distributions and history
customary   a data set of pictures with ToTensor, a DataLoader, Adam as it comes: what many tutorials do

FLOP rule: a weight costs 2 FLOP an image forward, 2 for its own gradient, and 2 for the gradient of its input,
which the first layer does not need. Activations, losses and the optimiser are not counted. The peak is a
product of two 2048 x 2048 float32 matrices on the same threads.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TQDM_DISABLE", "1")

import records
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from vae_course.data import Dataset, load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.sets import import_torchvision
from vae_course.training import fit

BATCH = 100


def images(side: int) -> Dataset:
    """scikit-learn's digits, for side 28 enlarged and repeated to 5,752 images."""
    digits = load("digits", binarize="draw")
    if side == 8:
        return digits
    train = F.interpolate(digits.train, size=(side, side), mode="bilinear").clamp(0, 1).repeat(4, 1, 1, 1)
    test = (F.interpolate(digits.test, size=(side, side)) > 0.5).float()
    return Dataset(train, test, digits.labels, (1, side, side), binarize="draw", name=f"digits at {side}x{side}")


def build(data: Dataset, hidden_dim: int, latent_dim: int) -> VAE:
    torch.manual_seed(0)
    return VAE(Encoder(data.image_shape, latent_dim, hidden_dim), Decoder(data.image_shape, latent_dim, hidden_dim))


def negative_elbo(model: VAE, x: torch.Tensor) -> torch.Tensor:
    mu, log_var = model.encoder.net(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
    logits = model.decoder.net(z)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum")
    kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum()
    return (reconstruction + kl) / len(x)


def by_hand(model: VAE, data: Dataset, epochs: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        for index in torch.randperm(len(data.train)).split(BATCH):
            loss = negative_elbo(model, torch.bernoulli(data.train[index]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def with_fit(model: VAE, data: Dataset, epochs: int) -> None:
    fit(model, data, epochs=epochs, batch_size=BATCH)


class Pictures(torch.utils.data.Dataset):
    """The same images as 8-bit pictures, turned into tensors one by one, as torchvision's data sets do."""

    def __init__(self, data: Dataset) -> None:
        self.transform = import_torchvision().transforms.ToTensor()
        self.pixels = (data.train[:, 0] * 255).round().to(torch.uint8).numpy()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.fromarray(self.pixels[index]))


def customary(model: VAE, data: Dataset, epochs: int, pictures: Pictures) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(pictures, batch_size=BATCH, shuffle=True)
    for _ in range(epochs):
        for x in loader:
            loss = negative_elbo(model, torch.bernoulli(x))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def flop_per_image(model: VAE) -> int:
    weights = [layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Linear)]
    return 6 * sum(weights) - 2 * weights[0]


def peak_flop_per_second() -> float:
    """Of a float32 matrix product on the threads in use, the best of five."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    return 2 * 2048**3 / min(seconds(lambda: a @ b) for _ in range(5))


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(name: str, data: Dataset, hidden_dim: int, latent_dim: int, epochs: int, rounds: int) -> dict:
    """Run the three loops in turn, a round to warm up and `rounds` to measure. Prints and returns medians."""
    loops = {"by hand": by_hand, "fit": with_fit, "customary": functools.partial(customary, pictures=Pictures(data))}
    models = {loop: build(data, hidden_dim, latent_dim) for loop in loops}
    times: dict[str, list[float]] = {loop: [] for loop in loops}
    orders = itertools.cycle(itertools.permutations(loops))  # each loop follows each other one as often
    for number in range(rounds + 1):
        for loop in next(orders):
            taken = seconds(lambda loop=loop: loops[loop](models[loop], data, epochs))
            if number:
                times[loop].append(taken)
    # Ratios are taken within a round, where both loops met the same machine.
    ratios = {
        loop: statistics.median(a / b for a, b in zip(times[loop], times["by hand"], strict=True)) for loop in loops
    }
    spread = [a / b for a, b in zip(times["fit"], times["by hand"], strict=True)]
    flop, peak = flop_per_image(models["fit"]), peak_flop_per_second()
    print(f"\n{name}: {len(data.train)} images, batch {BATCH}, {epochs} epochs a round, {rounds} rounds")
    print(f"{flop / 1e6:.2f} MFLOP an image; peak of this machine {peak / 1e9:.0f} GFLOP/s")
    print(f"{'loop':<10} {'images/s':>9} {'time / by hand':>15} {'share of peak':>14}")
    result: dict = {"flop per image": flop, "peak flop per second": peak, "loops": {}}
    for loop in loops:
        rate = epochs * len(data.train) / statistics.median(times[loop])
        share = rate * flop / peak
        result["loops"][loop] = {"images per second": rate, "time / by hand": ratios[loop], "share of peak": share}
        print(f"{loop:<10} {rate:9.0f} {ratios[loop]:15.2f} {share:14.1%}")
    print(f"fit / by hand, by round: {' '.join(f'{r:.2f}' for r in spread)}")
    print(f"customary / fit: {ratios['customary'] / ratios['fit']:.1f}")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="write results/bench_cpu.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{records.processor()}, torch {torch.__version__}, {arguments.threads} thread(s)")
    results = {
        "64-200-8, as in lesson 05": compare("64-200-8, as in lesson 05", images(8), 200, 8, 20, arguments.rounds),
        "784-400-20": compare("784-400-20", images(28), 400, 20, 2, arguments.rounds),
    }
    if arguments.record:
        command = f"python experiments/bench.py --threads {arguments.threads} --rounds {arguments.rounds} --record"
        records.write("bench_cpu.json", {**records.provenance(command), "models": results})
    return 0


if __name__ == "__main__":
    sys.exit(main())
