"""One administrative change: a transaction on a server's database, whose every failure is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.mistakes import first_mistake, sentence
from airflow_provider_kaizala.server.seeds.apply import apply_seed
from airflow_provider_kaizala.server.seeds.load import SeedError
from airflow_provider_kaizala.server.seeds.model import Seed
from airflow_provider_kaizala.server.store.engine import WRITES, DatabaseUnusable, open_engine, parse_url
from airflow_provider_kaizala.server.store.migrate import is_current


class AdminError(Exception):
    """A command cannot be carried out; the message is one sentence."""


@dataclass(frozen=True)
class Admin:
    """The transaction of one command, and its time."""

    conn: Connection
    now_ms: int

    def add(self, **entries: list[dict[str, object]]) -> None:
        """Write entries as a seed holds them, ``people=[{...}]`` say; what is None stays out."""
        given = {
            name: [{key: value for key, value in one.items() if value is not None} for one in several]
            for name, several in entries.items()
        }
        try:
            apply_seed(self.conn, Seed.model_validate(given), self.now_ms)
        except ValidationError as error:
            first = first_mistake(error)
            field = ".".join(str(part) for part in first["loc"][2:])
            raise AdminError(f"{field}: {sentence(first)}") from None
        except SeedError as error:
            # "the seed is wrong at people.0.mobileNumber: ...": the place means nothing here.
            raise AdminError(str(error).partition(": ")[2] or str(error)) from None


def engine_of(database: str) -> Engine:
    """Open a database; raises :class:`AdminError`."""
    try:
        return open_engine(database)
    except DatabaseUnusable as error:
        raise AdminError(str(error)) from None


@contextmanager
def administration(database: str, *, at_one_moment: bool = False) -> Iterator[Admin]:
    """Open the database of a server for one change; raises :class:`AdminError` for whatever goes wrong.

    :param at_one_moment: only to read, and all of it as of one moment, while the server writes
    """
    try:
        url = parse_url(database)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise AdminError(
                f"there is no database {url.database}; kaizala-server serve --database makes one, or name another"
            )
        engine = open_engine(database)
        try:
            if not is_current(engine):
                raise AdminError(
                    "the database is of another version; start this version's server on it first"
                )
            with (
                engine.connect().execution_options(
                    **(_snapshot(engine) if at_one_moment else WRITES)
                ) as conn,
                conn.begin(),
            ):
                yield Admin(conn, Clock().now_ms())
        finally:
            engine.dispose()
    except DatabaseUnusable as error:
        raise AdminError(str(error)) from None
    except ApiError as error:
        raise AdminError(error.message[:1].lower() + error.message[1:]) from None
    except UnicodeEncodeError:
        raise AdminError("what is given is not text in UTF-8") from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise AdminError(f"the database cannot be used: {reason}") from None


def _snapshot(engine: Engine) -> dict[str, Any]:
    # SQLite's readers see one moment anyway.
    return {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
