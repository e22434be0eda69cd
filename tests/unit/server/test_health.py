"""What an administrator watches: health, readiness, figures, and the log."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sqlite3
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_kaizala.server import logs
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.run import RunningServer
from airflow_provider_kaizala.server.store.database import prove_writable
from airflow_provider_kaizala.server.store.engine import open_engine


@pytest.fixture
def running(tmp_path):
    settings = {"port": 0, "database": f"sqlite:///{tmp_path}/k.db", "seed": "demo"}
    with RunningServer(ServerConfig(**settings, metrics_token="figures")) as server:
        yield server


def figures(server: RunningServer, **headers: str) -> dict[tuple[str, ...], float]:
    reply = httpx.get(server.url + "/metrics", headers=headers)
    assert reply.status_code == 200, reply.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def test_a_server_is_ready_while_its_database_takes_writes(running) -> None:
    assert httpx.get(running.url + "/healthz").json() == {"status": "ok"}
    assert httpx.get(running.url + "/readyz").json() == {"status": "ready"}


def test_a_server_is_not_ready_while_its_disk_is_full(running) -> None:
    engine = running.state.database.engine

    def limit(conn) -> None:
        conn.exec_driver_sql("PRAGMA max_page_count=1")  # no more than there are

    event.listen(engine, "begin", limit)
    try:
        reply = httpx.get(running.url + "/readyz")
    finally:
        event.remove(engine, "begin", limit)
    assert reply.status_code == 503
    assert reply.json()["reason"] == "the database takes no writes"
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("PRAGMA max_page_count=1000000"))
    assert httpx.get(running.url + "/readyz").status_code == 200


def test_readiness_is_found_out_by_a_write_that_leaves_no_rows(running) -> None:
    file = Path(running.config.database.removeprefix("sqlite:///"))
    journal = file.with_name(file.name + "-wal")
    with closing(sqlite3.connect(file)) as conn:
        pages = conn.execute("PRAGMA page_count").fetchone()
    size = journal.stat().st_size
    assert httpx.get(running.url + "/readyz").status_code == 200
    assert journal.stat().st_size > size
    with closing(sqlite3.connect(file)) as conn:
        assert conn.execute("PRAGMA page_count").fetchone() == pages
        assert conn.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_postgresql_is_ready_unless_it_is_read_only(postgres_database) -> None:
    engine = open_engine(postgres_database)
    with engine.begin() as conn:
        prove_writable(conn)
    with engine.begin() as conn:
        conn.exec_driver_sql("SET TRANSACTION READ ONLY")
        with pytest.raises(SQLAlchemyError, match="read-only"):
            prove_writable(conn)
    engine.dispose()


def test_a_server_is_not_ready_on_a_database_of_another_version(running) -> None:
    with running.state.database.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    reply = httpx.get(running.url + "/readyz")
    assert reply.status_code == 503
    assert "revision 9999" in reply.json()["reason"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert httpx.get(running.url + "/healthz").status_code == 200, "it is alive nevertheless"


def test_requests_are_counted_by_operation_and_status(running) -> None:
    httpx.get(running.url + "/v1/groups")
    httpx.get(running.url + "//V1/groups/")
    httpx.get(running.url + "/v1/nothing")
    httpx.get(running.url + "/people/groups")
    found = figures(running)
    assert found["kaizala_requests_total", "listGroups", "401"] == 2
    assert found["kaizala_requests_total", "page", "404"] == 1
    assert found["kaizala_requests_total", "people", "401"] == 1
    assert found["kaizala_request_seconds_count", "listGroups"] == 2
    assert found["kaizala_writes_waiting",] == 0
    assert found["kaizala_deliveries_pending",] == 0


def test_a_wait_for_the_lock_of_another_process_is_counted(running) -> None:
    before = figures(running)["kaizala_lock_wait_seconds",]
    other = sqlite3.connect(running.config.database.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as pool:
        asked = []
        while (
            not running.state.database.queue_length
        ):  # one has the writer wait, the next waits for the writer
            asked.append(pool.submit(httpx.get, running.url + "/readyz", timeout=20))
            time.sleep(0.05)
        time.sleep(0.1)
        other.rollback()
        assert {each.result().status_code for each in asked} == {200}
    assert figures(running)["kaizala_lock_wait_seconds",] - before > 0.05


def test_metrics_are_for_this_machine_and_those_with_the_token(running) -> None:
    url = running.url + "/metrics"
    for headers, status in (
        ({}, 200),
        ({"X-Forwarded-For": "203.0.113.7"}, 403),
        ({"X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer other"}, 403),
        ({"X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer figures"}, 200),
    ):
        assert httpx.get(url, headers=headers).status_code == status, headers


def test_a_reply_carries_the_id_of_its_request(running) -> None:
    assert (
        httpx.get(running.url + "/healthz", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"]
        == "abc-1"
    )
    ids = {
        httpx.get(running.url + "/healthz", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"]
        for _ in range(2)
    }
    assert len(ids) == 2
    assert "a b" not in ids


def test_each_request_is_logged_without_what_opens_something(running, caplog) -> None:
    with caplog.at_level(logging.INFO, "kaizala.access"):
        httpx.get(
            running.url + "/media/s3cret-file/a.png?s3cret-query=1", headers={"accessToken": "s3cret-token"}
        )
    (record,) = [record for record in caplog.records if record.name == "kaizala.access"]
    assert record.getMessage().startswith("127.0.0.1 GET /media/.../a.png 404 ")
    assert "s3cret" not in json.dumps(vars(record), default=str)


def test_a_file_is_not_logged_whatever_the_slashes(running, caplog) -> None:
    paths = (
        "/media//s3cret/a.pdf",
        "//media/s3cret/a.pdf",
        "//MEDIA///s3cret",
        "/media%2Fs3cret/a.pdf",
        "/media/%2fs3cret/a.pdf",
        "/media%252Fs3cret%252Fa.pdf",
        "%2Fmedia/s3cret/a.pdf",
    )
    url = httpx.URL(running.url)
    with caplog.at_level(logging.INFO, "kaizala.access"):
        for path in paths:
            with socket.create_connection((url.host, url.port)) as plain:  # httpx would tidy the path
                request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                plain.sendall(request.encode())
                while plain.recv(4096):
                    pass
    told = [record for record in caplog.records if record.name == "kaizala.access"]
    assert len(told) >= len(paths) - 1
    assert "s3cret" not in json.dumps([vars(record) for record in told], default=str)


def test_a_file_is_not_logged_where_the_server_fails(running, caplog, monkeypatch) -> None:
    async def fail(_read) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(running.state.database, "read", fail)
    assert httpx.get(running.url + "/media/s3cret/a.pdf").status_code == 500
    assert "GET /media/.../a.pdf failed" in caplog.messages


def test_a_caller_who_has_gone_is_no_error() -> None:
    counted: list[int | None] = []

    async def app(_scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def call(words: str) -> None:
        async def send(_message) -> None:
            raise RuntimeError(words)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await logs.Observed(app, lambda _method, _path, status, _seconds: counted.append(status))(
            scope, None, send
        )

    asyncio.run(call("unable to perform operation on <TCPTransport closed=True>; the handler is closed"))
    with pytest.raises(RuntimeError, match="out of order"):
        asyncio.run(call("messages out of order"))
    assert counted == [200, 200]


def test_a_line_of_json_has_the_request_id_and_what_was_logged_with_it(capsys) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.set_up_logging(ServerConfig(log_format="json"))
        token = logs._request_id.set("r1")
        logging.getLogger("kaizala.test").info("two\nlines", extra={"status": 200})
        logs._request_id.reset(token)
        logs.set_up_logging(ServerConfig())
        logging.getLogger("kaizala.test").info("two\nlines")
        logging.shutdown([weakref.ref(root.handlers[0])])  # as when the server ends
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    first, second = capsys.readouterr().err.splitlines()
    entry = json.loads(first)
    assert (entry["message"], entry["requestId"], entry["status"], entry["level"]) == (
        "two\nlines",
        "r1",
        200,
        "info",
    )
    assert second.endswith("INFO kaizala.test two\\nlines")


def test_requests_are_not_logged_if_the_settings_say_so() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.set_up_logging(ServerConfig(access_log=False))
        assert not logs.access.isEnabledFor(logging.INFO)
    finally:
        logs.access.disabled = False
        root.handlers[:] = before
        root.setLevel(level)
