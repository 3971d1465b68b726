"""What a notebook shows: figures, claims, the checks of its exercises, and (in `explorers`) sliders."""

from vae_course.lessons import checks, plots
from vae_course.lessons.checks import claim

__all__ = ["checks", "claim", "plots"]
