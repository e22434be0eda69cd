"""Connections as clients use them.

Some offer another protocol with each request, as Java's HttpClient does HTTP/2; Node writes a body of GET without its length,
to the server bytes that are no request.
"""

from __future__ import annotations

import re
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_OFFER = re.compile(rb"(\A[A-Z]+ [^\r\n]+ HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*?)Upgrade:", re.IGNORECASE)


class PlainProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # chosen when uvicorn is imported
    """Uvicorn's protocol, which stays with HTTP/1.1: its parser would skip the body of a request with an offer."""

    cycle: Any

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if b"pgrade:" in data:
            # Of the same length, so that no byte of a body is ever counted wrong.
            data = _OFFER.sub(rb"\1Ignored:", data)
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, after the reply that is on its way."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            super().send_400_response(msg)
        else:
            self.cycle.keep_alive = False
