"""For those who watch a server: ``/healthz`` (it is alive), ``/readyz`` (it can work), ``/metrics`` (for Prometheus)."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from airflow_provider_kaizala.server.api.bodies import json_reply
from airflow_provider_kaizala.server.domain.errors import denied
from airflow_provider_kaizala.server.state import state_of
from airflow_provider_kaizala.server.store.database import prove_writable
from airflow_provider_kaizala.server.store.errors import StoreError
from airflow_provider_kaizala.server.store.migrate import newest
from airflow_provider_kaizala.server.store.tables import webhook_delivery
from airflow_provider_kaizala.server.store.webhook_tables import PENDING

READY_SECONDS = 5.0


class Metrics:
    """The figures of one server process.

    :param operation_of: tells which operation a method and a path call, None for none of the API
    """

    def __init__(self, operation_of: Callable[[str, str], str | None]) -> None:
        self._operation_of = operation_of
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "kaizala_requests", "Requests answered.", ["operation", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "kaizala_request_seconds", "Time to answer.", ["operation"], registry=self.registry
        )
        self._of: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._writes_waiting = Gauge(
            "kaizala_writes_waiting", "Writes in the queue of the one writer.", registry=self.registry
        )
        self._lock_wait = Gauge(
            "kaizala_lock_wait_seconds",
            "How long writes have waited for SQLite's lock since the start, while other processes had it.",
            registry=self.registry,
        )
        self._deliveries = Gauge(
            "kaizala_deliveries_pending", "Webhook deliveries to be made.", registry=self.registry
        )
        self._lag = Gauge(
            "kaizala_delivery_lag_seconds",
            "How long the delivery that is due longest has waited.",
            registry=self.registry,
        )

    def count(self, method: str, path: str, status: int | None, seconds: float) -> None:
        """Count a request."""
        key = (self._operation_of(method, path) or _room(path), str(status or "cut off"))
        if key not in self._of:  # looking them up costs more than counting
            self._of[key] = self._requests.labels(*key), self._seconds.labels(key[0])
        requests, times = self._of[key]
        requests.inc()
        times.observe(seconds)

    async def read(self, request: Request) -> bytes:
        """Return all figures in Prometheus' text format."""
        server = state_of(request)
        now_ms = server.clock.now_ms()
        pending, due_ms = await server.database.read(_outbox)
        self._writes_waiting.set(server.database.queue_length)
        self._lock_wait.set(server.database.lock_wait_seconds)
        self._deliveries.set(pending)
        self._lag.set(max(0, now_ms - due_ms) / 1000 if due_ms else 0)
        return generate_latest(self.registry)


def _room(path: str) -> str:
    """Return which part of the server a path outside of the API belongs to."""
    first = path.split("/", 2)[1].lower() if "/" in path else ""
    return (
        first if first in ("people", "media", "static", "healthz", "readyz", "metrics", "_test") else "page"
    )


def _outbox(conn: Connection) -> tuple[int, int | None]:
    d = webhook_delivery.c
    row = conn.execute(select(func.count(), func.min(d.next_attempt_ms)).where(d.state == PENDING)).one()
    return row[0], row[1]


async def alive(request: Request) -> Response:
    """Say that the process answers, and its database can be read and written to."""
    await state_of(request).database.check()
    return json_reply({"status": "ok"})


async def ready(request: Request) -> Response:
    """Say whether the server can work: the database takes writes and has this version's tables; else 503 and why."""
    database = state_of(request).database

    def revision(conn: Connection) -> str:
        prove_writable(conn)
        return str(conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one())

    try:
        async with asyncio.timeout(READY_SECONDS):
            found = await database.write(revision)
    except (TimeoutError, StoreError, SQLAlchemyError):
        return json_reply({"status": "not ready", "reason": "the database takes no writes"}, 503)
    if found != newest():
        reason = f"the database is at revision {found}, this version needs {newest()}"
        return json_reply({"status": "not ready", "reason": reason}, 503)
    return json_reply({"status": "ready"})


async def metrics(request: Request) -> Response:
    """Return the figures, to callers on this machine and to those with the token of the settings."""
    config = state_of(request).config
    if not config.metrics or not (_is_local(request) or _has_token(request, config.metrics_token)):
        raise denied("Metrics are for callers on the server's machine, and those with the metrics token")
    figures: Metrics = request.app.state.kaizala_metrics
    return PlainTextResponse(
        await figures.read(request), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


def _is_local(request: Request) -> bool:
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False  # through a proxy on this machine, from anywhere
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _has_token(request: Request, token: str | None) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return (
        bool(token)
        and scheme.lower() == "bearer"
        and secrets.compare_digest(given.encode(), str(token).encode())
    )
