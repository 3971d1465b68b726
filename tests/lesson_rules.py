"""The house rules of a lesson that can be checked, and the holes that nbval leaves: `problems(book)`.

The reasons stand in CONTRIBUTING.md.
"""

import ast
import base64
import io
import itertools
import json
import re
import statistics

import nbformat
from PIL import Image

COLUMNS = 88  # of a line of code
LONGEST, NINETY_PERCENT, MEDIAN = 40, 20, 8  # lines of a code cell
CELLS, LINES, WORDS = (25, 85), 350, (900, 3400)
SIZE = 1_000_000  # bytes, with outputs
DRAWING = {
    "bernoulli", "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "normal", "multinomial", "sample",
    "rsample", "train_batch", "Encoder", "Decoder", "VAE", "Linear", "Conv2d",
}  # fmt: skip
TAGS = {"parameters", "nbval-ignore-output", "slide", "thumbnail"}
MAY_BE_IGNORED = ("doctor.examine", "explorers", "interact", "_sliders", "time.perf_counter", "torch.device", "cuda")


def problems(book: nbformat.NotebookNode) -> list[str]:
    """What is wrong with a recorded lesson, one sentence each."""
    rules = (executed, seeded, outputs, alternatives, markers, shape, anatomy)
    return [problem for rule in rules for problem in rule(book)]


def code_cells(book):
    return [c for c in book.cells if c.cell_type == "code"]


def prose(book):
    return "\n\n".join(c.source for c in book.cells if c.cell_type == "markdown")


def executed(book):
    """nbval skips cells without an execution count."""
    counts = [c.execution_count for c in code_cells(book)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"cells were not run once, in order, from a fresh kernel: {counts}"
    if not all(c.source.strip() for c in book.cells):
        yield "a cell is empty"


def seeded(book):
    """What is drawn before there is a seed is another thing each time."""
    for cell in code_cells(book):
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                continue
            called = {name for node in ast.walk(statement) if isinstance(node, ast.Call) for name in _names(node.func)}
            if "manual_seed" in called:
                return
            if called & DRAWING:
                yield f"cell {cell.execution_count} draws before there is a seed: {sorted(called & DRAWING)[0]}"


def _names(function):
    return {getattr(function, "id", None) or getattr(function, "attr", "")}


def outputs(book):
    """nbval neither compares nor looks for pictures, and accepts a stored error."""
    for cell in code_cells(book):
        for output in cell.outputs:
            where = f"cell {cell.execution_count}"
            data = output.get("data", {})
            if output.output_type == "error":
                yield f"{where} stores an error"
            if output.get("name") == "stderr":
                yield f"{where} stores text on stderr"
            if data.get("text/plain", "").startswith("<Figure") and "image/png" not in data:
                yield f"{where} lost its picture"
            if "image/png" in data and not _shows_something(data["image/png"]):
                yield f"{where} stores a picture that shows nothing"
            if "image/svg+xml" in data:
                yield f"{where} stores an SVG, which never matches"
            if "application/vnd.jupyter.widget-view+json" in data:
                yield f"{where} stores a widget view"
            text = json.dumps(output)
            if re.search(r"/(home|root|tmp|Users|work|runner|var)/|[A-Z]:\\\\", text.replace("image/png", "")):
                yield f"{where} stores a path of one machine"
            if "not asserted" in output.get("text", ""):
                yield f"{where} has a claim without a bound"
    if "widgets" in book.metadata:
        yield "widget state is stored"


def alternatives(book):
    """A reader who cannot see a figure is told what it shows: in the metadata of its cell, "alt": [text, ...]."""
    for cell in code_cells(book):
        pictures = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        texts = cell.metadata.get("alt", [])
        if len(texts) != pictures:
            yield f"cell {cell.execution_count} has {pictures} pictures and {len(texts)} texts that say what they show"
        if not all(60 <= len(text) <= 320 for text in texts):
            yield f"cell {cell.execution_count} says what a picture shows in too few or too many words"


def _shows_something(encoded):
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("L")
    low, high = picture.getextrema()
    return high > low


def markers(book):
    """A tag or comment can tell nbval not to look."""
    for cell in code_cells(book):
        tags = set(cell.metadata.get("tags", []))
        if tags - TAGS:
            yield f"cell {cell.execution_count} has the tag {sorted(tags - TAGS)[0]!r}"
        if "nbval-ignore-output" in tags and not any(word in cell.source for word in MAY_BE_IGNORED):
            yield f"cell {cell.execution_count} is not compared, though it shows no widget, timing or device"
        if re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)", cell.source, re.IGNORECASE):
            yield f"cell {cell.execution_count} has a comment for nbval"


