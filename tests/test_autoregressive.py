"""Decoders that draw an image in order: are they distributions, do they look back only, do draws follow them?"""

import itertools
import math

import pytest
import torch
from torch import nn

from vae_course import evaluation
from vae_course.models import VAE, Encoder
from vae_course.models.autoregressive import RowDecoder, WindowDecoder
from vae_course.models.likelihoods import BernoulliPixels
from vae_course.objectives import elbo, iwae_bound

TINY = (1, 3, 2)
MAKERS = {
    "window 0": lambda shape: WindowDecoder(shape, 2, 5, context=0),
    "window 2": lambda shape: WindowDecoder(shape, 2, 5, context=2),
    "window all": lambda shape: WindowDecoder(shape, 2, 5),
    "rows": lambda shape: RowDecoder(shape, 2, 5),
}


@pytest.fixture(params=MAKERS)
def decoder(request):
    return made(request.param)


def made(name, shape=TINY):
    torch.manual_seed(0)
    decoder = MAKERS[name](shape)
    for weight in decoder.parameters():
        nn.init.normal_(weight)
    return decoder


def all_images(shape=TINY):
    pixels = list(itertools.product([0.0, 1.0], repeat=math.prod(shape)))
    return torch.tensor(pixels).reshape(-1, 1, *shape)


def looks_at(decoder):
    """(pixel, pixel): does the log-odds of the first change with the second?"""
    p_x = decoder(torch.randn(1, 2))
    x = torch.rand(1, *decoder.image_shape)
    slopes = torch.autograd.functional.jacobian(lambda x: p_x.logits_of(x).flatten(), x)
    return slopes.reshape(slopes.shape[0], -1) != 0


def test_probabilities_of_all_images_add_up_to_one(decoder):
    log_p = decoder(torch.randn(4, 2)).log_prob(all_images())
    assert log_p.shape == (64, 4)
    assert torch.allclose(log_p.exp().sum(0), torch.ones(4), atol=1e-5)


def test_a_pixel_sees_the_pixels_of_its_window_and_no_others():
    i, j = torch.arange(6)[:, None], torch.arange(6)
    for name, context in (("window 0", 0), ("window 2", 2), ("window all", 5)):
        assert torch.equal(looks_at(made(name)), (i > j) & (i - j <= context)), name


def test_a_row_sees_all_earlier_rows_and_not_itself():
    row = torch.arange(6) // 2
    assert torch.equal(looks_at(made("rows")), row[:, None] > row)


def test_every_pixel_sees_z(decoder):
    z = torch.randn(1, 2)
    x = torch.ones(1, *TINY)
    slopes = torch.autograd.functional.jacobian(lambda z: decoder(z).logits_of(x).flatten(), z)
    assert (slopes != 0).any(-1).all()


def test_draws_follow_log_prob(decoder):
    torch.manual_seed(1)
    p_x = decoder(0.3 * torch.randn(1, 2))
    n = 20_000
    drawn = p_x.sample((n,)).flatten(1)
    places = drawn.long() @ (2 ** torch.arange(5, -1, -1))
    found = torch.bincount(places, minlength=64) / n
    expected = p_x.log_prob(all_images())[:, 0].exp()
    assert ((found - expected).abs() <= 5 * (expected * (1 - expected) / n).sqrt() + 1e-4).all()


def test_shapes_with_samples_of_z(decoder):
    z, x = torch.randn(7, 3, 2), torch.bernoulli(torch.full((3, *TINY), 0.5))
    p_x = decoder(z)
    assert p_x.batch_shape == (7, 3)
    assert p_x.event_shape == TINY
    assert p_x.sample().shape == (7, 3, *TINY)
    assert p_x.sample((4,)).shape == (4, 7, 3, *TINY)
    log_p = p_x.log_prob(x)
    assert log_p.shape == (7, 3)
    one_by_one = torch.stack([decoder(part).log_prob(x) for part in z])
    assert torch.allclose(log_p, one_by_one, atol=1e-5)
    assert p_x.log_prob(x.expand(7, 3, *TINY)).shape == (7, 3)


def test_without_context_pixels_are_independent_coins():
    decoder, z = made("window 0"), torch.randn(3, 2)
    x = torch.bernoulli(torch.full((3, *TINY), 0.5))
    coins = BernoulliPixels(decoder.net(z).unflatten(-1, TINY))
    assert torch.allclose(decoder(z).log_prob(x), coins.log_prob(x))


def test_the_state_is_that_of_torchs_gru_cell():
    decoder, z = made("rows", (2, 3, 2)), torch.randn(4, 2)
    x = torch.bernoulli(torch.full((4, 2, 3, 2), 0.5))
    cell = nn.GRUCell(4, 5)
    cell.weight_ih, cell.bias_ih = decoder.from_row.weight, decoder.from_row.bias
    cell.weight_hh, cell.bias_hh = decoder.from_state.weight, decoder.from_state.bias
    state, before, rows = torch.tanh(decoder.start(z)), torch.zeros(4, 4), []
    for r in range(3):
        state, before = cell(before, state), x[:, :, r].flatten(1)
        rows.append(decoder.to_row(state).unflatten(-1, (2, 2)))
    assert torch.allclose(decoder(z).logits_of(x), torch.stack(rows, dim=2), atol=1e-5)


def test_they_fit_into_a_vae_and_its_measurements(decoder):
    torch.manual_seed(0)
    vae = VAE(Encoder(TINY, 2, 5), decoder)
    x = torch.bernoulli(torch.full((6, *TINY), 0.5))
    vae.check(x)
    assert elbo(vae, x).shape == iwae_bound(vae, x, 3).shape == (6,)
    assert evaluation.log_likelihood(vae, x, k=4).values.isfinite().all()
    assert evaluation.shuffle_cost(vae, x).shape == (6,)
    assert type(decoder)(**decoder.arguments).state_dict().keys() == decoder.state_dict().keys()
    with pytest.raises(ValueError, match="pixels are grey"):
        vae.check(0.5 * torch.ones(2, *TINY))
    with pytest.raises(NotImplementedError, match="has no formula"):
        decoder(torch.zeros(1, 2)).mean  # noqa: B018


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WindowDecoder(TINY, 2, context=6), "from 0 to 5, but it is 6"),
        (lambda: WindowDecoder(TINY, 2, context=-1), "from 0 to 5, but it is -1"),
        (lambda: WindowDecoder(TINY, 2, context=1.5), "whole number"),
        (lambda: WindowDecoder(TINY, 0), "latent_dim must be"),
        (lambda: RowDecoder(TINY, 2, hidden_dim=0), "hidden_dim must be"),
        (lambda: RowDecoder((3, 2), 2), "channels, height, width"),
        (lambda: RowDecoder((1, 1, 8), 2), "at least two rows"),
    ],
)
def test_bad_arguments_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
