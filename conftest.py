"""For all of pytest: the conditions under which lessons are recorded, nbval's tolerance, and `--lesson 05`."""

import os

import pytest

from tools import recording

# Before torch is loaded, which reads them once. A GPU stays in sight of the tests that need one; kernels do not see it.
for name, setting in recording.environment().items():
    if name != "CUDA_VISIBLE_DEVICES":
        os.environ.setdefault(name, setting)

from nbval.plugin import IPyNbCell  # noqa: E402

from tests import one_lesson, tolerance  # noqa: E402
from tests.processes import PATIENCE  # noqa: E402

pytest_plugins = ["pytester"]
tolerance.install()


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, IPyNbCell):
        item.output_timeout = PATIENCE  # seconds for a cell's last output to arrive: 5 are few on a busy machine


def pytest_report_header() -> str:
    return recording.instructions()[1]


def pytest_terminal_summary(terminalreporter) -> None:
    cells = [report for report in terminalreporter.stats.get("passed", ()) if ".ipynb::" in report.nodeid]
    if cells:
        terminalreporter.write_line(tolerance.told(cells))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lesson", metavar="05", help="only this lesson: its cells, rules, exercises and planted faults")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--lesson"):
        path = one_lesson.find(config.getoption("--lesson"))
        config.args = [str(path), *(str(config.rootpath / "tests" / name) for name in one_lesson.FILES)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--lesson"):
        path = one_lesson.find(config.getoption("--lesson"))
        others = [item for item in items if not one_lesson.is_about(item, path)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
