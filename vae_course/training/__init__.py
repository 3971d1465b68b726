"""`fit`, the training loop of lesson 05 (in `loop.py`), and what lesson 08 adds to it: a file for each thing."""

from vae_course.training.checkpoints import CheckpointError
from vae_course.training.history import History
from vae_course.training.loop import Cosine, fit

__all__ = ["CheckpointError", "Cosine", "History", "fit"]
