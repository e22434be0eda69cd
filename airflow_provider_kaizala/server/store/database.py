"""The open database: a pool of readers, and writers behind one queue.

A write is a function of the connection. On SQLite, which has one writer at a time, one thread runs each in its own savepoint, commits
a batch, and only then answers: whatever a caller was told is on disk, and one fsync serves all requests that waited for it. PostgreSQL
commits groups of transactions by itself: there several threads run one write each, so that no write keeps the locks of others.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Engine, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_kaizala.server.store.engine import READERS, WRITERS, WRITES
from airflow_provider_kaizala.server.store.errors import (
    DiskFull,
    OutcomeUnknown,
    StoreError,
    Unavailable,
    WriterStopped,
)

Result = TypeVar("Result")
log = logging.getLogger(__name__)

BATCH = 64
#: how often a write is run that PostgreSQL ends because it and another wait for each other
TRIES = 5
_ENDED_FOR_OTHERS = ("40001", "40P01")
_DISK_FULL = "53100"
_CHANGED = "kaizala.changed"


def note_change(conn: Connection, what: str) -> None:
    """Note that people see something else once this write is committed.

    :param what: the id of a group whose conversation is longer, or of a post that looks different
    """
    conn.info.setdefault(_CHANGED, set()).add(what)


class _Job:
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def finish(self) -> None:
        """Tell whoever waits."""
        if not self.future.set_running_or_notify_cancel():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Database:
    """Runs functions against the database, off the event loop."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        #: called in a writer's thread with what :func:`note_change` noted, after the commit; must not block
        self.on_change: Callable[[frozenset[str]], None] | None = None
        #: how long the writer of SQLite has waited for its lock, while other processes had it
        self.lock_wait_seconds = 0.0
        backend = engine.dialect.name
        self._batch = BATCH if backend == "sqlite" else 1
        self._stopped = False
        self._readers = ThreadPoolExecutor(READERS[backend], thread_name_prefix="kaizala-reader")
        # Of its own, so that slow reads do not make the server look dead.
        self._probe = ThreadPoolExecutor(1, thread_name_prefix="kaizala-probe")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writers = [
            threading.Thread(target=self._run_writer, name=f"kaizala-writer-{number}", daemon=True)
            for number in range(WRITERS[backend])
        ]
        for writer in self._writers:
            writer.start()

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run a function in a read transaction; raises :class:`StoreError`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run a function in a write transaction; returns once it is durable. An exception undoes its changes.

        It may be run more than once before that. Raises :class:`StoreError`.
        """
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Callable[[Connection], Result]) -> Future[Result]:
        """Queue a write from any thread."""
        job = _Job(work)
        self._jobs.put(job)
        if self._stopped:
            self._refuse_queued()
        return job.future

    @property
    def queue_length(self) -> int:
        """How many writes wait for the writer."""
        return self._jobs.qsize()

    async def check(self) -> None:
        """Check that the database answers and can be written to; raises :class:`StoreError`."""
        if self._stopped:
            raise WriterStopped
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._probe, self._read, lambda conn: conn.execute(select(1)).scalar_one())

    def close(self) -> None:
        """Finish what is queued and close all connections."""
        for _ in self._writers:
            self._jobs.put(None)
        for writer in self._writers:
            writer.join()
        self._readers.shutdown()
        self._probe.shutdown()
        self.engine.dispose()

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        try:
            with self.engine.connect() as connection, connection.begin():
                return work(connection)
        except SQLAlchemyError:
            log.exception("a read failed")
            raise Unavailable from None

    def _run_writer(self) -> None:
        try:
            while (first := self._jobs.get()) is not None:
                batch = [first]
                closing = False
                while len(batch) < self._batch and not closing:
                    try:
                        job = self._jobs.get_nowait()
                    except queue.Empty:
                        break
                    closing = job is None
                    if job is not None:
                        batch.append(job)
                self._write(batch)
                if closing:
                    break
        except BaseException:
            log.critical("a writer has stopped; restart the server", exc_info=True)
            self._stopped = True
            self._refuse_queued()

    def _refuse_queued(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job.error = WriterStopped()
                job.finish()

    def _write(self, batch: list[_Job]) -> None:
        changed: frozenset[str] = frozenset()
        try:
            changed = self._commit(batch)
        except StoreError as error:
            log.exception("%d writes failed", len(batch))
            _fail(batch, error)
        except BaseException:
            _fail(batch, OutcomeUnknown())
            for job in batch:
                job.finish()
            raise
        for job in batch:
            job.finish()
        if changed and self.on_change is not None:
            self.on_change(changed)

    def _commit(self, batch: list[_Job]) -> frozenset[str]:
        """Run and commit writes together; return what they changed for people."""
        for left in reversed(range(TRIES)):
            try:
                return self._try_to_commit(batch)
            except StoreError:
                raise
            except Exception as error:
                # Only where a batch is one write, so nothing of anybody else's is run again.
                state = getattr(getattr(error, "orig", None), "sqlstate", None)
                if not left or state not in _ENDED_FOR_OTHERS:
                    raise Unavailable from error
        raise AssertionError

    def _try_to_commit(self, batch: list[_Job]) -> frozenset[str]:
        with self.engine.connect().execution_options(**WRITES) as connection:
            connection.info.pop(_CHANGED, None)
            began = time.perf_counter()
            whole = connection.begin()
            self.lock_wait_seconds += time.perf_counter() - began
            if len(batch) == 1:
                _run_alone(connection, batch[0])
            else:
                for job in batch:
                    _run_beside_others(connection, job)
            try:
                if whole.is_active:
                    whole.commit()
            except Exception as error:
                if _is_full(error):
                    connection.connection.rollback()
                    raise DiskFull from error
                connection.invalidate()
                raise OutcomeUnknown from error
            return frozenset(connection.info.pop(_CHANGED, ()))


def prove_writable(conn: Connection) -> None:
    """Write something that leaves no rows. It must be committed: SQLite writes to the disk only then."""
    if conn.dialect.name != "sqlite":
        conn.exec_driver_sql("SELECT version_num FROM alembic_version FOR UPDATE SKIP LOCKED")
        return
    with conn.begin_nested() as trial:  # a larger write needs new pages too
        conn.exec_driver_sql("INSERT INTO alembic_version VALUES (zeroblob(65536))")
        trial.rollback()
    number = conn.exec_driver_sql("PRAGMA user_version").scalar_one()
    conn.exec_driver_sql(f"PRAGMA user_version = {number}")


def _is_full(error: Exception) -> bool:
    """Tell whether a COMMIT failed because the disk is full: then nothing was stored."""
    cause = getattr(error, "orig", None) or error
    return (
        getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        or getattr(cause, "sqlstate", None) == _DISK_FULL
    )


def _fail(batch: list[_Job], error: Exception) -> None:
    for job in batch:
        # What was refused was undone, whatever became of the others.
        job.error = job.error or error


def _run_alone(connection: Connection, job: _Job) -> None:
    """Run a write that has the transaction for itself."""
    try:
        job.result = job.work(connection)
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - it is the caller's, and is raised there
        connection.rollback()
        job.error = error


def _run_beside_others(connection: Connection, job: _Job) -> None:
    """Run a write in a savepoint of its own. Only for SQLite; SQLAlchemy's own savepoints cost a tenth of a write."""
    raw: Any = connection.connection.driver_connection
    raw.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except SQLAlchemyError:
        raw.execute("ROLLBACK TO job")
        log.exception("a write failed")
        job.error = Unavailable()
        if connection.invalidated:
            raise
    except Exception as error:  # noqa: BLE001 - it is the caller's, and is raised there
        raw.execute("ROLLBACK TO job")
        job.error = error
    raw.execute("RELEASE job")
