"""ipywidgets in front of `plots`: a slider moves, the figure follows. Each has a static twin in its lesson."""

from __future__ import annotations

import gc
import html
import math
from collections.abc import Callable, Mapping

import ipywidgets as widgets
from ipyevents import Event

from vae_course.lessons.plots import Figure
from vae_course.lessons.quick_renderer import QuickRenderer


def sliders(draw: Callable[..., Figure], **ranges: tuple[float, float, float]) -> Explorer:
    """One slider for each argument of `draw`, in front of it.

    ranges: name=(lowest, highest, first value); in whole steps where all three are whole numbers
    The arrow keys move a slider that has the focus; the figure is drawn anew each time. What `draw` raises then stands
    below the picture.
    Raises ValueError where the first value is not within its range.
    """
    controls = {}
    for name, (low, high, value) in ranges.items():
        if not low <= value <= high or low == high:
            raise ValueError(f"the slider of {name} starts at {value}, which is not within {low} to {high}")
        whole = all(isinstance(number, int) for number in (low, high, value))
        kind, step = (widgets.IntSlider, 1) if whole else (widgets.FloatSlider, _round_step(high - low))
        layout = widgets.Layout(width="28em")
        controls[name] = kind(min=low, max=high, step=step, value=value, description=_label(name), layout=layout)
    return Explorer(draw, controls)


class Explorer(widgets.VBox):
    """Controls in front of `draw`, the picture it makes, and below it what went wrong if something did.

    controls: argument of draw -> a widget with a value
    """

    def __init__(self, draw: Callable[..., Figure], controls: Mapping[str, widgets.ValueWidget]) -> None:
        if not gc.get_freeze_count():  # Figures make much garbage, and to look through all of torch for it takes 0.2 s
            gc.collect()
            gc.freeze()
        self._draw, self.controls, self._quick = draw, dict(controls), QuickRenderer()
        # As large as it is drawn, or less where there is no room; a box would stretch it.
        as_drawn = widgets.Layout(align_self="flex-start", max_width="100%")
        self.picture, self.trouble = widgets.Image(layout=as_drawn), widgets.HTML()
        self._follow()
        for control in self.controls.values():
            control.observe(self._follow_or_say_why_not, "value")
        super().__init__([*self.controls.values(), self.picture, self.trouble])

    def move(self, **values: float) -> None:
        """Several controls at once, and then one picture."""
        for name, value in values.items():
            self.controls[name].unobserve(self._follow_or_say_why_not, "value")
            self.controls[name].value = value
            self.controls[name].observe(self._follow_or_say_why_not, "value")
        self._follow_or_say_why_not()

    def place(self, x: float, y: float) -> tuple[float, float] | None:
        """Where a pixel of the picture, counted from its upper left corner, lies in the first axes; None outside."""
        axes, height = self.page.axes[0], self.page.bbox.height
        if not axes.bbox.contains(x, height - y):
            return None
        return tuple(axes.transData.inverted().transform((x, height - y)).tolist())

    def _follow(self) -> None:
        self.page = self._draw(**{name: control.value for name, control in self.controls.items()})
        self.picture.value = self._quick.png(self.page)

    def _follow_or_say_why_not(self, _: object = None) -> None:
        self.trouble.value = ""
        try:
            self._follow()
        except Exception as error:  # what goes wrong here is nobody's cell and would end in a log
            self.trouble.value = f"<pre>{html.escape(f'{type(error).__name__}: {error}')}</pre>"


def latent_sliders(draw: Callable[[float, float], Figure], reach: float = 3.0) -> Explorer:
    """A place z in the plane, in front of `draw(z1, z2)`, whose first axes are that plane (lessons 00 and 05).

    It is moved with two sliders, from -reach to reach, or by dragging the pointer over the picture.
    """
    explorer = sliders(draw, z1=(-float(reach), float(reach), 0.0), z2=(-float(reach), float(reach), 0.0))

    def drag(event: dict) -> None:
        place = explorer.place(event["dataX"], event["dataY"]) if event["buttons"] & 1 else None
        if place:
            z1, z2 = (min(max(z, -reach), reach) for z in place)
            explorer.move(z1=z1, z2=z2)

    pointer = Event(source=explorer.picture, watched_events=["mousedown", "mousemove"], prevent_default_action=True)
    pointer.throttle_or_debounce, pointer.wait = "throttle", 100  # milliseconds, about as long as a picture takes
    pointer.on_dom_event(drag)
    explorer.pointer = pointer
    return explorer


def _round_step(span: float) -> float:
    """At most a hundredth of the span, and 1, 2 or 5 times a power of ten: so round first values can be reached."""
    power = 10.0 ** math.floor(math.log10(span / 100))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= span / 100 * (1 + 1e-9))


def _label(name: str) -> str:
    """z1 -> z₁, mu -> μ, log2_k -> log₂ k"""
    greek = {"mu": "μ", "sigma": "σ", "beta": "β", "rho": "ρ"}
    if name[:-1] == "z" and name[-1].isdigit():
        return "z" + "₀₁₂₃₄₅₆₇₈₉"[int(name[-1])]
    return greek.get(name, name.replace("log2", "log₂").replace("log10", "log₁₀").replace("_", " "))
