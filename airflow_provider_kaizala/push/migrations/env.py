"""Alembic's entry: migrate the receiver's tables in Airflow's metadata database, and touch no other."""

from __future__ import annotations

from typing import Any

from airflow import settings
from alembic import context

from airflow_provider_kaizala.push.db import KaizalaDBManager

OURS = {table.name for table in KaizalaDBManager.metadata.tables.values()}
OPTIONS: dict[str, Any] = {
    "target_metadata": KaizalaDBManager.metadata,
    "version_table": KaizalaDBManager.version_table_name,
    "include_object": lambda _object, name, kind, *_: kind != "table" or name in OURS,
    "compare_type": True,
    "render_as_batch": True,
}

if context.is_offline_mode():
    context.configure(url=settings.SQL_ALCHEMY_CONN, literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()
else:
    assert settings.engine is not None  # noqa: S101 - Airflow has set it up before it migrates
    with settings.engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
