"""The lessons keep the house rules, and the rules notice what breaks them. (nbval compares the outputs themselves.)"""

import base64
import copy
import io
import json
import re

import nbformat
import pytest
from PIL import Image

from tests.lesson_rules import problems
from tools import lessons

LESSONS = lessons.find()


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_the_lesson_keeps_the_house_rules(path):
    assert problems(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_every_claim_of_the_recorded_lesson_was_printed_and_holds(path):
    book = nbformat.read(path, as_version=4)
    written = sum(len(re.findall(r"^\s*claim\(", c.source, re.M)) for c in book.cells if c.cell_type == "code")
    printed = lessons.claims(book)
    assert len(printed) >= written > 0
    assert all(c.holds for c in printed)


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_every_bound_holds_on_the_recorded_seeds(path):
    """`make seeds` wrote down what each claim measured under five other seeds; the bounds of today must hold there."""
    record = json.loads((lessons.ROOT / "results" / "seeds.json").read_text(encoding="utf-8"))
    measured = record["lessons"][path.stem]
    assert len(record["seeds"]) >= 5
    assert 0 not in record["seeds"]
    for c in lessons.claims(nbformat.read(path, as_version=4)):
        values = measured[c.sentence]
        assert len(values) == len(record["seeds"]), c.sentence
        assert all(lessons.holds(v, c.relation, c.bound) for v in values), (c.sentence, values, c.bound)


def test_every_explorer_has_been_timed():
    record = json.loads((lessons.ROOT / "results" / "explorers.json").read_text(encoding="utf-8"))["lessons"]
    cells = {p.stem: [c.source for c in nbformat.read(p, as_version=4).cells if c.cell_type == "code"] for p in LESSONS}
    explorers = {
        name: sum("vae_course.lessons.explorers" in source for source in sources) for name, sources in cells.items()
    }
    timed = {name: sum(entry.split(",")[0] == name for entry in record) for name in cells}
    assert explorers == timed


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_the_file_is_as_the_recording_tool_writes_it(path):
    book = nbformat.read(path, as_version=4)
    cleaned = copy.deepcopy(book)
    lessons.clean(cleaned)
    assert cleaned == book
    nbformat.validate(book)


def damaged(change):
    book = nbformat.read(lessons.find("05")[0], as_version=4)
    change(book)
    return " ".join(problems(book))


def cell_with(book, word, kind="code"):
    return next(c for c in book.cells if c.cell_type == kind and word in c.source)


def picture_cell(book):
    return next(
        c for c in book.cells if c.cell_type == "code" and any("image/png" in o.get("data", {}) for o in c.outputs)
    )


def blank_png():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def stream(name, text):
    return nbformat.v4.new_output("stream", name=name, text=text)


DAMAGE = {
    "0 texts that say what they show": lambda b: picture_cell(b).metadata.pop("alt"),
    "too few or too many words": lambda b: picture_cell(b).metadata.update(alt=["A curve."]),
    "not run once, in order": lambda b: cell_with(b, "claim(").update(execution_count=None),
    "draws before there is a seed: bernoulli": lambda b: cell_with(b, "torch.bernoulli(grey)").update(
        source="rows = torch.bernoulli(data.train)"
    ),
    "a cell is empty": lambda b: b.cells.append(nbformat.v4.new_markdown_cell(" ")),
    "stores an error": lambda b: picture_cell(b).outputs.append(nbformat.v4.new_output("error", ename="E", evalue="")),
    "stores text on stderr": lambda b: picture_cell(b).outputs.append(stream("stderr", "warning")),
    "lost its picture": lambda b: [o.data.pop("image/png", 0) for o in picture_cell(b).outputs],
    "picture that shows nothing": lambda b: picture_cell(b).outputs[0].data.update({"image/png": blank_png()}),
    "an SVG": lambda b: picture_cell(b).outputs[0].data.update({"image/svg+xml": "<svg/>"}),
    "stores a widget view": lambda b: (
        picture_cell(b).outputs[0].data.update({"application/vnd.jupyter.widget-view+json": {}})
    ),
    "widget state is stored": lambda b: b.metadata.update(widgets={}),
    "a path of one machine": lambda b: picture_cell(b).outputs.append(stream("stdout", "/home/somebody/x")),
    "a claim without a bound": lambda b: picture_cell(b).outputs.append(
        stream("stdout", "· x   1 (measured, not asserted)")
    ),
    "has the tag 'nbval-skip'": lambda b: cell_with(b, "claim(").metadata.update(tags=["nbval-skip"]),
    "is not compared": lambda b: cell_with(b, "claim(").metadata.update(tags=["nbval-ignore-output"]),
    "a comment for nbval": lambda b: cell_with(b, "claim(").update(source="# NBVAL_IGNORE_OUTPUT\nclaim('x', True)"),
    "code cells are long": lambda b: cell_with(b, "claim(").update(source="claim('x', True)\n" * 41),
    "columns": lambda b: cell_with(b, "claim(").update(source="claim('x', True)  #" + "x" * 88),
    "code cells in a row": lambda b: b.cells.extend(
        [nbformat.v4.new_code_cell("1", execution_count=i) for i in (1, 2, 3)]
    ),
    "lines of code": lambda b: [c.update(source=c.source + "\nx = 1" * 9) for c in b.cells if c.cell_type == "code"],
    "words of prose": lambda b: [c.update(source="# 5. A") for c in b.cells if c.cell_type == "markdown"],
    "not 25 to": lambda b: b.update(cells=b.cells[:10]),
    "larger than": lambda b: picture_cell(b).outputs.append(stream("stdout", "x" * 1_000_000)),
    "first cell needs": lambda b: b.cells[0].update(source="# An untitled lesson"),
    "must set DATA and SEED": lambda b: cell_with(b, "SEED = 0").update(source="SEED = 0"),
    "no claim": lambda b: [c.update(source=c.source.replace("claim(", "print(")) for c in b.cells],
    "fewer than three exercises": lambda b: [c.update(source=c.source.replace("check_", "look_")) for c in b.cells],
    "no '**Predict": lambda b: [c.update(source=c.source.replace("**Predict", "Guess")) for c in b.cells],
    "no '**Sources.**'": lambda b: [c.update(source=c.source.replace("**Sources.**", "")) for c in b.cells],
    "a <details> is not closed": lambda b: b.cells[2].update(source="<details>"),
    "not rendered": lambda b: b.cells[2].update(source="<details><summary>a</summary>\ntext\n</details>"),
    "headings skip a level": lambda b: b.cells[2].update(source="#### deep"),
    "MyST directives": lambda b: b.cells[2].update(source=":::{note}\nx\n:::"),
}


@pytest.mark.parametrize("sentence", DAMAGE)
def test_the_rules_notice(sentence):
    assert sentence in damaged(DAMAGE[sentence])
