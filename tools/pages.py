"""What the website shows, as text: a lesson as a page, the map, the claims, the glossary, the API."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image

from tools import lessons

SITE = lessons.ROOT / "site"
SEEDS = lessons.ROOT / "results" / "seeds.json"
WIDTH = 480  # pixels of a thumbnail
# Where nothing may be linked: code, formulas, tags, links, headings, rows of tables, sources.
_KEPT = re.compile(
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$]*\$|<[^>]+>|!?\[[^\]]*\]\([^)]*\)|^#.*?$|^\|.*?$|\*\*[^*]*\*\*",
    re.DOTALL | re.MULTILINE,
)
_LESSON = re.compile(r"\b([Ll]essons?) (\d\d)\b")
MOVED = "*In JupyterLab, sliders stand here. The figure above shows where they start.*"


def glossary() -> list[dict[str, Any]]:
    """The terms: term, also (other spellings), symbol, lesson, text."""
    return json.loads((SITE / "glossary.json").read_text(encoding="utf-8"))


def title(book: nbformat.NotebookNode) -> str:
    """The lesson's title, without its number."""
    return book.cells[0].source.splitlines()[0].removeprefix("# ").partition(". ")[2]


def promise(path: Path) -> str:
    """What one can do after the lesson, from the README's table."""
    readme = (lessons.ROOT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if f"(notebooks/{path.name})" in line)
    return re.split(r"(?<!\\)\|", row)[2].strip().replace("\\|", "|")


def lesson(path: Path) -> nbformat.NotebookNode:
    """A lesson as the website shows it: terms and lessons linked, a text alternative beside each figure."""
    book = nbformat.read(path, as_version=4)
    unlinked, done = {_key(spelling): e["term"] for e in glossary() for spelling in _spellings(e)}, set[str]()
    spellings = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, _longest(unlinked)))})(?![\w-])", re.IGNORECASE)

    def term(match: re.Match[str]) -> str:
        name = unlinked.get(_key(match[0]))
        if name is None or name in done:
            return match[0]
        done.add(name)
        return f"{{term}}`{match[0]} <{name}>`"

    def other(match: re.Match[str]) -> str:
        found = sorted(lessons.LESSONS.glob(f"{match[2]}_*.ipynb"))
        return f"[{match[0]}]({found[0].name})" if found and found[0] != path else match[0]

    def link(text: str) -> str:
        return _LESSON.sub(other, spellings.sub(term, text))

    cells = []
    for number, cell in enumerate(book.cells):
        if cell.cell_type == "markdown" and number:
            body, sources, rest = cell.source.partition("**Sources.**")
            cell.source = _outside(_KEPT, body, link) + sources + rest
        if "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": " ".join(cell.metadata.pop("alt"))}}
        cells.append(cell)
        if lessons.IGNORED in cell.metadata.get("tags", []) and not cell.outputs:
            cells.append(nbformat.v4.new_markdown_cell(MOVED, id=f"{cell.id}-moved"))
    book.cells = cells
    return book


def _outside(kept: re.Pattern[str], text: str, change: Any) -> str:
    """The text with `change` applied to all that `kept` does not match."""
    parts, end = [], 0
    for match in kept.finditer(text):
        parts += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(text[end:])])


def _spellings(entry: dict[str, Any]) -> list[str]:
    return [entry["term"], *entry["also"]]


def _key(spelling: str) -> str:
    """What a spelling has in common with others: all but capital letters, and these too in an abbreviation, as EM."""
    return spelling if spelling.isupper() else " ".join(spelling.lower().split())


def _longest(spellings: Iterable[str]) -> list[str]:
    return sorted(spellings, key=len, reverse=True)


def thumbnail(book: nbformat.NotebookNode) -> bytes:
    """A PNG of the lesson's figure that is tagged "thumbnail", or of its first; WIDTH pixels wide at most."""
    pictures = [(cell, output.data["image/png"]) for cell, output in figures(book)]
    chosen = next((png for cell, png in pictures if "thumbnail" in cell.metadata.get("tags", [])), pictures[0][1])
    picture = Image.open(io.BytesIO(base64.b64decode(chosen))).convert("RGB")
    picture.thumbnail((WIDTH, WIDTH))
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def figures(book: nbformat.NotebookNode) -> list[tuple[nbformat.NotebookNode, nbformat.NotebookNode]]:
    """Each figure's cell and output."""
    code = (cell for cell in book.cells if cell.cell_type == "code")
    return [(cell, output) for cell in code for output in cell.outputs if "image/png" in output.get("data", {})]


