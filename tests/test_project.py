"""The project as a whole: pins, imports that run one way, README and lessons that agree, and what it does not say."""

import ast
import graphlib
import itertools
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import lessons

ROOT = lessons.ROOT
PACKAGE = ROOT / "vae_course"
HOUSE = (
    "arguments", "console", "data", "models", "objectives", "training", "evaluation", "lessons", "doctor", "__main__",
)  # fmt: skip
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def pins():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = lines[: lines.index("")]
    return [dict(_pin(line) for line in part if line and not line.startswith("#")) for part in (named, lines)]


def _pin(line):
    name, version = line.split("==")
    return canonicalize_name(name), version


def test_every_requirement_is_pinned_exactly_and_once():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert len({_pin(line)[0] for line in lines}) == len(lines)


def test_environment_yml_names_the_same_pins():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    named, _ = pins()
    assert dict(_pin(line) for line in re.findall(r"^ {6}- (\S+==\S+)$", text, re.M)) == named
    assert {"jupyterlab", "torch", "torchvision", "matplotlib", "nbval", "ipywidgets"} <= set(named)
    assert "--constraint requirements.txt" in text


def test_the_ranges_of_pyproject_hold_the_pins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ranges = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    named, _ = pins()
    for requirement in map(Requirement, ranges):
        assert requirement.specifier.contains(named[canonicalize_name(requirement.name)]), requirement
    assert {canonicalize_name(Requirement(r).name) for r in ranges} == set(named)


def test_the_installed_versions_are_the_pinned_ones():
    """Skipped where newer ones are tried on purpose, or a hosted machine brings its own."""
    from importlib.metadata import version

    named, _ = pins()
    found = {name: version(name).partition("+")[0] for name in named}
    if found != named:
        others = ", ".join(f"{n} {found[n]}" for n in named if found[n] != named[n])
        pytest.skip(f"other versions are installed than requirements.txt pins: {others}")


def imported(path):
    """The modules of the package that a file imports, as paths of HOUSE's parts: ("models", "vae")."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "vae_course":
            parts = tuple(node.module.split(".")[1:])
            found |= {(*parts, name.name) for name in node.names}
    return found


def test_the_house_has_the_wings_that_are_listed():
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there == {"__init__", *HOUSE}


@pytest.mark.parametrize("file", FILES)
def test_imports_run_one_way(file):
    """From top to bottom of the house; __init__.py is the face of what stands beside it."""
    wing = file.removesuffix(".py").partition("/")[0]
    for parts in imported(PACKAGE / file) if wing != "__init__" else ():
        assert HOUSE.index(parts[0]) <= HOUSE.index(wing), (file, parts)


@pytest.mark.parametrize("wing", [part for part in HOUSE if (PACKAGE / part).is_dir()])
def test_within_a_wing_nothing_is_imported_in_a_circle(wing):
    files = {path.stem for path in (PACKAGE / wing).glob("*.py")} - {"__init__"}
    uses = {
        name: {parts[1] for parts in imported(PACKAGE / wing / f"{name}.py") if parts[0] == wing and len(parts) > 1}
        for name in files
    }
    order = [*graphlib.TopologicalSorter({name: used & files for name, used in uses.items()}).static_order()]
    assert set(order) == files  # and CycleError has not been raised
    for name, used in uses.items():
        assert used <= files | {"checks"}, f"{name} goes by way of its wing's face: {used - files}"


@pytest.mark.parametrize("file", FILES)
def test_every_public_function_says_what_it_does(file):
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), file
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_the_wings_are_installed_with_the_package():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in PACKAGE.rglob("__init__.py")}
    assert set(packages) == folders


def test_the_loop_of_lesson_05_is_in_sight():
    """Between `def fit` and `loss.backward()` there is no other function but the step, and it fits a screen."""
    source = (PACKAGE / "training" / "loop.py").read_text(encoding="utf-8")
    fit = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "fit")
    body = fit.body[1:]
    assert body[-1].end_lineno - body[0].lineno < 60
    code = ast.unparse(fit)
    in_order = (
        "optimizer = torch.optim.Adam", "def step(x", "loss = -objective_of(x).mean()", "optimizer.zero_grad()",
        "loss.backward()", "optimizer.step()", "for epoch in range", "torch.randperm", "for x in batches",
    )  # fmt: skip
    places = [code.index(part) for part in in_order]
    assert places == sorted(places)
    assert [n.name for n in ast.walk(fit) if isinstance(n, ast.FunctionDef)] == ["fit", "step"]


def test_the_readme_lists_every_lesson_with_its_title():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in lessons.find():
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].removeprefix("# ")
        number, _, words = title.partition(". ")
        assert f"[{int(number):02} {words}](notebooks/{path.name})" in readme
        assert path.name.startswith(f"{int(number):02}_")


def test_the_picture_of_the_readme_is_the_one_that_the_lesson_drew(tmp_path):
    book = nbformat.read(lessons.find("05")[0], as_version=4)
    lessons.save_picture(book, "plots.manifold(", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes() == (ROOT / "results" / "latent_space.png").read_bytes()


def test_local_links_lead_somewhere():
    for page in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), (page.name, target)


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    for page in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / page).read_text(encoding="utf-8")))
        assert named - {"and", "in"} <= targets, page


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is not a git checkout")
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def test_no_data_set_and_nothing_made_is_committed():
    names = [str(p.relative_to(ROOT)).replace("\\", "/") for p in tracked()]
    assert [n for n in names if n.startswith("data/")] == ["data/README.md"]
    assert not [n for n in names if n.startswith(("my_lessons/", "build/", ".venv/"))]
    assert sum(p.stat().st_size for p in tracked()) < 20_000_000


def test_the_project_names_no_machine_and_no_registry():
    told = re.compile(r"/(home|root)/\w|pythonhosted|download\.pytorch|pypi\.org|conda\.anaconda")
    for path in tracked():
        if (
            path.suffix in {".py", ".md", ".toml", ".yml", ".json", ".ipynb", ".txt", ""}
            and path.name != "test_project.py"
        ):
            text = path.read_text(encoding="utf-8")
            allowed = path.name in {"lesson_rules.py", "test_lessons.py"}
            assert allowed or not told.search(text), path


def test_the_package_needs_no_jupyter():
    """GPU servers carry torch and Matplotlib, but often no Jupyter."""
    code = (
        "import sys; sys.modules.update(IPython=None, ipywidgets=None, ipykernel=None, notebook=None)\n"
        "from vae_course import __main__, doctor, evaluation, lessons, training\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
