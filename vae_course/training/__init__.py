"""`fit`, the training loop of lesson 05, and what lesson 08 adds to it.

loop            `fit`: read this first, top to bottom; the rest is named there where it is used
history         what `fit` returns
learning_rates  schedules
batches         images on the device, or through a DataLoader
testing         the objective on the test images
refusals        what is refused before the first step, and NaN
devices         CPU or GPU, memory, bfloat16
processes       several processes, each with its share of a batch
graphs          a step recorded as a CUDA graph
resuming        a run that goes on from its checkpoint
checkpoints     files of weights, whole or not at all
architectures   what a model is made of, so that a file becomes the model again
"""

from vae_course.training.checkpoints import CheckpointError
from vae_course.training.history import History
from vae_course.training.learning_rates import Cosine
from vae_course.training.loop import fit

__all__ = ["CheckpointError", "Cosine", "History", "fit"]
