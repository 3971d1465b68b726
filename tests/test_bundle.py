"""tools/bundle.py: what a folder holds that is to be installed without a network."""

import subprocess
from types import SimpleNamespace

import pytest

from tools import bundle, lessons, setup
from vae_course.data import files, sets
from vae_course.data.files import File


@pytest.fixture
def at_hand(tmp_path, monkeypatch):
    """A folder of data that has one of two sets whole, and no wheels to fetch."""
    shared = tmp_path / "shared"
    (shared / "a").mkdir(parents=True)
    (shared / "a" / "one").write_bytes(b"1")
    one = File("a/one", files.checksum(shared / "a" / "one", "md5:"))
    monkeypatch.setenv("VAE_COURSE_DATA", str(shared))
    whole = sets.ImageSet("…", "…", lambda *_: None, 1.0, lambda: (one,))
    half = sets.ImageSet("…", "…", lambda *_: None, 1.0, lambda: (one, File("a/two", one.checksum)))
    monkeypatch.setattr(sets, "SETS", {"digits": sets.SETS["digits"], "whole": whole, "half": half})
    monkeypatch.setattr(bundle, "download_wheels", lambda into: (into / "wheels").mkdir() or 7)


def test_it_holds_the_course_and_the_data_that_are_whole(at_hand, tmp_path):
    into = tmp_path / "bundle" / "vae-course"
    said = bundle.make(into)
    assert (into / "data" / "a" / "one").read_bytes() == b"1"
    tracked = subprocess.run(["git", "ls-files"], cwd=lessons.ROOT, capture_output=True, text=True).stdout.split("\n")
    assert all((into / name).is_file() for name in tracked if (lessons.ROOT / name).is_file())
    assert not (into / "build").exists()
    assert "7 packages, data: whole" in said
    assert not into.with_name("vae-course.part").exists()


def test_a_bundle_that_fails_leaves_the_former_one(at_hand, tmp_path, monkeypatch):
    into = tmp_path / "vae-course"
    bundle.make(into)

    def fail(_):
        raise SystemExit("not all packages could be fetched")

    monkeypatch.setattr(bundle, "download_wheels", fail)
    with pytest.raises(SystemExit, match="not all packages"):
        bundle.make(into)
    assert (into / "README.md").exists()


def test_outside_of_a_clone_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="from a clone"):
        bundle.copy_course(tmp_path / "b")


def test_make_installs_from_wheels_where_there_are_some(tmp_path, monkeypatch, capsys):
    """The whole way but pip: what `make setup` runs in a bundle asks no network."""
    ran = []
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "create", lambda folder: folder.mkdir())
    monkeypatch.setattr(
        setup.subprocess, "run", lambda command, **_: ran.append(command) or SimpleNamespace(returncode=0)
    )
    (tmp_path / "wheels").mkdir()
    (tmp_path / "requirements.txt").write_text("pip==1\n")
    assert setup.main() == 0
    assert len(ran) == 3
    assert all("--no-index" in command and str(tmp_path / "wheels") in command for command in ran)
    assert "from wheels/ alone" in capsys.readouterr().out
