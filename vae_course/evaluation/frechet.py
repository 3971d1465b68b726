"""How far two sets of images are apart, in the features of a small classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.arguments import whole
from vae_course.data import Dataset
from vae_course.evaluation.estimates import Estimate

GROUPS = 10  # of the jackknife


def classifier_features(data: Dataset, dim: int = 32, epochs: int = 15, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A function from images (n, *image) to features (n, dim): the last hidden layer of a classifier of `data`.

    The classifier is trained here, on the training images as a model sees them, and nothing is downloaded; so
    distances in its features are comparable only with those in the same ones. Images without classes are mirrored at
    random, and it learns to say how. Its share of right answers on the test images is the function's attribute
    `accuracy`. Raises ValueError where dim or epochs < 1. Used in lesson 09.
    """
    dim, epochs = whole("dim", dim), whole("epochs", epochs)
    device = data.train.device
    labels, test_labels = (part.long().to(device) for part in data.labels)
    named = len(labels.unique()) > 1
    classes = int(labels.max()) + 1 if named else 4

    def task(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return (x, labels) if named else _mirrored(x)

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        body = nn.Sequential(
            nn.Flatten(), nn.Linear(data.train[0].numel(), 128), nn.ReLU(), nn.Linear(128, dim), nn.ReLU()
        ).to(device)
        head = nn.Linear(dim, classes).to(device)
        optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=2e-3, fused=True)
        for _ in range(epochs):
            for index in torch.randperm(len(labels), device=device).split(100):
                x, answers = task(data.train_batch(index), labels[index])
                with torch.enable_grad():
                    loss = F.cross_entropy(head(body(x)), answers)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        x, answers = task(data.test, test_labels)

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        return torch.cat([body(part) for part in x.split(2_000)])

    with torch.no_grad():
        right = head(features(x)).argmax(1) == answers
    features.accuracy = right.float().mean().item()  # type: ignore[attr-defined]
    return features


def _mirrored(x: Tensor) -> tuple[Tensor, Tensor]:
    """Each image as it is, left to right, upside down, or both, at random; and which."""
    ways = torch.stack([x, x.flip(-1), x.flip(-2), x.flip(-1, -2)])
    which = torch.randint(4, (len(x),), device=x.device)
    return ways[which, torch.arange(len(x), device=x.device)], which


def frechet_distance(a: Tensor, b: Tensor) -> Estimate:
    """The Frechet distance of Gaussians fitted to two sets of features (Heusel et al. 2017, arXiv 1706.08500).

    a: (n, dim), b: (m, dim). It is |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), in squared units of the
    features, and on average too large for few images, the more so the fewer: compare at equal n and m. The standard
    error is a jackknife's over ten groups. Raises ValueError for shapes that do not fit, fewer than 20 rows, or NaN.
    Built in lesson 09.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or a.shape[1] < 1:
        raise ValueError(f"features must be (n, dim) and (m, dim), not {(*a.shape,)} and {(*b.shape,)}")
    if min(len(a), len(b)) < 2 * GROUPS:
        raise ValueError(f"at least {2 * GROUPS} images of each kind are needed, not {len(a)} and {len(b)}")
    if not bool(torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise ValueError("some features are not finite: there is no distance between them")
    a, b = a.double(), b.double()
    without = torch.stack([_distance(*(_all_but(group, s) for s in (a, b))) for group in range(GROUPS)])
    error = ((GROUPS - 1) * without.var(correction=0)).sqrt().item()
    return Estimate(_distance(a, b).item(), error)


def _all_but(group: int, rows: Tensor) -> Tensor:
    return rows[torch.arange(len(rows), device=rows.device) % GROUPS != group]


def _distance(a: Tensor, b: Tensor) -> Tensor:
    difference = a.mean(0) - b.mean(0)
    cov_a, cov_b = (torch.atleast_2d(torch.cov(s.T)) for s in (a, b))  # of a single feature it is a plain number
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T  # so that what is rooted next is symmetric
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return difference.square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
