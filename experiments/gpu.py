"""A quarter of an hour on a GPU: all that the course wants to know from one, the most important first.

python3 experiments/gpu.py --minutes 9 --out DIR          on a machine with a CUDA device
python3 experiments/gpu.py --rehearse --out DIR           all of it, small, on a CPU

It needs no network and none of the course's environment: torch (2.11 or newer), torchvision, numpy, scipy,
scikit-learn, matplotlib, tqdm and pytest are enough. MNIST, for the table, is looked for in data/ and in the folder
that VAE_COURSE_DATA names. Each result is a file in DIR as soon as it is known; those that go into results/ have the
name that they have there.

1. tests    tests/test_gpu.py: what only a CUDA device can show
2. bench    experiments/bench.py: loops, limits of the device, kernels, memory             -> bench_cuda.json
3. table    Burda's net for k = 1, 5 and 50, as many passes as the time allows             -> iwae_table1.json, weights
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "experiments")]
os.environ.setdefault("TQDM_DISABLE", "1")

import bench  # noqa: E402
import iwae_table1  # noqa: E402
import records  # noqa: E402

from vae_course import console, doctor  # noqa: E402
from vae_course.data import Dataset, load  # noqa: E402
from vae_course.training import devices  # noqa: E402

# One learning rate, batch and number of passes for every k: what reached the published number on a CPU.
BATCH_SIZE, PEAK_RATE, PASSES = 250, 4e-3, 560
WORTH_IT = 100  # passes; a schedule shorter than that says nothing about a table made of 3,280
MEASURING = 30  # seconds kept for what follows the training of one k


class Session:
    """What is left of the time, and a file for everything that was found."""

    def __init__(self, minutes: float, out: Path, rehearse: bool) -> None:
        self.end, self.out, self.rehearse = time.monotonic() + 60 * minutes, out, rehearse
        self.where = devices.pick("cpu" if rehearse else "cuda")
        self.summary: dict[str, Any] = {}
        if rehearse:
            bench.COMPILER = "aot_eager"
        out.mkdir(parents=True, exist_ok=True)
        records.RESULTS = out

    def seconds_left(self) -> float:
        return self.end - time.monotonic()

    def run(self, name: str, part: Callable[[Session], Any]) -> None:
        """One part; whatever happens in it, the next one has its turn, and the summary is on disk."""
        print(f"\n== {name}, {self.seconds_left():.0f} s left", flush=True)
        start = time.monotonic()
        try:
            found = part(self)
        except (Exception, KeyboardInterrupt):
            found = {"stopped by": traceback.format_exc().strip().splitlines()[-1]}
            traceback.print_exc()
        self.summary[name] = {"seconds": round(time.monotonic() - start, 1), "found": found}
        command = "python experiments/gpu.py " + " ".join(sys.argv[1:])
        records.write("gpu_summary.json", {**records.provenance(command, self.where), "parts": self.summary})


def tests(session: Session) -> dict[str, Any]:
    """tests/test_gpu.py alone: no plugin, no conftest, no cache, for these need more than is there."""
    command = [sys.executable, "-m", "pytest", "tests/test_gpu.py", "-q", "-rA", "--tb=short", "--noconftest"]
    command += ["-o", "addopts=", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    told = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT), "GPU_TESTS_ON": session.where.type}
    limit = max(10, session.seconds_left())
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **told}, capture_output=True, text=True, timeout=limit, check=False
    )
    (session.out / "gpu_tests.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    print(done.stdout[-3000:])
    return {"exit status": done.returncode, "said": done.stdout.strip().splitlines()[-1:]}


def benchmarks(session: Session) -> dict[str, Any]:
    """bench.py within a third of the time. Returns, for each model, the fastest loop and what bounds it."""
    seconds = session.seconds_left() / 10  # for each of three models; kernels and compiling come on top
    arguments = ["--device", session.where.type, "--record", "--seconds", f"{1 if session.rehearse else seconds:.0f}"]
    small = ["--n-train", "30", "--batch-size", "10", "--rounds", "1"]
    arguments += small if session.rehearse else ["--n-train", "20000"]
    if bench.main(arguments):
        raise RuntimeError("the bench refused")
    name = f"bench_{session.where.type}{'_10' if session.rehearse else ''}.json"
    found = json.loads((session.out / name).read_text(encoding="utf-8"))
    return {name: bound(model["loops"], found["limits"]) for name, model in found["models"].items()}


def bound(loops: dict[str, Any], limits: dict[str, float]) -> dict[str, Any]:
    """The fastest loop, and the shares of its step that arithmetic and launching would take alone, for all loops."""
    shares = {}
    for loop, m in loops.items():
        counted = m.get("kernels of a step", m.get("operators of a step", 0))
        shares[loop] = {
            "step (µs)": round(1e6 * m["seconds of a step"], 1),
            "share of peak": round(m["share of peak"], 4),
            "launches, one after another": round(counted * limits["seconds per launch"] / m["seconds of a step"], 2),
        }
    return {"fastest": max(loops, key=lambda loop: loops[loop]["images per second"]), "loops": shares}


def table(session: Session) -> dict[str, Any]:
    """k = 1, then 5 and 50: the whole schedule where it fits into the time, else a shorter one, said so."""
    data = small_data() if session.rehearse else mnist()
    if data is None:
        return {"left out": "MNIST's files are not at hand: put them into data/, or name their folder"}
    found: dict[str, Any] = {}
    for k in (1, 5, 50):
        options = iwae_table1.parse(["--k", str(k), "--batch-size", str(BATCH_SIZE), "--lr", str(PEAK_RATE)])
        options.device, options.graph = str(session.where), session.where.type == "cuda"
        options.passes = 2 if session.rehearse else passes_that_fit(session, options, k, data)
        if options.passes < WORTH_IT and not session.rehearse:
            found[f"k = {k}"] = f"left out: time for {options.passes} passes only"
            break
        record = iwae_table1.reproduce(options, k, data, samples=50 if session.rehearse else 5_000)
        path = session.out / "iwae_table1.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        records.write(path.name, known | {f"1 layer, k = {k}": record})
        nll = next(value["nll"] for name, value in record.items() if name.startswith("-L_"))
        found[f"k = {k}"] = {
            "passes": options.passes, "seconds of training": round(record["seconds of training"], 1),
            "nll": nll, "published": record["published"], "reached": nll <= iwae_table1.PUBLISHED[k][0],
        }  # fmt: skip
        print(f"k = {k}: {found[f'k = {k}']}", flush=True)
    return found


def mnist() -> Dataset | None:
    if doctor.state("mnist") not in doctor.READY:
        return None
    return load("mnist", binarize="draw")


def small_data() -> Dataset:
    """The rehearsal's: glyphs, as large as MNIST's images, and of few of them few draws."""
    iwae_table1.SUBSET, iwae_table1.SUBSET_K, iwae_table1.REPETITIONS = 20, 20, 2
    return load("glyphs", binarize="draw", n_train=500, n_test=40)


def passes_that_fit(session: Session, options: argparse.Namespace, k: int, data: Dataset) -> int:
    """As many passes as there is time for, at most PASSES: measured on eight passes over an eighth of the images."""
    part = dataclasses.replace(data, train=data.train[: len(data.train) // 8])
    trials = [argparse.Namespace(**{**vars(options), "passes": n}) for n in (2, 2, 10)]  # the first one warms up
    _, short, long = (iwae_table1.train(trial, k, part)[1].seconds for trial in trials)
    one = max(long - short, 1e-3)
    return min(PASSES, int((session.seconds_left() - MEASURING * (1 + k / 50)) / one))


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 where every part ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="to be ended in this time")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--rehearse", action="store_true", help="all of it small, on the CPU")
    options = parser.parse_args(arguments)
    console.replace_unknown_characters()
    try:
        session = Session(options.minutes, options.out.resolve(), options.rehearse)
    except OSError as error:
        print(f"gpu.py: --out {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"gpu.py: {error}; --rehearse runs all of it small, on the CPU", file=sys.stderr)
        return 1
    if hasattr(signal, "setitimer"):  # training stops with what it has learned, and is measured
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, max(1.0, session.seconds_left() - MEASURING))
    for name, part in (("tests", tests), ("bench", benchmarks), ("table", table)):
        session.run(name, part)
    print(json.dumps(session.summary, indent=1, ensure_ascii=False))
    stopped = [n for n, p in session.summary.items() if "stopped by" in p["found"] or p["found"].get("exit status")]
    return 1 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
