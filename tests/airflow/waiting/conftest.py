"""The three modes of a sensor, and what happens while it waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.client import KaizalaClient
from airflow_provider_kaizala.client.settings import Settings
from tests.airflow.dag_bag import CALLBACKS_KNOW_NOTHING
from tests.airflow.waiting.dags import MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.server import KaizalaServer


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"poke_interval": 0.3, "timeout": 40, **MODES[request.param]}


@pytest.fixture
def no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """``dag.test()`` runs one trigger after another, so a poll would wait for others in vain; and nobody reports on workers."""
    monkeypatch.setattr("airflow_provider_kaizala.triggers.poll.GATHER", 0.0)
    monkeypatch.setattr("airflow_provider_kaizala.compat.PARKING", 0)


@pytest.fixture(autouse=True)
def usual(kaizala_conn: Any, no_gathering: None) -> None:
    """What every test takes."""


@pytest.fixture
def later(kaizala_server: KaizalaServer) -> Iterator[Callable[[str, Callable[[], object], int], None]]:
    """Do something once a read has come so often: ``later("getAction", act, 2)``."""
    threads, failures, over = [], [], threading.Event()

    def follow(operation: str, act: Callable[[], object], looks: int) -> None:
        try:
            while not over.wait(0.05):
                if len(kaizala_server.journal(operation=operation)) >= looks:
                    act()
                    return
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    def begin(operation: str, act: Callable[[], object], looks: int = 1) -> None:
        thread = threading.Thread(target=follow, args=(operation, act, looks), daemon=True)
        thread.start()
        threads.append(thread)

    yield begin
    over.set()
    for thread in threads:
        thread.join(10)
    assert failures == []


@pytest.fixture
def connector(kaizala_conn: dict[str, Any]) -> Callable[..., KaizalaClient]:
    """A client of the demo connector, with the token of whoever is named."""

    def client(refresh_token: str | None = None) -> KaizalaClient:
        token = refresh_token or kaizala_conn["extra"]["refresh_token"]
        return KaizalaClient(
            Settings(
                kaizala_conn["login"],
                kaizala_conn["password"],
                api_root=kaizala_conn["host"],
                refresh_token=token,
            )
        )

    return client


@pytest.fixture
def told() -> list[str]:
    """What failed tasks said."""
    if CALLBACKS_KNOW_NOTHING:
        pytest.skip(CALLBACKS_KNOW_NOTHING)
    return []


@pytest.fixture
def telling(told: list[str]) -> dict[str, Any]:
    """Arguments of a task whose failure goes to *told*."""
    return {"on_failure_callback": lambda context: told.append(str(context.get("exception")))}
