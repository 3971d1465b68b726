"""How an explorer's picture follows its slider at once. It need not be read to understand anything else."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image as pillow
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vae_course.lessons.plots import Figure


class QuickRenderer:
    """Figures of one kind as PNG, sooner than Matplotlib makes them by itself.

    Where the axes lie is worked out for the first figure alone. Ticks and their labels take longest, so those that
    were drawn before are kept.
    """

    def __init__(self) -> None:
        self.places: list = []
        self.ticks: dict[tuple, np.ndarray] = {}  # an axis and all that its look depends on -> its pixels, on white

    def png(self, page: Figure) -> bytes:
        canvas = FigureCanvasAgg(page)
        if len(self.places) != len(page.axes):
            if engine := page.get_layout_engine():
                engine.execute(page)
            self.places = [axes.get_position(original=True) for axes in page.axes]
        page.set_layout_engine("none")
        for axes, place in zip(page.axes, self.places, strict=True):
            axes.set_position(place)
            axes.apply_aspect()
        renderer = canvas.get_renderer()
        pixels = np.asarray(renderer.buffer_rgba())
        shown = [axis for axes in page.axes if axes.axison for axis in (axes.xaxis, axes.yaxis)]
        looks = [(number, *_look(axis)) for number, axis in enumerate(shown)]
        for axis, look in zip(shown, looks, strict=True):
            if look not in self.ticks:
                pixels[:] = 255
                axis.draw(renderer)
                self.ticks[look] = pixels.copy()
            axis.set_visible(False)
        pixels[:] = 255
        for look in looks:
            np.minimum(pixels, self.ticks[look], out=pixels)
        while len(self.ticks) > 50:  # of about a megabyte each
            del self.ticks[next(iter(self.ticks))]
        for patch in (page.patch, *(axes.patch for axes in page.axes)):  # white as well, and over the ticks
            patch.set_visible(False)
        page.draw(renderer)
        buffer = io.BytesIO()
        pillow.fromarray(pixels).convert("RGB").save(buffer, "png", compress_level=1)
        return buffer.getvalue()


def _look(axis: Axis) -> list:
    """All that the look of an axis depends on, in figures that one function draws."""
    places = axis.get_majorticklocs().tolist()
    labels = axis.get_major_formatter().format_ticks(places)
    frame = axis.axes.get_position().bounds
    return [frame, axis.get_scale(), *axis.get_view_interval(), axis.get_label_text(), *places, *labels]
