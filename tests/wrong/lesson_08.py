"""Typical wrong answers to the exercises of lesson 08: (check, answer, part of what it says)."""

import math

WRONG = [
    ("check_conv_flop", lambda i, o, k, h, w: 2 * i * o * k * k * (h - k + 1) * (w - k + 1), "those of the output"),
    ("check_conv_flop", lambda i, o, k, h, w: i * k * k * o * h * w, "the factor 2 is missing"),
    ("check_conv_flop", lambda i, o, k, h, w: 2 * i * k * k * o, "used again for every pixel"),
    ("check_conv_flop", lambda i, o, k, h, w: 2 * i * k * o * h * w, "k times k weights"),
    ("check_conv_flop", lambda i, o, k, h, w: 2 * k * k * o * h * w, "over all input channels"),
    ("check_conv_flop", lambda i, o, k, h, w: 2 * i * k * k * h * w, "one output channel only"),
    ("check_conv_flop", lambda i, o, k, h, w: 6 * i * k * k * o * h * w, "only forward is asked for"),
    ("check_conv_flop", lambda i, o, k, h, w: (2 * i * k * k + 1) * o * h * w, "the bias is not counted"),
    ("check_conv_flop", lambda i, o, k, h, w: 7, "yours is 7"),
    ("check_largest_log_var", 2 * math.log(65504), "the KL needs sigma squared"),
    ("check_largest_log_var", 65504, "its logarithm is asked for"),
    ("check_largest_log_var", math.log2(65504), "not that to base 2"),
    ("check_largest_log_var", math.log10(65504), "not that to base 10"),
    ("check_largest_log_var", 88.72, "that is for float32 and bfloat16"),
    ("check_largest_log_var", 11.2, "float16 overflows"),
    ("check_largest_log_var", 10.0, "it could be larger"),
    ("check_share_loss", lambda x, b, n: x.mean(), "images of a small share weigh more"),
    ("check_share_loss", lambda x, b, n: x.sum() / b, "undo that"),
    ("check_share_loss", lambda x, b, n: x.sum(), "as much longer as the batch is large"),
    ("check_share_loss", lambda x, b, n: x.sum() / (b * n), "the other way round"),
    ("check_share_loss", lambda x, b, n: n * x.mean(), "still weighs images unevenly"),
    ("check_share_loss", lambda x, b, n: x.mean() / n, "divide by batch_size"),
    ("check_share_loss", lambda x, b, n: n / b * x, "has the shape (4,)"),
    ("check_share_loss", lambda x, b, n: (n / b * x.sum()).detach(), "has lost its gradient"),
    ("check_share_loss", lambda x, b, n: 3 * n / b * x.sum(), "the averaged gradient should be"),
]
