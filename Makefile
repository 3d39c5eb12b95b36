# Every target does its own set-up: a virtual environment in .venv with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
ONLY ?=
SEED ?=

.PHONY: help install demo test coverage check format bench soak clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(INSTALLED) ## Set up .venv

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; say which one: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv (a minute or two, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[embedded,notebooks,dev]'
	@touch $@

demo: $(INSTALLED) ## Run the main job once, on embedded servers
	@$(BIN)/omninode demo

test: $(INSTALLED) ## Run all tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile -q

coverage: $(INSTALLED) ## Run all tests, and print which lines none of them ran
	@$(BIN)/python -m pytest -n 3 --dist loadfile --cov --cov-report=term:skip-covered -q

check: $(INSTALLED) ## Format, lint and check types and import directions
	@$(BIN)/ruff format .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(INSTALLED) ## Measure, side by side with peers and limits: make bench [ONLY=ingest]
	@$(BIN)/python -m tests.benchmarks $(ONLY)

soak: $(INSTALLED) ## Try for an hour to make ingest lose or double a message: make soak [ONLY=kills] [SEED=1]
	@$(BIN)/python -m tests.soak "$(ONLY)" $(SEED)

clean: ## Remove the state folder of the embedded servers (data and all)
	@rm -rf .omninode
