"""Connections as clients open them: Java's HttpClient asks for HTTP/2 with each request, and means it as an offer."""

from __future__ import annotations

import re

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_OFFER = re.compile(
    rb"(\A[A-Z]+ [^\r\n]+ HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*?)Upgrade(:[ \t]*h2c[ \t]*\r\n)", re.IGNORECASE
)


class PlainProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # chosen when uvicorn is imported
    """Uvicorn's protocol, which stays with HTTP/1.1: its parser would skip the body of a request that offers HTTP/2."""

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if b"h2c" in data:
            # Of the same length, so that no byte of a body is ever counted wrong.
            data = _OFFER.sub(rb"\1Ignored\2", data)
        super().data_received(data)
