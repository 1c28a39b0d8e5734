# Every road through the repository. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin
NAME ?= bartizan
export PYTHONPATH := hack
.DEFAULT_GOAL := help
.PHONY: help demo test check unit api node cluster cluster-down generate bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "bartizan needs Python 3.11 ($(PYTHON) is not on the PATH; PYTHON=… names another)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(RUN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/.ready ## a cluster, bartizan in it, the shop example, and what it shows
	$(RUN)/python -m demo --name $(NAME)

test: check $(VENV)/.ready ## lint, types, layers, then every test (starts its own clusters)
	$(RUN)/python -m pytest

check: $(VENV)/.ready ## lint, format, types and layers
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy
	@PATH="$(CURDIR)/$(RUN):$$PATH" $(RUN)/lint-imports --no-logo 2>/dev/null || PATH="$(CURDIR)/$(RUN):$$PATH" $(RUN)/lint-imports

unit: $(VENV)/.ready ## the tests that need no cluster
	$(RUN)/python -m pytest -m "not api and not node"

api: $(VENV)/.ready ## the tests that need an API server
	$(RUN)/python -m pytest -m api

node: $(VENV)/.ready ## the tests that need real pods
	$(RUN)/python -m pytest -m node

cluster: $(VENV)/.ready ## a cluster to play with: existing, kind or local, whichever is there
	$(RUN)/python -m cluster up --name $(NAME)

cluster-down: $(VENV)/.ready ## remove it again, leaving nothing behind
	$(RUN)/python -m cluster down --name $(NAME)

generate: $(VENV)/.ready ## write everything that is generated: CRDs, chart copies, reference
	$(RUN)/bartizan crd --output-dir crds
	$(RUN)/bartizan crd --docs --output-dir docs/reference
	$(RUN)/bartizan admission render --helm --output-dir charts/bartizan/templates/admission
	$(RUN)/bartizan admission render --docs --output-dir docs/reference
	$(RUN)/python hack/chart_files.py
	$(RUN)/python -m bartizan.cli.reference > docs/reference/cli.md
	$(RUN)/python -m bartizan.cli.checking.reference docs/reference

bench: $(VENV)/.ready ## measure; BENCH="scale --write" measures one and puts it into docs/reference/benchmarks.md
	$(RUN)/python -m bench $(BENCH)

clean: ## remove the virtual environment and caches of tools (not the cluster cache)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
