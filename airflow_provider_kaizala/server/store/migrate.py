"""Bringing a database to the current form of its tables."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_kaizala.server.store.engine import DatabaseUnusable, starting

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def migrate(engine: Engine) -> None:
    """Run the migrations this database has not seen yet, in one transaction."""
    config = _config()
    try:
        with starting(engine) as connection:
            if newer := _heads(connection) - _known():
                raise DatabaseUnusable(
                    f"the database was made by a newer version of this server: it is at {', '.join(sorted(newer))}, and this "
                    f"version knows the schemas up to {', '.join(_latest())}; install the newer version, or name another database"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise DatabaseUnusable(f"the database cannot be opened: {reason}") from None


def is_current(engine: Engine) -> bool:
    """Tell whether a database has seen all migrations, and none this version does not know."""
    with engine.connect() as connection:
        return _heads(connection) == _latest()


def _heads(connection: Connection) -> set[str]:
    """Return where a database is."""
    return set(MigrationContext.configure(connection).get_current_heads())


def _latest() -> set[str]:
    return set(ScriptDirectory.from_config(_config()).get_heads())


def _known() -> set[str]:
    return {one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()}


@cache
def newest() -> str:
    """Return the revision that this version needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
