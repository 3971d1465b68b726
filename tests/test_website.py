"""The website and the slides: built once, read as files, and looked at in a real browser."""

import functools
import html
import http.server
import json
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlparse

import nbformat
import pytest

from tests.browser import MINUTE, QUIET
from tools import lessons, pages, slides, website

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which requirements.txt names")

KEPT = lessons.ROOT / "build" / "browser"
WIDTHS = {"desktop": (1300, 900), "phone": (390, 800)}
BOOKS = {path: nbformat.read(path, as_version=4) for path in lessons.find()}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The website, written once."""
    into = tmp_path_factory.mktemp("site")
    assert website.build(into) == 0, "Sphinx has warnings"
    return into


@pytest.fixture(scope="module")
def deck(tmp_path_factory):
    """The slides of the lessons that are prepared for lectures."""
    into = tmp_path_factory.mktemp("slides")
    return [slides.write(number, into) for number in slides.LESSONS]


class Page(HTMLParser):
    """What a page says without any script: its text, headings, pictures, links and anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.headings, self.pictures, self.links, self.anchors, self.fetched = [], [], [], [], set(), []
        self.silent, self.in_article = 0, False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.anchors.update(filter(None, [a.get("id"), a.get("name")]))
        if tag in ("script", "style"):
            self.silent += 1
        self.in_article |= tag == "article"
        if re.fullmatch("h[1-6]", tag) and self.in_article:
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(a)
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        self.fetched += [a[name] for name in ("src", "data") if name in a]
        if tag == "link" and a.get("rel") not in ("search", "index", "next", "prev", "genindex", "canonical"):
            self.fetched.append(a["href"])

    def handle_endtag(self, tag):
        self.in_article &= tag != "article"
        if tag in ("script", "style"):
            self.silent -= 1

    def handle_data(self, data):
        if not self.silent:
            self.text.append(data)


@pytest.fixture(scope="module")
def read(site):
    """Each page of the website, by its path from the top."""
    return {
        str(path.relative_to(site)): Page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts
    }


def squeezed(text):
    return re.sub(r"\s+", "", html.unescape(text))


def test_no_lesson_loses_content_where_there_is_no_script(read):
    for path, book in BOOKS.items():
        text = squeezed("".join(read[f"lessons/{path.stem}.html"].text))
        for cell in book.cells:
            if cell.cell_type == "code":
                assert squeezed(cell.source) in text, cell.source
                for output in cell.outputs:
                    assert squeezed(output.get("text", "")) in text
            else:
                for word in re.findall(
                    r"(?<![\w$\\])[A-Za-z]{4,}(?![\w$])",
                    re.sub(r"\$.*?\$|<[^>]*>|\]\([^)]*\)|```python", " ", cell.source),
                ):
                    assert word in text, word


def test_every_figure_has_a_text_alternative(read):
    shown = 0
    for name, page in read.items():
        for picture in page.pictures:
            if "thumbnails/" in picture["src"] or name == "py-modindex.html":
                continue  # the link around it has a text; the other is Sphinx's own
            assert len(picture.get("alt", "")) >= 60, f"{name}: {picture}"
            shown += name.startswith("lessons/")
    assert shown == sum(len(pages.figures(book)) for book in BOOKS.values())


def test_headings_are_in_order(read):
    for name, page in read.items():
        if name.startswith(("genindex", "py-modindex", "search")):
            continue
        assert page.headings[0] == 1, name
        assert page.headings.count(1) == 1, name
        assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False)), name


def test_every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere(site, read):
    for name, page in read.items():
        for link in [*page.links, *page.fetched]:
            address, anchor = urldefrag(link)
            if urlparse(address).scheme in ("http", "https"):
                assert link not in page.fetched, f"{name} fetches {link}"
                continue
            if urlparse(address).scheme == "data" or not (address or anchor):
                continue
            target = (site / name).parent / unquote(urlparse(address).path) if address else site / name
            assert target.exists(), f"{name}: {link}"
            if anchor and target.suffix == ".html":
                other = read[str(target.resolve().relative_to(site.resolve()))]
                assert unquote(anchor) in other.anchors, f"{name}: {link}"