def map_of(books: dict[Path, nbformat.NotebookNode]) -> str:
    """The front page: what the course is, and a card for each lesson."""
    readme = (lessons.ROOT / "README.md").read_text(encoding="utf-8")
    intro = readme.partition("\n\n")[2].partition("\n![")[0].strip()
    cards = []
    for path, book in books.items():
        number, name = path.name[:2], html.escape(title(book))
        cards.append(
            f'<a class="card" href="lessons/{path.stem}.html">\n'
            f'<img src="_static/thumbnails/{number}.png" alt="" width="240">\n'
            f'<span class="card-number">{number}</span> <span class="card-title">{name}</span>\n'
            f'<span class="card-text">You can afterwards {html.escape(_plain(promise(path)))}.</span>\n</a>'
        )
    contents = "\n".join(f"lessons/{path.stem}" for path in books)
    return f"""# Variational autoencoders

{intro}

## The lessons

<div class="cards">
{chr(10).join(cards)}
</div>

## Beside the lessons

* [Install and run](start.md): two commands, data, longer experiments.
* [For instructors](instructors.md): plans for a term, questions with the answers to expect, slides.
* [All claims](claims.md), each with its lesson, value, bound, and worst value under five other seeds.
* [Glossary and symbols](glossary.md), and [one bibliography](bibliography.md).
* [The helper package](api/index.rst), and [how all this is verified](about.md).

```{{toctree}}
:hidden:
:caption: Lessons

{contents}
```

```{{toctree}}
:hidden:
:caption: Beside the lessons

start
instructors
claims
glossary
bibliography
api/index
about
```
"""


def _plain(markdown: str) -> str:
    return re.sub(r"[*`$\\]", "", markdown).strip().rstrip(".")


def claims(books: dict[Path, nbformat.NotebookNode]) -> str:
    """Every claim of the recorded lessons, and how near its bound the five other seeds came."""
    seeds = json.loads(SEEDS.read_text(encoding="utf-8"))["lessons"]
    parts, total = [], 0
    for path, book in books.items():
        rows = lessons.claims(book)
        total += len(rows)
        recorded = seeds.get(path.stem, {})
        parts.append(
            f"## [{path.name[:2]} {title(book)}](lessons/{path.name})\n\n| claim | value | bound | five seeds |"
        )
        parts.append("|---|---|---|---|")
        for claim in rows:
            spread = _range(recorded.get(claim.sentence))
            cells = (claim.sentence, _value(claim), _bound(claim), spread)
            parts.append(f"| {' | '.join(map(_cell, cells))} |")
        parts.append("")
    return f"""# All claims

Each lesson states what it found as a claim with a bound, and raises an error where the bound does not hold. Continuous
integration runs them all. Here is each of the {total} claims, as recorded; the last column is the range of its values
under five other seeds (`results/seeds.json`). A claim without a bound is an exact fact.

{chr(10).join(parts)}"""


def _value(claim: lessons.Claim) -> str:
    return "true" if claim.value is None else f"{claim.value:.4g}"


def _bound(claim: lessons.Claim) -> str:
    if claim.bound is None:
        return "exact"
    low_high = [f"{bound:g}" for bound in claim.bound]
    return f"{low_high[0]} to {low_high[1]}" if len(low_high) == 2 else f"{claim.relation} {low_high[0]}"


