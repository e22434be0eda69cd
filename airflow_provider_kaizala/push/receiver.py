"""The endpoint that Kaizala calls, mounted at ``/kaizala`` in Airflow's API server.

``GET /kaizala/{conn_id}?validationToken=…`` is Kaizala's question whether somebody receives its events; ``POST`` brings one.
Airflow does not authenticate requests to the apps of plugins, so nothing is read or looked up for a request without a valid token,
and all such requests get the same answer. An event is answered with 200 once it is committed, and nothing is kept in memory, so any
number of API server processes may receive.

``GET /kaizala/{conn_id}/events`` returns them to tasks and triggers of this Airflow, see :mod:`.listeners` and :mod:`.feed`;
``POST /kaizala/{conn_id}/batches`` gives a task those that no run before it has processed, see :mod:`.batches` and :mod:`.consumer`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.utils.session import create_session
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push import announce, batches, inbox
from airflow_provider_kaizala.push.asks import Ask
from airflow_provider_kaizala.push.bodies import MAX_BYTES, BodyError, is_json, read_object
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.gate import Gate, RateLimit, Refusals, SecretUnavailableError
from airflow_provider_kaizala.push.inbox import Arrival
from airflow_provider_kaizala.push.listeners import (
    Found,
    Listeners,
    Query,
    QueryError,
    TooManyListenersError,
)
from airflow_provider_kaizala.push.pages import write_page
from airflow_provider_kaizala.push.settings import PushSettings, settings_of_api_server
from airflow_provider_kaizala.push.subscriptions import BATCHES, CHECK, EVENTS, ON
from airflow_provider_kaizala.push.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable

    from airflow_provider_kaizala.push.subscriptions import Subscription

T = TypeVar("T")

log = logging.getLogger(__name__)

TOKEN_HEADER = "kz-callback-token"  # noqa: S105 - the name of a header
#: characters of a validation token; Kaizala's are digits
MAX_VALIDATION_TOKEN = 1000
#: seconds that a body of at most 1 MiB may take
LONGEST_BODY = 30.0
#: characters of the text that a check of this receiver is about
MAX_NONCE = 100
#: seconds after which Kaizala may try again
RETRY_SECONDS = {429: "1", 503: "30"}
#: seconds between two looks at what must ring again, and between two deletions of old events
BELL_SECONDS, PRUNE_SECONDS = 1.0, 600.0


class Receiver:
    """Receives events.

    :param settings: the options of ``[kaizala]``
    """

    def __init__(self, settings: PushSettings) -> None:
        self.settings = settings
        self.refusals = Refusals()
        self._gate = Gate(settings.connections, self._read_secret)
        self._rate = RateLimit(settings.events_per_second)
        self._writer = Writer()
        # threads of its own, since those of all plugins and of Airflow would be shared
        self._readers, self._takers = CapacityLimiter(2), CapacityLimiter(2)
        self._listeners = Listeners(
            partial(_in_thread, find_events, CapacityLimiter(2)),
            partial(_in_thread, find_ends, CapacityLimiter(1)),
        )
        self._troubles: dict[str, float] = {}

    # --- requests --------------------------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        conn_id = request.path_params["conn_id"]
        if request.method == "POST":
            nonce = request.query_params.get(CHECK)
            return await (
                self._take(request, conn_id) if nonce is None else self._confirm(request, conn_id, nonce)
            )
        return self._echo(request, conn_id)

    async def listen(self, request: Request) -> Response:
        """Answer a task or a trigger that reads events; it may wait for one."""
        conn_id = request.path_params["conn_id"]
        if (refusal := await self._refuse_listener(request, conn_id)) is not None:
            return refusal
        try:
            found = await self._listeners.answer(conn_id, Query.read(request.query_params))
        except QueryError as error:
            return _refused(400, str(error))
        except TooManyListenersError:
            return _refused(429, "Too many listeners")
        except Exception as error:  # noqa: BLE001 - they must ask again
            return self._unread(error)
        return _page(found.events, found.cursor)

    async def hand_out(self, request: Request) -> Response:
        """Answer a task that asks for events which no run before it has processed."""
        conn_id = request.path_params["conn_id"]
        if (refusal := await self._refuse_listener(request, conn_id)) is not None:
            return refusal
        try:
            ask = Ask.read(read_object(await _read_body(request)))
        except (BodyError, UnreadableReplyError) as error:
            return _refused(400, str(error))
        except _RefusedError as error:
            return _refused(error.status, error.detail)
        except ClientDisconnect:
            return _refused(400, "The body is incomplete")
        try:
            taken = await to_thread.run_sync(batches.take, conn_id, ask, limiter=self._takers)
        except Exception as error:  # noqa: BLE001 - they must ask again
            return self._unread(error)
        if taken is None:
            return _refused(409, "Another try has been given events and has not ended")
        return _page(taken.events, taken.cursor)

    async def _refuse_listener(self, request: Request, conn_id: str) -> Response | None:
        """Return how to refuse a request that has not the token of those who read events; None if it has."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            admitted = await self._gate.admits_listener(conn_id, token if scheme.lower() == "bearer" else "")
        except SecretUnavailableError:
            return _refused(503, "Temporarily unavailable")
        if admitted:
            return None
        return self._unknown(
            f"{request.method} for events without the token of their connection, or of one that is not in webhook_connections"
        )

    def _unread(self, error: Exception) -> Response:
        self._complain("Events could not be read", error)
        return _refused(503, "Temporarily unavailable")

    def _echo(self, request: Request, conn_id: str) -> Response:
        """Return the validation token of a new webhook, as proof that its events are wanted."""
        token = request.query_params.get("validationToken", "")
        is_plain = token.isascii() and token.isprintable() and "<" not in token
        if conn_id not in self._gate.conn_ids or not is_plain or not 0 < len(token) <= MAX_VALIDATION_TOKEN:
            return self._unknown(
                "GET of a connection that is not in webhook_connections, or without a plain validationToken"
            )
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return PlainTextResponse(token, headers=headers)

    async def _confirm(self, request: Request, conn_id: str, nonce: str) -> Response:
        """Tell somebody who has the secret of a connection that its events are taken here; a stranger learns nothing."""
        token = request.headers.get(TOKEN_HEADER, "") if len(nonce) <= MAX_NONCE else ""
        try:
            admitted = await self._gate.admits_check(conn_id, nonce, token)
        except SecretUnavailableError:
            return _refused(503, "Temporarily unavailable")
        if admitted:
            return PlainTextResponse(nonce)
        return self._unknown(
            "check without the token of its connection, or of one that is not in webhook_connections"
        )

    async def _take(self, request: Request, conn_id: str) -> Response:
        """Verify a request, then store its event."""
        try:
            subscription = await self._gate.admit(
                conn_id, request.query_params.get(ON, ""), request.headers.get(TOKEN_HEADER, "")
            )
        except SecretUnavailableError:
            return _refused(503, "Temporarily unavailable")
        if subscription is None:
            return self._unknown(
                "POST without the token of its subscription, or of a connection that is not in webhook_connections"
            )
        try:
            body, event = await self._read_event(request, subscription)
        except _RefusedError as refusal:
            self.refusals.add(f"{refusal.detail} ({subscription.on} of {subscription.conn_id})")
            return _refused(refusal.status, refusal.detail)
        except ClientDisconnect:
            return _refused(400, "The body is incomplete")
        try:
            await self._writer.store(Arrival(subscription, event, body))
        except Exception as error:  # noqa: BLE001 - the event is not stored, so Kaizala must deliver it again
            self._complain("An event could not be stored, so Kaizala will deliver it again", error)
            return _refused(503, "Temporarily unavailable")
        self._listeners.ring(conn_id)
        return JSONResponse({})

    async def _read_event(self, request: Request, subscription: Subscription) -> tuple[str, KaizalaEvent]:
        """Read the event of a verified request, and check that it belongs to the subscription whose token came with it."""
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > MAX_BYTES:
            raise _RefusedError(413, f"The body has more than {MAX_BYTES} bytes")
        if not is_json(request.headers.get("content-type", "")):
            raise _RefusedError(415, "The content type must be application/json")
        if request.headers.get("content-encoding", "identity") != "identity":
            raise _RefusedError(415, "The body must not be compressed")
        if not self._rate.take(subscription):
            raise _RefusedError(429, "Too many events")
        body = await _read_body(request)
        try:
            event = KaizalaEvent.read(read_object(body))
        except (BodyError, UnreadableReplyError) as error:
            raise _RefusedError(400, str(error)) from None
        if not _belongs(event, subscription):
            raise _RefusedError(400, "The event is of another object than the webhook")
        return body.decode(), event

    def _unknown(self, reason: str) -> Response:
        self.refusals.add(reason)
        return _refused(404, "Not Found")

    # --- what is looked up, and what goes on beside requests -------------------------------------------------------------------

    async def _read_secret(self, conn_id: str) -> str | None:
        return await to_thread.run_sync(read_secret, conn_id, limiter=self._readers)

    async def work(self) -> None:
        """Ring again after bursts and delete old events, until cancelled."""
        await asyncio.gather(self._ring(), self._prune())

    async def _ring(self) -> None:
        limiter = CapacityLimiter(1)
        while True:
            await asyncio.sleep(BELL_SECONDS)
            self.refusals.flush()
            await self._try("What tasks have processed could not be noted", batches.settle_all, limiter)
            await self._try("Asset events could not be made", announce.ring_again, limiter)

    async def _prune(self) -> None:
        """Delete old events. It may take minutes, for which nothing else must wait."""
        limiter = CapacityLimiter(1)
        await asyncio.sleep(random.uniform(0, PRUNE_SECONDS))  # not all processes at once
        while True:
            await self._try("Old events could not be deleted", partial(prune_events, self.settings), limiter)
            await asyncio.sleep(PRUNE_SECONDS)

    async def _try(self, failed: str, function: Callable[[], Any], limiter: CapacityLimiter) -> None:
        try:
            await to_thread.run_sync(function, limiter=limiter)
        except Exception as error:  # noqa: BLE001 - it must go on when the database is back
            self._complain(f"{failed}; will retry", error)

    def _complain(self, what: str, error: Exception) -> None:
        """Log an error, each kind at most once a minute; of the database without the statement, which may hold an event."""
        now = time.monotonic()
        if now - self._troubles.get(what, -60.0) < 60:
            return
        self._troubles[what] = now
        if isinstance(error, SQLAlchemyError):
            cause = getattr(error, "orig", None) or error
            log.error(
                "%s: %s: %s. Is the database reachable, and has `airflow db migrate` run since the provider was installed?",
                what,
                type(cause).__name__,
                next(iter(str(cause).splitlines()), ""),
            )
        else:
            log.error("%s", what, exc_info=error)


