"""For all of pytest: the setting in which lessons are recorded, and nbval's tolerance."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

from tests import tolerance

pytest_plugins = ["pytester"]
tolerance.install()
