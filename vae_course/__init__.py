"""Helper package of the VAE course: what a lesson has already built, and plumbing not worth teaching.

Import from the modules, `from vae_course.models import VAE`. Each module imports only from those
before it: data, models, objectives, training; plots, explorers; checks stands alone.
"""

__version__ = "0.1.0"
