# The only task runner. Every target sets up what it needs; `make` checks and tests.
PY ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Compiled modules are kept even where the environment says otherwise: imports are then fast.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: all setup demo test check fix bench docs
all: check test

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PY) -m venv $(VENV)
	$(BIN)/pip install -q uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q -c constraints.txt -e '.[dev]'
	touch $@

demo: setup  ## protect portraits of people who do not exist; open demo/index.html
	$(BIN)/anamorph demo --out demo

test: setup  ## laws, closed forms, files, command line, doctests; then a Ray cluster, which wants the cores
	$(BIN)/pytest -q -n 2 -m "not ray"
	$(BIN)/pytest -q -m ray

check: setup  ## format, lint, types, layers, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python docs/generate.py --check

fix: setup  ## format, and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## measure what is not measured yet; results go to benchmarks/results
	grep -v '^#' benchmarks/commands | while read -r line; do \
	    eval "$(BIN)/python benchmarks/$$line" < /dev/null || exit 1; done

docs: setup  ## rewrite the generated parts of docs/
	$(BIN)/python docs/generate.py
