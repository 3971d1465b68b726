"""files.py: a file is whole, verified and under its name, or there is one sentence; nothing half-done is left."""

import errno
import hashlib
import io
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.processes import PATIENCE
from vae_course.data import files
from vae_course.data.files import DataError, File, fetch, find

CONTENT = bytes(range(250)) * 400
CORRUPT = CONTENT[:-1] + b"?"
HALF = len(CONTENT) // 2
NAME = "set/some.gz"
CHILD = (
    "import sys; from pathlib import Path; from vae_course.data import files\n"
    "files.folder = lambda: Path(sys.argv[1])\n"
    "print(files.fetch(files.File(sys.argv[2], sys.argv[3], (sys.argv[4],))))"
)


def md5(content):
    return "md5:" + hashlib.md5(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/good, /wrong, /half (announces more than it sends), /slow (stalls), /together (waits for a second reader)."""

    def do_GET(self):
        name = self.path.strip("/")
        self.server.asked.append(name)
        if name == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CORRUPT[:HALF] if name == "wrong" else CONTENT[:HALF])
        if name == "half":
            return
        if name == "slow":
            self.server.hurry.wait(PATIENCE)
        if name == "together":
            self.server.both.wait(PATIENCE)
        self.wfile.write(CORRUPT[HALF:] if name == "wrong" else CONTENT[HALF:])

    def log_message(self, *_):
        pass


class Server(ThreadingTCPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, *_):
        """A reader that was killed is no news."""


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as served:
        served.asked, served.hurry, served.both = [], threading.Event(), threading.Barrier(2)
        served.url = f"http://127.0.0.1:{served.server_address[1]}/"
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.hurry.set()
        served.shutdown()


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    """A data folder and a shared one of the test's own; `course(data=..., shared=...)` puts contents there."""
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VAE_COURSE_DATA", str(tmp_path / "shared"))
    monkeypatch.setattr(files, "folder", lambda: tmp_path / "data")

    def put(**contents):
        for folder, content in contents.items():
            if content is not None:
                path = tmp_path / folder / NAME
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return tmp_path

    yield put
    assert not list(tmp_path.rglob(f"*.{os.getpid()}.part"))


def refused(*urls):
    """The sentence of a file that cannot be had."""
    with pytest.raises(DataError) as caught:
        fetch(File(NAME, md5(CONTENT), urls))
    assert "\n" not in str(caught.value)
    assert Path(NAME).name in str(caught.value)
    return str(caught.value)


def test_where_files_are_looked_for(monkeypatch, tmp_path):
    monkeypatch.undo()
    assert files.folder() == files.COURSE / "data"
    monkeypatch.setattr(files, "COURSE", tmp_path)  # as if the package were installed elsewhere
    monkeypatch.chdir(tmp_path)
    assert files.folder() == Path.cwd() / "data"
    monkeypatch.setenv("VAE_COURSE_DATA", "~/sets")
    assert files.shared_folder() == Path.home() / "sets"
    monkeypatch.setenv("VAE_COURSE_DATA", "~nobody_has_this_name/sets")
    assert files.shared_folder() == Path("~nobody_has_this_name/sets")
    monkeypatch.setenv("VAE_COURSE_DATA", "")
    assert files.shared_folder() is None


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_in_the_data_folder_is_used_as_it_lies(course, server, algorithm):
    path = course(data=CONTENT, shared=CORRUPT) / "data" / NAME
    file = File(NAME, f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}", (server.url + "good",))
    assert fetch(file) == find(file) == path
    assert not server.asked


def test_a_file_in_vae_course_data_is_copied_and_nothing_downloaded(course, server):
    root = course(shared=CONTENT)
    file = File(NAME, md5(CONTENT), (server.url + "good",))
    assert find(file) == root / "shared" / NAME
    assert not (root / "data").exists()
    assert fetch(file) == find(file) == root / "data" / NAME
    assert (root / "data" / NAME).read_bytes() == (root / "shared" / NAME).read_bytes() == CONTENT
    assert not server.asked


@pytest.mark.parametrize(
    ("mirrors", "asked"),
    [(["good"], 1), (["missing", "half", "wrong", "good", "good"], 4)],
    ids=["the first mirror", "three mirrors that fail, then one that works"],
)
def test_a_download_gives_the_right_bytes(course, server, mirrors, asked):
    path = fetch(File(NAME, md5(CONTENT), tuple(server.url + m for m in mirrors)))
    assert path == course() / "data" / NAME
    assert path.read_bytes() == CONTENT
    assert server.asked == mirrors[:asked]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


CLOSED = "http://127.0.0.1:9/"  # nobody listens there
WRONG = {  # what lies in the two folders, what there is to download, and what is said of it
    "corrupt in the data folder": ({"data": CORRUPT}, None, f"had {md5(CORRUPT)} and was set aside as some.gz.bad"),
    "truncated in the data folder": ({"data": CONTENT[:-1]}, None, f"had {md5(CONTENT[:-1])} and was set aside"),
    "empty in the data folder": ({"data": b""}, None, f"had {md5(b'')} and was set aside"),
    "corrupt in VAE_COURSE_DATA": ({"shared": CORRUPT}, None, f"{NAME} has {md5(CORRUPT)}"),
    "missing everywhere": ({}, None, "(VAE_COURSE_DATA) does not have it"),
    "another file is served": ({}, "wrong", f"/wrong gave a file with {md5(CORRUPT)}"),
    "cut off half-way": ({}, "half", "/half could not be read ("),
    "stalls half-way": ({}, "slow", "/slow could not be read (timed out)"),
    "404": ({}, "missing", "/missing could not be read (Not Found)"),
    "no network": ({}, CLOSED, f"{CLOSED} could not be read ("),
    "no such host": ({}, "http://nowhere.invalid/", "http://nowhere.invalid/ could not be read ("),
    "no address": ({}, "no address", "no address could not be read ("),
}


@pytest.mark.parametrize(("contents", "url", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_sentence_that_says_what_was_found_and_what_to_do(
    course, server, monkeypatch, contents, url, said
):
    monkeypatch.setattr(files, "TIMEOUT", 0.2)
    root = course(**contents)
    urls = () if url is None else (url if ":" in url or " " in url else server.url + url,)
    sentence = refused(*urls)
    assert sentence.startswith(f"{NAME}, expected with {md5(CONTENT)}, cannot be had: ")
    assert said in sentence
    assert sentence.endswith("'digits' or 'glyphs', which need no file")
    left = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert left == {f"{name}/{NAME}" + ".bad" * (name == "data"): content for name, content in contents.items()}


def test_without_vae_course_data_the_sentence_says_so(monkeypatch):
    monkeypatch.delenv("VAE_COURSE_DATA")
    assert "VAE_COURSE_DATA is not set" in refused()


def test_a_bad_file_is_set_aside_and_replaced_by_a_good_one(course):
    root = course(data=CORRUPT, shared=CONTENT)
    path = fetch(File(NAME, md5(CONTENT)))
    assert path.read_bytes() == CONTENT
    assert (root / "data" / f"{NAME}.bad").read_bytes() == CORRUPT


class FullDisk(io.FileIO):
    """A file on a disk that has room for half of it."""

    def write(self, block):
        super().write(block[:HALF])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full_disk(monkeypatch):
    def open_(path, mode="r", **options):
        return FullDisk(path, mode) if "w" in mode else real_open(path, mode, **options)

    real_open = Path.open
    monkeypatch.setattr(Path, "open", open_)


@pytest.fixture
def a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "data").write_text("this is no folder")


@pytest.fixture
def read_only(monkeypatch):
    def denied(path, mode="wb", **options):
        if mode == "rb":
            return real_open(path, mode, **options)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    real_open = Path.open
    for action in ("mkdir", "open", "replace"):
        monkeypatch.setattr(Path, action, denied)


@pytest.mark.parametrize("obstacle", ["full_disk", "a_file_where_the_folder_should_be", "read_only"])
@pytest.mark.parametrize("shared", [CONTENT, None], ids=["VAE_COURSE_DATA has it", "download"])
def test_where_nothing_can_be_written_the_shared_file_is_read_and_a_download_refused(
    course, server, request, obstacle, shared
):
    root = course(shared=shared)
    request.getfixturevalue(obstacle)
    if shared:
        assert fetch(File(NAME, md5(CONTENT))) == root / "shared" / NAME
        return
    sentence = refused(server.url + "good")
    assert f"{root / 'data' / NAME} cannot be written: " in sentence
    assert "MB are free there). Make room" in sentence
    assert "set VAE_COURSE_DATA" in sentence


def test_a_bad_file_that_cannot_be_set_aside_does_not_hide_the_good_one(course, request):
    root = course(data=CORRUPT, shared=CONTENT)
    request.getfixturevalue("read_only")
    assert fetch(File(NAME, md5(CONTENT))) == root / "shared" / NAME
    (root / "shared" / NAME).unlink()
    assert f"had {md5(CORRUPT)} and could not be set aside (Permission denied)" in refused()


def test_a_really_full_disk(server, monkeypatch, tmp_path):
    (tmp_path / "small").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path / "small")]
    if sys.platform != "linux" or os.getuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs a root that can mount")
    monkeypatch.setattr(files, "folder", lambda: tmp_path / "small")
    try:
        assert "cannot be written: No space left on device (0 MB are free there)" in refused(server.url + "good")
        assert not [p for p in (tmp_path / "small").rglob("*") if p.is_file()]
    finally:
        subprocess.run(["umount", str(tmp_path / "small")], check=True)


