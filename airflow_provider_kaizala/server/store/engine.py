"""How the database is opened: SQLite durable and with one writer at a time, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

BUSY_TIMEOUT_MS = 15_000
#: threads that read. On SQLite a read is mostly Python's work, and more threads wait for each other at every row.
READERS = {"sqlite": 2, "postgresql": 8}
#: threads that write; SQLite has one writer at a time
WRITERS = {"sqlite": 1, "postgresql": 4}
_START_LOCK = 0x6B61697A  # any number that nothing else on the database uses
WRITES = {"writes": True}


class DatabaseUnusable(Exception):
    """The database cannot be used; the message is one sentence for the person who starts the server."""


def parse_url(database: str) -> URL:
    """Check a database URL."""
    try:
        url = make_url(database)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise DatabaseUnusable(
            "the database URL cannot be read; use sqlite:///FILE or postgresql+psycopg://..."
        ) from None
    if backend not in ("sqlite", "postgresql"):
        raise DatabaseUnusable(f"the database {backend!r} is not supported; use sqlite or postgresql")
    if _is_async(url):
        raise DatabaseUnusable(
            f"the database driver {url.drivername!r} is asynchronous, which is not supported; use sqlite:///FILE or "
            "postgresql+psycopg://..."
        )
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise DatabaseUnusable("an in-memory database keeps nothing; name a file: sqlite:///FILE")
        if url.query or url.host or url.username or url.password or url.port:
            what = f"the option {min(url.query)!r}" if url.query else "a host or a user"
            raise DatabaseUnusable(
                f"the URL of a SQLite database has {what}, which is not supported; use sqlite:///FILE alone"
            )
        if not Path(url.database).absolute().parent.is_dir():
            raise DatabaseUnusable(f"the folder of the database {url.database} does not exist")
    return url


def _is_async(url: URL) -> bool:
    try:
        return url.get_dialect().is_async
    except (SQLAlchemyError, ImportError) as error:
        raise DatabaseUnusable(f"the database driver cannot be loaded: {error}") from None


def open_engine(database: str) -> Engine:
    """Open the database; a connection with the option ``writes`` takes SQLite's write lock at once.

    Errors in the log do not show parameters: they hold people's texts.
    """
    url = parse_url(database)
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(
                url,
                pool_pre_ping=True,
                pool_size=READERS["postgresql"] + WRITERS["postgresql"] + 1,
                max_overflow=2,
                hide_parameters=True,
            )
        engine = create_engine(
            url,
            connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},
            pool_size=READERS["sqlite"] + WRITERS["sqlite"] + 1,
            max_overflow=2,
            query_cache_size=1000,
            hide_parameters=True,
        )
    except (SQLAlchemyError, ImportError) as error:
        raise DatabaseUnusable(f"the database driver cannot be loaded: {error}") from None
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def starting(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only one starting server has at a time; a second one waits."""
    with engine.connect().execution_options(**WRITES) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_START_LOCK})")
        yield connection


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: a committed transaction survives a power cut, not only a killed process.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # The driver would begin only at the first write, and then fail where it had read before another wrote.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
