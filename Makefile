# The commands of the course. Each sets up .venv first where need be; they need Python >= 3.11 with venv and pip.
.DEFAULT_GOAL := help
PYTHON ?= python3
PY     := .venv/bin/python
READY  := .venv/.ready
# As many processes as there are cores, up to four; the cells of a lesson stay together.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile

# Where the environment forbids bytecode, every start is slow: here it may be written.
export PYTHONDONTWRITEBYTECODE :=
# How lessons are run and compared (one thread, one set of instructions, no GPU) stands in tools/recording.py.
.PHONY: help setup lab fresh test course site slides bundle execute seeds robust bench gpu lint clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(READY) ## make .venv with all that the course needs (every other command does this by itself)

$(READY): requirements.txt pyproject.toml tools/setup.py
	@$(PYTHON) tools/setup.py

lab: $(READY) ## open JupyterLab on your own copy of the lessons, in my_lessons/
	@$(PY) -m tools.lab

fresh: $(READY) ## start a lesson afresh: make fresh LESSON=05 (your copy is kept beside the new one)
	@$(PY) -m tools.lab --fresh "$(LESSON)"

test: $(READY) ## what CI runs: unit tests, lessons against their recorded outputs, faults; of one: make test LESSON=05
	@$(PY) -m pytest $(PARALLEL) --durations 12 --durations-min 5 $(if $(LESSON),--lesson $(LESSON))

course: $(READY) ## run all lessons into build/, and say how long each took and how many claims it proved
	@$(PY) -m tools.course

site: $(READY) ## the website, into build/site: open build/site/index.html
	@$(PY) -m tools.website

slides: $(READY) ## slides for a lecture, into build/slides, or of one lesson: make slides LESSON=05
	@$(PY) -m tools.slides $(LESSON)

bundle: $(READY) ## a folder with all packages and data: on another machine, make lab installs from it without a network
	@$(PY) -m tools.bundle

execute: $(READY) ## for authors: record all lessons in place, or one: make execute LESSON=05
	@$(PY) -m tools.course --in-place $(LESSON)

seeds: $(READY) ## for authors: run the lessons under five other seeds, and record every claim's values
	@$(PY) -m tools.robust seeds $(LESSON)

robust: $(READY) ## for authors: seeds, threads, other instruction sets, other data, every planted fault against every lesson
	@$(PY) -m tools.robust all $(LESSON)

bench: $(READY) ## how fast is fit, against a loop by hand and the customary one
	@$(PY) experiments/bench.py

gpu: $(READY) ## on a machine with a CUDA device: the tests that need one, the bench, a published table; into build/gpu
	@$(PY) experiments/gpu.py --minutes $(or $(MINUTES),9) --out build/gpu

lint: $(READY) ## ruff on package, tests and lessons; mypy on the package
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check vae_course tests tools experiments
	@$(PY) -m mypy

clean: ## remove what the commands made, except your lessons and the data
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
