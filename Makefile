# Every target is self-contained on a fresh clone with nothing but Python >= 3.11 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := constraints-py311-airflow332.txt
MOTO := .build/moto

# Two workers, each with whole files; the real components of tests/e2e all on one of them, and first.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help venv demo test unit lint e2e browser screenshots postgres matrix bench clean

help: ## This list.
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## The development environment.

$(STAMP): pyproject.toml $(CONSTRAINTS)
	@echo "setting up $(VENV) (once; a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location -c $(CONSTRAINTS) -e '.[dev]'
	@$(BIN)/python -c 'import airflow_provider_kaizala, airflow, fastapi, pytest'
	@touch $(STAMP)

# The main job: a DAG posts to a group, people answer, the DAG goes on. HUMAN=1 waits for you to answer on
# the page; KEEP=1 leaves everything up to look around, and lets you answer a second run.
demo: $(STAMP) ## A DAG posts, people answer, the DAG goes on; HUMAN=1 lets you answer, KEEP=1 leaves it running.
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(HUMAN),--human)

test: $(STAMP) ## All tests, real components included; what the machine lacks is skipped, loudly.
	$(BIN)/python -m pytest -q $(PARALLEL)

unit: $(STAMP) ## The quick tests: no Airflow that runs, no browser, not the server's own. Under a minute.
	$(BIN)/python -m pytest -q $(PARALLEL) tests/unit --ignore=tests/unit/server

e2e: $(STAMP) ## Tests with Airflow's real components.
	$(BIN)/python -m pytest -q tests/e2e

browser: $(STAMP) ## Tests of the page, in this machine's Chromium.
	$(BIN)/python -m pytest -q tests/browser

screenshots: $(STAMP) ## The pictures of the page in docs/.
	@$(BIN)/python -m demo.screenshots

postgres: $(STAMP) ## The server's tests on a PostgreSQL of their own, which must be installed; ARGS narrows them.
	$(BIN)/python -m tests.on_postgres $(ARGS)

bench: $(STAMP) $(MOTO)/.installed ## Figures into benchmarks/results.json; ONLY=server runs one and keeps the others'.
	@$(BIN)/python -m benchmarks $(ONLY)

$(MOTO)/.installed: benchmarks/moto-requirements.txt
	@echo "setting up $(MOTO) (once)"
	@test -x $(MOTO)/bin/python || $(PYTHON) -m venv $(MOTO)
	@$(MOTO)/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r $<
	@touch $@

# The tests inside Airflow once more, on the oldest version of the range. The server runs in the first environment: its SQLAlchemy
# is too new for Airflow 2. ARGS narrows them.
OLD := .build/airflow-2.11
matrix: $(STAMP) $(OLD)/.installed ## The tests inside Airflow on the oldest version; ARGS narrows them.
	KAIZALA_SERVER_PYTHON=$(abspath $(BIN))/python $(OLD)/bin/python -m pytest -q $(or $(ARGS),tests/airflow) -W ignore -p no:logging -p no:cacheprovider -o filterwarnings=

$(OLD)/.installed: constraints-py311-airflow2112.txt
	@echo "setting up $(OLD) (once; about a minute)"
	@test -x $(OLD)/bin/python || $(PYTHON) -m venv $(OLD)
	@$(OLD)/bin/python -m pip install -qq --disable-pip-version-check -c constraints-py311-airflow2112.txt apache-airflow apache-airflow-providers-standard matplotlib pytest pytest-timeout responses respx
	@$(OLD)/bin/python -m pip install -qq --disable-pip-version-check -c constraints-py311-airflow2112.txt -e '.[examples]'
	@touch $@

lint: $(STAMP) ## Style, formatting, types, and which module may import which.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean: ## Remove the environments.
	rm -rf $(VENV) .build
