"""The control plane as a test speaks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.server.run import RunningServer


class Control:
    """Calls under ``/_test``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url + "/_test", timeout=20)

    def ok(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        reply = self.http.request(method, path, **options)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def refused(self, status: int, method: str, path: str, **options: Any) -> str:
        reply = self.http.request(method, path, **options)
        assert reply.status_code == status, reply.text
        assert set(reply.json()) == {"message", "errorCode", "errorCategoryKey"}
        return reply.json()["message"]

    def fault(self, **fault: Any) -> None:
        self.ok("POST", "/faults", json=fault)

    def entries(self, **query: Any) -> list[dict[str, Any]]:
        return self.ok("GET", "/journal", params=query)["entries"]


@pytest.fixture
def control(server: RunningServer) -> Iterator[Control]:
    control = Control(server.url)
    yield control
    control.http.close()


@pytest.fixture
def control_of() -> Iterator[Callable[[str], Control]]:
    opened: list[Control] = []

    def open_(url: str) -> Control:
        opened.append(control := Control(url))
        return control

    yield open_
    for one in opened:
        one.http.close()