async def _in_thread(function: Callable[..., T], limiter: CapacityLimiter, *given: Any) -> T:
    return await to_thread.run_sync(function, *given, limiter=limiter)


class _RefusedError(Exception):
    """A verified request is refused."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def _page(events: Iterable[tuple[int, datetime, str]], cursor: int) -> Response:
    page = write_page(events, cursor)
    return Response(page, media_type="application/json", headers={"Cache-Control": "no-store"})


def _refused(status: int, detail: str) -> Response:
    headers = {"Retry-After": RETRY_SECONDS[status]} if status in RETRY_SECONDS else None
    return JSONResponse({"detail": detail}, status, headers)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_BODY):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _RefusedError(413, f"The body has more than {MAX_BYTES} bytes")
    except TimeoutError:
        raise _RefusedError(408, f"The body did not end within {LONGEST_BODY:.0f} s") from None
    return bytes(body)


def _belongs(event: KaizalaEvent, subscription: Subscription) -> bool:
    """Return whether an event is of the object that its webhook watches. Ids may lack their scale unit (``@1``)."""
    if event.object_type and event.object_type.lower() != subscription.object_type.lower():
        return False
    wanted = subscription.object_id.lower()
    found = ((event.group_id if subscription.group_id else event.object_id) or wanted).lower()
    return found == wanted or (
        found.partition("@")[0] == wanted.partition("@")[0] and ("@" in found) != ("@" in wanted)
    )


# --- in threads --------------------------------------------------------------------------------------------------------------


def read_secret(conn_id: str) -> str | None:
    """Return the ``webhook_secret`` of a connection; None if there is no such connection, or it has none or is invalid."""
    try:
        secret = KaizalaHook(conn_id).connection.webhook_secret
    except AirflowNotFoundException:
        log.warning("[kaizala] webhook_connections names %r, but there is no such connection", conn_id)
        return None
    except KaizalaInputError as error:
        log.warning("Webhooks are refused: %s", error)
        return None
    if not secret:
        log.warning("Webhooks of connection %r are refused: its extra webhook_secret is missing", conn_id)
    return secret


def find_events(conn_id: str, query: Query, after: int | datetime | None) -> Found:
    """Return the events of a connection that a query asks for behind a cursor."""
    with create_session(scoped=False) as session:
        events, cursor = inbox.page(session, conn_id, query.group_id, query.event_types, after, query.limit)
    return Found(tuple(events), cursor)


def find_ends(conn_ids: Collection[str]) -> dict[str, int]:
    """Return the newest cursor of each of these connections."""
    with create_session(scoped=False) as session:
        return inbox.ends(session, conn_ids)


def prune_events(settings: PushSettings) -> int:
    """Delete the events that need not be kept, in short transactions; return how many."""
    count = 0
    before = datetime.now(tz=UTC) - timedelta(days=settings.keep_days)
    with create_session(scoped=False) as session:
        batches.prune(session, before)
        announce.prune(session, before)
    for _ in range(1000):
        with create_session(scoped=False) as session:
            deleted = inbox.prune(session, settings, datetime.now(tz=UTC))
        count += deleted
        if deleted < inbox.BATCH:
            break
    return count


# --- the app -------------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Work beside requests, for as long as the API server process runs."""
    receiver: Receiver = app.state.receiver
    if not receiver.settings.connections:
        yield
        return
    announce.can_ring()
    work = asyncio.create_task(receiver.work())
    try:
        yield
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


def build_app(settings: PushSettings | None = None) -> FastAPI:
    """Return the app that Airflow mounts.

    If an option of ``[kaizala]`` is invalid, that is logged, and the app answers as if no connection had opted in.

    :param settings: the options; by default those of ``airflow.cfg``
    """
    app = FastAPI(title="Kaizala", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.receiver = Receiver(settings or settings_of_api_server())
    # Not FastAPI routes: those read bodies before their endpoint is called.
    app.add_route(
        f"/{{conn_id:path}}{EVENTS}", app.state.receiver.listen, methods=["GET"], include_in_schema=False
    )
    app.add_route(
        f"/{{conn_id:path}}{BATCHES}", app.state.receiver.hand_out, methods=["POST"], include_in_schema=False
    )
    app.add_route(
        "/{conn_id:path}", app.state.receiver.answer, methods=["GET", "POST"], include_in_schema=False
    )
    return app
