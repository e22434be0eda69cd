"""The open database: readers in a small pool, and one writer that commits several requests together.

A write is a function of the connection. The writer runs each in its own savepoint, commits the batch, and only then
answers: whatever a caller was told is on disk, and one fsync serves all requests that waited for it.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import Connection, Transaction
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_kaizala.server.domain.errors import unavailable
from airflow_provider_kaizala.server.store.engine import WRITES

Result = TypeVar("Result")
log = logging.getLogger(__name__)

BATCH = 64
# Few, as what a read costs is Python: more of them wait for each other at every row.
READERS = 2


class _Job:
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None


class Database:
    """Runs functions against the database, off the event loop."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        #: called in the writer's thread after each commit; must not block
        self.on_commit: Callable[[], None] | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="kaizala-reader")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_batches, name="kaizala-writer", daemon=True)
        self._writer.start()

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run a function in a read transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run a function in a write transaction; returns once it is durable. An exception undoes its changes."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Callable[[Connection], Result]) -> Future[Result]:
        """Queue a write from any thread."""
        job = _Job(work)
        self._jobs.put(job)
        return job.future

    @property
    def queue_length(self) -> int:
        """How many writes wait for the writer."""
        return self._jobs.qsize()

    def close(self) -> None:
        """Finish what is queued and close all connections."""
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown()
        self.engine.dispose()

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        try:
            with self.engine.connect() as connection, connection.begin():
                return work(connection)
        except SQLAlchemyError:
            log.exception("a read failed")
            raise unavailable() from None

    def _write_batches(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch = [first]
            closing = False
            while len(batch) < BATCH:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    closing = True
                    break
                batch.append(job)
            self._write(batch)
            if closing:
                break

    def _write(self, batch: list[_Job]) -> None:
        try:
            with self.engine.connect().execution_options(**WRITES) as connection, connection.begin() as whole:
                for job in batch:
                    _run(connection, job, whole if len(batch) == 1 else connection.begin_nested())
        except SQLAlchemyError:
            log.exception("a commit of %d writes failed", len(batch))
            for job in batch:
                job.error = unavailable()
        if self.on_commit is not None:
            self.on_commit()
        for job in batch:
            if job.future.cancelled() or not job.future.set_running_or_notify_cancel():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)


def _run(connection: Connection, job: _Job, scope: Transaction) -> None:
    """Run a write in a transaction of its own: a savepoint, or the whole one if nobody shares it."""
    try:
        job.result = job.work(connection)
    except SQLAlchemyError:
        scope.rollback()
        log.exception("a write failed")
        job.error = unavailable()
        if connection.invalidated:
            raise
    except Exception as error:  # noqa: BLE001 - it is the caller's, and is raised there
        scope.rollback()
        job.error = error
    else:
        scope.commit()
