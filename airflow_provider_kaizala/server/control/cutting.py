"""Connections that a fault can cut, handing their transport on to the application."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope

from airflow_provider_kaizala.server.api.connections import PlainProtocol

_TRANSPORT = "kaizala.transport"


class CuttableProtocol(PlainProtocol):
    """The server's protocol; the state of each request holds the transport of its connection."""

    app_state: dict[str, object]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def is_cut(scope: Scope) -> bool:
    """Tell whether the connection of a request is closed, from either side."""
    transport = scope.get("state", {}).get(_TRANSPORT)
    return transport is not None and transport.is_closing()


async def cut(scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """Close the connection of a request, and return when it is closed.

    :param flush: let what was sent go out first
    """
    transport = scope.get("state", {}).get(_TRANSPORT)
    if transport is None:
        raise RuntimeError("only kaizala-server itself can cut connections")
    if flush:
        transport.close()
    else:
        transport.abort()
    # Uvicorn would answer for an application that returns without a reply, unless it knows that nobody is there.
    while (await receive())["type"] != "http.disconnect":
        pass
