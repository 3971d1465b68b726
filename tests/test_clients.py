"""Other programs that read, run and convert notebooks: each does what it says with a lesson, or with a small one."""

import json
import subprocess
import sys

import jupytext
import nbconvert
import nbformat
import pytest

from tools import lessons, recording

QUICK = lessons.find("00")[0]  # the shortest

SMALL = [
    nbformat.v4.new_markdown_cell("# 99. Try\n\n$\\log p(x)$"),
    nbformat.v4.new_code_cell('DATA = "digits"  # images\nSEED = 0  # randomness', metadata={"tags": ["parameters"]}),
    nbformat.v4.new_code_cell("print(DATA, SEED)  # torch would take more time than all the rest"),
]


@pytest.fixture
def small(tmp_path):
    """A notebook as the recording tool writes it, and nothing of this machine's own Jupyter."""
    book = nbformat.v4.new_notebook(cells=SMALL)
    lessons.clean(book)
    lessons.write(book, tmp_path / "99_try.ipynb")
    return tmp_path / "99_try.ipynb"


def run(*command, folder):
    own = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**recording.environment(), **own, "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def printed(path):
    return lessons.printed(nbformat.read(path, as_version=4))


def test_papermill_gives_parameters(small, tmp_path):
    run(
        "papermill",
        small,
        tmp_path / "out.ipynb",
        "-p",
        "SEED",
        7,
        "-k",
        "python3",
        "--no-progress-bar",
        folder=tmp_path,
    )
    assert printed(tmp_path / "out.ipynb") == "digits 7\n"


def test_papermill_finds_the_parameters_of_a_lesson(tmp_path):
    told = run("papermill", "--help-notebook", QUICK, folder=tmp_path)
    assert "SEED" in told
    assert "DATA" in told


def test_jupyter_execute_runs_it_in_place(small, tmp_path):
    run("jupyter", "execute", "--inplace", small, folder=tmp_path)
    assert printed(small) == "digits 0\n"


@pytest.mark.parametrize("exporter", ["HTMLExporter", "SlidesExporter"])
def test_nbconvert_makes_a_page_and_slides(exporter):
    page, _ = getattr(nbconvert, exporter)().from_filename(str(QUICK))
    assert "this machine is ready for the course" in page
    assert page.count("data:image/png;base64") >= 5


def test_nbconvert_makes_a_script_that_is_called_py_and_runs(small, tmp_path):
    run("jupyter", "nbconvert", "--to", "script", "--output-dir", tmp_path, small, folder=tmp_path)
    done = subprocess.run([sys.executable, "99_try.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "digits 0\n"), done.stderr


@pytest.mark.parametrize("path", lessons.find(), ids=lambda p: p.stem)
def test_every_lesson_is_a_script_that_python_can_read(path):
    source, resources = nbconvert.PythonExporter().from_filename(str(path))
    assert resources["output_extension"] == ".py"
    compile(source, path.name, "exec")


def test_jupytext_goes_there_and_back():
    book = nbformat.read(QUICK, as_version=4)
    back = jupytext.reads(jupytext.writes(book, fmt="py:percent"), fmt="py:percent")
    assert [(c.cell_type, c.source) for c in back.cells] == [(c.cell_type, c.source) for c in book.cells]
    assert [c.metadata.get("tags") for c in back.cells] == [c.metadata.get("tags") for c in book.cells]
    assert json.loads(nbformat.writes(book))["metadata"]["language_info"]["file_extension"] == ".py"
