"""A receiver over a real Airflow database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.models.asset import AssetActive, AssetEvent, AssetModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from sqlalchemy import delete

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push.settings import PushSettings
from airflow_provider_kaizala.push.tables import batch, bell, event, inbox, reader
from tests.unit.push.sender import Sender, define_connection

if TYPE_CHECKING:
    from collections.abc import Callable

collect_ignore = [] if compat.has_page() else ["page"]


@pytest.fixture(scope="session")
def migrated() -> None:
    initdb()


@pytest.fixture
def database(migrated: None) -> None:
    with create_session() as session:
        for table in (event, inbox, bell, reader, batch):
            session.execute(delete(table))
        for model in (AssetEvent, AssetActive, AssetModel):
            session.execute(delete(model))


@pytest.fixture
def declare(database: None) -> Callable[..., None]:
    """Declare an asset, as a parsed DAG does."""

    def declare(uri: str, *, active: bool = True) -> None:
        with create_session() as session:
            session.add(AssetModel(name=uri, uri=uri, group="asset", extra={}))
            session.flush()
            if active:
                session.add(AssetActive(name=uri, uri=uri))

    return declare


@pytest.fixture
def sender(database: None, monkeypatch: pytest.MonkeyPatch) -> Sender:
    """A sender to a receiver of ``kaizala_default``."""
    define_connection(monkeypatch, "kaizala_default")
    return Sender(PushSettings(frozenset({"kaizala_default"})))
