"""Paths as clients send them: ``//v1``, trailing slashes and blanks; static segments are matched without case by the router."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile(r"/{2,}")


def tidy(path: str) -> str:
    """Collapse repeated slashes, drop the last one and blanks at the end; a NUL, which no database takes, becomes a mark."""
    return _SLASHES.sub("/", path).rstrip("/ ").replace("\0", "\ufffd") or "/"


class TidyPaths:
    """ASGI middleware that tidies the path before routing, so that no route needs to know."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path tidied."""
        if scope["type"] == "http":
            path = scope["path"]
            if "//" in path or "\0" in path or path.endswith(("/", " ")):
                scope = {**scope, "path": tidy(path)}
        await self.app(scope, receive, send)
