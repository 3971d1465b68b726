# The commands of the course. Each sets up .venv first where need be; they need Python >= 3.11 with venv and pip.
.DEFAULT_GOAL := help
PYTHON ?= python3
PY     := .venv/bin/python
READY  := .venv/.ready
# In a folder made by `make bundle`, everything is installed from wheels/, and no network is asked.
PIP    := $(PY) -m pip install --quiet $(if $(wildcard wheels),--no-index --find-links wheels)

# Bytecode is compiled at the first import instead of for every file at installation, which halves the set-up.
export PYTHONDONTWRITEBYTECODE :=
# One torch thread a kernel: results do not depend on the number of cores, and lessons run side by side.
# No GPU either: what is compared was recorded on a CPU.
RECORDING := OMP_NUM_THREADS=1 TQDM_DISABLE=1 CUDA_VISIBLE_DEVICES=

.PHONY: help setup lab fresh test course site slides bundle execute seeds robust bench gpu lint clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(READY) ## make .venv with all that the course needs (every other command does this by itself)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@echo "setting up .venv, once: about a minute, $(if $(wildcard wheels),from wheels/ alone,and some 300 MB to fetch)"
	@rm -f $(READY)
	@$(PYTHON) -m venv .venv
	@$(PIP) "$$(grep '^pip==' requirements.txt)"
	@$(PIP) --no-compile -r requirements.txt
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@touch $(READY)

lab: $(READY) ## open JupyterLab on your own copy of the lessons, in my_lessons/
	@$(PY) -m tools.lab

fresh: $(READY) ## start a lesson afresh: make fresh LESSON=05 (your copy is kept beside the new one)
	@$(PY) -m tools.lab --fresh "$(LESSON)"

test: $(READY) ## what CI runs: unit tests, every lesson against its recorded outputs, planted faults
	@$(RECORDING) $(PY) -m pytest -n 2 --dist loadfile

course: $(READY) ## run all lessons into build/, and say how long each took and how many claims it proved
	@$(RECORDING) $(PY) -m tools.course

site: $(READY) ## the website, into build/site: open build/site/index.html
	@$(PY) -m tools.website

slides: $(READY) ## slides for a lecture, into build/slides, or of one lesson: make slides LESSON=05
	@$(PY) -m tools.slides $(LESSON)

bundle: $(READY) ## a folder with all packages and data: on another machine, make lab installs from it without a network
	@$(PY) -m tools.bundle

execute: $(READY) ## for authors: record all lessons in place, or one: make execute LESSON=05
	@$(RECORDING) $(PY) -m tools.course --in-place $(LESSON)

seeds: $(READY) ## for authors: run the lessons under five other seeds, and record every claim's values
	@$(RECORDING) $(PY) -m tools.robust seeds $(LESSON)

robust: $(READY) ## for authors: seeds, threads, other instruction sets, other data, every planted fault against every lesson
	@$(RECORDING) $(PY) -m tools.robust all $(LESSON)

bench: $(READY) ## how fast is fit, against a loop by hand and the customary one
	@$(PY) experiments/bench.py

gpu: $(READY) ## on a machine with a CUDA device: the tests that need one, and the bench, recorded
	@$(PY) -m pytest -q tests/test_gpu.py
	@$(PY) experiments/bench.py --device cuda --record

lint: $(READY) ## ruff on package, tests and lessons; mypy on the package
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check vae_course tests tools experiments
	@$(PY) -m mypy

clean: ## remove what the commands made, except your lessons and the data
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
