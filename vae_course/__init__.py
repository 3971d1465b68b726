"""Helper package of the VAE course: what a lesson has already built, and plumbing not worth teaching.

Import from the modules, `from vae_course.models import VAE`. Each module imports only from those
before it: arguments, console; glyphs, files, pictures, toy, sets, data; models, objectives, doctor, training; plots,
explorers; checks.
On the command line, `python -m vae_course doctor` and `python -m vae_course data`.
"""

__version__ = "0.1.0"
