"""Airflow's database with rows as DAGs leave them, and somebody who is signed in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("airflow.api_fastapi.core_api.security", reason="Airflow 2 shows no page")

from airflow import settings
from airflow.utils.session import create_session
from sqlalchemy import MetaData

from airflow_provider_kaizala.push.page import access, app
from demo.airflow_ui import RENDERED_SINCE_3_4, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLES = (
    "dagrun_asset_event",
    "asset_event",
    "asset_active",
    "asset",
    "task_state_store",
    RENDERED_SINCE_3_4,
    "rendered_task_instance_fields",
    "task_instance",
    "trigger",
    "dag_run",
    "dag",
    "kaizala_event",
)


@pytest.fixture
def rows(migrated: None) -> Iterator[Rows]:
    """Rows of Airflow's database, which is empty before and after."""
    tables = MetaData()
    tables.reflect(settings.engine)

    def clear() -> None:
        with settings.engine.begin() as connection:
            for name in TABLES:
                if name in tables.tables:  # tasks keep their state since Airflow 3.3
                    connection.execute(tables.tables[name].delete())

    clear()
    yield Rows(settings.engine)
    clear()


@pytest.fixture
def session(rows: Rows) -> Iterator[Any]:
    """A session with that database."""
    with create_session(scoped=False) as session:
        yield session


class Manager:
    """An auth manager, as far as the page asks it."""

    def __init__(self) -> None:
        self.connections = {"kaizala_default"}
        self.dags: set[str] = set()
        self.sees_tasks = True
        self.asked: list[Any] = []

    def is_authorized_connection(self, *, method: str, details: Any, user: Any) -> bool:
        self.asked.append((method, details.conn_id, details.team_name, user))
        return details.conn_id in self.connections

    def is_authorized_dag(self, *, method: str, access_entity: Any, user: Any) -> bool:
        self.asked.append((method, access_entity.value, user))
        return self.sees_tasks

    def get_authorized_dag_ids(self, *, user: Any, method: str) -> set[str]:
        self.asked.append((method, user))
        return self.dags


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    """Airflow's auth manager: who is asked may see ``kaizala_default`` and no DAG."""
    manager = Manager()
    monkeypatch.setattr(access, "get_auth_manager", lambda: manager)
    return manager


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page wait for what it reads, however busy this machine is."""
    monkeypatch.setattr(app, "PATIENCE", 60.0)
    monkeypatch.setattr(app, "LONGER", 60.0)


@pytest.fixture
def olga() -> Any:
    """A user of Airflow."""
    return SimpleNamespace(name="olga")


@pytest.fixture
def clock() -> Callable[[], float]:
    """A clock that stands still; ``clock.now += 1`` moves it."""

    def read() -> float:
        return float(read.now)  # type: ignore[attr-defined]

    read.now = 1000.0  # type: ignore[attr-defined]
    return read
