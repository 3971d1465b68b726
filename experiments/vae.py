"""A variational autoencoder in one file, to copy and to change: it needs torch, scikit-learn and matplotlib.

python vae.py                                     scikit-learn's digits, which need no download
python vae.py --data mnist --epochs 20            MNIST, from MNIST/raw in --folder, or by torchvision from the network

It prints the negative ELBO of the test images, in nats per image, and saves a picture of samples. Pixels are drawn
anew at each step, with their grey value as the probability of a 1. Kingma & Welling 2013, arXiv 1312.6114.
"""

import argparse
import gzip
from pathlib import Path

import torch
from matplotlib import pyplot
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    """p(z) = N(0, I), p(x|z) a Bernoulli for each pixel, q(z|x) = N(mu, diag(exp(log_var)))."""

    def __init__(self, pixels: int, latents: int, hidden: int = 200) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latents))
        self.decoder = nn.Sequential(nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def negative_elbo(self, x: torch.Tensor) -> torch.Tensor:
        """x: (batch, pixels), zeros and ones. Returns (batch,) nats."""
        mu, log_var = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)  # the reparameterization trick
        minus_log_likelihood = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(1)
        kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(1)
        return minus_log_likelihood + kl


def load(name: str, folder: str) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Grey images in [0, 1] for training and for testing, (n, pixels) each, and the side of an image in pixels."""
    if name == "digits":
        images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
        images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
        return images[359:], images[:359], 8
    raw, parts = Path(folder, "MNIST", "raw"), []
    if not raw.exists():
        from torchvision.datasets import MNIST  # which compares checksums

        MNIST(folder, download=True)
    for part in ("train", "t10k"):
        pixels = gzip.decompress((raw / f"{part}-images-idx3-ubyte.gz").read_bytes())[16:]  # after a head of 16 bytes
        parts.append(torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(-1, 784) / 255)
    return *parts, 28


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", default="digits", choices=("digits", "mnist"))
for name, value in {"folder": "data", "picture": "samples.png", "epochs": 100, "latents": 8, "seed": 0}.items():
    parser.add_argument(f"--{name}", type=type(value), default=value)
options = parser.parse_args()
torch.manual_seed(options.seed)
device = "cuda" if torch.cuda.is_available() else "cpu"
train, test, side = load(options.data, options.folder)
train, test = train.to(device), torch.bernoulli(test, generator=torch.Generator().manual_seed(0)).to(device)
model = VAE(side * side, options.latents).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(1, options.epochs + 1):
    for index in torch.randperm(len(train), device=device).split(100):
        loss = model.negative_elbo(torch.bernoulli(train[index])).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch == options.epochs or epoch % 10 == 0:
        with torch.no_grad():
            print(f"epoch {epoch}: -ELBO {model.negative_elbo(test).mean():.2f} nats per test image", flush=True)
samples = model.decoder(torch.randn(100, options.latents, device=device)).sigmoid().detach().cpu()
sheet = samples.view(10, 10, side, side).movedim(2, 1).reshape(10 * side, 10 * side)
pyplot.imsave(options.picture, sheet.numpy(), cmap="gray_r", vmin=0, vmax=1)
