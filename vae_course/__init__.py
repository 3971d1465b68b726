"""Helper package of the VAE course: what a lesson has already built, and plumbing not worth teaching.

Five wings, each imported by its name, `from vae_course.models import VAE`, and each of which imports only from those
before it: `data`; `models`; `objectives`; `training`; `evaluation`; `lessons`, which is what a notebook shows.
On the command line, `python -m vae_course doctor` and `python -m vae_course data`.
"""

__version__ = "0.1.0"