def test_all_claims_of_the_recorded_lessons_are_listed(site):
    listed = re.findall(r"<tr[^>]*><td><p>(.*?)</p></td>", (site / "claims.html").read_text(encoding="utf-8"))
    claims = [claim.sentence for book in BOOKS.values() for claim in lessons.claims(book)]
    assert len(listed) == len(claims) > 300
    assert [squeezed(re.sub(r"<[^>]*>", "", row)) for row in listed] == list(map(squeezed, claims))


def test_the_api_shows_every_module(read):
    modules = {p.stem for p in (lessons.ROOT / "vae_course").glob("*.py")} - {"__init__", "__main__"}
    assert {f"api/vae_course.{module}.html" for module in modules} <= set(read)


def test_a_script_that_is_another_one_is_refused(monkeypatch, tmp_path):
    known = json.loads(website.SCRIPTS.read_text(encoding="utf-8"))
    known["reveal.js"]["sha256"]["dist/reveal.js"] = "0" * 64
    (tmp_path / "scripts.json").write_text(json.dumps(known))
    monkeypatch.setattr(website, "SCRIPTS", tmp_path / "scripts.json")
    with pytest.raises(SystemExit, match="is not the file whose checksum"):
        website.scripts("reveal.js", tmp_path)


# Terms and sources


def a_lesson(tmp_path, *cells):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text) for text in ("# 1. Title", *cells)])
    lessons.write(book, tmp_path / "99_x.ipynb")
    return [c.source for c in pages.lesson(tmp_path / "99_x.ipynb").cells][1:]


def test_a_term_is_linked_once_and_never_in_code_formulas_or_headings(tmp_path, monkeypatch):
    entry = {"term": "posterior collapse", "also": ["collapse", "collapses"], "symbol": "", "lesson": "10", "text": "…"}
    monkeypatch.setattr(pages, "glossary", lambda: [entry])
    kept = "## Collapse\n\n`collapse` $collapse$ [collapse](x) | \n\n| collapse |\n\n```\ncollapse\n```"
    first, second, sources = a_lesson(
        tmp_path, kept, "It collapses. Posterior collapse.", "**Sources.** Collapse, 2019."
    )
    assert first == kept
    assert second == "It {term}`collapses <posterior collapse>`. Posterior collapse."
    assert sources == "**Sources.** Collapse, 2019."


def test_other_lessons_are_linked(tmp_path):
    assert a_lesson(tmp_path, "See lesson 05, and lesson 99.") == [
        "See [lesson 05](05_variational_autoencoder.ipynb), and lesson 99."
    ]


def test_every_term_occurs_in_the_lesson_that_introduces_it():
    prose = {p.name[:2]: "\n".join(c.source for c in book.cells).lower() for p, book in BOOKS.items()}
    for entry in pages.glossary():
        spellings = [entry["term"].partition(" (")[0], *entry["also"]]
        words = [[word for word in spelling.lower().split() if len(word) > 2] for spelling in spellings]
        assert any(all(word in prose[entry["lesson"]] for word in each) for each in words), entry["term"]


def test_the_bibliography_holds_every_work_that_has_a_number_and_says_where_it_is_named():
    text = (pages.SITE / "references.bib").read_text(encoding="utf-8")
    entries = re.split(r"\n@", "\n" + text)[1:]
    prose = {p.name[:2]: "\n".join(c.source for c in book.cells) for p, book in BOOKS.items()}
    numbers = set(re.findall(r"\b\d{4}\.\d{4,5}\b", " ".join(re.findall(r"arXiv[^a-z]*", " ".join(prose.values())))))
    assert numbers <= set(re.findall(r"eprint\s*=\s*\{([^}]*)\}", text))
    for entry in entries:
        assert re.search(r"\b(doi|eprint|isbn|url)\s*=\s*\{[^}]+\}", entry), entry
        named = re.search(r"lessons\s*=\s*\{([^}]*)\}", entry)[1].split(", ")
        assert named, entry
        assert set(named) <= set(prose), entry


# In a browser


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser(chromium):
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=chromium, args=QUIET, timeout=10 * MINUTE)
        yield started
        started.close()