def test_a_file_that_may_not_be_read_is_a_reason_and_not_a_crash(course, monkeypatch):
    def denied(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    course(shared=CONTENT)
    monkeypatch.setattr(Path, "open", denied)
    assert f"{NAME} has no checksum (Permission denied)" in refused()
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", denied)  # as where not even the folder may be entered
        assert find(File(NAME, md5(CONTENT))) is None


def wait_for(condition):
    for _ in range(100 * PATIENCE):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError("this should have happened by now")


@pytest.fixture
def start(tmp_path):
    """start(url) -> another process that fetches the file into the same folder."""
    processes = []

    def started(url):
        command = [sys.executable, "-c", CHILD, str(tmp_path / "data"), NAME, md5(CONTENT), url]
        process = subprocess.Popen(command, cwd=files.COURSE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def test_a_killed_download_leaves_nothing_under_the_name_and_the_next_one_works(course, server, start):
    folder = course() / "data" / "set"
    process = start(server.url + "slow")
    wait_for(lambda: list(folder.glob("*")) or process.poll() is not None)
    process.kill()  # SIGKILL: nothing can be tidied up
    process.wait()
    assert [p.name for p in folder.iterdir()] == [f"some.gz.{process.pid}.part"]
    path = fetch(File(NAME, md5(CONTENT), (server.url + "good",)))
    assert path.read_bytes() == CONTENT


def test_two_processes_may_fetch_at_once(course, server, start):
    path = course() / "data" / NAME
    processes = [start(server.url + "together") for _ in range(2)]  # neither ends before the other has begun
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out.strip()) == (0, str(path)), err
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["some.gz"]


def test_what_a_killed_process_left_behind_is_removed_after_a_while(course, server):
    folder = course(data=CORRUPT) / "data" / "set"
    ages = {"some.gz.1.part": files.STALE + 60, "some.gz.2.part": files.STALE - 60, "another.gz.1.part": 1e6}
    for name, age in ages.items():
        (folder / name).write_bytes(b"begun")
        os.utime(folder / name, (time.time() - age,) * 2)
    fetch(File(NAME, md5(CONTENT), (server.url + "good",)))
    names = {p.name for p in folder.iterdir()}
    assert names == {"some.gz", "some.gz.bad", "some.gz.2.part", "another.gz.1.part"}


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_part_that_is_finished_while_it_is_looked_at_does_no_harm(course, server):
    folder = course(data=CORRUPT) / "data" / "set"
    (folder / "some.gz.1.part").symlink_to("just renamed")
    assert fetch(File(NAME, md5(CONTENT), (server.url + "good",))).read_bytes() == CONTENT


def test_a_notebook_shows_the_sentence_alone(capsys):
    shell = InteractiveShell()
    shell.user_ns["DataError"] = DataError
    shell.run_cell("def find():\n    raise DataError('mnist is not here: do this')\n\n\nfind()")
    assert capsys.readouterr().out.strip() == "DataError: mnist is not here: do this"
