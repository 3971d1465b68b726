"""A reader's first minutes, in a real browser: JupyterLab opens a lesson, runs it, and a slider moves its figure.

Skipped where there is no Chromium: the sentence of the skip says what to install. On failure, a screenshot and what the
browser's console and the server said are kept in build/browser/.
"""

import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import nbformat
import psutil
import pytest

from tests.browser import MINUTE, QUIET
from tools import lab, lessons

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which requirements.txt names")

KEPT = lessons.ROOT / "build" / "browser"
REDRAWN = 10 * MINUTE


@pytest.fixture(scope="module")
def desk(chromium, tmp_path_factory):
    """JupyterLab as `make lab` starts it, on a reader's copy of the lessons: its folder, address, token and process."""
    folder, settings = tmp_path_factory.mktemp("my_lessons"), tmp_path_factory.mktemp("settings")
    lab.copy_lessons(folder)
    # Nothing of this machine's own Jupyter comes in, and nothing is written there.
    own = {f"JUPYTER_{kind}_DIR": str(settings / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(settings / "ipython"), "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces")}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(settings / "user-settings")}
    command = [*lab.command(folder, first_time=True), "--no-browser", "--ServerApp.port=0"]
    command.append("--LabApp.expose_app_in_browser=True")
    log = settings / "server.log"
    with log.open("wb") as out, ended_with_all_it_started():
        server = subprocess.Popen(
            command,
            env={**lab.environment(), "TQDM_DISABLE": "1", **own},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        info = wait_for_server(server, settings / "runtime", log)
        yield SimpleNamespace(
            folder=folder, log=log, process=psutil.Process(server.pid), token=info["token"], url=info["url"].rstrip("/")
        )


def wait_for_server(server, runtime, log, seconds=900):
    for _ in range(seconds * 5):
        assert server.poll() is None, f"JupyterLab ended by itself:\n{log.read_text()}"
        with contextlib.suppress(StopIteration, ValueError):  # not written yet, or not whole
            return json.loads(next(runtime.glob("jpserver-*.json")).read_text())
        time.sleep(0.2)
    raise TimeoutError(f"JupyterLab did not start within {seconds} s:\n{log.read_text()}")


@contextlib.contextmanager
def ended_with_all_it_started():
    """Whatever happens inside, no process that was started there is left.

    Not by the process group: each kernel leads one of its own, which a signal to the server's would not reach.
    """
    before = set(psutil.Process().children())
    try:
        yield
    finally:
        mine = [p for p in psutil.Process().children() if p not in before]
        all_of_them = {*mine, *(p for process in mine for p in descendants(process))}
        for process in mine:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()  # JupyterLab then ends its kernels itself
        _, alive = psutil.wait_procs(all_of_them, timeout=60)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=60)


def descendants(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


@contextlib.contextmanager
def opened(name, desk, chromium):
    """A page of a headless browser in which the notebook is open and its kernel ready."""
    said = []
    with ended_with_all_it_started(), playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=QUIET, timeout=10 * MINUTE)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(10 * MINUTE)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))
        try:
            page.goto(f"{desk.url}/lab/tree/{name}?token={desk.token}&reset")  # with no notebook beside it
            page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.content?.widgets?.length > 0")
            # An idle kernel is not enough: a notebook that was just loaded may not know it yet.
            ask(
                page,
                """const panel = window.jupyterapp.shell.currentWidget
                await window.jupyterapp.started
                await Promise.all([panel.context.ready, panel.revealed, panel.sessionContext.ready])
                await panel.sessionContext.session.kernel.info""",
            )
            yield page
        except (AssertionError, playwright.Error) as error:
            kept = keep(page, name, said, desk)
            raise AssertionError(f"{error}\n{kept}") from error
        finally:
            with contextlib.suppress(playwright.Error):
                browser.close()


def keep(page, name, said, desk):
    """Write down what there is to see after a failure. Returns the sentence that names the files."""
    KEPT.mkdir(parents=True, exist_ok=True)
    picture, log = (KEPT / name).with_suffix(".png"), (KEPT / name).with_suffix(".log")
    server = desk.log.read_text(errors="replace").replace(desk.token, "(the token)")
    log.write_text("\n".join(["Console of the browser:", *said, "", "JupyterLab:", server]), encoding="utf-8")
    try:
        page.screenshot(path=picture, timeout=MINUTE)
    except playwright.Error as error:
        return f"see {log} (no screenshot: {error})"
    return f"see {picture} and {log}"


