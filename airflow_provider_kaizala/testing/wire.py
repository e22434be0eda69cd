"""Calls a server's control plane with the standard library alone, since tests often replace ``requests`` and ``httpx``."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT = 30.0


class KaizalaServerError(AssertionError):
    """The server refused what a test or a scripted person did. The message is the server's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Call:
    """One request, which another thread may cancel."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = connection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        self._base = parts.path.rstrip("/")

    def connect(self) -> None:
        """Open the connection; from then on the call can be cancelled."""
        self._connection.connect()

    def break_off(self) -> None:
        """Cancel the call: it raises ``OSError`` or ``http.client.HTTPException`` in the thread that makes it."""
        sock = self._connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Send a request and return the JSON of its reply."""
        target = self._base + quote(path, safe="/@+")
        if query:
            target += "?" + urlencode({name: value for name, value in query.items() if value is not None})
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            self._connection.request(
                method, target, content, {"Content-Type": "application/json", **(headers or {})}
            )
            reply = self._connection.getresponse()
            text = reply.read().decode()
        finally:
            self._connection.close()
        try:
            found = json.loads(text)
        except ValueError:
            raise KaizalaServerError(f"{method} {path}: {reply.status} {text[:200]}", reply.status) from None
        if reply.status >= 400:
            raise KaizalaServerError(str(found.get("message", text[:200])), reply.status)
        return found
