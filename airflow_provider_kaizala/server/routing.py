"""Finds the route of a request by its method and the number of parts of its path, instead of trying one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

_FOUND = "kaizala.route"


class RouteIndex(BaseRoute):
    """Stands before the routes that it knows. What it does not find is left to them: a wrong method, an unknown path."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._by_shape: dict[tuple[str, int], list[Route]] = {}
        for route in routes:
            if isinstance(route, Route) and ":path}" not in route.path:
                for method in route.methods or ():
                    self._by_shape.setdefault((method, route.path.count("/")), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Find the first route that takes the request."""
        if scope["type"] == "http":
            for route in self._by_shape.get((scope["method"], scope["path"].count("/")), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, {**found, _FOUND: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route that was found answer."""
        await scope[_FOUND].handle(scope, receive, send)
