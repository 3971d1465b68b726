"""experiments/train.py with one process that fails in the way named first; test_train.py runs it."""

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "experiments"))

import torch  # noqa: E402
import train  # noqa: E402

from vae_course import objectives  # noqa: E402
from vae_course.training import checkpoints  # noqa: E402

kind, failing = sys.argv[1], int(sys.argv[2])
last = int(os.environ.get("WORLD_SIZE", "1")) - 1
steps = []


def elbo(model, x):
    steps.append(1)
    if len(steps) > 40 and int(os.environ.get("RANK", "0")) == min(failing, last):
        if kind == "memory":
            torch.empty(10**17)
        elif kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == "nan":
            return objectives.elbo(model, x) * float("nan")
    return objectives.elbo(model, x)


def full_disk(content, out, written=[]):  # noqa: B006
    written.append(1)
    if len(written) > 1:
        raise OSError(28, "No space left on device")
    torch_save(content, out)


torch_save = torch.save
train.elbo = elbo
if kind == "disk":
    checkpoints.torch.save = full_disk
sys.exit(train.main(sys.argv[3:]))
