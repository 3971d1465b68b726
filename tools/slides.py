"""Slides for a lecture from a lesson's cells: `make slides` writes build/slides/NN_name.html (reveal.js, no network).

A cell tagged "slide" is shown. Of its text, headings, formulas, questions, lists, tables and boxes stand on the slide,
and the paragraphs in the speaker's notes (key S), as does the text of cells without the tag. A figure has a slide of
its own, and the code that drew it stands in the notes unless it also printed something.
"""

from __future__ import annotations

import argparse
import html
import re
from pathlib import Path

import nbformat
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from traitlets.config import Config

from tools import lessons, website

SLIDES = lessons.ROOT / "build" / "slides"
LESSONS = ("03", "05", "10")
TAG = "slide"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="reveal/dist/reset.css">
<link rel="stylesheet" href="reveal/dist/reveal.css">
<link rel="stylesheet" href="slides.css">
<script>window.MathJax = {{ tex: {{ inlineMath: [["$", "$"]] }} }};</script>
<script src="mathjax/tex-chtml.js" defer></script>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script src="reveal/dist/reveal.js"></script>
<script src="reveal/plugin/notes/notes.js"></script>
<script>
Reveal.initialize({{ hash: true, slideNumber: "c/t", center: false, width: 1280, height: 720, transition: "none",
  plugins: [RevealNotes] }});
function narrow() {{ // a formula that is wider than the slide
  for (const box of Reveal.getCurrentSlide().querySelectorAll('mjx-container[display="true"]')) {{
    const wide = box.firstElementChild.getBoundingClientRect().width / Reveal.getScale() / box.clientWidth;
    if (wide > 1) box.style.fontSize = `${{75 / wide}}%`;
  }}
}}
Reveal.on("slidechanged", narrow);
window.addEventListener("load", () => MathJax.startup.promise.then(narrow));
</script>
</body>
</html>
"""


def slides_of(book: nbformat.NotebookNode) -> list[str]:
    """The slides as HTML, each with its notes."""
    slides: list[tuple[str, list[str]]] = []
    for cell in book.cells:
        shown = TAG in cell.metadata.get("tags", [])
        if cell.cell_type == "markdown" and shown:
            for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):  # a heading starts a slide
                on_slide, notes = _split(part)
                if on_slide:
                    slides.append((_markdown(on_slide), [_markdown(notes)]))
                elif slides:
                    slides[-1][1].append(_markdown(notes))
        elif cell.cell_type == "markdown" and slides:
            slides[-1][1].append(_markdown(cell.source))
        elif shown:
            slides += _code(cell)
    return [
        f"<section>\n{body}\n<aside class='notes'>\n{chr(10).join(notes)}\n</aside>\n</section>"
        for body, notes in slides
    ]


def _code(cell: nbformat.NotebookNode) -> list[tuple[str, list[str]]]:
    """A slide with the code and what it printed, and one for each figure."""
    text = "".join(o.text for o in cell.outputs if o.output_type == "stream")
    text += "".join(o.data.get("text/plain", "") for o in cell.outputs if "data" in o and "image/png" not in o.data)
    printed = f'<pre class="printed">{html.escape(text)}</pre>' if text else ""
    pictures = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
    code = _highlight(cell.source)
    found: list[tuple[str, list[str]]] = [(code + printed, [])] if printed or not pictures else []
    for png, alt in zip(pictures, cell.metadata.get("alt", [""] * len(pictures)), strict=True):
        source = f"data:image/png;base64,{png.strip()}"
        found.append((f'<img src="{source}" alt="{html.escape(alt)}">', [] if printed else [code]))
    return found


def _split(source: str) -> tuple[str, str]:
    """What stands on the slide, and the paragraphs, which go to the notes."""
    blocks = re.split(
        r"\n\s*\n", re.sub(r"<details>.*?</details>", lambda m: m[0].replace("\n\n", "\n\0\n"), source, flags=re.DOTALL)
    )
    kept, notes = [], []
    for block in blocks:
        block = block.replace("\0", "")
        heading, _, rest = block.partition("\n") if block.startswith("#") else ("", "", block)
        if heading:
            kept.append(heading)
        if re.match(r"(\$\$|[-*] |\d+\. |\||> |<details|\*\*Predict)", rest.lstrip()):
            kept.append(rest)
        elif "$$" in rest:
            kept += re.findall(r"\A\s*\*\*[^*]+\*\*", rest)  # what it is about
            kept += re.findall(r"\$\$.*?\$\$", rest, re.DOTALL)
            notes.append(rest)
        elif rest.strip():
            notes.append(rest)
    if notes and all(block.startswith("#") for block in kept):  # a heading alone would be an empty slide
        kept.append(notes.pop(0))
    return "\n\n".join(kept), "\n\n".join(notes)


def _markdown(text: str) -> str:
    return markdown2html_mistune(text)


def _highlight(code: str) -> str:
    return Highlight2HTML(config=Config())(code, language="python")


def write(number: str, into: Path = SLIDES) -> Path:
    """Write a lesson's slides into a folder, with what they need beside them. Returns the file."""
    (path,) = lessons.find(number)
    book = nbformat.read(path, as_version=4)
    into.mkdir(parents=True, exist_ok=True)
    slides = slides_of(book)
    if not slides:
        raise SystemExit(f"no cell of {path.name} is tagged {TAG!r}")
    page = PAGE.format(title=html.escape(book.cells[0].source.splitlines()[0].lstrip("# ")), slides="\n".join(slides))
    target = into / f"{path.stem}.html"
    target.write_text(page, encoding="utf-8")
    (into / "slides.css").write_text(
        (lessons.ROOT / "site" / "slides.css").read_text(encoding="utf-8"), encoding="utf-8"
    )
    website.scripts("MathJax", into / "mathjax")
    website.scripts("reveal.js", into / "reveal")
    return target


def main() -> None:
    """Write the slides of the lessons named, or of those that were prepared for lectures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", nargs="*", default=LESSONS, help="numbers, as 03")
    parser.add_argument("--into", type=Path, default=SLIDES)
    arguments = parser.parse_args()
    for number in arguments.lessons:
        print(write(number, arguments.into.resolve()))


if __name__ == "__main__":
    main()
