"""glyphs.py: the same images for everybody, and every factor does what its name and its sign say."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from vae_course.data import files, glyphs
from vae_course.data.glyphs import CHARACTERS, FONTS, RANGES, draw

SHEET = Path(__file__).parent / "glyphs.png"  # the first 64 images of seed 0, eight in a row
NAMES = ("character", "font", *RANGES)


def checksum(n=300, seed=0):
    images, factors = draw(n, seed)
    digest = hashlib.sha256(images.numpy().tobytes())
    for name in NAMES:
        digest.update(factors[name].numpy().tobytes())
    return digest.hexdigest()


def test_a_seed_gives_the_same_images_and_factors_again_and_another_seed_others():
    state = torch.get_rng_state()
    assert checksum() == checksum() != checksum(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    train, test = ({i.numpy().tobytes() for i in draw(300, seed)[0]} for seed in (0, 1))
    assert not train & test


def test_another_process_draws_the_same():
    code = "import hashlib\nfrom vae_course.data.glyphs import draw\nimages, factors = draw(300)\n"
    code += f"digest = hashlib.sha256(images.numpy().tobytes())\nfor name in {NAMES}:\n"
    code += "    digest.update(factors[name].numpy().tobytes())\nprint(digest.hexdigest())"
    done = subprocess.run([sys.executable, "-c", code], cwd=files.COURSE, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == checksum(), done.stderr


def test_the_images_are_those_of_the_recorded_sheet():
    """Other versions of FreeType or torch may move a pixel by one grey level, and no more."""
    images, _ = draw(64, seed=0)
    recorded = torch.from_numpy(np.array(Image.open(SHEET), dtype=np.int16))
    drawn = (images * 255).round().short().reshape(8, 8, 28, 28).transpose(1, 2).reshape(224, 224)
    assert (drawn - recorded).abs().max() <= 1


@pytest.mark.parametrize("m", [1, 2, 499, 501])
def test_the_first_m_of_n_are_the_same_for_every_n(m):
    some, their_factors = draw(m, seed=3)
    more, factors = draw(502, seed=3)
    assert torch.equal(some, more[:m])
    assert all(torch.equal(their_factors[name], factors[name][:m]) for name in NAMES)


@pytest.fixture(scope="module")
def many():
    return draw(2000)


def test_shapes_types_grey_levels_and_ranges(many):
    n, (images, factors) = 2000, many
    assert (images.shape, images.dtype) == ((n, 1, 28, 28), torch.float32)
    assert torch.equal((images * 255).round() / 255, images)
    assert (images.min(), images.max(), len(images.unique())) == (0, 1, 256)
    assert tuple(factors) == NAMES
    assert all(factor.shape == (n,) for factor in factors.values())
    for name, count in (("character", len(CHARACTERS)), ("font", len(FONTS))):
        assert factors[name].dtype == torch.int64
        assert set(factors[name].tolist()) == set(range(count))
    for name, (low, high) in RANGES.items():
        assert factors[name].dtype == torch.float32
        assert low <= factors[name].min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < factors[name].max() <= high
        uniform = (factors[name] - low) / (high - low)
        assert (uniform.mean().item(), uniform.std().item()) == pytest.approx((1 / 2, 12**-0.5), abs=0.02)


def test_the_factors_are_independent(many):
    together = torch.corrcoef(torch.stack([factor.float() for factor in many[1].values()]))
    assert (together - torch.eye(len(NAMES))).abs().max() < 0.1


def ink_beyond_the_border(factors):
    """The part of each image's ink that would lie outside, seen through a window of twice the width."""
    n = len(factors["x"])
    maps = glyphs._maps_to_template(factors)
    maps[:, :, :2] *= 2
    shapes = glyphs._templates()[factors["font"], factors["character"]].unsqueeze(1)
    wide = F.grid_sample(shapes, F.affine_grid(maps, [n, 1, 112, 112], align_corners=False), align_corners=False)
    return 1 - wide[:, :, 28:84, 28:84].sum((1, 2, 3)) / wide.sum((1, 2, 3))


def test_no_image_is_blank_and_next_to_nothing_is_cut_off(many):
    images, factors = many
    assert images.amax((1, 2, 3)).min() > 0.9
    assert images.sum((1, 2, 3)).min() > 15
    lost = ink_beyond_the_border({name: factor[:1000] for name, factor in factors.items()})
    assert lost.mean() < 0.0005
    assert lost.max() < 0.06
    assert (lost > 0.01).float().mean() < 0.01