def ask(page, body, argument=None, minutes=10):
    """Run the body of an async JavaScript function and return its result; page.evaluate alone would wait for ever."""
    page.evaluate(
        "argument => { window.answer = undefined; const work = async () => {" + body + "};"
        " work().then(value => (window.answer = {value}), error => (window.answer = {error: String(error)})) }",
        argument,
    )
    page.wait_for_function("window.answer !== undefined", polling=200, timeout=minutes * MINUTE)
    answer = page.evaluate("window.answer")
    assert "error" not in answer, answer["error"]
    return answer.get("value")


def run_all(page):
    """Run all cells as the menu does, and return them as they then are."""
    ask(page, "await window.jupyterapp.commands.execute('notebook:run-all-cells')", minutes=45)
    cells = page.evaluate("window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells")
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    return cells


def assert_all_ran(cells):
    code = [c for c in cells if c["cell_type"] == "code" and c["source"].strip()]
    for cell in code:
        errors = [f"{o['ename']}: {o['evalue']}" for o in cell["outputs"] if o["output_type"] == "error"]
        assert not errors, f"a cell shows an error: {errors}\n{cell['source']}"
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1)), "a cell has not run, or twice"


PIXELS = """cell => {
    const picture = document.querySelector(cell + ' img.widget-image')
    if (!picture?.complete || !picture.naturalWidth) return null
    const canvas = Object.assign(document.createElement('canvas'),
                                 {width: picture.naturalWidth, height: picture.naturalHeight})
    canvas.getContext('2d').drawImage(picture, 0, 0)
    return canvas.toDataURL()
}"""


def assert_a_slider_moves_its_figure(page, position):
    """The first slider that a cell shows, moved with the arrow keys there and back again."""
    cell = f"[data-tried='{position}']"
    handle, readout = (page.locator(f"{cell} {part}").first for part in (".noUi-handle", ".widget-readout"))
    picture = page.locator(f"{cell} img.widget-image")
    for patience in (5, 10, 20, 40, 80):  # figures above that are still loading push the cell out of sight again
        ask(
            page,
            """const notebook = window.jupyterapp.shell.currentWidget.content
            notebook.widgets[argument].node.dataset.tried = argument
            notebook.activeCellIndex = argument
            await notebook.scrollToItem(argument, 'start')""",
            position,
        )
        with contextlib.suppress(playwright.TimeoutError):
            handle.wait_for(state="visible", timeout=patience * 1000)
            break
    assert handle.is_visible(), "no slider is shown"
    picture.wait_for(state="visible")
    before, value = page.evaluate(PIXELS, cell), readout.inner_text()
    for key, moved in (("ArrowRight", True), ("ArrowLeft", False)):
        for _ in range(3):
            handle.press(key)
        try:
            page.wait_for_function(
                f"([cell, before, moved]) => {{ const now = ({PIXELS})(cell);"
                " return now && (now !== before) === moved }",
                arg=[cell, before, moved],
                polling=200,
                timeout=REDRAWN,
            )
        except playwright.TimeoutError:
            assert (readout.inner_text() != value) == moved, f"{key} does not move the slider from {value}"
            verdict = "does not follow the slider" if moved else "is another one when the slider is back"
            raise AssertionError(f"the figure {verdict}") from None


def assert_a_pointer_dragged_over_the_map_moves_the_sliders(page, position):
    cell = f"[data-tried='{position}']"
    values = page.locator(f"{cell} .widget-readout")
    before = values.all_inner_texts()
    picture = page.locator(f"{cell} img.widget-image")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 3  # the map is on the left
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x - 4 * step, y - 3 * step)
        page.wait_for_timeout(150)
    page.mouse.up()
    page.wait_for_function(
        "([cell, before]) => [...document.querySelectorAll(cell + ' .widget-readout')]"
        ".every((e, i) => e.innerText !== before[i])",
        arg=[cell, before],
        polling=200,
        timeout=REDRAWN,
    )


