"""Checks of the exercises of lesson 01."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.lessons.checks.answers import exercise, given, shown


@exercise
def check_lost(lost: Callable[[Tensor, int, int], Tensor]) -> str | None:
    """Lesson 01: the error of PCA with k components. (singular values of n centred images, n, k) -> squared error."""
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.arange(1, 7)
    x = x - x.mean(0)
    _, s, v = torch.linalg.svd(x, full_matrices=False)
    n, k = len(x), 2
    right = (x - x @ v[:k].T @ v[:k]).pow(2).sum(1).mean().item()
    answer = torch.as_tensor(given(lost(s, n, k)))
    if answer.numel() != 1:
        return f"these are {answer.numel()} numbers, one for each component that is lost: add them up"
    value = answer.item()
    mistakes = {
        "this is what PCA keeps: what it loses belongs to the other components": (s[:k] ** 2).sum() / n,
        "the eigenvalues are the squares of the singular values": s[k:].sum() / n,
        "square each singular value, and then add up": s[k:].sum() ** 2 / n,
        "only the singular value is squared: n is not": ((s[k:] / n) ** 2).sum(),
        "this is the sum over all images: divide by n": (s[k:] ** 2).sum(),
        "this is the error per pixel: ours is summed over the pixels": (s[k:] ** 2).sum() / n / len(s),
        "averaged over components: sum over those that are lost": (s[k:] ** 2).mean() / n,
        "averaged over components: sum over those that are lost, and divide by n": (s[k:] ** 2).mean(),
        "the first k are kept, so k + 1 is the first that is lost": (s[k + 1 :] ** 2).sum() / n,
        "the covariance here is divided by n, not by n - 1": (s[k:] ** 2).sum() / (n - 1),
    }
    for complaint, wrong in mistakes.items():
        if math.isclose(value, float(wrong), rel_tol=1e-6):
            return complaint
    if not math.isclose(value, right, rel_tol=1e-6):
        return f"for 50 images of 6 pixels and k = 2 it is {right:.4f}, yours is {value:.4f}"
    return None


@exercise
@torch.random.fork_rng(devices=[])
def check_erase(erase: Callable[[Tensor, float], Tensor]) -> str | None:
    """Lesson 01: each pixel is 0 with probability p, and left as it is otherwise. (x (n, pixels), p) -> (n, pixels)."""
    torch.manual_seed(0)
    x = 0.2 + 0.6 * torch.rand(400, 50)
    before = x.clone()
    damaged = given(erase(x, 0.75))
    if not torch.equal(x, before):
        return "x itself was changed, and the undamaged image is needed as the target: make a new tensor"
    if damaged.shape != x.shape:
        return f"the shape should stay {tuple(x.shape)}, not become {tuple(damaged.shape)}"
    if bool(((damaged == 0) | (damaged == 1)).all()) and bool((damaged == 1).any()):
        return "this says of each pixel whether it stays or goes: multiply the images by a 1 where it stays"
    erased = damaged == 0
    if torch.equal(damaged, x):
        return "no pixel was set to 0"
    if bool(erased.all()):
        return "every pixel was set to 0: draw one number for every pixel, and erase where it is below p"
    if torch.allclose(damaged[~erased], 4 * x[~erased]):
        return "the pixels that stay were made four times as bright, as dropout does: leave them as they are"
    if not torch.equal(damaged[~erased], x[~erased]):
        return "some pixels are neither 0 nor what they were"
    share = erased.float().mean().item()
    if abs(share - 0.7734) < 0.008:
        return "with p = 0.75, 77% of the pixels are erased, as with torch.randn: torch.rand is uniform"
    if abs(share - 0.25) < 0.02:
        return "with p = 0.75 a quarter of the pixels is erased: that is the probability to keep one"
    if bool((erased == erased[0]).all()):
        return "the same pixels are erased in all images: draw one number for every pixel of every image"
    if bool((erased == erased[:, :1]).all()):
        return "whole images are erased: draw one number for every pixel"
    if abs(share - 0.75) > 0.02:
        return f"with p = 0.75, {share:.0%} of the pixels are erased"
    if bool((erased.sum(1) == erased[0].sum()).all()):
        return "every image loses equally many pixels: each is to be erased independently of the others"
    if torch.equal(erase(x, 0.75) == 0, erased):
        return "the second call erases the same pixels: draw anew each time"
    if len({int((erase(x, 0.75) == 0).sum()) for _ in range(5)}) == 1:
        return "every call erases equally many pixels: each is to be erased independently of the others"
    return None


@exercise
@torch.random.fork_rng(devices=[])
def check_new_codes(new_codes: Callable[[Tensor, int], Tensor]) -> str | None:
    """Lesson 01: n draws from the Gaussian with the mean and covariance of codes (images, k)."""
    torch.manual_seed(0)
    mix = torch.tensor([[2.0, 0.0], [1.5, 0.5]])
    codes, n = torch.randn(1000, 2) @ mix.T + torch.tensor([3.0, -1.0]), 40_000
    try:
        z = given(new_codes(codes, n))
    except torch.linalg.LinAlgError:
        return "the covariance of the codes is 2 by 2 here: torch.cov wants one number a row, so torch.cov(codes.T)"
    except RuntimeError as error:
        return f"the shapes do not fit: draws are rows, so it is noise of shape (n, k) @ L.T ({error})"
    if z.shape != (n, 2):
        return f"for {n} draws of 2 numbers the shape should be ({n}, 2), not {tuple(z.shape)}"
    if bool((torch.cdist(z[:100], codes).min(1).values < 1e-5).any()):
        return "these are codes of the images again: draw new ones"
    if torch.equal(z, given(new_codes(codes, n))):
        return "the second call gives the same draws"
    mean, cov, right = z.mean(0), torch.cov(z.T), torch.cov(codes.T)
    if torch.linalg.eigvalsh(cov)[0] < 1e-3 < torch.linalg.eigvalsh(cov)[1]:
        return "all draws lie on one straight line: draw as many numbers of noise as a code has, and not one for all"
    if not torch.allclose(mean, codes.mean(0), atol=0.1):
        half = torch.linalg.cholesky(right).sum(1) / 2  # where the mean of uniform noise is taken to
        missing = ": add the mean of the codes" if mean.abs().max() < 0.1 else ""
        if torch.allclose(mean, codes.mean(0) + half, atol=0.1):
            missing = ": torch.randn draws noise with the mean 0, torch.rand does not"
        if torch.allclose(mean, codes.mean(), atol=0.1):
            missing = ": codes.mean(0) is one mean for each number of the code"
        return f"their mean is {shown(mean)}, that of the codes {shown(codes.mean(0))}{missing}"
    mistakes = {
        "each number is drawn by itself, but codes go together: their covariance is missing": right.diag().diag(),
        "you multiplied the noise by the covariance itself; it needs L, of which the covariance is L L^T": right
        @ right,
        "the noise is still that of N(0, I): multiply it by L": torch.eye(2),
        "noise @ L has the covariance L^T L; draws are rows, so it is noise @ L.T": (
            torch.linalg.cholesky(right).T @ torch.linalg.cholesky(right)
        ),
    }
    if torch.allclose(cov, right, rtol=0.05, atol=0.1):
        return None
    for complaint, wrong in mistakes.items():
        if torch.allclose(cov, wrong, rtol=0.05, atol=0.1):
            return complaint
    return f"their covariance is {shown(cov.flatten())}, that of the codes {shown(right.flatten())}"