def _range(values: list[Any] | None) -> str:
    if not values:
        return ""
    if any(isinstance(v, bool) for v in values):
        return "true" if all(values) else "not always"
    low, high = (f"{number:.4g}" for number in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _cell(text: str) -> str:
    """Text as it stands, in a cell of a Markdown table."""
    return re.sub(r"([\\`*_{}\[\]<>$|#])", r"\\\1", text)


def glossary_page() -> str:
    """Terms and symbols, each with the lesson that introduces it."""
    names = {path.name[:2]: path.name for path in lessons.find()}
    terms = []
    for entry in glossary():
        where = f"[lesson {entry['lesson']}](lessons/{names[entry['lesson']]})"
        also = [word for word in entry["also"] if _key(word) != _key(entry["term"]) + "s"]
        symbol = f" ${entry['symbol']}$." if entry.get("symbol") else ""
        others = f" Also: {', '.join(also)}." if also else ""
        terms.append(f"{entry['term']}\n  {entry['text']}{symbol}{others} Introduced in {where}.\n")
    symbols = json.loads((SITE / "symbols.json").read_text(encoding="utf-8"))
    rows = []
    for s in symbols:
        symbol, code = s["symbol"].replace("|", "\\mid "), f"`{s['code']}`" if s["code"] else ""
        rows.append(f"| ${symbol}$ | {s['meaning']} | {code} | [{s['lesson']}](lessons/{names[s['lesson']]}) |")
    return f"""# Glossary and symbols

## Terms

```{{glossary}}
{chr(10).join(terms)}
```

## Symbols

| symbol | meaning | in code | lesson |
|---|---|---|---|
{chr(10).join(rows)}
"""


def about() -> str:
    """How the course is verified, and which script libraries lie beside the pages, with their checksums."""
    known = json.loads((SITE / "scripts.json").read_text(encoding="utf-8"))
    rows = []
    for name, library in known.items():
        main = next(iter(library["sha256"]))
        rows.append(
            f"| [{name}]({library['home']}) {library['version']} | {library['licence']} | `{library['package']}` "
            f"| `{main}` {library['sha256'][main]} | {len(library['sha256'])} |"
        )
    return f"""{(SITE / "about.md").read_text(encoding="utf-8").strip()}

## Scripts beside the pages

Formulas are set by MathJax, slides are shown by reveal.js. Both come in Python packages that `requirements.txt` pins,
and each file is compared with a checksum before it is copied (`site/scripts.json` has them all).

| library | licence | from the package | its main file, sha256 | files |
|---|---|---|---|---|
{chr(10).join(rows)}
"""


def references() -> str:
    """The bibliography's entries, with a note of the lessons that name them."""
    entries = []
    for entry in re.split(r"\n(?=@)", (SITE / "references.bib").read_text(encoding="utf-8")):
        notes = re.findall(r"\bnote = \{([^}]*)\}", entry)
        entry = re.sub(r"  note = \{[^}]*\},?\n", "", entry)
        entries.append(
            re.sub(r"\blessons = \{([^}]*)\}", lambda m: f"note = {{{'; '.join([*notes, f'Lessons {m[1]}'])}}}", entry)  # noqa: B023
        )
    return "\n".join(entries)


def api() -> dict[str, str]:
    """A page for each module of the package, and their index."""
    package = lessons.ROOT / "vae_course"
    modules = sorted(
        ".".join(path.relative_to(lessons.ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
        if path.name != "__main__.py" and path != package / "__init__.py"
    )
    directive = ".. automodule:: {}\n   :members:\n   :special-members: __call__\n"
    pages = {f"api/{name}.rst": f"{name}\n{'=' * len(name)}\n\n{directive.format(name)}" for name in modules}
    listed = "\n".join(f"   {module}" for module in modules)
    pages["api/index.rst"] = (
        "The helper package\n==================\n\nWhat a lesson has built by hand, later ones import from here.\n\n"
        f".. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    )
    return pages


def from_root(name: str) -> str:
    """README.md or INSTRUCTORS.md as a page: its links lead to the pages, and to nothing that is not there."""
    text = (lessons.ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"\]\(notebooks/([^)]*\.ipynb)\)", r"](lessons/\1)", text)
    pages = {"INSTRUCTORS.md": "instructors.md", "README.md": "start.md"}
    text = re.sub(r"\]\((INSTRUCTORS\.md|README\.md)\)", lambda m: f"]({pages[m[1]]})", text)
    return re.sub(r"\[([^\]]*)\]\((?!lessons/|https?:|#|instructors|start)[^)]*\)", r"\1", text)


def start() -> str:
    """The README from its first section on, without the table of lessons, which is the front page."""
    text = from_root("README.md")
    before, _, after = text.partition("\n## The lessons\n")
    return "# Install and run\n" + before[before.index("\n## ") :] + after[after.index("\n## ") :]
