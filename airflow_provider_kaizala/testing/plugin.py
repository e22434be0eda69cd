"""The fixtures. Every pytest run in an environment with this package loads this module, so it imports only pytest."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import FrameType

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


# --- people ------------------------------------------------------------------------------------------------------------------

_CALL_FAILED = pytest.StashKey[bool]()
#: the people whose scripts may interrupt the test that runs now
_acting: People | None = None


@pytest.fixture
def kaizala_people(request: pytest.FixtureRequest, kaizala_server: KaizalaServer) -> Iterator[People]:
    """The people of the seed, who act by script: ``kaizala_people.ravi.votes("Yes", after_polls=2)``."""
    from airflow_provider_kaizala.testing.people import People

    people = People(kaizala_server)
    yield people
    people.close(allow_unused=request.node.stash.get(_CALL_FAILED, False))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test as soon as one of its scripts fails: the task that waits for the answer would wait until its timeout."""
    global _acting
    people: People | None = getattr(item, "funcargs", {}).get("kaizala_people")
    if people is None or threading.current_thread() is not threading.main_thread():
        return (yield)
    if signal.getsignal(signal.SIGUSR1) is not _interrupt:  # it stays: a late signal must find it
        signal.signal(signal.SIGUSR1, _interrupt)
    main = threading.get_ident()
    people.interrupt = lambda: signal.pthread_kill(main, signal.SIGUSR1)
    _acting = people
    try:
        result = yield
        _fail(people)  # Airflow makes a failed task of what is raised in one
    except pytest.fail.Exception:
        people.failures.clear()
        raise
    finally:
        _acting = None
    return result


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    if _acting is None or not _acting.failures:
        return
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if loop is None or isinstance(loop, asyncio.BaseEventLoop):
        _fail(_acting)
    else:  # uvloop would log the failure, and run on
        loop.stop()


def _fail(people: People) -> None:
    if people.failures:
        pytest.fail("; ".join(people.failures), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server was asked in a test that has failed."""
    report = yield
    if report.failed:
        item.stash[_CALL_FAILED] = True
        server: KaizalaServer | None = getattr(item, "funcargs", {}).get("kaizala_server")
        if server is not None:
            from airflow_provider_kaizala.testing.server import KaizalaServer, journal_lines

            if isinstance(server, KaizalaServer):
                report.sections.append((f"Calls of the Kaizala server, {report.when}", journal_lines(server)))
    return report


# --- connections -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def kaizala_connect(
    kaizala_server: KaizalaServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., dict[str, Any]]]:
    """A function that sets an Airflow connection to the server: ``kaizala_connect("kaizala_ops", connector_id="ops")``.

    Its arguments beside the connection's id are those of
    :meth:`~airflow_provider_kaizala.testing.server.KaizalaServer.connection`; it returns the connection as a dict.
    """
    from contextlib import ExitStack

    from airflow_provider_kaizala.testing.token_variables import set_aside

    with ExitStack() as stack:

        def connect(conn_id: str, **which: Any) -> dict[str, Any]:
            connection = kaizala_server.connection(**which)
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
            stack.enter_context(set_aside(connection["extra"]))
            return connection

        yield connect


@pytest.fixture
def kaizala_conn(kaizala_connect: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The Airflow connection ``kaizala_default`` to the server, without a limit of calls; returned as a dict."""
    from airflow_provider_kaizala.testing.server import CONN_ID

    return kaizala_connect(CONN_ID)
