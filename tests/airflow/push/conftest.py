"""An API server that receives webhooks, on each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airflow.push.api_server import ApiServer
from tests.on_postgres import create_database, postgres_url

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["postgres_url"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("api-server")
    if request.param == "sqlite":
        database = f"sqlite:///{folder / 'airflow.db'}?timeout=20"
    else:
        database = create_database(request.getfixturevalue("postgres_url"))
    with ApiServer(folder, database) as server:
        yield server
