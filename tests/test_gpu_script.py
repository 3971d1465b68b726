"""experiments/gpu.py, rehearsed on the CPU in an environment that has only what a hosted GPU machine has."""

import importlib.metadata
import json
import os
import subprocess
import venv

import pytest
from packaging.requirements import Requirement

from tools import lessons

THERE = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "matplotlib", "tqdm", "pytest")


def with_what_they_need(names):
    """The distributions of that name and all that they require here."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(name)
        required = map(Requirement, found[name].requires or ())
        waiting += [r.name.lower() for r in required if not r.marker or r.marker.evaluate({"extra": ""})]
    return found.values()


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The python of an environment with these packages alone, as links to those that are installed here."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in with_what_they_need(THERE):
        for top in {file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))
    return folder / "bin" / "python"


def run(python, *arguments):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(python), "-W", "ignore", *map(str, arguments)],
        cwd=python.parent,
        env=environment,
        capture_output=True,
        text=True,
    )


pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs links to files")


def test_nothing_else_is_there(bare):
    for name in ("torch", "sklearn", "pytest"):
        assert run(bare, "-c", f"import importlib.util as u; assert u.find_spec({name!r})").returncode == 0
    for name in ("nbval", "ipywidgets", "IPython", "jupyter_core", "vae_course"):
        assert run(bare, "-c", f"import importlib.util as u; assert u.find_spec({name!r})").returncode != 0


def test_all_of_it_is_rehearsed(bare, tmp_path):
    done = run(bare, lessons.ROOT / "experiments" / "gpu.py", "--rehearse", "--out", tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    summary = json.loads((tmp_path / "gpu_summary.json").read_text(encoding="utf-8"))
    assert list(summary["parts"]) == ["tests", "bench", "table"]
    assert summary["versions"]["torch"]

    said = (tmp_path / "gpu_tests.txt").read_text(encoding="utf-8")
    assert "9 passed" in said
    assert "skipped" not in said

    bench = json.loads((tmp_path / "bench_cpu_10.json").read_text(encoding="utf-8"))
    assert len(bench["models"]) == 3
    assert bench["limits"]["bytes per second"] > 1e8
    for model in bench["models"].values():
        assert {"customary", "resident", "fused", "bfloat16", "fit", "fit, all"} <= set(model["loops"])
        assert all(loop["images per second"] > 0 for loop in model["loops"].values())

    table = json.loads((tmp_path / "iwae_table1.json").read_text(encoding="utf-8"))
    assert set(table) == {f"1 layer, k = {k}" for k in (1, 5, 50)}
    for record in table.values():
        assert 0 < record["-L_50"]["nll"] < 600
        assert (tmp_path / record["weights"]).stat().st_size > 100_000


def test_without_a_device_it_says_so(bare, tmp_path):
    done = run(bare, lessons.ROOT / "experiments" / "gpu.py", "--out", tmp_path)
    if done.returncode == 0:
        pytest.skip("there is a CUDA device")
    assert done.returncode == 1
    assert done.stderr.startswith("gpu.py: there is no device 'cuda' here")
    assert len(done.stderr.splitlines()) == 1
