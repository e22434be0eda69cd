"""What the server logs: lines for people or JSON, one for each request, with an id that its reply carries too."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import BufferingHandler
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from airflow_provider_kaizala.server.config import ServerConfig

access = logging.getLogger("kaizala.access")
#: seconds for which lines are gathered, and how many at most
GATHER_SECONDS, MOST_LINES = 0.2, 500
_request_id: ContextVar[str] = ContextVar("kaizala_request_id", default="")
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
# What a path may hold that opens something: the unguessable part of a file's address. The path is as the client sent it, and
# may be tidied only later.
_SECRET_PART = re.compile(r"(media(?:/|%(?:25)*2F)+)[^/]+", re.IGNORECASE)
# What uvloop says if it is to write to somebody who has just hung up.
_GONE = "the handler is closed"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id"}


class _Json(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, ``requestId``, and what a record adds."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            entry["requestId"] = request_id
        entry |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        request_id = getattr(record, "request_id", "")
        record.shown_id = f" [{request_id}]" if request_id else ""
        # One record is one line, whatever a caller has put into a path.
        return super().format(record) if record.exc_info else super().format(record).replace("\n", "\\n")


def _mark(record: logging.LogRecord) -> bool:
    record.request_id = _request_id.get()
    return True


class _Gathered(BufferingHandler):
    """Writes lines to stderr together: soon, and at once from warnings on. To write each by itself would double what a line costs."""

    def __init__(self) -> None:
        super().__init__(MOST_LINES)
        self._ended = threading.Event()
        threading.Thread(target=self._write_now_and_then, name="kaizala-log", daemon=True).start()

    def shouldFlush(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or super().shouldFlush(record)

    def flush(self) -> None:
        with self.lock:  # type: ignore[union-attr] # each handler has one
            records, self.buffer = self.buffer, []
            if records:
                sys.stderr.write("".join(f"{self.format(record)}\n" for record in records))
                sys.stderr.flush()

    def close(self) -> None:
        self._ended.set()
        super().close()

    def _write_now_and_then(self) -> None:
        while not self._ended.wait(GATHER_SECONDS):
            self.flush()


def shown_path(path: str) -> str:
    """Return a path without what opens something."""
    return _SECRET_PART.sub(r"\1...", path)


def set_up_logging(config: ServerConfig) -> None:
    """Log to stderr as the settings say."""
    handler = _Gathered()
    handler.addFilter(_mark)
    text = _Text("%(asctime)s %(levelname)s %(name)s%(shown_id)s %(message)s")
    handler.setFormatter(_Json() if config.log_format == "json" else text)
    logging.basicConfig(handlers=[handler], level=config.log_level.upper(), force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    access.disabled = not config.access_log


class Observed:
    """ASGI middleware: gives each request an id, logs it once it is answered, and hands it to *count*.

    The id is the caller's ``X-Request-ID`` if that is a short word, else a new one. Queries are not logged: they may hold what
    opens something.

    :param count: called with the method, the path, the status (None if the caller was cut off) and the seconds
    """

    def __init__(self, app: ASGIApp, count: Callable[[str, str, int | None, float], None]) -> None:
        self.app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _ID.match(given) else secrets.token_hex(8).encode()
        token = _request_id.set(request_id.decode())
        began = time.perf_counter()
        status: int | None = None
        told = False

        def tell() -> None:
            nonlocal told
            if told:
                return
            told = True
            seconds = time.perf_counter() - began
            self._count(scope["method"], scope["path"], status, seconds)
            self._log(scope, status, seconds)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            elif not message.get("more_body"):
                tell()  # before the caller has the whole reply
            try:
                await send(message)
            except RuntimeError as error:
                if _GONE not in str(error):  # the caller has gone, which is not worth a traceback
                    raise

        try:
            await self.app(scope, receive, answer)
        finally:
            tell()
            _request_id.reset(token)

    @staticmethod
    def _log(scope: Scope, status: int | None, seconds: float) -> None:
        if not access.isEnabledFor(logging.INFO):
            return
        client = (scope.get("client") or ("-",))[0]
        path = shown_path(scope["path"])
        milliseconds = round(seconds * 1000, 1)
        access.info(
            "%s %s %s %s %s ms",
            client,
            scope["method"],
            path,
            status or "cut off",
            milliseconds,
            extra={
                "client": client,
                "method": scope["method"],
                "path": path,
                "status": status,
                "milliseconds": milliseconds,
            },
        )
