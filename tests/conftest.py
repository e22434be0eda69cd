"""What all tests have in common: an Airflow of their own, and no waiting for what they do not test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kaizala.server import hashing

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

if (
    (3, 0) <= tuple(map(int, version("apache-airflow").split(".")[:2])) < (3, 2)
):  # newer ones find it in the provider's metadata
    os.environ["AIRFLOW__DATABASE__EXTERNAL_DB_MANAGERS"] = (
        "airflow_provider_kaizala.push.db.KaizalaDBManager"
    )

# Each client of httpx reads all certificate authorities, which takes longer than most tests; these here speak to this
# machine, and the few that test TLS name authorities of their own.
for _name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(_name, None)
(_home / "authorities").mkdir()
os.environ["SSL_CERT_DIR"] = str(_home / "authorities")

# A shell that starts the tests in the background lets them, and all processes that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# PINs are hashed slowly on purpose, and each reset of a server hashes those of the seed.
hashing.PIN_COST = (1, 8, 1)

with contextlib.suppress(ImportError):
    import hypothesis

    hypothesis.settings.register_profile("same everywhere", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("same everywhere")


def pytest_unconfigure() -> None:
    """Remove it again."""
    shutil.rmtree(_home, ignore_errors=True)


# --- in parallel: pytest -n 2 --dist loadfile -----------------------------------------------------------------------------


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what starts real components: it takes longest and mostly waits, so the rest runs beside it."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker, and all files that start real components on the same one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class OneStackAtATime(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            stacks = ("tests/e2e/", "tests/browser/test_dag.py", "tests/faults/test_push.py")
            return "stack" if file.startswith(stacks) else file

    return OneStackAtATime(config, log)


# --- in CI ----------------------------------------------------------------------------------------------------------------

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped; of parallel workers the process that started them is told.

    Tests of what an older Airflow lacks have nothing to test here, see tests/unit/test_missing.py.
    """
    is_of_older = str(report.longrepr).endswith("and newer have it')")
    if report.skipped and not is_of_older and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember whole files that were skipped."""
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What the machine lacks may be skipped on a developer's machine; in CI it is a failure."""
    if _skipped and os.environ.get("CI") == "true" and "PYTEST_XDIST_WORKER" not in os.environ:
        print("\nskipped, which CI does not allow:", *_skipped, sep="\n  ")
        session.exitstatus = 1
