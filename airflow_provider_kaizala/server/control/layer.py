"""The one ASGI layer of the control plane: it lets faults strike, and writes the journal.

It stands between the tidying of paths and the routes, in test mode only.
"""

from __future__ import annotations

import asyncio
import re
import time

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_kaizala.server.api.bodies import error_reply, json_reply
from airflow_provider_kaizala.server.api.operations import called
from airflow_provider_kaizala.server.control.cutting import cut, is_cut
from airflow_provider_kaizala.server.control.faults import Fault
from airflow_provider_kaizala.server.control.guard import refusal
from airflow_provider_kaizala.server.control.journal import Body, Exchange
from airflow_provider_kaizala.server.control.plane import ControlPlane
from airflow_provider_kaizala.server.domain.errors import ApiError, throttled
from airflow_provider_kaizala.server.people.routes import ACTS_AS

_CONTROL = re.compile(r"/_test(/|\Z)", re.IGNORECASE)
_AS_PERSON = re.compile(r"/_test/people/(?P<phone>[^/]+)(?P<rest>/.+)", re.IGNORECASE)


class ControlLayer:
    """Passes requests on, unless a fault strikes; writes down what came and what was answered."""

    def __init__(self, app: ASGIApp, plane: ControlPlane, *, any_host: bool) -> None:
        self.app = app
        self._plane = plane
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        inner = scope
        if _CONTROL.match(path):
            refused = refusal(Headers(scope=scope), any_host=self._any_host)
            if refused is not None:
                await error_reply(refused)(scope, receive, send)
                return
            person = _AS_PERSON.fullmatch(path)
            if person is None:
                await self.app(scope, receive, send)
                return
            inner = {**scope, "path": "/people" + person["rest"], ACTS_AS: person["phone"]}
        exchange = _begin(scope, self._plane.clock.now_ms())
        await _Call(self.app, self._plane, scope, exchange, receive, send).run(inner)


def _begin(scope: Scope, now_ms: int) -> Exchange:
    headers = Headers(scope=scope)
    return Exchange(
        called=called(scope["method"], scope["path"]),
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=tuple(headers.items()),
        request=Body(headers.get("content-type", "")),
        at_ms=now_ms,
    )


class _Call:
    """One request on its way through: sees what is received and sent, and bends the reply as a fault wants it."""

    def __init__(
        self,
        app: ASGIApp,
        plane: ControlPlane,
        scope: Scope,
        exchange: Exchange,
        receive: Receive,
        send: Send,
    ) -> None:
        self._app = app
        self._plane = plane
        self._scope = scope
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._fault: Fault | None = None
        self._held: list[Message] = []
        self._done = False
        self._era = plane.era
        self._began = time.perf_counter()

    async def run(self, inner: Scope) -> None:
        """Handle the request."""
        host = Headers(scope=self._scope).get("host", "")
        strike = self._plane.faults.strike(self._exchange.called, host)
        self._exchange.faults = strike.names
        self._fault = fault = strike.fault
        if strike.latency:
            await asyncio.sleep(strike.latency)
        if fault and fault.drop == "before":
            await self._take_all()
            self._write_down()
            await cut(self._scope, self._receive)
            return
        if fault and (instead := _reply_instead(fault, self._scope)) is not None:
            await self._take_all()
            await instead(self._scope, self.receive, self.send)
            return
        try:
            await self._app(inner, self.receive, self.send)
        except Exception:
            self._exchange.status = 500
            self._write_down()
            raise
        if fault and fault.drop == "after":
            await cut(self._scope, self._receive)
        elif fault and fault.truncate is not None:
            await self._truncate(fault.truncate)
        elif fault and fault.drip is not None:
            await self._drip(fault.drip)

    async def receive(self) -> Message:
        """Hand on what came in."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._exchange.request.add(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Hand on what goes out, or hold it back for a fault. The journal knows of a reply before its reader does."""
        if message["type"] == "http.response.start":
            self._exchange.status = message["status"]
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
            self._exchange.reply_headers = tuple(pairs)
            self._exchange.reply.content_type = dict(pairs).get("content-type", "")
        elif message["type"] == "http.response.body":
            self._exchange.reply.add(message.get("body", b""))
            if not message.get("more_body", False):
                self._write_down()
        fault = self._fault
        if fault and (fault.drop or fault.truncate is not None or fault.drip is not None):
            self._held.append(message)
        else:
            await self._send(message)

    def _write_down(self) -> None:
        if not self._done:
            self._done = True
            self._exchange.duration_ms = (time.perf_counter() - self._began) * 1000
            if self._era == self._plane.era:
                self._plane.journal.add(self._exchange)

    async def _take_all(self) -> None:
        """Read the request to its end, so that the caller is done with sending when it sees what becomes of it."""
        while (message := await self.receive())["type"] == "http.request" and message.get("more_body", False):
            pass

    async def _truncate(self, keep: int | bool) -> None:
        start, body = self._held_reply()
        size = len(body) // 2 if keep is True else min(int(keep), max(0, len(body) - 1))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body[:size], "more_body": True})
        await cut(self._scope, self._receive, flush=True)

    async def _drip(self, bytes_a_second: float) -> None:
        start, body = self._held_reply()
        await self._send(start)
        piece = max(1, int(bytes_a_second / 10))
        for at in range(0, len(body), piece):
            if is_cut(self._scope):
                return
            await self._send({"type": "http.response.body", "body": body[at : at + piece], "more_body": True})
            await asyncio.sleep(piece / bytes_a_second)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _held_reply(self) -> tuple[Message, bytes]:
        bodies = [one.get("body", b"") for one in self._held if one["type"] == "http.response.body"]
        return self._held[0], b"".join(bodies)


def _reply_instead(fault: Fault, scope: Scope) -> Response | None:
    if fault.throttle is not None:
        return error_reply(throttled("Too many calls, says a fault", fault.throttle))
    if fault.move is not None:
        query = scope["query_string"].decode("latin-1")
        path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        full = f"{fault.move}{path}" + (f"?{query}" if query else "")
        moved = ApiError(308, "Moved", "The endpoint has moved, says a fault", "RedirectException")
        moved.headers["Location"] = fault.move if fault.bare else full
        return error_reply(moved)
    if fault.status is None:
        return None
    if fault.body is None:
        broken = ApiError(fault.status, "InjectedFault", "This call failed, says a fault", "ServerException")
        return _sent(error_reply(broken), fault)
    if isinstance(fault.body, str):
        return _sent(Response(fault.body, fault.status, media_type="text/plain"), fault)
    return _sent(json_reply(fault.body, fault.status), fault)


def _sent(reply: Response, fault: Fault) -> Response:
    """Put the fault's headers over those of a reply; 204 and 304 have no body."""
    for name, value in fault.headers.items():
        reply.headers[name] = value
    if reply.status_code in (204, 304):
        reply.body = b""
        del reply.headers["content-length"]
    return reply
