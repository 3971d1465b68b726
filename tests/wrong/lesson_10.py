"""Typical wrong answers to the exercises of lesson 10: (check, answer, part of what it says)."""

import torch

RIGHT = {"M": "over-fitting", "N": "log σ for log σ²", "O": "healthy"}


def by_draws(model, q, x, n=200):
    return model.decode(q.sample((n,))).log_prob(x)


def flattery(change):
    """A wrong `flattery`: change(log p at the mean (batch,), log p at the draws (200, batch))."""

    def answer(model, x):
        q = model.encode(x)
        return change(model.decode(q.mean).log_prob(x), by_draws(model, q, x))

    return answer


WRONG = [
    ("check_second_opinion", RIGHT | {"O": "beta too large"}, "train and test agree"),
    ("check_second_opinion", RIGHT | {"N": "healthy"}, "2 of 3 right. N: compare the KL"),
    ("check_second_opinion", RIGHT | {"M": "healthy"}, "M: compare train with recomputed"),
    ("check_second_opinion", RIGHT | {"M": "overfitting"}, "'overfitting' is not one of the names"),
    ("check_second_opinion", RIGHT | {"M": ...}, "not answered yet"),
    ("check_second_opinion", {"M": "over-fitting"}, "not answered yet"),
    ("check_accidental_beta", lambda pixels, latents: latents / pixels, "the other way round"),
    ("check_accidental_beta", lambda pixels, latents: pixels, "the reconstruction alone is averaged"),
    ("check_accidental_beta", lambda pixels, latents: 1 / latents, "the KL alone is averaged"),
    ("check_accidental_beta", lambda pixels, latents: pixels * latents, "they make its weight smaller"),
    ("check_accidental_beta", lambda pixels, latents: 1.0, "divided by the same number"),
    ("check_accidental_beta", lambda pixels, latents: pixels - latents, "the gradients differ"),
    ("check_flattery", flattery(lambda mean, draws: 2 * (mean - draws.mean(0))), "yours are"),
    ("check_flattery", flattery(lambda mean, draws: (mean - draws.mean(0)).mean()), "one number for all images"),
    ("check_flattery", flattery(lambda mean, draws: (mean - draws).mean(1)), "one number for each draw"),
    ("check_flattery", flattery(lambda mean, draws: mean - draws), "not (200, 5)"),
    ("check_flattery", flattery(lambda mean, draws: draws.mean(0) - mean), "the wrong way round"),
    ("check_flattery", flattery(lambda mean, draws: mean - mean), "is it the mean both times"),
    ("check_flattery", flattery(lambda mean, draws: mean - draws.logsumexp(0)), "average over 200 draws"),
    ("check_flattery", flattery(lambda mean, draws: mean.mean().item()), "return one value for each image as a tensor"),
    (
        "check_flattery",
        lambda model, x: (
            model.decode(model.encode(x).mean).log_prob(x)
            - model.decode(torch.randn(2000, len(x), 3)).log_prob(x).mean(0)
        ),
        "not from the prior",
    ),
    (
        "check_flattery",
        lambda m, x: m.decode(m.encode(x).mean).log_prob(x) - by_draws(m, m.encode(x), x).mean(),
        "dim=0",
    ),
    (
        "check_flattery",
        lambda m, x: m.decode(m.encode(x).mean).log_prob(x) - m.decode(m.encode(x).sample((200,)).mean(0)).log_prob(x),
        "not z itself",
    ),
]
