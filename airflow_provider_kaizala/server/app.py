"""The ASGI application: routes, path tidying, and one place where every failure becomes the error body."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_kaizala.server.api import media, operations
from airflow_provider_kaizala.server.api.bodies import error_reply
from airflow_provider_kaizala.server.api.guards import BrowserClients, StrangerLimit
from airflow_provider_kaizala.server.api.paths import TidyPaths, tidy
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.control import inspector
from airflow_provider_kaizala.server.control import routes as control
from airflow_provider_kaizala.server.control.layer import ControlLayer
from airflow_provider_kaizala.server.control.plane import ControlPlane
from airflow_provider_kaizala.server.delivery.deliverer import Deliverer
from airflow_provider_kaizala.server.domain.errors import ApiError, not_found, store_failed
from airflow_provider_kaizala.server.health import Metrics, alive, metrics, ready
from airflow_provider_kaizala.server.limits import AddressLimit
from airflow_provider_kaizala.server.logs import Observed, shown_path
from airflow_provider_kaizala.server.page import oauth
from airflow_provider_kaizala.server.page import routes as page
from airflow_provider_kaizala.server.page.render import error_page
from airflow_provider_kaizala.server.people import files
from airflow_provider_kaizala.server.people import routes as people
from airflow_provider_kaizala.server.people.live import Live
from airflow_provider_kaizala.server.pin_sign_in import COOKIE
from airflow_provider_kaizala.server.routing import RouteIndex
from airflow_provider_kaizala.server.startup import open_state
from airflow_provider_kaizala.server.state import ServerState
from airflow_provider_kaizala.server.store.errors import StoreError

log = logging.getLogger(__name__)
# Below these a refusal is always JSON.
_FOR_PROGRAMS = ("/v1/", "/api/oauth/token", "/people/", "/_test/", "/healthz", "/readyz", "/metrics")
ROUTERS = (
    media.router,
    people.router,
    files.router,
    page.router,
)


def create_app(config: ServerConfig, state: ServerState | None = None) -> FastAPI:
    """Build the application; its database is opened here and closed when the application shuts down."""
    server = state or open_state(config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        app.state.kaizala_deliverer = deliverer = Deliverer(server)
        await deliverer.start()
        yield
        await deliverer.stop()
        await server.outbound.close()
        server.pins.close()
        server.database.close()

    app = FastAPI(
        title="Kaizala",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.kaizala = server
    app.state.kaizala_live = Live(server.database)
    for router in (*ROUTERS, *((control.router, inspector.router) if config.test_mode else ())):
        app.include_router(router)
    app.router.routes.extend(operations.routes())
    app.router.routes.extend(oauth.routes())
    for path, answer in (("/healthz", alive), ("/readyz", ready), ("/metrics", metrics)):
        app.add_api_route(path, answer, methods=["GET"])
    for route in app.routes:
        if isinstance(route, Route):
            # Production matched routes without case; ids keep theirs.
            route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
            if route.methods and "GET" in route.methods:
                route.methods.add("HEAD")  # FastAPI's routes leave it out; the server sends no body then
    app.router.routes.insert(0, RouteIndex(app.routes))
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(StoreError, _store_failed)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _failed)
    if config.test_mode:
        app.state.kaizala_control = plane = ControlPlane(server.clock, config.seed)
        server.on_delivery = plane.journal.delivered
        app.add_middleware(ControlLayer, plane=plane, any_host=config.insecure)
    elif config.anonymous_limit:
        limit = AddressLimit(config.anonymous_limit)
        app.add_middleware(StrangerLimit, limit=limit, cookie=COOKIE, refuse=_refusal)
    if config.cors_origins:
        app.add_middleware(BrowserClients, origins=config.cors_origins)
    app.add_middleware(TidyPaths)
    app.state.kaizala_metrics = figures = Metrics(
        lambda method, path: operations.called(method, tidy(path)).operation
    )
    app.add_middleware(Observed, count=figures.count)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101
    return _refusal(request, error)


async def _store_failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)  # noqa: S101
    return _refusal(request, store_failed(error))


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 404:
        told = not_found("The path")
    elif error.status_code == 405:
        message = "This path does not take this method"
        allow = {"Allow": ", ".join(_methods(request))}
        told = ApiError(405, "MethodNotAllowed", message, "BadRequestException", allow)
    else:
        told = ApiError(error.status_code, "InvalidParameters", str(error.detail), "BadRequestException")
    return _refusal(request, told)


def _methods(request: Request) -> list[str]:
    """Return what a path takes; the router knows only the first of its routes."""
    fitting = [
        route.methods or ()
        for route in request.app.routes
        if isinstance(route, Route) and route.path_regex.match(request.scope["path"])
    ]
    return sorted({method for methods in fitting for method in methods})


async def _failed(request: Request, _error: Exception) -> Response:
    # Starlette logs the traceback; the caller only learns that it was not their fault.
    log.error("%s %s failed", request.method, shown_path(request.scope["path"]))
    failed = ApiError(500, "InternalError", "The server failed on this call", "ServerException")
    return _refusal(request, failed)


def _refusal(request: Request, error: ApiError) -> Response:
    return error_page(request, error) if _is_for_people(request) else error_reply(error)


def _is_for_people(request: Request) -> bool:
    # Java's HttpURLConnection asks for text/html too, unless it is told otherwise.
    is_page = not request.scope["path"].lower().startswith(_FOR_PROGRAMS)
    return is_page and "text/html" in request.headers.get("accept", "")
