"""A real server in a thread on a real port, and clients that speak plain HTTP to it."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.run import RunningServer
from airflow_provider_kaizala.server.store.engine import open_engine
from airflow_provider_kaizala.server.store.migrate import migrate
from tests.on_postgres import create_database, postgres_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["postgres_url"]
GROUP = "11111111-1111-4111-8111-111111111111@1"
ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


class Api:
    """Calls under one access token; a path is relative to ``/v1``."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url + "/v1", headers={"accessToken": token}, timeout=20)

    def ok(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        reply = self.http.request(method, path, **options)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def refused(self, status: int, method: str, path: str, **options: Any) -> dict[str, str]:
        reply = self.http.request(method, path, **options)
        assert reply.status_code == status, reply.text
        body = reply.json()
        assert set(body) == {"message", "errorCode", "errorCategoryKey"}
        assert all(isinstance(value, str) and value for value in body.values())
        return body

    def post_action(self, kind: str, body: dict[str, Any], group: str = GROUP, **more: Any) -> dict[str, Any]:
        return self.ok(
            "POST", f"/groups/{group}/actions", json={"actionType": kind, "actionBody": body, **more}
        )

    def details(self, action_id: str, group: str = GROUP) -> dict[str, Any]:
        return self.ok("GET", f"/groups/{group}/actions/{action_id}", params={"getDetails": "true"})[
            "actionDetails"
        ]


class Person:
    """Calls of a person who signed in."""

    def __init__(self, url: str, mobile: str, pin: str = "1234") -> None:
        self.http = httpx.Client(base_url=url + "/people", timeout=20)
        token = self.http.post("/session", json={"mobileNumber": mobile, "pin": pin}).json()["token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def ok(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        reply = self.http.request(method, path, **options)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def refused(self, status: int, method: str, path: str, **options: Any) -> dict[str, str]:
        reply = self.http.request(method, path, **options)
        assert reply.status_code == status, reply.text
        return reply.json()

    def feed(self, group: str = GROUP, **query: Any) -> dict[str, Any]:
        return self.ok("GET", f"/groups/{group}/feed", params=query)


def fetch_token(
    url: str, refresh: str, connector: str = "demo-connector", secret: str = "demo-secret"
) -> dict[str, Any]:
    headers = {"applicationId": connector, "applicationSecret": secret, "refreshToken": refresh}
    reply = httpx.get(url + "/v1/accessToken", headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture(scope="session")
def postgres_original(postgres_url: str) -> str:
    """A migrated, empty database on that PostgreSQL, to copy."""
    url = create_database(postgres_url)
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def postgres_database(postgres_url: str, postgres_original: str) -> str:
    """A migrated, empty database on PostgreSQL, whatever the other tests run on."""
    return create_database(postgres_url, postgres_original)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], str]:
    """Make migrated, empty databases, and return their URLs: SQLite files, or databases on the PostgreSQL of the environment.

    They are copies of one: running the migrations takes longer than most tests.
    """
    server = os.environ.get("KAIZALA_TEST_POSTGRES")
    if server:
        url = create_database(server)
    else:
        file = tmp_path_factory.mktemp("migrated") / "kaizala.db"
        url = f"sqlite:///{file}"
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()

    def make(folder: Path, name: str) -> str:
        if not server:
            shutil.copyfile(file, folder / f"{name}.db")
            return f"sqlite:///{folder}/{name}.db"
        return create_database(server, url)

    return make


def demo_shop(database: str, media: Path, **settings: Any) -> RunningServer:
    """Start a server with the demo seed, unless the settings say something else."""
    config = ServerConfig(
        port=0,
        database=database,
        media_dir=str(media),
        seed="demo",
        test_mode=True,
        connector_limit=0,
        tenant_limit=0,
        log_level="warning",
    )
    return RunningServer(replace(config, **settings)).start()


@pytest.fixture
def make_server(
    new_database: Callable[[Path, str], str], tmp_path: Path
) -> Iterator[Callable[..., RunningServer]]:
    """Start servers with settings of their own, on fresh databases."""
    running: list[RunningServer] = []

    def make(database: str | None = None, **settings: Any) -> RunningServer:
        name = str(len(running))
        server = demo_shop(database or new_database(tmp_path, name), tmp_path / f"media-{name}", **settings)
        running.append(server)
        return server

    yield make
    with ThreadPoolExecutor() as pool:  # each takes a moment
        list(pool.map(RunningServer.stop, running))


@pytest.fixture(scope="session")
def session_server(
    new_database: Callable[[Path, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("kaizala")
    server = demo_shop(new_database(folder, "k"), folder / "media")
    yield server
    server.stop()


@pytest.fixture
def server(session_server: RunningServer) -> RunningServer:
    """The demo shop, as it was seeded."""
    assert httpx.post(session_server.url + "/_test/reset").status_code == 200
    return session_server


@pytest.fixture
def callers() -> Iterator[list[Api | Person]]:
    opened: list[Api | Person] = []
    yield opened
    for one in opened:
        one.http.close()


@pytest.fixture
def call_with(server: RunningServer, callers: list[Api | Person]) -> Callable[..., Api]:
    """Return callers of the API by refresh token."""

    def call(refresh: str, url: str = server.url, **connector: str) -> Api:
        callers.append(caller := Api(url, fetch_token(url, refresh, **connector)["accessToken"]))
        return caller

    return call


@pytest.fixture
def sign_in(server: RunningServer, callers: list[Api | Person]) -> Callable[..., Person]:
    """Return people by phone number."""

    def sign(mobile: str, url: str = server.url) -> Person:
        callers.append(caller := Person(url, mobile))
        return caller

    return sign


@pytest.fixture
def api(call_with: Callable[..., Api]) -> Api:
    """The group token of Store 12, granted by Asha."""
    return call_with("demo-group-token")


@pytest.fixture
def user_api(call_with: Callable[..., Api]) -> Api:
    """Asha's user token."""
    return call_with("demo-refresh-token")


@pytest.fixture
def asha(sign_in: Callable[..., Person]) -> Person:
    return sign_in(ASHA)


@pytest.fixture
def ravi(sign_in: Callable[..., Person]) -> Person:
    return sign_in(RAVI)


@pytest.fixture
def meera(sign_in: Callable[..., Person]) -> Person:
    return sign_in(MEERA)


@pytest.fixture
def survey() -> dict[str, Any]:
    """A survey with a question of most types."""
    return {
        "title": "Opening",
        "questions": [
            {"title": "Open?", "type": "SingleOption", "options": [{"title": "Yes"}, {"title": "No"}]},
            {"title": "Parts", "type": "MultiOption", "options": [{"title": "X"}, {"title": "Y"}]},
            {"title": "Count", "type": "Numeric"},
            {"title": "When", "type": "Date"},
            {"title": "Where", "type": "Location"},
            {"title": "Note", "type": "Text"},
        ],
    }


@pytest.fixture(name="fetch_token")
def token_fetcher() -> Callable[..., dict[str, Any]]:
    return fetch_token
