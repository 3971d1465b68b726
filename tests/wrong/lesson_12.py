"""Typical wrong answers to the exercises of lesson 12: (check, answer, part of what it says)."""

import math

WRONG = [
    ("check_best_mean", lambda log_q, images: log_q.exp() @ images, "yours are q itself"),
    ("check_best_mean", lambda log_q, images: log_q.exp() / log_q.exp().sum(1, keepdim=True) @ images, "near −900"),
    (
        "check_best_mean",
        lambda log_q, images: (log_q - log_q.max()).exp() / (log_q - log_q.max()).exp().sum(1, keepdim=True) @ images,
        "near −900",
    ),
    ("check_best_mean", lambda log_q, images: (log_q - log_q.max()).exp() @ images, "a smaller squared error"),
    ("check_best_mean", lambda log_q, images: log_q.softmax(0) @ images, "not over the draws"),
    ("check_best_mean", lambda log_q, images: images.mean(0).expand(len(log_q), -1), "counts alike"),
    ("check_best_mean", lambda log_q, images: images[log_q.argmax(1)], "most probable image"),
    ("check_best_mean", lambda log_q, images: log_q / log_q.sum(1, keepdim=True) @ images, "proportional to log q"),
    ("check_best_mean", lambda log_q, images: log_q.softmax(1), "not (4, 6)"),
    ("check_best_mean", lambda log_q, images: 0.5, "return a tensor"),
    ("check_hidden_beta", lambda mse: 1 / mse, "assumes σ² = 1"),
    ("check_hidden_beta", lambda mse: 2 * mse, "the other way round"),
    ("check_hidden_beta", lambda mse: math.sqrt(0.5) / mse, "not σ over it"),
    ("check_hidden_beta", lambda mse: 2 / mse, "not 2"),
    ("check_hidden_beta", lambda mse: 0.5, "not yet β"),
    ("check_hidden_beta", lambda mse: 1.0, "multiply the loss"),
    ("check_price_of_edges", lambda before, after, D: D / 2 * math.log(before / after), "the wrong way round"),
    ("check_price_of_edges", lambda before, after, D: D * math.log(after / before), "twice as much"),
    ("check_price_of_edges", lambda before, after, D: math.log(after / before) / 2, "for one pixel"),
    ("check_price_of_edges", lambda before, after, D: D / 2 * math.log2(after / before), "these are bits"),
    ("check_price_of_edges", lambda before, after, D: D / 2 * (after - before), "difference of logarithms"),
    ("check_price_of_edges", lambda before, after, D: D / 2 * (after / before - 1), "recalibrate it after"),
    ("check_price_of_edges", lambda before, after, D: 0.0, "it costs 87.47 nats"),
]
