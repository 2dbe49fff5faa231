# make demo | test | test-full | lint | clean | help. Needs Python >= 3.11 with venv, nothing else.

PYTHON ?= python3
VENV ?= .venv
SAMPLE ?= $(patsubst %/capture.json,%,$(firstword $(wildcard examples/captures/*/capture.json)))
OUT ?= demo
RESOLUTION ?= 256

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PINS := pyproject.toml constraints.txt

# The build backend runs in an environment of its own; these pin it there too.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

define SUMMARY
import json, sys
photos = json.load(open(sys.argv[1] + "/metrics.json", encoding="utf-8"))["photos"]
unseen = [photo["rmse"] for photo in photos if photo["held_out"]]
print(f"Held-out error: RMSE {sum(unseen) / len(unseen):.4f} over {len(unseen)} photographs that "
      "the fit never saw.")
print(f"Open {sys.argv[1]}/report.html in a browser.")
print(f"Pictures: {sys.argv[1]}/compare.png and {sys.argv[1]}/rerender/*.png; "
      f"maps: {sys.argv[1]}/maps/; for a glTF viewer: {sys.argv[1]}/material.glb")
endef
export SUMMARY

.PHONY: help demo test test-full lint clean
.DELETE_ON_ERROR:

help:  ## Say what there is.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-run  ## Capture the sample photographs into demo/ and print the proof.
	$(BIN)/diffgfx capture $(SAMPLE) -o $(OUT) --resolution $(RESOLUTION) --overwrite
	@$(BIN)/python -c "$$SUMMARY" $(OUT)

# A process a core, each with one thread: threads of two processes would wait for one another.
# Tests of the same kernels keep together (tests/conftest.py): each process compiles for itself.
PYTEST := OMP_NUM_THREADS=1 TI_CPU_MAX_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto \
	--maxprocesses=4 --durations=10

test: $(VENV)/.installed-test  ## Run the default tests (ten minutes at most on two cores).
	$(PYTEST) -m "not slow"

test-full: $(VENV)/.installed-test  ## Run every test (an hour at most).
	$(PYTEST)

lint: $(VENV)/.installed-dev  ## Check style, types and import order.
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## Remove the environment, the caches and the demo's result.
	rm -rf .venv demo .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# An empty file marks each install; it runs anew when the pins change.
$(VENV)/.installed-run: $(VENV)/.made
	$(PIP) install -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made
	$(PIP) install -e '.[test]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.made
	$(PIP) install -e '.[dev]'
	@touch $@

$(VENV)/.made: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: Python >= 3.11 is needed; name one: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
