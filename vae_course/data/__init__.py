"""Images as float32 in [0, 1]: data sets by name, your own pictures, and toy densities."""

from vae_course.data.dataset import BINARIZE, Dataset, Split, check_images, load
from vae_course.data.files import DataError

__all__ = ["BINARIZE", "DataError", "Dataset", "Split", "check_images", "load"]
