from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, func, select

from airflow_provider_kaizala.server.domain.errors import store_failed
from airflow_provider_kaizala.server.store.database import Database, note_change
from airflow_provider_kaizala.server.store.engine import open_engine
from airflow_provider_kaizala.server.store.errors import DiskFull, OutcomeUnknown, Unavailable, WriterStopped
from airflow_provider_kaizala.server.store.migrate import migrate
from airflow_provider_kaizala.server.store.tables import setting


@pytest.fixture
def database(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/k.db")
    migrate(engine)
    opened = Database(engine)
    yield opened
    opened.close()


def add(name, then=None):
    def work(conn):
        conn.execute(setting.insert(), {"name": name, "value": ""})
        if then is not None:
            raise then
        return name

    return work


def held(database):
    """Let the writer wait: what is submitted meanwhile becomes one batch."""
    began, gate = threading.Event(), threading.Event()

    def wait(_conn):
        began.set()
        gate.wait(20)

    first = database.submit(wait)
    assert began.wait(20)
    return gate, first


def test_one_failure_in_a_batch_undoes_only_itself(database) -> None:
    def submit(number):
        return database.submit(add(str(number), RuntimeError("mine") if number % 3 == 0 else None))

    with ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(submit, range(60)))
    for number, future in enumerate(futures):
        if number % 3 == 0:
            with pytest.raises(RuntimeError, match="mine"):
                future.result()
        else:
            assert future.result() == str(number)
    count = database.submit(
        lambda conn: conn.execute(select(func.count()).select_from(setting)).scalar()
    ).result()
    assert count == 40


def test_a_database_error_is_a_503_and_the_writer_goes_on(database) -> None:
    database.submit(add("a")).result()
    with pytest.raises(Unavailable) as refused:
        database.submit(add("a")).result()
    told = store_failed(refused.value)
    assert (told.status, told.headers["Retry-After"]) == (503, "1")
    assert database.submit(add("b")).result() == "b"


def test_a_connection_lost_during_the_commit_is_an_unknown_outcome(database) -> None:
    def lost(_connection):
        raise sqlite3.OperationalError("the connection is gone")

    event.listen(database.engine, "commit", lost)
    try:
        with pytest.raises(OutcomeUnknown) as failed:
            database.submit(add("a")).result()
    finally:
        event.remove(database.engine, "commit", lost)
    told = store_failed(failed.value)
    assert told.status == 500
    assert "Retry-After" not in told.headers
    assert database.submit(add("b")).result() == "b"


@pytest.mark.parametrize(
    "told", [{"sqlite_errorcode": sqlite3.SQLITE_FULL}, {"sqlstate": "53100"}], ids=["sqlite", "postgresql"]
)
def test_a_commit_that_finds_the_disk_full_has_stored_nothing(database, told) -> None:
    def full(_connection):
        error = sqlite3.OperationalError("database or disk is full")
        vars(error).update(told)
        raise error

    event.listen(database.engine, "commit", full)
    try:
        with pytest.raises(DiskFull) as refused:
            database.submit(add("a")).result()
    finally:
        event.remove(database.engine, "commit", full)
    assert store_failed(refused.value).status == 503
    assert database.submit(add("a")).result() == "a"


def test_what_was_refused_in_a_batch_whose_commit_was_lost_was_not_done(database) -> None:
    gate, first = held(database)
    refused, unknown = database.submit(add("a", RuntimeError("mine"))), database.submit(add("b"))

    def lost(_connection):
        if first.done():
            raise sqlite3.OperationalError("the connection is gone")

    event.listen(database.engine, "commit", lost)
    gate.set()
    with pytest.raises(RuntimeError, match="mine"):
        refused.result()
    with pytest.raises(OutcomeUnknown):
        unknown.result()
    event.remove(database.engine, "commit", lost)


def test_a_writer_that_has_stopped_is_noticed(database) -> None:
    def stop(_conn):
        raise SystemExit

    gate, _ = held(database)
    stopped = database.submit(stop)
    queued = database.submit(add("queued"))
    gate.set()
    with pytest.raises(OutcomeUnknown):
        stopped.result()
    for one in (queued, database.submit(add("later"))):
        with pytest.raises((WriterStopped, OutcomeUnknown)):
            one.result()
    with pytest.raises(WriterStopped) as failed:
        asyncio.run(database.check())
    told = store_failed(failed.value)
    assert told.status == 503
    assert "restarted" in told.message


def test_slow_reads_do_not_make_the_server_look_dead(database) -> None:
    gate = threading.Event()

    async def look() -> None:
        slow = [asyncio.ensure_future(database.read(lambda _conn: gate.wait(20))) for _ in range(20)]
        await asyncio.sleep(0)
        await database.check()
        gate.set()
        await asyncio.gather(*slow)

    asyncio.run(look())


def test_only_what_people_see_is_told(database) -> None:
    told = []
    database.on_change = told.append
    database.submit(add("a")).result()
    database.submit(lambda conn: note_change(conn, "a group")).result()
    database.submit(add("b")).result()
    assert told == [frozenset({"a group"})]
