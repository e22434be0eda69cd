"""Makes the receiver's tables as part of ``airflow db migrate``.

Airflow 3.2 and newer find the manager through the provider's metadata. On Airflow 3.0 and 3.1, set
``[database] external_db_managers = airflow_provider_kaizala.push.db.KaizalaDBManager``.
"""

from __future__ import annotations

from pathlib import Path

from airflow.utils.db_manager import BaseDBManager

from airflow_provider_kaizala.push.tables import metadata

_FOLDER = Path(__file__).parent


class KaizalaDBManager(BaseDBManager):
    """The manager of the tables of :mod:`airflow_provider_kaizala.push.tables`."""

    metadata = metadata
    version_table_name = "alembic_version_kaizala"
    migration_dir = str(_FOLDER / "migrations")
    alembic_file = str(_FOLDER / "migrations" / "alembic.ini")
    supports_table_dropping = True
