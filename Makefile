# Every target works on a fresh clone and needs only Python 3.11 or newer and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := constraints/airflow-3.3.2.txt
MOTO := .build/moto
# Each file of tests runs in one of two processes, since fixtures are shared within a file. One of them begins with what starts
# all of Airflow, which mostly waits; see tests/conftest.py.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
# Not in these: the generated contract tests, whose ids repeat, so that xdist would run only one of each; `make wheel`; `make lint`;
# `make observers`.
SERIAL := tests/contract/test_schemathesis.py
APART := --ignore $(SERIAL) --ignore tests/wheel --ignore tests/typing --ignore tests/observers
# One path of each kind that is slow, for `make gate`.
PATHS := tests/airflow/test_posting.py tests/airflow/waiting tests/browser/test_once.py tests/e2e/test_store_opening.py tests/faults/test_two_processes.py
# Many processes import the same modules: without stored bytecode each would compile all of them, and pytest rewrite all tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv demo unit gate rest test lint coverage e2e browser screenshots gallery docs postgres faults observers fuzz matrix distributed bench dist wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
	$(BIN)/python -m pytest -q $(PARALLEL) $(APART) tests
	$(BIN)/python -m pytest -q $(SERIAL)

# What holds before anything is merged: under 15 minutes on two cores. `make rest` runs the tests that this leaves out.
gate: lint docs wheel ## lint, docs, all unit and contract tests, one path of each other kind, the wheel, PostgreSQL
	$(BIN)/python -m pytest -q $(PARALLEL) $(APART) tests/unit tests/contract $(PATHS)
	$(BIN)/python -m tests.on_postgres tests/unit/server/domain

rest: $(STAMP) ## the tests that `make gate` leaves out
	$(BIN)/python -m pytest -q $(PARALLEL) $(APART) $(addprefix --ignore ,tests/unit tests/contract $(PATHS)) tests
	$(BIN)/python -m pytest -q $(SERIAL)

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

# A server, all of Airflow, three people, and Chromium: about five minutes.
gallery: $(STAMP) ## the runs of the example DAGs in docs/gallery
	@$(BIN)/python -m demo.gallery

# Warnings are errors, and so are links that lead nowhere.
docs: $(STAMP) ## the documentation site in .build/docs
	@$(BIN)/sphinx-build -q -E -W --keep-going -b html -d .build/docs-read docs .build/docs
	@echo "the site: .build/docs/index.html"

# The server's tests on PostgreSQL, which must be installed; they start an instance of their own. ARGS selects tests.
postgres: $(STAMP) ## the server's tests on PostgreSQL; ARGS selects tests
	$(BIN)/python -m tests.on_postgres $(ARGS)

# What goes wrong between processes and under attack: killed servers, requests that no client would send.
faults: $(STAMP) ## the tests with killed servers, with PostgreSQL, and 200 waits while components of Airflow are killed
	KAIZALA_WAITS=200 $(BIN)/python -m pytest -q tests/faults tests/e2e/test_restarts.py $(ARGS)

# What watches Airflow: OpenLineage and StatsD. They are kept out of the environment, since they would change Airflow in all other tests.
OBSERVERS := .build/observers
observers: $(STAMP) $(OBSERVERS)/.installed ## the tests with OpenLineage and StatsD
	PYTHONPATH=$(OBSERVERS) $(BIN)/python -m pytest -q tests/observers $(ARGS)

$(OBSERVERS)/.installed: tests/observers/requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --upgrade --target $(OBSERVERS) -r $<
	@touch $@

SECONDS ?= 600
fuzz: $(STAMP) ## throw odd requests at the server for SECONDS, 600 by default; SEED repeats a run
	KAIZALA_FUZZ_SECONDS=$(SECONDS) KAIZALA_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -q -s tests/faults/test_fuzz.py

# What many machines do: CeleryExecutor, Redis, PostgreSQL, nginx, two processes of each kind; all of them from Debian's packages. RUNS
# is the number of DAG runs, 500 by default; ONLY selects celery, killed or local; KILL what is killed, such as KILL=worker.
distributed: $(STAMP) ## many runs on CeleryExecutor while components are killed; RUNS, ONLY and KILL
	@$(BIN)/python -m tests.distributed $(ONLY) --runs $(or $(RUNS),500) $(if $(KILL),--kill $(KILL))

# Measure into benchmarks/results.json. ONLY=server (or page, imports, message, waits, push, distributed) runs one bench and keeps the other figures.
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

lint: $(STAMP) ## ruff, mypy, import-linter, zizmor; griffe against the last tag
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/python -m tests.public_names --breaking

# A third of the time is spent on measuring, so `make gate` does not.
coverage: $(STAMP) ## branch coverage, by room; those below 85 % are named
	@mkdir -p .build
	$(BIN)/python -m pytest -q $(PARALLEL) $(APART) --cov --cov-report json:.build/coverage.json tests/unit tests/contract tests/airflow
	$(BIN)/python -m tests.coverage_by_room .build/coverage.json

# The same bytes for whoever builds this commit.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1580601600)
dist: $(STAMP) ## wheel and sdist in dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

wheel: $(STAMP) ## build wheel and sdist twice, and try the wheel in an empty environment
	$(BIN)/python -m pytest -q tests/wheel

clean: ## remove .venv, .build and dist
	rm -rf $(VENV) .build dist
