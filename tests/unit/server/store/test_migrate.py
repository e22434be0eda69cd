from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from airflow_provider_kaizala.server.store.engine import open_engine
from airflow_provider_kaizala.server.store.migrate import migrate
from airflow_provider_kaizala.server.store.tables import metadata


def test_the_migrations_lead_to_the_tables(tmp_path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/k.db")
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()