def listening(process):
    """Where a process and all that it started accept connections: {(address, port)}."""
    found = set()
    for p in [process, *descendants(process)]:
        found |= {tuple(c.laddr) for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    return found


def test_lab_listens_on_loopback_alone_and_turns_away_who_has_no_token(desk):
    assert {address for address, _ in listening(desk.process)} == {"127.0.0.1"}
    assert desk.url.startswith("http://127.0.0.1:")
    name = next(desk.folder.glob("*.ipynb")).name
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{desk.url}/api/contents/{name}", timeout=600)
    assert "/login?next=" in urllib.request.urlopen(f"{desk.url}/lab/tree/{name}", timeout=600).url
    assert "/lab/tree/" in urllib.request.urlopen(f"{desk.url}/lab/tree/{name}?token={desk.token}", timeout=600).url


def test_lab_opens_on_lesson_00_the_first_time_and_does_not_ask_for_news(desk):
    opened_first = urllib.request.urlopen(f"{desk.url}/?token={desk.token}", timeout=600).url
    assert opened_first.startswith(f"{desk.url}/lab/tree/00_start_here.ipynb")
    plugin = f"{desk.url}/lab/api/settings/@jupyterlab/apputils-extension:notification?token={desk.token}"
    schema = json.load(urllib.request.urlopen(plugin, timeout=600))["schema"]["properties"]
    assert (schema["fetchNews"]["default"], schema["checkForUpdates"]["default"]) == ("false", False)


# The check of an exercise, and an answer that is wrong.
EXERCISES = {
    "00": ("check_home_of", "def home_of(codes, labels, digit):\n    return codes.mean(dim=0)"),
    "05": ("check_draw_images", "def draw_images(model, n):\n    return model.prior.sample((n,))"),
}


@pytest.mark.parametrize("number", EXERCISES)
def test_a_lesson_runs_in_a_browser_its_slider_moves_and_its_exercise_answers(number, desk, chromium):
    (lesson,) = lessons.find(number)
    with opened(lesson.name, desk, chromium) as page:
        cells = run_all(page)
        assert_all_ran(cells)
        sliders = next(i for i, c in enumerate(cells) if c["cell_type"] == "code" and "latent_sliders(" in c["source"])
        assert_a_slider_moves_its_figure(page, sliders)
        assert_a_pointer_dragged_over_the_map_moves_the_sliders(page, sliders)
        assert {address for address, _ in listening(desk.process)} == {"127.0.0.1"}  # its kernel's ports, too
        assert_an_exercise_answers(page, cells, *EXERCISES[number])


def assert_an_exercise_answers(page, cells, check, wrong):
    """Not answered yet, then a wrong answer and why, then the folded solution, as a reader types them."""
    place = next(i for i, c in enumerate(cells) if c["cell_type"] == "code" and f"checks.{check}(" in c["source"])
    assert said(cells[place]).startswith("○")
    call = cells[place]["source"][cells[place]["source"].rindex("_ = ") :]
    solution = re.search(r"```python\n(.*?)```", cells[place + 1]["source"], re.DOTALL)[1]
    for answer, verdict in ((wrong, "✗"), (solution, "✓")):
        cell = ask(
            page,
            """const notebook = window.jupyterapp.shell.currentWidget.content
            notebook.activeCellIndex = argument.place
            notebook.widgets[argument.place].model.sharedModel.setSource(argument.source)
            await window.jupyterapp.commands.execute('notebook:run-cell')
            return notebook.widgets[argument.place].model.sharedModel.toJSON()""",
            {"place": place, "source": f"{answer}\n\n\n{call}"},
        )
        assert said(cell).startswith(verdict), said(cell)


def said(cell):
    return "".join("".join(o["text"]) for o in cell["outputs"] if o["output_type"] == "stream")


SLIDERS = """\
from itertools import count
from matplotlib.figure import Figure
from vae_course.lessons.explorers import latent_sliders

calls = count()

def draw(z1, z2):
    figure = Figure(figsize=(2, 2))
    figure.subplots().plot([0, {height}])
    return figure

latent_sliders(draw)"""


def test_what_goes_wrong_in_a_browser_is_noticed(desk, chromium, monkeypatch, tmp_path):
    """A slider that moves nothing, a figure that changes by itself, a cell that fails; and there is a picture of it."""
    sources = [SLIDERS.format(height="z2"), SLIDERS.format(height="next(calls)"), "1 / 0", "'never reached'"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    lessons.clean(book)  # which names the kernel, or Lab would ask for it
    lessons.write(book, desk.folder / "99_wrong.ipynb")
    monkeypatch.setitem(globals(), "KEPT", tmp_path)
    monkeypatch.setitem(globals(), "REDRAWN", 3000)
    with pytest.raises(AssertionError) as failed, opened("99_wrong.ipynb", desk, chromium) as page:
        cells = run_all(page)
        assert_all_ran(cells[:2])
        with pytest.raises(AssertionError, match="the figure does not follow the slider"):
            assert_a_slider_moves_its_figure(page, 0)
        with pytest.raises(AssertionError, match="the figure is another one when the slider is back"):
            assert_a_slider_moves_its_figure(page, 1)
        with pytest.raises(AssertionError, match="a cell has not run"):
            assert_all_ran([c for c in cells if c["source"] != "1 / 0"])
        assert_all_ran(cells)
    assert "a cell shows an error: ['ZeroDivisionError" in str(failed.value)
    assert str(tmp_path / "99_wrong.png") in str(failed.value)
    assert (tmp_path / "99_wrong.png").read_bytes().startswith(b"\x89PNG")
    assert "Console of the browser:\n" in (tmp_path / "99_wrong.log").read_text(encoding="utf-8")
