"""What all tests have in common: an Airflow of their own, and no waiting for what they do not test."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_kaizala.server import hashing

if TYPE_CHECKING:
    import pytest

# Before anything imports Airflow.
_home = Path(tempfile.mkdtemp(prefix="kaizala-tests-airflow-"))
_dags = _home / "dags"
_dags.mkdir()

for _name in [name for name in os.environ if name.startswith(("AIRFLOW_", "_AIRFLOW_"))]:
    del os.environ[_name]
os.environ.update(
    {
        "AIRFLOW_HOME": str(_home),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(_dags),
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",  # Airflow 2 runs dag.test() on SQLite only so
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_home / 'airflow.db'}",
    }
)

# Each client of httpx reads all certificate authorities, which takes longer than most tests; these here speak to this
# machine, and the few that test TLS name authorities of their own.
for _name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(_name, None)
(_home / "authorities").mkdir()
os.environ["SSL_CERT_DIR"] = str(_home / "authorities")

# PINs are hashed slowly on purpose, and each reset of a server hashes those of the seed.
hashing._SCRYPT_COST = 2

with contextlib.suppress(ImportError):  # `make matrix` has no Hypothesis
    import hypothesis

    hypothesis.settings.register_profile("same everywhere", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("same everywhere")


def pytest_unconfigure() -> None:
    """Remove it again."""
    shutil.rmtree(_home, ignore_errors=True)


_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What the machine lacks may be skipped on a developer's machine; in CI it is a failure."""
    if _skipped and os.environ.get("CI") == "true":
        print("\nskipped, which CI does not allow:", *_skipped, sep="\n  ")
        session.exitstatus = 1
