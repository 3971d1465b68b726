"""Is this machine ready for the course? `examine()` looks, and says what to do where it is not."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile

import torch

from vae_course.data import files, glyphs
from vae_course.data.sets import SETS, import_torchvision
from vae_course.data.toy import LinearGaussian
from vae_course.models import VAE, Decoder, DiagonalNormal, Encoder, StandardNormal
from vae_course.objectives import iwae_bound

OLDEST_PYTHON, OLDEST_TORCH = (3, 11), (2, 11)
MEMORY, DISK = 2.0, 1.0  # GB that the lessons need
READY = ("embedded", "here", "in VAE_COURSE_DATA")  # states of a data set that can be loaded without a network


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and, where it is not well, what to do.

    ready: False where lessons will not run until `todo` is done; a `todo` beside True is advice
    """

    subject: str
    found: str
    ready: bool = True
    todo: str = ""

    def __str__(self) -> str:
        mark = ("ok  " if not self.todo else "note") if self.ready else "FIX "
        return f"{mark} {self.subject:<12} {self.found}" + (f": {self.todo}" if self.todo else "")


@dataclass(frozen=True)
class Report:
    """All findings; it prints as one line each."""

    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        """Whether the lessons can run here."""
        return all(finding.ready for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


def examine() -> Report:
    """Versions, device, threads, memory, disk, data sets and arithmetic, in a few seconds; nothing is fetched."""
    parts = (_python, _versions, _torchvision, _device, _threads, _memory, _disk, _data_sets, _arithmetic)
    return Report(tuple(finding for part in parts for finding in _guarded(part)))


def _guarded(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from part()
    except Exception as error:  # a doctor that stops tells nothing of the rest
        subject = part.__name__.strip("_").replace("_", " ")
        found = " ".join(f"{type(error).__name__}: {error}".split())  # torch's errors have several lines
        yield Finding(subject, found, False, "paste `--report` into a question")


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    old = sys.version_info[:2] < OLDEST_PYTHON
    yield Finding("Python", found, not old, "Python 3.11 or newer is needed" if old else "")


def _pins() -> dict[str, str]:
    """The packages that requirements.txt names before its first empty line; none without that file."""
    file = files.COURSE / "requirements.txt"
    if not file.exists():
        return {}
    lines = takewhile(bool, file.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("==")[::2] for line in lines if not line.startswith("#"))
    return {name: pin for name, pin in pairs}


def _versions() -> Iterator[Finding]:
    missing, others, pins = [], [], _pins()
    for name, pin in pins.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            missing.append(name)
        else:
            if found.partition("+")[0] != pin:
                others.append(f"{name} {found} for {pin}")
    needed = sorted(set(missing) & {"torch", "matplotlib", "scikit-learn", "tqdm", "ipywidgets"})
    if needed:
        todo = "python -m pip install -r requirements.txt"
        yield Finding("packages", f"not installed: {', '.join(needed)}", False, todo)
    elif others or missing:
        found = "; ".join([*others, *(f"no {name}" for name in missing)])
        yield Finding("packages", found, True, "not the pinned versions, so numbers may differ in the third digit")
    else:
        yield Finding("packages", f"{len(pins)} as pinned" if pins else "no requirements.txt here to compare with")
    old = tuple(map(int, torch.__version__.split(".")[:2])) < OLDEST_TORCH
    yield Finding("torch", torch.__version__, not old, "torch 2.11 or newer is needed" if old else "")


def _torchvision() -> Iterator[Finding]:
    try:
        found = import_torchvision().__version__
        ours, its = (v.partition("+")[2] for v in (torch.__version__, found))
        yield Finding(
            "torchvision", found if ours == its else f"{found}, of which the course uses what fits this torch"
        )
    except ImportError:
        yield Finding("torchvision", "not installed", True, "needed for mnist, fashion_mnist and kmnist alone")


def _device() -> Iterator[Finding]:
    if torch.cuda.is_available():
        free, total = (n / 1e9 for n in torch.cuda.mem_get_info())
        yield Finding("device", f"{torch.cuda.get_device_name()}, {free:.0f} of {total:.0f} GB free")
    elif torch.backends.mps.is_available():
        yield Finding("device", "Apple GPU; the lessons use the CPU")
    else:
        yield Finding("device", "CPU, which is all the lessons need")


def _threads() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    todo = f"more threads than cores are slow: set OMP_NUM_THREADS={cores}" if threads > cores else ""
    yield Finding("threads", f"{threads} for {cores} cores", True, todo)


def _memory() -> Iterator[Finding]:
    try:
        import psutil  # comes with Jupyter
    except ImportError:
        yield Finding("memory", "not known without psutil")
        return
    free = psutil.virtual_memory().available / 1e9
    low = free < MEMORY
    yield Finding("memory", f"{free:.1f} GB free", True, "a lesson takes 1 GB: close other programs" if low else "")


def _disk() -> Iterator[Finding]:
    folder = files.folder()
    there = next(p for p in (folder, *folder.parents) if p.is_dir())
    free = shutil.disk_usage(there).free / 1e9
    todo = "make room, or downloads and copies may fail" if free < DISK else ""
    if not os.access(there, os.W_OK):
        todo = "data/ cannot be written: make it writable, or set VAE_COURSE_DATA to a folder that has the data"
    yield Finding("disk", f"{free:.1f} GB free for data sets", True, todo)


def _data_sets() -> Iterator[Finding]:
    states = {name: state(name) for name in SETS}
    here = [name for name, found in states.items() if found in READY]
    yield Finding("data sets", f"here: {', '.join(here)}")
    if len(here) < len(SETS):
        others = ", ".join(name for name in SETS if name not in here)
        yield Finding("other data", f"can be fetched with python -m vae_course data NAME: {others}")


def state(name: str) -> str:
    """Where a data set is: "embedded", "here", "in VAE_COURSE_DATA", "to be downloaded" or "needs torchvision".

    Checksums are verified.
    """
    try:
        places = [files.find(file) for file in SETS[name].files()]
    except files.DataError:
        return "needs torchvision"
    if not places:
        return "embedded"
    if not all(places):
        return "to be downloaded"
    return "here" if all(p and p.is_relative_to(files.folder()) for p in places) else "in VAE_COURSE_DATA"


def _arithmetic() -> Iterator[Finding]:
    wrong = [name for name, passed in self_test().items() if not passed]
    todo = "this torch computes wrongly here: reinstall it, and paste `--report` into a question" if wrong else ""
    yield Finding("arithmetic", f"wrong: {', '.join(wrong)}" if wrong else "as it should be", not wrong, todo)


@torch.random.fork_rng(devices=[])
def self_test() -> dict[str, bool]:
    """Numbers that are known otherwise, each with whether this machine finds them. About a second."""
    torch.manual_seed(0)
    q, p = DiagonalNormal(torch.tensor([0.8, -1.5]), torch.tensor([-2.0, 0.7])), StandardNormal(torch.zeros(2))
    z = q.rsample((200_000,))
    ratio = q.log_prob(z) - p.log_prob(z)
    off = (ratio.mean() - torch.distributions.kl_divergence(q, p)).abs() / ratio.std() * len(z) ** 0.5

    exact = LinearGaussian(torch.randn(6, 2, dtype=torch.float64), 0.5)
    x, some_z = exact.marginal.sample((5,)), torch.randn(2, dtype=torch.float64)
    prior = StandardNormal(torch.zeros(2, dtype=torch.float64))
    bayes = exact.likelihood(some_z).log_prob(x) + prior.log_prob(some_z) - exact.posterior(x).log_prob(some_z)

    weight = torch.tensor(0.3, requires_grad=True)
    (gradient,) = torch.autograd.grad(torch.sin(weight) * weight.exp(), weight)
    by_hand = (torch.cos(weight) + torch.sin(weight)) * weight.exp()

    left, right = torch.randn(300, 200), torch.randn(200, 100)
    product = (left.double() @ right.double()).float()

    model = VAE(Encoder((1, 28, 28), 2), Decoder((1, 28, 28), 2))
    bounds = iwae_bound(model, glyphs.draw(4)[0].round(), k=16)
    return {
        "KL divergence": bool(off < 5),
        "Bayes' rule": bool(torch.allclose(bayes, exact.marginal.log_prob(x), rtol=0, atol=1e-9)),
        "gradients": bool(torch.allclose(gradient, by_hand)),
        "matrix product": bool(torch.allclose(left @ right, product, rtol=0, atol=1e-3)),
        "a VAE on glyphs": bool(torch.isfinite(bounds).all()) and bounds.shape == (4,),
    }


def as_question(report: Report) -> str:
    """The report as one block to paste into a question; it names no user and no folder."""
    names = ("numpy", "scipy", "torch", "torchvision", "matplotlib", "scikit-learn", "jupyterlab", "ipywidgets")
    installed = [f"{name} {_version(name)}" for name in names]
    switches = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")
    settings = [f"{name}={os.environ[name]}" for name in switches if name in os.environ]
    if os.environ.get("VAE_COURSE_DATA"):
        settings.append("VAE_COURSE_DATA is set")
    computes = f"CPU instructions {torch.backends.cpu.get_cpu_capability()}; {', '.join(settings) or 'no settings'}"
    text = "\n".join([str(report), "", ", ".join(installed), computes])
    private = {"<data>": os.environ.get("VAE_COURSE_DATA"), "<course>": str(files.COURSE), "~": os.path.expanduser("~")}
    for name, folder in private.items():  # an error that was found may tell a path
        text = text.replace(folder, name) if folder else text
    return f"```text\n{text}\n```"


def _version(name: str) -> str:
    try:
        importlib.invalidate_caches()
        return version(name)
    except PackageNotFoundError:
        return "is not installed"
