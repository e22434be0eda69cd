"""Connections as commands write them: into Airflow's database, or into a file."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow.configuration import ensure_secrets_loaded
from airflow.models.connection import CONN_ID_MAX_LEN, Connection, sanitize_conn_id
from airflow.providers.common.compat.sdk import AirflowException
from airflow.utils.session import create_session

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.settings import USER_GRANT
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: the backend of the database, as :func:`connection_home` names it
DATABASE = "MetastoreBackend"


def connection_home(conn_id: str) -> str | None:
    """Return the name of the secrets backend that has a connection, ``MetastoreBackend`` for the database; None if none has it.

    A backend that cannot be asked is left out.
    """
    for backend in ensure_secrets_loaded():
        with suppress(Exception):  # a database without tables, a vault out of reach
            if backend.get_connection(conn_id=conn_id) is not None:
                return type(backend).__name__
    return None


def require_storable_id(conn_id: str) -> None:
    """Refuse an id that Airflow cannot store.

    :raises KaizalaInputError: if it is one
    """
    if sanitize_conn_id(conn_id) != conn_id:
        raise KaizalaInputError(
            f"--conn-id: {conn_id!r} is not a valid id of a connection; give 1 to {CONN_ID_MAX_LEN} letters, digits and characters "
            r"of _ - . : / \ # ! ( )"
        )


def need_database() -> None:
    """Refuse an Airflow whose database holds no connections.

    :raises AirflowException: says what to do
    """
    with _session() as session:
        session.query(Connection.id).first()


def write_connection(conn_id: str, fields: Mapping[str, Any]) -> bool:
    """Create a connection in Airflow's database, or replace the fields of an existing one; return whether it was created."""

    def change(conn: Any) -> None:
        for name in ("host", "port", "schema", "login", "password"):
            setattr(conn, name, fields[name])
        conn.extra = json.dumps(fields["extra"])

    return _change(conn_id, change)


def update_extra(conn_id: str, refresh_tokens: Mapping[str, str]) -> None:
    """Replace refresh tokens of a connection in Airflow's database.

    :param refresh_tokens: ``user`` or the id of a group to its new refresh token
    """

    def change(conn: Any) -> None:
        extra = _extra(conn)
        for name, token in refresh_tokens.items():
            if name == USER_GRANT:
                extra["refresh_token"] = token
            else:
                extra["group_refresh_tokens"] = {**_object(extra["group_refresh_tokens"]), name: token}
        conn.extra = json.dumps(extra)

    _change(conn_id, change)


def _change(conn_id: str, change: Callable[[Any], None]) -> bool:
    """Change a connection in the database, or create it; return whether it was created.

    :param change: changes the model, which encrypts what is set
    :raises AirflowException: if the database cannot be written
    """
    with _session() as session:
        found = session.query(Connection).filter(Connection.conn_id == conn_id).first()
        conn = found or Connection(conn_id=conn_id, conn_type=KaizalaHook.conn_type)
        change(conn)
        session.add(conn)
    return found is None


@contextmanager
def _session() -> Iterator[Any]:
    try:
        with create_session() as session:
            yield session
    except Exception as error:
        raise AirflowException(
            f"connections in Airflow's database cannot be read or changed ({type(error).__name__}); is [database] sql_alchemy_conn "
            "right, and has `airflow db migrate` run?"
        ) from error


def _extra(conn: Any) -> dict[str, Any]:
    return dict(_object(conn.extra or {}))


def _object(value: Any) -> Mapping[str, Any]:
    """Return a JSON object that Airflow's form may have stored as a text."""
    found: Mapping[str, Any] = json.loads(value) if isinstance(value, str) else value
    return found


class ConnectionFile:
    """A new file for one connection, which nobody else may read.

    It is created at once, so that a mistake shows before anything is asked for, and removed if nothing was written.
    """

    def __init__(self, path: str) -> None:
        try:
            self._file = os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            )
        except OSError as error:
            raise KaizalaInputError(
                f"--file: {path} cannot be created: {error.strerror}; give a new file"
            ) from None
        self._path, self._is_written = path, False

    def write(self, conn_id: str, fields: Mapping[str, Any]) -> None:
        """Write the connection as ``airflow connections import`` reads it, in place of what was written before."""
        self._file.seek(0)
        self._file.truncate()
        json.dump({conn_id: {"conn_type": KaizalaHook.conn_type, **fields}}, self._file, indent=2)
        self._file.write("\n")
        self._file.flush()
        self._is_written = True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if not self._is_written:
            os.unlink(self._path)
