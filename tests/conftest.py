"""An Airflow of its own for the tests: its environment is set before anything imports it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

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