@pytest.fixture
def browse(browser):
    """Opens addresses of a folder in Chromium: browse(folder, ...).open(name)."""
    opened = []

    def start(folder, size=WIDTHS["desktop"], javascript=True):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base, wrong = f"http://127.0.0.1:{server.server_port}/", []
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, java_script_enabled=javascript)
        page = context.new_page()
        page.set_default_timeout(10 * MINUTE)
        page.on("response", lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(f"uncaught: {error}"))
        page.on("request", lambda r: None if r.url.startswith((base, "data:")) else wrong.append(f"fetched {r.url}"))
        opened.append((server, context))
        return SimpleNamespace(page=page, wrong=wrong, open=lambda name: page.goto(base + name))

    yield start
    for server, context in opened:
        context.close()
        server.shutdown()


def keep(page, name):
    """A screenshot, for whoever reads the failure."""
    KEPT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=KEPT / f"{name.replace('/', '_')}.png")
    return f"see {KEPT / name.replace('/', '_')}.png"


TYPESET = "async () => { await MathJax.startup.promise; return document.querySelectorAll('mjx-container').length }"


@pytest.mark.parametrize("size", WIDTHS)
def test_pages_run_without_errors_and_fit(size, site, browse):
    here = browse(site, WIDTHS[size])
    for name in ("index.html", "lessons/03_elbo.html", "claims.html", "glossary.html", "api/vae_course.models.html"):
        here.open(name)
        if name.startswith("lessons/"):
            assert here.page.evaluate(TYPESET) > 50, keep(here.page, name)
        width = here.page.evaluate("document.documentElement.scrollWidth")
        assert width <= WIDTHS[size][0], f"{name} is {width} pixels wide; {keep(here.page, name)}"
        assert not here.wrong, f"{name}: {here.wrong}; {keep(here.page, name)}"


def test_the_search_finds_a_term(site, browse):
    here = browse(site)
    here.open("search.html?q=reparameterization")
    here.page.locator("#search-results li a").first.wait_for()
    assert "lessons/04_reparameterization.html" in here.page.content()
    assert not here.wrong


def test_without_javascript_a_lesson_still_shows(site, browse):
    here = browse(site, javascript=False)
    here.open("lessons/03_elbo.html")
    assert here.page.locator("h2", has_text="Second road: what exactly is missing?").is_visible()
    here.page.locator("summary", has_text="Think first, then open").first.click()
    assert here.page.locator("details[open] p").first.is_visible()


def test_slides_advance_fit_and_fetch_nothing(deck, browse):
    for path in deck:
        here = browse(path.parent, (1280, 720))
        here.open(path.name)
        assert here.page.evaluate(TYPESET) > 5
        total = here.page.evaluate("Reveal.getTotalSlides()")
        assert total >= 20
        here.page.keyboard.press("ArrowRight")
        here.page.wait_for_function("Reveal.getSlidePastCount() === 1")
        for number in range(total):
            here.page.evaluate(f"Reveal.slide({number})")
            wide, high = here.page.evaluate("(s => [s.scrollWidth, s.scrollHeight])(Reveal.getCurrentSlide())")
            assert wide <= 1280, f"slide {number + 1} of {path.name}: {keep(here.page, path.stem)}"
            assert high <= 720, f"slide {number + 1} of {path.name}: {keep(here.page, path.stem)}"
        assert not here.wrong, here.wrong


def test_what_is_not_on_a_slide_is_in_its_notes():
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("## Why?\n\nA paragraph.\n\n$$a = b$$", metadata={"tags": ["slide"]}),
            nbformat.v4.new_markdown_cell("Said aloud."),
            nbformat.v4.new_code_cell("hidden = 1"),
            nbformat.v4.new_code_cell("shown = 2", metadata={"tags": ["slide"]}),
        ]
    )
    first, second = slides.slides_of(book)
    on_slide, notes = first.split("<aside")
    assert "Why?" in on_slide
    assert "a = b" in on_slide
    assert "A paragraph." in notes
    assert "Said aloud." in notes
    assert "shown" in second
    assert "hidden" not in first + second
