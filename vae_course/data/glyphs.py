"""`glyphs`: characters drawn from the fonts that ship with Matplotlib, with every factor of each image known."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold",
    "STIXGeneral", "STIXGeneralBol", "cmr10", "cmss10", "cmtt10",
)  # fmt: skip
# Each is uniform between these: degrees to the left, size relative to the template, slant as the shift to the right
# per unit of height, position of the centre in pixels to the right and down.
RANGES = {"rotation": (-20.0, 20.0), "scale": (0.7, 1.05), "slant": (-0.3, 0.3), "x": (-3.0, 3.0), "y": (-3.0, 3.0)}
SIDE, TEMPLATE, OVERSAMPLING, BATCH = 28, 96, 2, 500


def draw(n: int, seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    """n images, float32 (n, 1, 28, 28) in 256 grey levels from 0 to 1, and their factors by name, each of shape (n,).

    "character" and "font" are indices into CHARACTERS and FONTS; the other factors are in the units of RANGES.
    The same seed gives the same images, and the first m of n are the same for every n. Raises ValueError for n < 1.
    """
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"the number of glyphs must be a whole number of at least 1, but it is {n!r}")
    factors = _factors(torch.rand(n, 2 + len(RANGES), generator=torch.Generator().manual_seed(seed)))
    shapes, maps = _templates(), _maps_to_template(factors)
    images = torch.empty(n, 1, SIDE, SIDE)
    fine_side = SIDE * OVERSAMPLING
    for batch in torch.arange(n).split(BATCH):  # all at once would need gigabytes
        grid = F.affine_grid(maps[batch], [len(batch), 1, fine_side, fine_side], align_corners=False)
        shape = shapes[factors["font"][batch], factors["character"][batch]].unsqueeze(1)
        fine = F.grid_sample(shape, grid, align_corners=False)
        images[batch] = F.avg_pool2d(fine, OVERSAMPLING)
    return (images * 255).round() / 255, factors


def _factors(uniform: Tensor) -> dict[str, Tensor]:
    """One row of numbers in [0, 1) for each image -> its factors."""
    columns = uniform.unbind(1)
    choices = {"character": len(CHARACTERS), "font": len(FONTS)}
    factors = {name: (u * n).long() for (name, n), u in zip(choices.items(), columns[:2], strict=True)}
    ranges = zip(RANGES.items(), columns[2:], strict=True)
    return factors | {name: low + (high - low) * u for (name, (low, high)), u in ranges}


def _templates() -> Tensor:
    """Every character in every font, upright and centred: (fonts, characters, TEMPLATE, TEMPLATE)."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    pictures = torch.zeros(len(FONTS), len(CHARACTERS), TEMPLATE, TEMPLATE)
    for row, font in enumerate(FONTS):
        file = str(folder / f"{font}.ttf")
        _, top, _, bottom = ImageFont.truetype(file, TEMPLATE).getbbox("H")
        face = ImageFont.truetype(file, round(0.62 * TEMPLATE**2 / (bottom - top)))  # one height in all fonts
        for column, character in enumerate(CHARACTERS):
            left, top, right, bottom = face.getbbox(character)
            picture = Image.new("L", (TEMPLATE, TEMPLATE))
            corner = ((TEMPLATE - right - left) / 2, (TEMPLATE - bottom - top) / 2)
            ImageDraw.Draw(picture).text(corner, character, fill=255, font=face)
            pictures[row, column] = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255)
    return pictures


def _maps_to_template(factors: dict[str, Tensor]) -> Tensor:
    """(n, 2, 3): from a place in the image back to the place in the template, both from -1 to 1."""
    angle = torch.deg2rad(factors["rotation"])
    rotate = _matrices(angle.cos(), angle.sin(), -angle.sin(), angle.cos())  # y points down: positive turns left
    slant = _matrices(torch.ones(()), -factors["slant"], torch.zeros(()), torch.ones(()))
    back = torch.linalg.inv(factors["scale"][:, None, None] * rotate @ slant)
    centre = torch.stack([factors["x"], factors["y"]], dim=-1) * 2 / SIDE
    return torch.cat([back, -back @ centre[:, :, None]], dim=-1)


def _matrices(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """The matrices [[a, b], [c, d]]: (n, 2, 2)."""
    return torch.stack(torch.broadcast_tensors(a, b, c, d), dim=-1).unflatten(-1, (2, 2))
