"""The fixtures. This module is loaded by every pytest where the package is installed: it imports nothing but pytest."""

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
    "kaizala_server_url": "a kaizala-server in --test-mode to use, instead of one per test",
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


@pytest.fixture(scope="session")
def _kaizala_shared_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KaizalaServer | None]:
    """One server for all tests, if the settings name one; None if each test has its own."""
    url = _setting(pytestconfig, "kaizala_server_url")
    python = _setting(pytestconfig, "kaizala_server_python")
    if url and python:
        pytest.exit("kaizala_server_url and kaizala_server_python exclude each other", returncode=4)
    if url:
        from airflow_provider_kaizala.testing.server import KaizalaServer

        yield KaizalaServer(url)
    elif python:
        from airflow_provider_kaizala.testing.server import in_a_process

        folder = tmp_path_factory.mktemp("kaizala-server")
        with in_a_process(python, folder, _seed(pytestconfig), Path(pytestconfig.rootpath)) as server:
            yield server
    else:
        yield None


@pytest.fixture
def kaizala_server(
    _kaizala_shared_server: KaizalaServer | None,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KaizalaServer]:
    """A Kaizala server as its seed leaves it, with a control plane: ``.url``, ``.seed()``, ``.fault()``, ``.journal()``, ..."""
    if _kaizala_shared_server is not None:
        _reset(_kaizala_shared_server)
        yield _kaizala_shared_server
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
        with in_a_thread(tmp_path_factory.mktemp("kaizala-server"), _seed(pytestconfig)) as server:
            yield server
    except StartError as error:
        pytest.fail(f"kaizala_server: {error}", pytrace=False)


def _need_server() -> None:
    """Raise ImportError where the server cannot run; Airflow 2 holds SQLAlchemy below 2."""
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
    """The people of the seed, who answer by script: ``kaizala_people.ravi.votes("Yes", after_polls=2)``."""
    from airflow_provider_kaizala.testing.people import People

    people = People(kaizala_server)
    yield people
    people.close()


@pytest.fixture
def kaizala_conn(kaizala_server: KaizalaServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The Airflow connection ``kaizala_default`` to the server, without limits; returned as a dict."""
    from airflow_provider_kaizala.testing.server import CONN_ID
    from airflow_provider_kaizala.testing.token_variables import set_aside

    connection = kaizala_server.connection()
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    with set_aside(connection["extra"]):
        yield connection
