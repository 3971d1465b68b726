"""Checks of the exercises of lesson 00."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from vae_course.data import Split
from vae_course.lessons.checks.answers import exercise, given, shown


@exercise
def check_to_bits(to_bits: Callable[[float], float]) -> str | None:
    """Lesson 00: nats -> bits."""
    nats = math.log(8.0)  # three fair coins
    bits = float(given(to_bits(nats)))
    mistakes = {
        "you multiplied by ln 2: a bit is less than a nat, so there must be more of them": nats * math.log(2),
        "nothing has changed: that is still the number of nats": nats,
        "that is the logarithm to base 10; a bit is base 2": nats / math.log(10),
        "take no logarithm of the nats: they are one already": math.log2(nats),
    }
    for complaint, value in mistakes.items():
        if math.isclose(bits, value, rel_tol=1e-4):
            return complaint
    if not math.isclose(bits, 3.0, rel_tol=1e-4):
        return f"three fair coins cost {nats:.4f} nats, and that is 3 bits; yours is {bits:.4f}"
    return None


@exercise
def check_home_of(home_of: Callable[[Tensor, Tensor, int], Tensor]) -> str | None:
    """Lesson 00: the mean code of the images of one digit. (codes (n, 2), labels (n,), digit) -> (2,)."""
    codes = torch.tensor([[1.0, 0.0], [3.0, 4.0], [-5.0, 7.0], [0.5, -2.0]])
    labels = torch.tensor([3, 3, 0, 7])
    home = given(home_of(codes, labels, 3))
    if not isinstance(home, Tensor):
        return f"return the place as a tensor of two numbers, not as {type(home).__name__}"
    if home.shape == () and torch.allclose(home, torch.tensor(2.0)):
        return "you averaged over both numbers as well: take the mean with dim=0, which leaves two"
    if home.shape == (1, 2):
        return "the shape is (1, 2), because keepdim kept the dimension that was averaged over: leave it out"
    if home.shape != (2,):
        return f"a place has two numbers, so the shape should be (2,), not {tuple(home.shape)}: average over the images"
    if torch.allclose(home, codes.mean(0)):
        return "this is the mean of all codes: keep those whose label is the digit"
    if any(torch.allclose(home, code) for code in codes):
        return "this is the code of a single image: average over all images of the digit"
    if not torch.allclose(home, torch.tensor([2.0, 2.0])):
        return (
            f"for codes (1, 0) and (3, 4) of a digit it is (2, 2), yours is {tuple(round(v, 4) for v in home.tolist())}"
        )
    other = given(home_of(codes, labels, 0))
    if torch.allclose(other, home):
        return "another digit has the same place: use the argument digit"
    if not torch.allclose(other, codes[2]):
        return f"where a digit has one image, of code (-5, 7), that is its place, yours is {shown(other)}"
    return None


@exercise
def check_turned_left(turned_left: Callable[[Mapping[str, Any], float], Tensor]) -> str | None:
    """Lesson 00: which training glyphs are turned to the left by more than so many degrees?"""
    angles = torch.tensor([12.0, -15.0, 3.0, 18.0, -2.0, 10.0])
    factors = {"rotation": Split(train=angles, test=angles.flip(0)), "x": Split(-angles, angles)}
    numbers = given(turned_left(factors, 10.0))
    if isinstance(numbers, tuple):
        return "this is a tuple, as torch.where gives one: take its first entry, [0]"
    if isinstance(numbers, Tensor) and numbers.dtype == torch.bool:
        return "this says of each image whether it is turned; torch.nonzero gives the numbers of those that are"
    found = torch.as_tensor(numbers)
    if found.dim() == 0:
        return "this is one number, as of a count: the numbers of all these images are asked"
    if found.dim() > 1:
        return f"the shape should be (how many,), not {tuple(found.shape)}: flatten it"
    mistakes = {
        "these are turned to the right: to the left is positive": [1],
        "these are turned either way: only positive angles are to the left": [0, 1, 3],
        "an image at exactly that angle is not turned by more than it": [0, 3, 5],
        "these are the numbers of test images: take the part .train": [2, 5],
        "these are all images that are turned to the left: by how much matters": [0, 2, 3, 5],
    }
    for complaint, value in mistakes.items():
        if sorted(found.tolist()) == value:
            return complaint
    if found.is_floating_point():
        return "these are angles: the numbers of the images are asked"
    if found.tolist() == [3, 0]:
        return "these are the right ones; put them in ascending order"
    if found.tolist() != [0, 3]:
        return f"for the angles {angles.tolist()} and 10 degrees it is [0, 3], yours is {found.tolist()}"
    single = torch.as_tensor(given(turned_left(factors, 15.0))).tolist()
    if single == 3:
        return "where there is only one such image the shape should be (1,), not (): use flatten, not squeeze"
    if single != [3]:
        return f"right for 10 degrees, but for 15 it is [3], yours is {single}: use the argument degrees"
    return None
