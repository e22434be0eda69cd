"""Backup and restore: the database and the uploaded files in one archive, which does not depend on the kind of database.

The archive is a ``.tar.gz`` with ``kaizala.json`` (the revision of the tables), ``tables/NAME.jsonl`` (a row a line) and
``media/ID``. A backup is taken while the server runs: the rows are those of one moment, and files are stored before the rows that
name them. It holds hashes of secrets, so it is readable by its owner only.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import sys
import tarfile
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_kaizala.server.admin.session import AdminError, administration, engine_of
from airflow_provider_kaizala.server.seeds.apply import is_empty
from airflow_provider_kaizala.server.store import media_links
from airflow_provider_kaizala.server.store.engine import WRITES, DatabaseUnusable
from airflow_provider_kaizala.server.store.media_files import MediaFiles
from airflow_provider_kaizala.server.store.migrate import migrate, newest
from airflow_provider_kaizala.server.store.tables import media_file, metadata

ROWS_AT_ONCE = 500
_ABOUT, _TABLES, _MEDIA = "kaizala.json", "tables/", "media/"
_CHUNK = 1 << 20
#: what reading a damaged archive raises, or one that something else has made
_UNREADABLE = (
    gzip.BadGzipFile,
    zlib.error,
    tarfile.TarError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)
_FILE_ID = re.compile(r"[\w-]{1,128}", re.ASCII)


def back_up(database: str, media: MediaFiles, target: Path) -> dict[str, object]:
    """Write an archive; it is there as a whole, or not at all.

    :raises AdminError: if the database or a folder cannot be used
    """
    rows = files = missing = 0
    try:
        with _exits_on_sigterm(), _new_file(target) as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            with administration(database, at_one_moment=True) as admin:
                _add(archive, _ABOUT, json.dumps({"revision": newest(), "madeMs": admin.now_ms}).encode())
                for table in metadata.sorted_tables:
                    rows += _add_rows(archive, admin.conn, table)
                ids = list(admin.conn.execute(select(media_file.c.id)).scalars())
            for file_id in ids:
                path = media.path(file_id)
                if path.is_file():
                    archive.add(path, _MEDIA + file_id)
                    files += 1
                else:
                    missing += 1
    except OSError as error:
        raise AdminError(f"{target} cannot be written: {error.strerror or error}") from None
    return {"archive": str(target), "rows": rows, "files": files, "missingFiles": missing}


def restore(source: Path, database: str, media: MediaFiles) -> dict[str, object]:
    """Read an archive into a new database.

    :raises AdminError: if there is something in the database, or the archive is of another version or damaged
    """
    rows = files = 0
    engine = engine_of(database)
    try:
        migrate(engine)
        with (
            engine.connect().execution_options(**WRITES) as conn,
            conn.begin(),
            _opened(source) as archive,  # innermost: it is checked before the transaction commits
        ):
            if not is_empty(conn):
                raise AdminError("the database is not empty; restore into a new one")
            for name, content in _members(archive):
                if name == _ABOUT:
                    _check_revision(json.load(content))
                elif name.startswith(_TABLES):
                    rows += _insert_rows(conn, name.removeprefix(_TABLES).removesuffix(".jsonl"), content)
                elif name.startswith(_MEDIA) and _FILE_ID.fullmatch(name.removeprefix(_MEDIA)):
                    media.put(name.removeprefix(_MEDIA), content)
                    files += 1
                else:
                    raise AdminError(f"{source} has the unexpected entry {name!r}; it is not a backup")
            if not rows:
                raise AdminError(f"{source} is not a backup of kaizala-server")
            _continue_counting(conn)
    except DatabaseUnusable as error:
        raise AdminError(str(error)) from None
    except _UNREADABLE as error:
        raise AdminError(f"{source} cannot be read: it is damaged, or not a backup ({error})") from None
    except OSError as error:
        raise AdminError(f"{source} cannot be restored: {error}") from None
    except SQLAlchemyError as error:
        raise AdminError(
            f"the backup does not fit: {str(getattr(error, 'orig', error)).splitlines()[0]}"
        ) from None
    finally:
        engine.dispose()
    return {"archive": str(source), "rows": rows, "files": files}


@contextmanager
def _new_file(target: Path) -> Iterator[IO[bytes]]:
    """Open a file that only its owner reads; it takes the place of *target* if the block ends well, and is removed if not."""
    handle, name = tempfile.mkstemp(prefix=".kaizala-", suffix=".partial", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as raw:
            yield raw
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


@contextmanager
def _exits_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the process as Ctrl-C does, so that files are tidied up."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, BytesIO(content))


def _add_rows(archive: tarfile.TarFile, conn: Connection, table: Table) -> int:
    count = 0
    with tempfile.TemporaryFile() as lines:
        result = conn.execute(select(table), execution_options={"yield_per": ROWS_AT_ONCE})
        for row in result.mappings():
            lines.write(media_links.dump(dict(row)).encode() + b"\n")
            count += 1
        entry = tarfile.TarInfo(f"{_TABLES}{table.name}.jsonl")
        entry.size = lines.tell()
        lines.seek(0)
        archive.addfile(entry, lines)
    return count


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive, and read on to the end of the file when it is left.

    tarfile stops at the end mark of the archive; gzip compares the checksum only where the file ends. What is no pipe is read to
    its end beforehand too, so that a damaged archive does not overwrite uploads that are there.
    """
    with gzip.open(source) as content:
        if source.is_file():
            _read_on(content)
            content.seek(0)
        with tarfile.open(fileobj=content, mode="r|") as archive:
            yield archive
        _read_on(content)


def _read_on(content: gzip.GzipFile) -> None:
    while content.read(_CHUNK):
        pass


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for entry in archive:
        content = archive.extractfile(entry) if entry.isfile() else None
        if content is None:
            raise AdminError(f"the archive has the unexpected entry {entry.name!r}; it is not a backup")
        yield entry.name, content


def _check_revision(about: Any) -> None:
    if about["revision"] != newest():
        raise AdminError(
            f"the backup has the tables of revision {about['revision']}, and this version those of {newest()}; "
            "restore it with the version that made it, then start this one on it"
        )


def _insert_rows(conn: Connection, name: str, content: IO[bytes]) -> int:
    table, count = metadata.tables[name], 0
    while lines := list(islice(content, ROWS_AT_ONCE)):
        conn.execute(table.insert(), [media_links.load(line.decode()) for line in lines])
        count += len(lines)
    return count


def _continue_counting(conn: Connection) -> None:
    """Let PostgreSQL count on from the highest id; SQLite does by itself."""
    if conn.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        for column in table.primary_key.columns:
            sequence = conn.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": table.name, "column": column.name},
            ).scalar()
            if sequence:
                highest = conn.execute(select(func.max(column))).scalar()
                if highest is not None:
                    conn.execute(
                        text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest}
                    )