@pytest.fixture
def made(monkeypatch):
    """made(character="H", x=[0, 2]) -> one image for each value, (n, 28, 28); the other factors are neutral."""

    def images(**given):
        neutral = {"character": "H", "font": 0, "rotation": 0.0, "scale": 0.9, "slant": 0.0, "x": 0.0, "y": 0.0} | given
        n = max(len(v) for v in neutral.values() if isinstance(v, list | str))
        columns = {
            name: list(v) * (n // len(v)) if isinstance(v, list | str) else [v] * n for name, v in neutral.items()
        }
        columns["character"] = [CHARACTERS.index(c) for c in columns["character"]]
        monkeypatch.setattr(glyphs, "_factors", lambda _: {name: torch.tensor(v) for name, v in columns.items()})
        return draw(n)[0].squeeze(1)

    return images


PIXELS = torch.arange(28.0) - 13.5  # from the middle: to the right, or down


def centre(images):
    weights = images / images.sum((1, 2), keepdim=True)
    return (weights.sum(1) * PIXELS).sum(1), (weights.sum(2) * PIXELS).sum(1)


def moments(images):
    """The second moments of the ink about its centre: (xx, xy, yy)."""
    x, y = centre(images)
    weights = images / images.sum((1, 2), keepdim=True)
    dx, dy = PIXELS - x[:, None], PIXELS - y[:, None]
    return tuple(torch.einsum("nyx,ny,nx->n", weights, a, b) for a, b in ((dx**0, dx**2), (dy, dx), (dy**2, dy**0)))


@pytest.mark.parametrize("scale", [0.7, 1.0])
def test_x_moves_the_character_to_the_right_and_y_down_by_so_many_pixels(made, scale):
    moves = [-3.0, -1.0, 0.0, 0.5, 2.0]
    for name, other in (("x", "y"), ("y", "x")):
        places = dict(zip("xy", centre(made(**{name: moves}, scale=scale, rotation=10.0, slant=0.2)), strict=True))
        assert (places[name] - places[name][2]).tolist() == pytest.approx(moves, abs=0.02)
        assert (places[other] - places[other][2]).abs().max() < 0.02


def test_a_character_stands_in_the_middle(made):
    filled = made(character=CHARACTERS) > 0.1
    for outline in (filled.any(1), filled.any(2)):
        first, last = outline.float().argmax(1), 27 - outline.flip(1).float().argmax(1)
        assert ((first + last - 27).abs() <= 2).all()


def test_scale_is_proportional_to_the_extent(made):
    scales = [0.7, 0.8, 0.9, 1.0]
    xx, _, yy = moments(made(scale=scales))
    for spread in (xx.sqrt(), yy.sqrt()):
        assert (spread / spread[-1]).tolist() == pytest.approx(scales, abs=0.03)


def test_the_height_of_a_capital_is_the_same_in_every_font(made):
    heights = (made(font=list(range(len(FONTS)))) > 0.5).any(2).sum(1)
    assert heights.max() - heights.min() <= 1


def test_rotation_turns_to_the_left_by_so_many_degrees(made):
    degrees = [-20.0, -10.0, 0.0, 10.0, 20.0]
    upright = made(character="I", rotation=degrees)
    xx, xy, yy = moments(upright)
    axis = torch.rad2deg(0.5 * torch.atan2(2 * xy, yy - xx))  # of the bar: down and to the right is positive
    assert axis.tolist() == pytest.approx(degrees, abs=0.5)
    left = upright[4, :10].sum(0) @ PIXELS / upright[4, :10].sum()
    assert left < -2  # turned to the left, its upper end points to the left


def test_slant_shifts_to_the_right_by_so_much_per_height(made):
    slants = [-0.3, -0.1, 0.0, 0.2, 0.3]
    leaning = made(character="I", slant=slants)
    rows = range(8, 20)  # without the ends
    places = torch.stack([(leaning[:, row] * PIXELS).sum(1) / leaning[:, row].sum(1) for row in rows])
    per_row_up = (places[0] - places[-1]) / (len(rows) - 1)
    assert per_row_up.tolist() == pytest.approx(slants, abs=0.02)
    height = (leaning > 0.5).any(2).sum(1)
    assert height.max() - height.min() <= 1  # it leans, it does not turn


def test_slant_comes_before_rotation(made):
    """A slanted character keeps its shape when it is turned: only then is the slant a property of the character."""
    xx, _, yy = moments(made(slant=0.3, rotation=[0.0, 15.0, -15.0]))
    assert ((xx + yy) / (xx + yy)[0]).tolist() == pytest.approx([1, 1, 1], rel=0.02)


def test_every_character_and_every_font_has_a_shape_of_its_own(made):
    for images in (made(character=CHARACTERS), made(font=list(range(len(FONTS))))):
        differences = torch.cdist(images.flatten(1), images.flatten(1)) + 100 * torch.eye(len(images))
        assert differences.min() > 1


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", None])
def test_other_numbers_of_images_are_refused(n):
    with pytest.raises(ValueError, match=f"must be a whole number of at least 1, but it is {n!r}"):
        draw(n)
