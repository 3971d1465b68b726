"""Two processes under DistributedDataParallel learn what one learns, where the test supplies the noise."""

import numpy as np
import pytest
import torch
from torch.distributions import kl_divergence

from tests import processes
from vae_course.data import Dataset, Split, load
from vae_course.models import VAE, Decoder, Encoder
from vae_course.objectives import elbo
from vae_course.training import fit

TABLE = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))


def build():
    torch.manual_seed(0)
    return VAE(Encoder((1, 8, 8), 4, 30), Decoder((1, 8, 8), 4, 30))


def digits(n):
    data = load("digits", binarize="threshold", n_train=n)
    return Dataset(data.train, data.test, Split(torch.zeros(n), torch.zeros(359)), (1, 8, 8))


def elbo_with_noise_of_the_image(model, x):
    """The ELBO, but each image brings its own noise: the same in every process, whoever gets it."""
    q_z = model.encode(x)
    z = q_z.mean + q_z.stddev * torch.sin(7 * x.flatten(1) @ TABLE)
    return model.decode(z).log_prob(x) - kl_divergence(q_z, model.prior)


def learn(rank, n, batch_size, epochs, objective, lr=1e-3):
    """Gradients of the last step, weights, and the history, after `fit`."""
    model = build()
    history = fit(model, digits(n), objective, epochs=epochs, batch_size=batch_size, lr=lr, device="cpu", test_every=1)
    gradients, weights = (torch.cat([t.flatten() for t in ts]) for ts in zip(
        *((p.grad, p.detach()) for p in model.parameters()), strict=True
    ))  # fmt: skip
    return gradients.numpy(), weights.numpy(), history.train, [*history.test.values()]


def test_gradients_of_two_processes_are_those_of_one(tmp_path):
    settings = (200, 200, 1, elbo_with_noise_of_the_image)
    alone = learn(0, *settings)
    for gradients, _, train, _ in processes.together(learn, 2, tmp_path, *settings):
        np.testing.assert_allclose(gradients, alone[0], atol=1e-5)
        assert train == pytest.approx(alone[2], rel=1e-6)


def test_so_are_those_of_batches_that_cannot_be_shared_evenly(tmp_path):
    """201 images in batches of 40: the last batch is one image, and the second process gets none of it."""
    settings = (201, 40, 1, elbo_with_noise_of_the_image)
    alone = learn(0, *settings)
    for gradients, _, train, test in processes.together(learn, 2, tmp_path, *settings):
        np.testing.assert_allclose(gradients, alone[0], atol=1e-5)
        assert train == pytest.approx(alone[2], rel=1e-6)
        assert test == pytest.approx(alone[3], rel=1e-4)


def noise_of_process(rank):
    """The first noise that the model draws for 100 equal images."""
    seen = []

    def watched(model, x):
        q_z = model.encode(x)
        z = q_z.rsample()
        seen.append(((z - q_z.mean) / q_z.stddev).detach())
        return model.decode(z).log_prob(x) - kl_divergence(q_z, model.prior)

    fit(build(), digits(200), watched, epochs=1, batch_size=200, device="cpu")
    return seen[1].numpy()  # the first call is the look at the door


def test_each_process_draws_its_own_noise(tmp_path):
    first, second = processes.together(noise_of_process, 2, tmp_path)
    assert first.shape == second.shape == (100, 4)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.25


def test_processes_end_with_the_same_weights(tmp_path):
    first, second = processes.together(learn, 2, tmp_path, 300, 50, 3, elbo, 3e-3)
    assert np.array_equal(first[1], second[1])
    assert first[2] == second[2]
    assert first[2][2] > first[2][0] + 3
