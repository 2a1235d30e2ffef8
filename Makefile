# make demo | test | lint | bench | docs | clean. Needs only make and a Python of 3.11 or later;
# everything else goes into .venv, once, and again when pyproject.toml or constraints.txt change.

.PHONY: demo test lint bench docs clean
.DEFAULT_GOAL := test
MAKEFLAGS += --no-print-directory

SYSTEM_PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

# Two test processes share the cores: one thread each is faster, and the same numbers every time.
test lint: export OMP_NUM_THREADS ?= 1

demo: .venv/demo.stamp
	@$(BIN)/python examples/demo.py

test: lint
	@$(BIN)/python -m pytest -q -n 2

# Tests misspell on purpose, to see the nearest name suggested; codespell does not read them.
lint: .venv/dev.stamp
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || \
		{ echo "these files are not formatted; run: $(BIN)/ruff format ."; \
		  $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/codespell src docs examples benchmarks *.md
	@$(BIN)/deptry . 2>.venv/deptry.log || { cat .venv/deptry.log; exit 1; }

# BENCH names one program of benchmarks/ (without .py); all of them take hours.
bench: .venv/dev.stamp
	@set -e; for program in benchmarks/$(or $(BENCH),*).py; do $(BIN)/python $$program; done

docs: .venv/docs.stamp
	@$(BIN)/python docs/generate_reference.py
	@$(BIN)/sphinx-build --quiet -W --keep-going docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	@rm -rf .venv build dist docs/_build docs/reference/generated
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests examples benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n "$(SYSTEM_PYTHON)" || { echo "make needs Python 3.11 or later with venv and ensurepip" \
		"(on Debian and Ubuntu: apt install python3-venv); or name one: make SYSTEM_PYTHON=..."; exit 1; }
	@$(SYSTEM_PYTHON) -m venv .venv

.venv/demo.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (a few minutes, once)"
	@$(PIP) -e . easy-vqa
	@touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (a few minutes, once)"
	@$(PIP) -e '.[dev]'
	@touch $@ .venv/demo.stamp

.venv/docs.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (a few minutes, once)"
	@$(PIP) -e '.[docs]'
	@touch $@
