"""The fixtures. Every pytest run in an environment with this package loads this module, so it imports only pytest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

SETTINGS = {
    "kaizala_seed": "seed of kaizala_server: a file, or a built-in name; demo by default",
    "kaizala_server_url": "a kaizala-server in --test-mode to use, instead of starting one",
    "kaizala_server_python": "an interpreter that runs kaizala-server, where this one cannot",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    for name, text in SETTINGS.items():
        parser.addini(name, f"{text} (also from {name.upper()})", default="")


def _setting(config: pytest.Config, name: str) -> str:
    return str(os.environ.get(name.upper()) or config.getini(name)).strip()


def _seed(config: pytest.Config) -> str:
    seed = _setting(config, "kaizala_seed") or "demo"
    path = config.rootpath / seed
    return str(path) if path.is_file() else seed


def pytest_configure(config: pytest.Config) -> None:
    """Refuse settings that exclude each other before any test runs."""
    if _setting(config, "kaizala_server_url") and _setting(config, "kaizala_server_python"):
        raise pytest.UsageError("kaizala_server_url and kaizala_server_python exclude each other")


@pytest.fixture(scope="session")
def _kaizala_session_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KaizalaServer]:
    """One server for all tests of this process, which under pytest-xdist is one worker."""
    if url := _setting(pytestconfig, "kaizala_server_url"):
        from airflow_provider_kaizala.testing.server import KaizalaServer

        if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
            pytest.fail(
                f"kaizala_server_url names one server ({url}), and parallel tests would reset it under each other; "
                "run without -n, or remove the setting so that each worker starts its own server",
                pytrace=False,
            )
        yield KaizalaServer(url)
        return
    folder, seed = tmp_path_factory.mktemp("kaizala-server"), _seed(pytestconfig)
    if python := _setting(pytestconfig, "kaizala_server_python"):
        from airflow_provider_kaizala.testing.server import in_a_process

        with in_a_process(python, folder, seed, Path(pytestconfig.rootpath)) as server:
            yield server
        return
    try:
        _need_server()
    except ImportError as error:
        pytest.fail(
            f"kaizala_server cannot run in this environment ({error}); install airflow-provider-kaizala[server], or name "
            "another interpreter (kaizala_server_python) or a server (kaizala_server_url)",
            pytrace=False,
        )
    from airflow_provider_kaizala.server.startup import StartError
    from airflow_provider_kaizala.testing.server import in_a_thread

    try:
        with in_a_thread(folder, seed) as server:
            yield server
    except StartError as error:
        pytest.fail(f"kaizala_server: {error}", pytrace=False)


@pytest.fixture
def kaizala_server(_kaizala_session_server: KaizalaServer) -> KaizalaServer:
    """A Kaizala server in the state of its seed, with a control plane: ``.url``, ``.seed()``, ``.fault()``, ``.journal()``, ..."""
    _reset(_kaizala_session_server)
    return _kaizala_session_server


def _need_server() -> None:
    """Raise ImportError if the server cannot run here; Airflow 2 requires SQLAlchemy below 2."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("sqlalchemy")
    except PackageNotFoundError:
        found = ""
    if found.startswith(("0.", "1.")):
        raise ImportError(f"SQLAlchemy is {found}, and the server needs 2")
    import airflow_provider_kaizala.server.run  # noqa: F401


def _reset(server: KaizalaServer) -> None:
    from airflow_provider_kaizala.testing.wire import KaizalaServerError

    try:
        server.reset()
    except KaizalaServerError as error:
        if error.status != 404:
            raise
        pytest.fail(f"the server {server.url} does not run in --test-mode", pytrace=False)
    except OSError as error:
        pytest.fail(f"the server {server.url} does not answer: {error}", pytrace=False)


@pytest.fixture
def kaizala_people(kaizala_server: KaizalaServer) -> Iterator[People]:
    """The people of the seed, who act by script: ``kaizala_people.ravi.votes("Yes", after_polls=2)``."""
    from airflow_provider_kaizala.testing.people import People

    people = People(kaizala_server)
    yield people
    people.close()


@pytest.fixture
def kaizala_conn(kaizala_server: KaizalaServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The Airflow connection ``kaizala_default`` to the server, without a limit of calls; returned as a dict."""
    from airflow_provider_kaizala.testing.server import CONN_ID
    from airflow_provider_kaizala.testing.token_variables import set_aside

    connection = kaizala_server.connection()
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    with set_aside(connection["extra"]):
        yield connection
