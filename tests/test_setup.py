"""tools/setup.py: which build of torch is fetched, what is said of its size, and which commands are run."""

import os
import subprocess
import sys

import pytest

from tools import lessons, setup

LITTLE, MUCH = "some 400 MB", "several GB"


@pytest.mark.parametrize(
    ("asked", "configured", "platform", "nvidia", "build", "size"),
    [
        ("", False, "linux", False, "cpu", LITTLE),  # the common index would bring CUDA
        ("auto", False, "linux", False, "cpu", LITTLE),
        ("", False, "linux", True, "pip", MUCH),
        ("", False, "darwin", False, "pip", LITTLE),
        ("", False, "win32", True, "pip", LITTLE),
        ("", True, "linux", False, "pip", "pip is configured here"),
        ("", True, "linux", True, "pip", "pip is configured here"),
        ("cpu", True, "linux", True, "cpu", LITTLE),  # whoever says so is heard
        ("cu130", False, "linux", True, "cu130", MUCH),
        ("pip", False, "linux", False, "pip", MUCH),
    ],
)
def test_which_build_of_torch_is_fetched(asked, configured, platform, nvidia, build, size):
    found, said = setup.choose(asked, configured, platform, nvidia)
    assert found == build
    assert size in said


@pytest.mark.parametrize(
    ("name", "value", "configured"),
    [
        ("PIP_INDEX_URL", "file:///here", True), ("PIP_EXTRA_INDEX_URL", "file:///here", True),
        ("PIP_FIND_LINKS", "here", True), ("PIP_CONSTRAINT", "file", True),
        ("PIP_INDEX_URL", "", False),
        ("PIP_TIMEOUT", "60", False), ("PIP_DISABLE_PIP_VERSION_CHECK", "1", False),
    ],
)  # fmt: skip
def test_pip_that_was_told_where_packages_come_from_is_left_alone(monkeypatch, name, value, configured):
    for said in [variable for variable in os.environ if variable.startswith("PIP_")]:
        monkeypatch.delenv(said)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # nor does a file say anything
    monkeypatch.setenv(name, value)
    assert setup.pip_is_configured(sys.executable) is configured


def test_a_device_is_one_that_nvidias_tool_lists(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not setup.has_nvidia_device()
    if os.name == "posix":
        tool = tmp_path / "nvidia-smi"
        for answer, there in (("GPU 0: NVIDIA H100", True), ("No devices were found", False)):
            tool.write_text(f"#!/bin/sh\necho '{answer}'\n")
            tool.chmod(0o755)
            assert setup.has_nvidia_device() is there


def test_the_cpu_build_is_fetched_by_uv_and_all_else_by_pip(tmp_path):
    by_uv = setup.commands(tmp_path / "python", "cpu", wheels=False)
    assert [command[2] for command in by_uv] == ["pip", "pip", "uv", "pip"]
    assert setup.pinned("uv") in by_uv[1]
    assert by_uv[2][by_uv[2].index("--torch-backend") + 1] == "cpu"
    by_pip = setup.commands(tmp_path / "python", "pip", wheels=False)
    assert [command[2] for command in by_pip] == ["pip"] * 3
    assert not any("--no-index" in command for command in by_pip)
    assert all("--no-index" in command for command in setup.commands(tmp_path / "python", "pip", wheels=True))


def test_uv_knows_the_builds_that_the_readme_names():
    told = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--help"], capture_output=True, text=True
    ).stdout
    assert "--torch-backend" in told
    readme = (lessons.ROOT / "README.md").read_text(encoding="utf-8")
    for build in ("cpu", "cu130"):
        assert f"TORCH={build}" in readme
        assert build in told


def test_a_set_up_that_stops_says_so_and_leaves_no_mark(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "create", lambda folder: folder.mkdir())
    monkeypatch.setattr(setup, "pip_is_configured", lambda python: True)
    monkeypatch.setattr(setup, "commands", lambda *_: [[sys.executable, "-c", "raise SystemExit(3)"]])
    assert setup.main() == 1
    assert not (tmp_path / ".venv" / ".ready").exists()
    said = capsys.readouterr()
    assert "setting up .venv" in said.out
    assert "TORCH=pip leaves its build to pip" in said.err
    monkeypatch.setattr(setup, "commands", lambda *_: [])
    (tmp_path / ".venv").rmdir()
    assert setup.main() == 0
    assert (tmp_path / ".venv" / ".ready").exists()


def test_it_can_be_set_up_again(tmp_path):
    """As after a change of requirements.txt, with the Python of the same machine."""
    for _ in range(2):
        setup.create(tmp_path / ".venv", with_pip=False)
    (python,) = (path for path in tmp_path.rglob("python*") if path.name in ("python", "python.exe"))
    assert subprocess.run([str(python), "-c", ""]).returncode == 0
