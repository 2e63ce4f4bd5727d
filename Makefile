# Needs make and Python 3.11 or newer; everything else goes into $(VENV).
#   make quickstart PYTHON=python3.12     another Python
#   make test VENV=/elsewhere/venv        another environment (made if it is not there)
#   make test PYTEST_ARGS="-k losses"     more arguments for pytest
#   make test PYTEST_JOBS=0               in one process (the default is two)
#   make test CONSTRAINTS=FILE            other versions; empty: the newest

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
PYTEST_ARGS ?=
PYTEST_JOBS ?= 2

# A file's tests go to one process, which makes its fixtures once; a long file does not come last.
PYTEST = -n $(PYTEST_JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

SHELL := /bin/sh
PY := $(VENV)/bin/python
INSTALL = @$(PY) -m pip --version > /dev/null 2>&1 || $(PY) -m ensurepip; \
  PIP_USER=0 $(PY) -m pip install --quiet --no-compile \
  $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS),--upgrade --upgrade-strategy eager) --editable
DEMO := $(VENV)/.jaxgan-demo
TEST := $(VENV)/.jaxgan-test
DOCS := $(VENV)/.jaxgan-docs

.DEFAULT_GOAL := help
.PHONY: help venv quickstart docs test test-medium test-all test-core test-lowest test-newest gpu-check notebooks lint clean

help:
	@echo "make quickstart   train a small GAN on a CPU; the results go to runs/quickstart"
	@echo "make test         the fast tests"
	@echo "make test-medium  the tests that take seconds each, which CI runs too"
	@echo "make test-all     all tests, also those that take minutes"
	@echo "make test-core    the core's fast tests, without any extra, in $(VENV)-core"
	@echo "make test-lowest  fast and medium tests with the lowest versions that pyproject.toml allows, in $(VENV)-lowest"
	@echo "make test-newest  fast and medium tests with the newest ones, in $(VENV)-newest"
	@echo "make gpu-check    tests, compiles and times the steps on this machine's GPU or TPU; results go to results/gpu"
	@echo "make notebooks    execute the notebooks and store their outputs; NOTEBOOKS=theory for one of them"
	@echo "make lint         ruff check, ruff format --check, mypy"
	@echo "make docs         build the documentation site into site/; a warning is an error"
	@echo "make venv         only make $(VENV), with all that the tests and the linters need"
	@echo "make clean        remove caches and build output ($(VENV) and runs/ stay)"

venv: $(TEST)

quickstart: $(DEMO)
	$(PY) launch.py --config=configs/quickstart.py --workdir=runs/quickstart

test: $(TEST)
	$(PY) -m pytest $(PYTEST)

test-medium: $(TEST)
	$(PY) -m pytest $(PYTEST) -m "medium and not slow"

test-all: $(TEST)
	JAXGAN_TEST_OPTIMIZE=1 $(PY) -m pytest $(PYTEST) -m ""

# Nothing but the core's dependencies, and packages that its tests compare with. Tests that need an extra name it as they skip.
CORE_TESTS := $(addprefix tests/,losses theory training evaluation wrappers) \
  $(addprefix tests/test_,errors.py latents.py optimizers.py parallel.py sampling.py tables.py types.py)
test-core: pyproject.toml
	@$(MAKE) $(VENV)-core/bin/python VENV=$(VENV)-core
	@$(VENV)-core/bin/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable . pytest prdc scikit-learn
	$(VENV)-core/bin/python -m pytest -rs $(CORE_TESTS) $(PYTEST_ARGS)

# An environment of its own for each end. What is newest changes, so that it is installed and printed each time.
test-lowest:
	@$(MAKE) test VENV=$(VENV)-lowest CONSTRAINTS=$(VENV)-lowest/lowest.txt PYTEST_ARGS='$(PYTEST_ARGS) -m "not slow"'

test-newest:
	@rm -f $(VENV)-newest/.jaxgan-test
	@$(MAKE) venv VENV=$(VENV)-newest CONSTRAINTS=
	@$(VENV)-newest/bin/python -m pip freeze --exclude-editable
	@$(MAKE) test VENV=$(VENV)-newest CONSTRAINTS= PYTEST_ARGS='$(PYTEST_ARGS) -m "not slow"'

gpu-check: $(TEST)
	$(PY) -m benchmarks.gpu_check

notebooks: $(TEST)
	$(PY) notebooks/execute.py $(NOTEBOOKS)

lint: $(TEST)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# NO_MKDOCS_2_WARNING: the theme's advertisement of its successor.
docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 JAX_PLATFORMS=cpu $(PY) -m mkdocs build --strict --quiet
	@echo "open site/index.html, or with search: $(PY) -m http.server --directory site"

clean:
	@rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .jax_cache
	@find benchmarks configs examples jaxgan notebooks tests -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) \
	  -exec rm -rf {} + 2>/dev/null || true

# The two stamps: what was last installed from pyproject.toml and the constraints. Whatever serves the tests serves the demo.
$(DEMO): pyproject.toml $(CONSTRAINTS) | $(PY)
	@echo "installing jaxgan and its demo data into $(VENV); this takes a few minutes the first time"
	$(INSTALL) '.[demo]'
	@touch $@

$(TEST): pyproject.toml $(CONSTRAINTS) | $(PY)
	@echo "installing jaxgan, its tests and linters into $(VENV); this takes a few minutes the first time"
	$(INSTALL) '.[demo,test]'
	@touch $(DEMO) $@

$(DOCS): pyproject.toml $(CONSTRAINTS) | $(PY)
	$(INSTALL) '.[docs]'
	@touch $@

$(VENV)/lowest.txt: pyproject.toml tests/lowest.py | $(PY)
	@$(PY) tests/lowest.py demo test > $@ || { rm -f $@; exit 1; }

# Asked before anything is made, so that a failure leaves no half-made environment behind.
$(PY):
	@$(PYTHON) -c '' 2>/dev/null || { \
	  echo "jaxgan: error: no $(PYTHON) here; jaxgan needs Python 3.11 or newer; say which: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "jaxgan: error: $(PYTHON) is too old ($$($(PYTHON) -V 2>&1)); jaxgan needs Python 3.11 or newer; say which: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "jaxgan: error: $(PYTHON) cannot make environments; on Debian and Ubuntu this is a package of its own; sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $(PY); exit 1; }
