"""ipywidgets in front of `plots`: a slider moves, the figure follows. Each has a static twin in its lesson."""

from __future__ import annotations

import io
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
import PIL.Image as pillow
from IPython.display import Image, display
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vae_course.plots import Figure


def sliders(draw: Callable[..., Figure], **ranges: tuple[float, float, float]) -> widgets.interactive:
    """One slider for each argument of `draw`, in front of it.

    ranges: name=(lowest, highest, first value); in whole steps where all three are whole numbers
    The arrow keys move a slider that has the focus; the figure is drawn anew each time.
    Raises ValueError where the first value is not within its range.
    """
    controls = {}
    for name, (low, high, value) in ranges.items():
        if not low <= value <= high or low == high:
            raise ValueError(f"the slider of {name} starts at {value}, which is not within {low} to {high}")
        whole = all(isinstance(number, int) for number in (low, high, value))
        kind, step = (widgets.IntSlider, {"step": 1}) if whole else (widgets.FloatSlider, {"step": (high - low) / 100})
        layout = widgets.Layout(width="28em")
        controls[name] = kind(min=low, max=high, value=value, description=_label(name), layout=layout, **step)
    quick = _Quick()
    return widgets.interactive(lambda **values: display(Image(quick.png(draw(**values)))), **controls)


class _Quick:
    """Figures of one kind as PNG, sooner than Matplotlib makes them by itself.

    Where the axes lie is worked out for the first figure alone, and nothing is drawn twice.
    """

    def __init__(self) -> None:
        self.places: list = []

    def png(self, page: Figure) -> bytes:
        if len(self.places) == len(page.axes):
            page.set_layout_engine("none")
            for axes, place in zip(page.axes, self.places, strict=True):
                axes.set_position(place)
        canvas = FigureCanvasAgg(page)
        canvas.draw()
        self.places = [axes.get_position(original=True) for axes in page.axes]
        buffer = io.BytesIO()
        pillow.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, "png", compress_level=1)
        return buffer.getvalue()


def latent_sliders(draw: Callable[[float, float], Figure], reach: float = 3.0) -> widgets.interactive:
    """Two sliders, z_1 and z_2 from -reach to reach, in front of `draw(z1, z2)` (lessons 00 and 05)."""
    return sliders(draw, z1=(-float(reach), float(reach), 0.0), z2=(-float(reach), float(reach), 0.0))


def _label(name: str) -> str:
    """z1 -> z₁, mu -> μ, log2_k -> log2 k"""
    greek = {"mu": "μ", "sigma": "σ", "beta": "β", "rho": "ρ"}
    if name[:-1] == "z" and name[-1].isdigit():
        return "z" + "₀₁₂₃₄₅₆₇₈₉"[int(name[-1])]
    return greek.get(name, name.replace("_", " "))
