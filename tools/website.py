"""The website, from the executed lessons, with the network off: `make site` writes build/site/index.html.

`--into FOLDER` writes elsewhere. Warnings are errors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import time
from importlib.metadata import distribution
from pathlib import Path

import nbformat
from sphinx.cmd.build import build_main

from tools import lessons, pages

BUILD = lessons.ROOT / "build"
SCRIPTS = pages.SITE / "scripts.json"


def scripts(name: str, into: Path) -> None:
    """Copy a script library that a Python package brings along, MathJax or reveal.js; its files are verified first.

    Raises SystemExit where a file is not the one whose checksum is written down in site/scripts.json.
    """
    known = json.loads(SCRIPTS.read_text(encoding="utf-8"))[name]
    root = Path(str(distribution(known["package"]).locate_file(known["folder"])))
    for file, checksum in known["sha256"].items():
        content = (root / file).read_bytes()
        if hashlib.sha256(content).hexdigest() != checksum:
            raise SystemExit(f"{file} of {known['package']} is not the file whose checksum is in {SCRIPTS.name}")
        target = into / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def write_sources(into: Path) -> None:
    """The pages that Sphinx reads: a folder made anew."""
    shutil.rmtree(into, ignore_errors=True)
    books = {path: nbformat.read(path, as_version=4) for path in lessons.find()}
    static = into / "_static"
    for folder in (into / "lessons", into / "api", static / "thumbnails"):
        folder.mkdir(parents=True)
    for path, book in books.items():
        lessons.write(pages.lesson(path), into / "lessons" / path.name)
        (static / "thumbnails" / f"{path.name[:2]}.png").write_bytes(pages.thumbnail(book))
    texts = {
        "index.md": pages.map_of(books),
        "claims.md": pages.claims(books),
        "glossary.md": pages.glossary_page(),
        "start.md": pages.start(),
        "instructors.md": pages.from_root("INSTRUCTORS.md"),
        "about.md": pages.about(),
        "references.bib": pages.references(),
        **pages.api(),
    }
    for name, text in texts.items():
        (into / name).write_text(text, encoding="utf-8")
    for name in ("conf.py", "bibliography.md"):
        shutil.copy(pages.SITE / name, into)
    shutil.copytree(pages.SITE / "static", static, dirs_exist_ok=True)
    results = into / "results"
    results.mkdir()
    shutil.copy(lessons.ROOT / "results" / "latent_space.png", results)
    scripts("MathJax", static / "mathjax")


def build(into: Path) -> int:
    """Write the website into a folder. Returns Sphinx's exit status: not 0 where there was a warning."""
    source = BUILD / "site-source"
    write_sources(source)
    shutil.rmtree(into, ignore_errors=True)
    doctrees = BUILD / "site-doctrees"
    shutil.rmtree(doctrees, ignore_errors=True)
    return build_main(["-b", "html", "-W", "--keep-going", "-q", "-d", str(doctrees), str(source), str(into)])


def main() -> None:
    """Write it, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=BUILD / "site")
    into = parser.parse_args().into.resolve()
    start = time.perf_counter()
    if build(into):
        sys.exit("the website has warnings: see above")
    print(f"{into / 'index.html'}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
