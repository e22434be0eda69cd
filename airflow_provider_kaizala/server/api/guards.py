"""Layers before the routes: browsers' cross-origin requests, and how often strangers may come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_kaizala.server.api.calls import bearer
from airflow_provider_kaizala.server.domain.errors import ApiError, throttled
from airflow_provider_kaizala.server.limits import AddressLimit
from airflow_provider_kaizala.server.pin_sign_in import client_of
from airflow_provider_kaizala.server.state import state_of

_API = ("/v1/", "/api/oauth/token")
# Without a token on purpose: style and script, files by their unguessable URL, and what a load balancer asks.
_FOR_ALL = ("/static/", "/media/", "/healthz", "/readyz")


class BrowserClients:
    """Lets scripts of other sites call the API, as programs in browsers did; the token is in a header, so no cookie goes along."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._api = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
            allow_headers=("*",),
            expose_headers=("Allow", "Location", "Retry-After"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        by_script = scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"])
        is_api = by_script and scope["path"].lower().startswith(_API)
        await (self._api if is_api else self._app)(scope, receive, send)


class StrangerLimit:
    """Refuses requests from an address that sends too many without a token or session known to be good."""

    def __init__(
        self, app: ASGIApp, limit: AddressLimit, cookie: str, refuse: Callable[[Request, ApiError], Response]
    ) -> None:
        self._app = app
        self._limit = limit
        self._cookie = cookie
        self._refuse = refuse

    def _shown(self, request: Request) -> Iterator[str | None]:
        """Yield what may be a token or session, each read only when it is asked for."""
        yield request.headers.get("accesstoken", "").strip()
        yield bearer(request)
        yield request.cookies.get(self._cookie)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it before anything of it is read."""
        if scope["type"] == "http" and not scope["path"].lower().startswith(_FOR_ALL):
            request = Request(scope)
            server = state_of(request)
            now_ms = server.clock.now_ms()
            if not any(server.known_tokens.holds(token, now_ms) for token in self._shown(request)):
                wait = self._limit.wait_seconds(client_of(request), now_ms)
                if wait:
                    error = throttled(
                        "Too many requests from this address without a valid token", wait, "requests"
                    )
                    await self._refuse(request, error)(scope, receive, send)
                    return
        await self._app(scope, receive, send)
