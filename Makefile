# Every target is self-contained on a fresh clone with nothing but Python >= 3.11 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := constraints-py311-airflow332.txt
MOTO := .build/moto

.PHONY: venv demo test lint e2e browser screenshots postgres matrix bench clean

venv: $(STAMP)

$(STAMP): pyproject.toml $(CONSTRAINTS)
	@echo "setting up $(VENV) (once; a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location -c $(CONSTRAINTS) -e '.[dev]'
	@$(BIN)/python -c 'import airflow_provider_kaizala, airflow, fastapi, pytest'
	@touch $(STAMP)

# The main job: a DAG posts to a group, people answer, the DAG goes on. HUMAN=1 waits for you to answer on
# the page; KEEP=1 leaves everything up to look around, and lets you answer a second run.
demo: $(STAMP)
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(HUMAN),--human)

# All tests that need nothing but this machine; those with real components included. What the machine lacks is skipped, loudly.
test: $(STAMP)
	$(BIN)/python -m pytest -q

e2e: $(STAMP)
	$(BIN)/python -m pytest -q tests/e2e

# The page alone, in this machine's Chromium.
browser: $(STAMP)
	$(BIN)/python -m pytest -q tests/browser

# The pictures of the page in docs/, taken in this machine's Chromium.
screenshots: $(STAMP)
	@$(BIN)/python -m demo.screenshots

# The server's tests once more, on a PostgreSQL of their own, which must be installed; ARGS narrows them.
postgres: $(STAMP)
	$(BIN)/python -m tests.on_postgres $(ARGS)

# Figures into benchmarks/results.json; ONLY=server (page, imports, message, waits) runs one bench and keeps what the others measured.
bench: $(STAMP) $(MOTO)/.installed
	@$(BIN)/python -m benchmarks $(ONLY)

$(MOTO)/.installed: benchmarks/moto-requirements.txt
	@echo "setting up $(MOTO) (once)"
	@test -x $(MOTO)/bin/python || $(PYTHON) -m venv $(MOTO)
	@$(MOTO)/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r $<
	@touch $@

# The tests inside Airflow once more, on the oldest version of the range. The server runs in the first environment: its SQLAlchemy
# is too new for Airflow 2. ARGS narrows them.
OLD := .build/airflow-2.11
matrix: $(STAMP) $(OLD)/.installed
	KAIZALA_SERVER_PYTHON=$(abspath $(BIN))/python $(OLD)/bin/python -m pytest -q $(or $(ARGS),tests/airflow) -W ignore -p no:logging -p no:cacheprovider -o filterwarnings=

$(OLD)/.installed: constraints-py311-airflow2112.txt
	@echo "setting up $(OLD) (once; about a minute)"
	@test -x $(OLD)/bin/python || $(PYTHON) -m venv $(OLD)
	@$(OLD)/bin/python -m pip install -qq --disable-pip-version-check -c constraints-py311-airflow2112.txt apache-airflow apache-airflow-providers-standard matplotlib pytest pytest-timeout responses respx
	@$(OLD)/bin/python -m pip install -qq --disable-pip-version-check -c constraints-py311-airflow2112.txt -e '.[examples]'
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean:
	rm -rf $(VENV) .build
