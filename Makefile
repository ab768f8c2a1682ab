# Everything a contributor needs. Each target does the set-up it depends on.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
FOLDERS := typology features experiments models
SOURCES := $(sort $(wildcard $(addsuffix /*,$(FOLDERS))))
# One thread a process: small fits get slower with two, and tests already run side by side.
export OMP_NUM_THREADS := 1
export NUMBA_NUM_THREADS := 1
export MLFLOW_DISABLE_TELEMETRY ?= true

.PHONY: help setup demo test fuzz lint types docs bench bench-evidence format clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.requirements: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed. Install it, or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# The editable install is a tree of links, so a new file needs it made again (docs/decisions).
build/.files: $(SOURCES)
	@mkdir -p build
	@echo "$(filter-out %__pycache__,$(SOURCES))" | cmp --silent - $@ || echo "$(filter-out %__pycache__,$(SOURCES))" > $@

build/.installed: $(VENV)/.requirements build/.files pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--config-settings editable_mode=strict --editable .
	@touch $@

# Spark is large and only one test matrix needs it; without Java that part of it is skipped.
$(VENV)/.spark: requirements-spark.txt $(VENV)/.requirements
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.txt
	@touch $@

setup: build/.installed ## Make .venv with the pinned requirements and this package

demo: setup ## Simulate two studies and run the whole road on both
	$(BIN)/site-typology demo

test: setup $(VENV)/.spark ## Run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --doctest-modules --pyargs site_typology

fuzz: setup ## Try 12,000 damaged studies, twenty times what make test tries
	FUZZ_CASES=12000 $(BIN)/python -m pytest -n 2 tests/features/test_fuzz.py

lint: setup ## Check style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup ## Check types strictly
	$(BIN)/mypy

docs: setup ## Build the documentation; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build

bench: setup ## Measure speed against named alternatives
	$(BIN)/python benchmarks/builders.py
	$(BIN)/python benchmarks/linking.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/shapley_speed.py
	$(BIN)/python benchmarks/evidence_time.py parts
	$(BIN)/python benchmarks/evidence_time.py sizes
	$(BIN)/python benchmarks/tracking.py --server

# Hours. EVIDENCE="--cells ... --methods ... --replicates ..." asks for less; it can be stopped.
bench-evidence: setup ## Measure claims, right and wrong, beside peers
	$(BIN)/python benchmarks/evidence.py --out bench-evidence --workers 2 $(EVIDENCE)

format: setup ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove everything that was made
	rm -rf $(VENV) build dist *.egg-info docs/_build demo-output
