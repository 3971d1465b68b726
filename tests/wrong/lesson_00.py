"""Typical wrong answers to the exercises of lesson 00: (check, answer, part of what it says)."""

import math

import torch

WRONG = [
    ("check_to_bits", lambda nats: nats * math.log(2), "you multiplied by ln 2"),
    ("check_to_bits", lambda nats: nats / math.log(10), "base 10"),
    ("check_to_bits", lambda nats: nats, "still the number of nats"),
    ("check_to_bits", lambda nats: math.log2(nats), "no logarithm of the nats"),
    ("check_to_bits", lambda nats: nats + 1, "that is 3 bits"),
    ("check_home_of", lambda c, y, d: c.mean(0), "mean of all codes"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(), "take the mean with dim=0"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(1), "is (2, 2), yours is"),
    ("check_home_of", lambda c, y, d: c[y == d][0], "a single image"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(0).tolist(), "not as list"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(0, keepdim=True), "keepdim kept"),
    ("check_home_of", lambda c, y, d: c[y == d], "should be (2,), not (2, 2)"),
    ("check_home_of", lambda c, y, d: c[y == d].sum(0), "is (2, 2), yours is (4.0, 4.0)"),
    ("check_home_of", lambda c, y, d: c[y == 3].mean(0), "use the argument digit"),
    ("check_home_of", lambda c, y, d: c[y == d].mean(0).flip(0), "that is its place, yours is (7.00, -5.00)"),
    ("check_turned_left", lambda f, a: (f["rotation"].train > a).sum(), "as of a count"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train > a).squeeze(), "flatten, not squeeze"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train > 10).flatten(), "use the argument degrees"),
    ("check_turned_left", lambda f, a: f["rotation"].train > a, "torch.nonzero gives the numbers"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train > a), "flatten it"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train < -a).flatten(), "to the left is positive"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train.abs() > a).flatten(), "turned either way"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train >= a).flatten(), "exactly that angle"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].test > a).flatten(), "part .train"),
    ("check_turned_left", lambda f, a: torch.nonzero(f["rotation"].train > 0).flatten(), "by how much matters"),
    ("check_turned_left", lambda f, a: torch.where(f["rotation"].train > a), "take its first entry"),
    ("check_turned_left", lambda f, a: torch.tensor([3, 0]), "in ascending order"),
    ("check_turned_left", lambda f, a: f["rotation"].train[f["rotation"].train > a], "these are angles"),
    ("check_turned_left", lambda f, a: [0], "it is [0, 3], yours is [0]"),
]
