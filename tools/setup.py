"""Set up .venv with all that the course needs: `make setup`, or `python tools/setup.py` where there is no make.

Which build of torch is fetched, the environment variable TORCH says:

auto    (the default) pip's choice where pip is configured already, on macOS and Windows, and where there is an NVIDIA
        device; on a Linux machine without one the CPU build, for the common index would bring several GB of CUDA
cpu, cu130, rocm7.1, ...    that build, fetched by uv, which knows where torch keeps them
pip     whatever pip takes

In a folder made by `make bundle`, everything is installed from wheels/, and no network is asked.
This runs with the system's Python, before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = {  # what is fetched, measured for the pinned versions
    "cpu": "some 400 MB to fetch",
    "cuda": "several GB to fetch, for this machine has an NVIDIA device; TORCH=cpu would bring the CPU build, 400 MB",
    "pip": "300 MB to fetch with a CPU build of torch, several GB with a CUDA build",
}
CHOOSING = ("index-url", "extra-index-url", "find-links", "no-index", "constraint", "pre")  # settings of pip


def has_nvidia_device() -> bool:
    """Whether NVIDIA's own tool finds a device."""
    tool = shutil.which("nvidia-smi")
    return bool(tool) and subprocess.run([tool, "-L"], capture_output=True, text=True).stdout.startswith("GPU")


def pip_is_configured(python: Path) -> bool:
    """Whether a file or the environment tells pip where packages come from."""
    told = subprocess.run([str(python), "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    settings = [line.partition("=")[::2] for line in told.splitlines()]
    return any(key.rpartition(".")[2] in CHOOSING and value.strip("'\"") for key, value in settings)


def choose(asked: str, configured: bool, platform: str, nvidia: bool) -> tuple[str, str]:
    """(the build: "pip" or a name that uv knows, what to say of its size).

    asked: the value of TORCH; configured: whether pip is; platform: as sys.platform; nvidia: whether there is a device
    """
    if asked not in ("", "auto"):
        return asked, SIZES.get(asked, SIZES["cuda" if asked.startswith("cu") else "pip"])
    if configured:
        return "pip", f"pip is configured here and chooses the build of torch: {SIZES['pip']}"
    if platform != "linux":
        return "pip", SIZES["cpu"]
    return ("pip", SIZES["cuda"]) if nvidia else ("cpu", SIZES["cpu"])


def create(folder: Path, with_pip: bool = True) -> None:
    """An environment of this Python, also where one is: by links, for no file can be copied onto itself."""
    venv.create(folder, symlinks=os.name != "nt", with_pip=with_pip)


def pinned(name: str) -> str:
    """The line of requirements.txt for a package."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def commands(python: Path, build: str, wheels: bool) -> list[list[str]]:
    """What is run, in order, to install everything into the environment of `python`."""
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    pip += ["--no-index", "--find-links", str(ROOT / "wheels")] if wheels else []
    requirements = ["--requirement", str(ROOT / "requirements.txt")]
    # Bytecode is compiled at the first import instead of for every file now, which halves the set-up.
    fetch = [[*pip, "--no-compile", *requirements]]
    if build != "pip":
        uv = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python), "--torch-backend", build]
        fetch = [[*pip, pinned("uv")], [*uv, *requirements]]
    return [[*pip, pinned("pip")], *fetch, [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]]


def main() -> int:
    """Make .venv anew where it is not complete. Returns the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  (the system's Python may be older than the course's)
        print("Python 3.11 or newer is needed: make PYTHON=python3.12 ...", file=sys.stderr)
        return 1
    folder = ROOT / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (folder / ".ready").unlink(missing_ok=True)
    create(folder)
    wheels = (ROOT / "wheels").is_dir()
    build, size = ("pip", "from wheels/ alone")
    if not wheels:
        asked = os.environ.get("TORCH", "")
        build, size = choose(asked, pip_is_configured(python), sys.platform, has_nvidia_device())
    print(f"setting up .venv, once, about a minute: {size}", flush=True)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    for command in commands(python, build, wheels):
        if subprocess.run(command, env=environment).returncode:
            other = "" if wheels else "; if it is torch that could not be had, TORCH=pip leaves its build to pip"
            print(f"the set-up stopped: see above{other}", file=sys.stderr)
            return 1
    (folder / ".ready").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
