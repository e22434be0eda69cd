"""Connections as clients use them.

Some offer another protocol with each request, as Java's HttpClient does HTTP/2; Node writes a body of GET without its length,
to the server bytes that are no request.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

#: how long the header of a request may take to come, from its first byte on
HEAD_SECONDS = 30
_OFFER = re.compile(rb"(\A[A-Z]+ [^\r\n]+ HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*?)Upgrade:", re.IGNORECASE)


class PlainProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # chosen when uvicorn is imported
    """Uvicorn's protocol, which stays with HTTP/1.1: its parser would skip the body of a request with an offer."""

    cycle: Any
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection, which may stay without a request as long as between two."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for a header."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._stop_head_timer()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if b"pgrade:" in data:
            # Of the same length, so that no byte of a body is ever counted wrong.
            data = _OFFER.sub(rb"\1Ignored:", data)
        super().data_received(data)
        self._limit_head()

    def _limit_head(self) -> None:
        """Close the connection if what has begun is not a whole header in time."""
        if self.cycle is not None and (not self.cycle.response_complete or self.cycle.more_body):
            self._stop_head_timer()
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._head_timer is None and not is_answering:
            # Also while the rest of a body comes that was refused: then from its last byte on.
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, after the reply that is on its way."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            super().send_400_response(msg)
        else:
            self.cycle.keep_alive = False
