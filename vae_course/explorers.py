"""ipywidgets in front of `plots`: a slider moves, the figure follows. Each has a static twin in its lesson."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from vae_course.plots import Figure


def latent_sliders(draw: Callable[[float, float], Figure], reach: float = 3.0) -> widgets.interactive:
    """Two sliders, z_1 and z_2 from -reach to reach, in front of `draw(z1, z2)` (lesson 05).

    The arrow keys move a slider that has the focus; the figure is drawn anew each time.
    """
    sliders = {
        name: widgets.FloatSlider(
            value=0.0, min=-reach, max=reach, step=0.1, description=label, readout_format=".1f",
            layout=widgets.Layout(width="28em"),
        )
        for name, label in (("z1", "z₁"), ("z2", "z₂"))
    }  # fmt: skip
    # Without auto_display a returned figure, which pyplot does not know of, would never be shown.
    return widgets.interactive(draw, {"auto_display": True}, **sliders)
