# What a person types first; `make` alone lists it.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FASHION := /usr/share/datasets/fashion-mnist
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
JOBS := $(if $(filter 1,$(CORES)),1,2)
DEMO := --seeds 3 --epochs 20 --jobs $(JOBS) --out demo/runs --post demo/board.db

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup data demo test fault check bench fidelity clean

help: ## List what there is to make.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) data ## Install what is needed; the first time takes a few minutes.

# Everything goes into an environment of our own, anew only where the list of dependencies has changed.
$(STAMP): pyproject.toml
	@echo "Installing into $(VENV) …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Debian has Fashion-MNIST as a package. Where it cannot be installed everything else works all the same.
data:
	@test -d $(FASHION) \
	|| { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get -qq update \
	     && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install dataset-fashion-mnist > /dev/null; } \
	|| echo "Fashion-MNIST is not in $(FASHION) (Debian: apt-get install dataset-fashion-mnist):" \
	        "tests that need it are skipped, and runs try to download it."

demo: setup ## Compare strategies on handwritten digits: runs, a leaderboard, its tables, all in ./demo.
	rm -rf demo && mkdir demo
	$(BIN)/forgetless run split-digits:task naive rehearsal ewc hat $(DEMO)
	$(BIN)/forgetless run split-digits:class naive rehearsal ewc joint $(DEMO)
	$(BIN)/forgetless leaderboard show --board demo/board.db

test: setup ## Run the tests; ARGS="-k ewc" runs some of them.
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal $(ARGS)

fault: setup ## Kill a hundred runs at random moments, and see that each resumes to the same record.
	FORGETLESS_KILLS=100 $(BIN)/python -m pytest -n $(CORES) --dist worksteal tests/fault

check: setup ## Style, format, types, and which package may import which.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Measure what training costs, against a plain PyTorch loop and Avalanche; a quarter of an hour.
	$(BIN)/python -m benches $(ARGS)

fidelity: setup ## Hold strategies to the figures of others: make the runs that are missing; Ctrl-C and go on later.
	$(BIN)/python -m fidelity $(ARGS)

clean: ## Remove what was made here; the environment in .venv stays.
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