def shape(book):
    """Small cells, with words between them."""
    lengths = [sum(bool(line.strip()) for line in c.source.splitlines()) for c in code_cells(book)]
    ordered = sorted(lengths)
    if ordered[-1] > LONGEST or ordered[int(0.9 * len(ordered))] > NINETY_PERCENT:
        yield f"code cells are long: the longest has {ordered[-1]} lines"
    if statistics.median(ordered) > MEDIAN:
        yield f"the median code cell has {statistics.median(ordered)} lines"
    if sum(lengths) > LINES:
        yield f"there are {sum(lengths)} lines of code, more than {LINES}"
    if not CELLS[0] <= len(book.cells) <= CELLS[1]:
        yield f"there are {len(book.cells)} cells, not {CELLS[0]} to {CELLS[1]}"
    words = len(prose(book).split())
    if not WORDS[0] <= words <= WORDS[1]:
        yield f"there are {words} words of prose, not {WORDS[0]} to {WORDS[1]}"
    wide = [line for c in code_cells(book) for line in c.source.splitlines() if len(line) > COLUMNS]
    if wide:
        yield f"a line of code has {len(wide[0])} columns: {wide[0].strip()[:40]}"
    kinds = "".join("c" if c.cell_type == "code" else "m" for c in book.cells)
    if "ccc" in kinds:
        yield "more than two code cells in a row"
    if len(nbformat.writes(book)) > SIZE:
        yield f"the lesson is larger than {SIZE // 1000} kB"


def anatomy(book):
    """Title, table, parameters, predictions, claims, exercises, wrap-up, sources."""
    first, text = book.cells[0].source, prose(book)
    if not re.match(r"# \d+\. \S", first) or "reading time" not in first or "run time" not in first:
        yield "the first cell needs a title '# 5. Verb …' and the table with reading and run time"
    parameters = [c.source for c in book.cells if "parameters" in c.metadata.get("tags", [])]
    if len(parameters) != 1 or not re.search(r'^DATA = "', parameters[0], re.M) or "SEED = 0" not in parameters[0]:
        yield "one cell tagged 'parameters' must set DATA and SEED = 0"
    names = [n.func for c in code_cells(book) for n in ast.walk(ast.parse(c.source)) if isinstance(n, ast.Call)]
    called = [getattr(f, "id", getattr(f, "attr", "")) for f in names]
    if called.count("claim") < 1:
        yield "there is no claim"
    if sum(name.startswith("check_") for name in called) < 3:
        yield "there are fewer than three exercises with a check"
    for needed in ("**Predict before you run.**", "**Sources.**", "## Exercises", "## In this lesson we"):
        if needed not in text:
            yield f"there is no {needed!r}"
    if text.count("<details>") != text.count("</details>") or text.count("<details>") != text.count("<summary>"):
        yield "a <details> is not closed, or has no <summary>"
    if re.search(r"</summary>\n(?!\n)", text) or re.search(r"[^\n]\n</details>", text):
        yield "folded text needs a blank line after </summary> and before </details>, or it is not rendered"
    levels = [len(m[1]) for m in re.finditer(r"^(#+) ", re.sub(r"```.*?```", "", text, flags=re.S), re.M)]
    if levels.count(1) != 1 or any(b - a > 1 for a, b in itertools.pairwise(levels)):
        yield f"headings skip a level, or there is not one title: {levels}"
    if re.search(r"^:::|^```\{|\{(math|ref|numref|cite)\}`", text, re.M):
        yield "MyST directives show raw in JupyterLab"
