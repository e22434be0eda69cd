# Every target works on a fresh clone and needs only Python 3.11 or newer and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := constraints/airflow-3.3.2.txt
MOTO := .build/moto
# Each file of tests runs in one of two processes, since fixtures are shared within a file.
# The generated contract tests run alone: their ids repeat, and xdist would run only one of each.
SERIAL := tests/contract/test_schemathesis.py
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
# Many processes import the same modules: without stored bytecode each would compile all of them, and pytest rewrite all tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv demo unit test lint e2e browser screenshots docs postgres faults fuzz matrix bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## set up .venv; every target does so by itself

$(STAMP): pyproject.toml $(CONSTRAINTS)
	@echo "setting up $(VENV) (once; a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location -c $(CONSTRAINTS) -e '.[dev]'
	@$(BIN)/python -c 'import airflow_provider_kaizala, airflow, fastapi, pytest'
	@touch $(STAMP)

# A DAG posts to a group, people answer, the DAG continues. With HUMAN=1 it waits until you answer on the page; with KEEP=1 you
# answer a second run, and everything keeps running.
demo: $(STAMP) ## a DAG asks, people answer, the DAG continues; HUMAN=1 asks you, KEEP=1 keeps everything running
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(HUMAN),--human)

# All tests, also those that start real components. Tests of what this machine lacks are skipped, with the reason.
test: $(STAMP) ## all tests
	$(BIN)/python -m pytest -q $(PARALLEL) tests/unit tests/contract tests/airflow tests/faults --ignore $(SERIAL)
	$(BIN)/python -m pytest -q $(SERIAL) tests/browser tests/e2e

# The provider's unit tests: neither the server's, nor any that start components.
unit: $(STAMP) ## the provider's unit tests
	$(BIN)/python -m pytest -q $(PARALLEL) tests/unit --ignore tests/unit/server --ignore tests/unit/testing $(ARGS)

e2e: $(STAMP) ## the tests that start all components of Airflow and the server
	$(BIN)/python -m pytest -q tests/e2e

# The tests of the page, in the Chromium of this machine.
browser: $(STAMP) ## the tests of the page
	$(BIN)/python -m pytest -q tests/browser

# Take the pictures of the page in docs/, in the Chromium of this machine.
screenshots: $(STAMP) ## the pictures of the page in docs/
	@$(BIN)/python -m demo.screenshots

# Warnings are errors, and so are links that lead nowhere.
docs: $(STAMP) ## the documentation site in .build/docs
	@$(BIN)/sphinx-build -q -E -W --keep-going -b html -d .build/docs-read docs .build/docs
	@echo "the site: .build/docs/index.html"

# The server's tests on PostgreSQL, which must be installed; they start an instance of their own. ARGS selects tests.
postgres: $(STAMP) ## the server's tests on PostgreSQL; ARGS selects tests
	$(BIN)/python -m tests.on_postgres $(ARGS)

# What goes wrong between processes and under attack: killed servers, requests that no client would send.
faults: $(STAMP) ## the tests with killed servers, and with PostgreSQL
	$(BIN)/python -m pytest -q tests/faults $(ARGS)

SECONDS ?= 600
fuzz: $(STAMP) ## throw odd requests at the server for SECONDS, 600 by default; SEED repeats a run
	KAIZALA_FUZZ_SECONDS=$(SECONDS) KAIZALA_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -q -s tests/faults/test_fuzz.py

# Measure into benchmarks/results.json. ONLY=server (or page, imports, message, waits) runs one bench and keeps the other figures.
bench: $(STAMP) $(MOTO)/.installed ## measure into benchmarks/results.json; ONLY selects a bench
	@$(BIN)/python -m benchmarks $(ONLY)

$(MOTO)/.installed: benchmarks/moto-requirements.txt
	@echo "setting up $(MOTO) (once)"
	@test -x $(MOTO)/bin/python || $(PYTHON) -m venv $(MOTO)
	@$(MOTO)/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r $<
	@touch $@

# The tests of the built wheel on each supported version of Airflow, and on a pre-release. AIRFLOW selects versions ("3.1.8 3.3.2:3.13"),
# ARGS tests. The environments stay in .build/.
matrix: $(STAMP) ## the tests of the wheel on every version of Airflow; AIRFLOW selects versions, ARGS tests
	$(BIN)/python -m tests.matrix $(AIRFLOW) $(if $(ARGS),-- $(ARGS))

lint: $(STAMP) ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean: ## remove .venv and .build
	rm -rf $(VENV) .build
