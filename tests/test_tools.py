"""The commands: copying lessons for a reader, opening Lab, running and recording, reading claims back."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tests.processes import PATIENCE
from tools import lab, lessons
from vae_course.lessons.checks import claim

SMALL = [
    nbformat.v4.new_markdown_cell("# 99. Try"),
    nbformat.v4.new_code_cell('DATA = "digits"  # images\nSEED = 0  # randomness'),
    nbformat.v4.new_code_cell("from vae_course.lessons.checks import claim\nclaim('seed', SEED, at_most=2)"),
    nbformat.v4.new_code_cell("print(DATA)"),
]


@pytest.fixture
def small(tmp_path):
    book = nbformat.v4.new_notebook(cells=SMALL)
    book.cells[1].metadata["tags"] = ["parameters"]
    path = tmp_path / "99_try.ipynb"
    nbformat.write(book, path)
    return path


def test_claims_are_read_back_as_they_were_printed(capsys):
    claim("one: at most", 1.5, at_most=2)
    claim("two, at least", 1e-7, at_least=-3e-8)
    claim("three   spaces", 1, within=(0, 1e3))
    claim("a fact", True)
    claim("not asserted", 1.0, at_most=None)
    text = capsys.readouterr().out + "✓ right\n○ not answered yet\n✗ a verdict on an answer: 3 items\n"
    output = nbformat.v4.new_output("stream", text=text)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    read = lessons.claims(book)
    assert [(c.holds, c.sentence, c.value, c.relation, c.bound) for c in read if c.holds] == [
        (True, "one: at most", 1.5, "≤", (2.0,)),
        (True, "two, at least", 1e-7, "≥", (-3e-8,)),
        (True, "three   spaces", 1.0, "in", (0.0, 1000.0)),
        (True, "a fact", None, None, None),
    ]
    assert lessons.measured(book) == {
        "one: at most": 1.5, "two, at least": 1e-7, "three   spaces": 1.0, "not asserted": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "relation", "bound", "expected"),
    [
        (1, "≤", (2,), True), (3, "≤", (2,), False), (3, "≥", (2,), True), (1, "≥", (2,), False),
        (1, "in", (0, 2), True), (3, "in", (0, 2), False), (-1, "in", (0, 2), False),
        (True, None, None, True), (False, None, None, False), (None, None, None, False),
        (float("nan"), "≤", (2,), False),
    ],
)  # fmt: skip
def test_holds(value, relation, bound, expected):
    assert lessons.holds(value, relation, bound) is expected


def test_a_lesson_runs_with_another_seed(small):
    book, seconds = lessons.run(small, parameters={"SEED": 2, "DATA": "mnist"})
    assert lessons.claims(book)[0].value == 2
    assert lessons.printed(book).endswith("mnist\n")
    assert "SEED = 2  # randomness" in book.cells[1].source
    assert seconds > 0


def test_a_claim_that_fails_stops_the_run_unless_it_is_to_go_on(small):
    with pytest.raises(Exception, match="this claim does not hold: seed"):
        lessons.run(small, parameters={"SEED": 3})
    book, _ = lessons.run(small, parameters={"SEED": 3}, keep_going=True)
    assert [c.holds for c in lessons.claims(book)] == [False]
    assert lessons.printed(book).endswith("digits\n")


def test_an_unknown_parameter_is_refused(small):
    with pytest.raises(ValueError, match="no single line 'EPOCHS = ...'"):
        lessons.set_parameters(nbformat.read(small, as_version=4), {"EPOCHS": 3})


def test_cleaning_removes_widgets_and_keeps_tags(small):
    book = nbformat.read(small, as_version=4)
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "interactive"}
    book.cells[3].outputs = [nbformat.v4.new_output("display_data", data=view)]
    book.cells[3].metadata.update(tags=[lessons.IGNORED], execution={"started": "now"})
    book.metadata["widgets"] = {}
    lessons.clean(book)
    assert book.cells[3].outputs == []
    assert book.cells[3].metadata == {"tags": [lessons.IGNORED]}
    assert set(book.metadata) == {"kernelspec", "language_info"}


def test_a_reader_gets_each_lesson_once_without_outputs_and_keeps_their_answers(tmp_path):
    assert lab.copy_lessons(tmp_path) == []
    copies = sorted(tmp_path.glob("*.ipynb"))
    assert [c.name for c in copies] == [p.name for p in lessons.find()]
    book = nbformat.read(copies[0], as_version=4)
    assert not any(c.get("outputs") or c.get("execution_count") for c in book.cells)
    book.cells[2].source = "my answer"
    nbformat.write(book, copies[0])
    assert lab.copy_lessons(tmp_path) == []
    assert nbformat.read(copies[0], as_version=4).cells[2].source == "my answer"


def test_a_reader_is_told_of_a_newer_lesson(tmp_path):
    lab.copy_lessons(tmp_path)
    record = tmp_path / lab.COPIED
    old = dict.fromkeys(json.loads(record.read_text()), "an older checksum")
    record.write_text(json.dumps(old))
    assert "has changed since you copied it: make fresh LESSON=" in lab.copy_lessons(tmp_path)[0]
    lab.start_afresh("05", tmp_path)
    assert not [line for line in lab.copy_lessons(tmp_path) if line.startswith("05")]


def test_starting_afresh_keeps_what_was_there(tmp_path):
    lab.copy_lessons(tmp_path)
    mine = tmp_path / lessons.find("05")[0].name
    for number in (1, 2):
        mine.write_text(f"answers {number}")
        assert f"before-{number}.ipynb" in lab.start_afresh("05", tmp_path)
        assert (tmp_path / f"{mine.stem}.before-{number}.ipynb").read_text() == f"answers {number}"
    nbformat.read(mine, as_version=4)
    with pytest.raises(SystemExit, match="LESSON=05"):
        lab.start_afresh("", tmp_path)
    with pytest.raises(SystemExit, match="no lesson starts with '77'"):
        lab.start_afresh("77", tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="needs a process that can be ended with a signal")
def test_lab_listens_on_loopback_and_wants_its_token(tmp_path):
    lab.copy_lessons(tmp_path)
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "BROWSER": "true"}
    command = [*lab.command(tmp_path), "--ServerApp.port=0", "--no-browser"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        info = wait_for(lambda: next((tmp_path / "runtime").glob("jpserver-*.json"), None))
        address = json.loads(info.read_text())
        assert address["hostname"] == "127.0.0.1"
        assert len(address["token"]) >= 32
        url = f"http://127.0.0.1:{address['port']}/api/contents"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            as_soon_as_it_answers(url)
        listing = json.load(urllib.request.urlopen(f"{url}?token={address['token']}", timeout=PATIENCE))
        assert {item["name"] for item in listing["content"]} >= {p.name for p in lessons.find()}
    finally:
        server.terminate()
        server.wait(PATIENCE)


def as_soon_as_it_answers(url):
    """The file that names the port is there a moment before the port is."""
    for _ in range(10 * PATIENCE):
        try:
            return urllib.request.urlopen(url, timeout=PATIENCE)
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError


def wait_for(look, seconds=PATIENCE):
    for _ in range(seconds * 10):
        found = look()
        if found and found.stat().st_size:
            return found
        time.sleep(0.1)
    raise TimeoutError


def test_make_course_prints_a_table_and_leaves_the_recorded_lessons_alone(small, tmp_path, monkeypatch, capsys):
    from tools import course

    monkeypatch.setattr(lessons, "LESSONS", small.parent)
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["course"])
    before = small.read_bytes()
    assert course.main() == 0
    name, seconds, proved = capsys.readouterr().out.splitlines()[2].split()
    assert (name, proved) == ("99_try", "1")
    assert float(seconds) > 0
    assert small.read_bytes() == before
    recorded = nbformat.read(tmp_path / "build" / small.name, as_version=4)
    assert [c.execution_count for c in recorded.cells if c.cell_type == "code"] == [1, 2, 3]


def test_jupyterlab_finds_the_courses_python_and_one_thread_a_kernel(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MAKELEVEL", "1")
    found = lab.environment()
    assert found["OMP_NUM_THREADS"] == "1"
    assert "MAKELEVEL" not in found
    assert shutil.which("python", path=found["PATH"]) == str(Path(sys.executable).with_name("python"))
    monkeypatch.setenv("OMP_NUM_THREADS", "4")  # whoever says so gets more
    assert lab.environment()["OMP_NUM_THREADS"] == "4"
