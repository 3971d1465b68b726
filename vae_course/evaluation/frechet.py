"""How far two sets of images are apart, in the features of a small classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.data import Dataset
from vae_course.evaluation.estimates import Estimate

GROUPS = 10  # of the jackknife


def classifier_features(data: Dataset, dim: int = 32, epochs: int = 15, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A function from images (n, *image) to features (n, dim): the last hidden layer of a classifier of `data`.

    The classifier is trained here, on the training images as a model sees them, and nothing is downloaded; so
    distances in its features are comparable only with those in the same ones. Its share of right answers on the test
    images is the function's attribute `accuracy`. Raises ValueError where there are no classes. Built in lesson 09.
    """
    labels = data.labels.train.long()
    classes = int(labels.max()) + 1
    if classes < 2:
        raise ValueError(f"a classifier needs classes, but all images of {data.name} have the same label")
    device = data.train.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        body = nn.Sequential(
            nn.Flatten(), nn.Linear(data.train[0].numel(), 128), nn.ReLU(), nn.Linear(128, dim), nn.ReLU()
        ).to(device)
        head = nn.Linear(dim, classes).to(device)
        optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=2e-3, fused=True)
        for _ in range(epochs):
            for index in torch.randperm(len(labels), device=device).split(100):
                with torch.enable_grad():
                    loss = F.cross_entropy(head(body(data.train_batch(index))), labels.to(device)[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        return torch.cat([body(part) for part in x.split(2_000)])

    with torch.no_grad():
        right = head(features(data.test)).argmax(1) == data.labels.test.to(device)
    features.accuracy = right.float().mean().item()  # type: ignore[attr-defined]
    return features


def frechet_distance(a: Tensor, b: Tensor) -> Estimate:
    """The Frechet distance of Gaussians fitted to two sets of features (Heusel et al. 2017, arXiv 1706.08500).

    a: (n, dim), b: (m, dim). It is |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), in squared units of the
    features, and on average too large for few images, the more so the fewer: compare at equal n and m. The standard
    error is a jackknife's over ten groups. Raises ValueError for shapes that do not fit, or fewer than 20 rows.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features must be (n, dim) and (m, dim), not {(*a.shape,)} and {(*b.shape,)}")
    if min(len(a), len(b)) < 2 * GROUPS:
        raise ValueError(f"at least {2 * GROUPS} images of each kind are needed, not {len(a)} and {len(b)}")
    a, b = a.double(), b.double()
    without = torch.stack([_distance(*(_all_but(group, s) for s in (a, b))) for group in range(GROUPS)])
    error = ((GROUPS - 1) * without.var(correction=0)).sqrt().item()
    return Estimate(_distance(a, b).item(), error)


def _all_but(group: int, rows: Tensor) -> Tensor:
    return rows[torch.arange(len(rows), device=rows.device) % GROUPS != group]


def _distance(a: Tensor, b: Tensor) -> Tensor:
    difference = a.mean(0) - b.mean(0)
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T  # so that what is rooted next is symmetric
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return difference.square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
