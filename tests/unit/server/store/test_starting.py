"""Servers that open a database: several at once, and one that a newer version has written."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from airflow_provider_kaizala.server.store.engine import DatabaseUnusable, open_engine
from airflow_provider_kaizala.server.store.migrate import migrate
from tests.serving import serve_command
from tests.unit.server.conftest import create_database

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/k.db"
    return create_database(request.getfixturevalue("postgres_url"))


def serve(database: str, folder: Path) -> subprocess.Popen[str]:
    command = serve_command("--seed", "demo", "--database", database, "--media-dir", str(folder))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_servers_that_start_at_once_on_an_empty_database_all_serve_it(empty: str, tmp_path: Path) -> None:
    running = [serve(empty, tmp_path) for _ in range(3)]
    try:
        for one in running:
            assert one.stdout is not None
            line = one.stdout.readline()
            assert line.startswith("ready "), line + (one.stderr.read() if one.stderr else "")
    finally:
        for one in running:
            one.kill()
            one.communicate()
    engine = create_engine(empty)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM person").scalar() == 3
    engine.dispose()


def test_a_newer_database_is_refused_in_one_sentence(empty: str, tmp_path: Path) -> None:
    engine = open_engine(empty)
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnusable, match=r"newer version .* is at 9999, .* up to 0001; install"):
        migrate(engine)
    engine.dispose()
    refused = serve(empty, tmp_path)
    _, told = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert told.startswith("kaizala-server: the database was made by a newer version")
    assert told.count("\n") == 1
