"""The page in Airflow's API server, at ``/kaizala-ui``; Airflow's UI shows it in a frame.

Airflow does not authenticate requests to the apps of plugins, so every route depends on Airflow's own login. The frame is of the same
origin, so that the browser sends the login's cookie.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, HTTPException, Query
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import HTMLResponse, RedirectResponse, Response

from airflow_provider_kaizala.push.page.deliveries import SPANS
from airflow_provider_kaizala.push.page.render import render, static_files
from airflow_provider_kaizala.push.page.view import Viewer
from airflow_provider_kaizala.push.settings import PushSettings, settings_of_api_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: where Airflow's API server mounts the page, and its first address there
PATH = "/kaizala-ui"
START = "overview"
#: seconds that the page, and its changes, wait for what is being read
PATIENCE, LONGER = 1.5, 4.0
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
WaitsPage = Annotated[int, Query(alias="waits", ge=1, le=100_000)]
SpanName = Annotated[str, Query(alias="span", pattern=f"^({'|'.join(map(re.escape, SPANS))})$")]


def build_app(settings: PushSettings | None = None) -> FastAPI:
    """Build the app that Airflow mounts at :data:`PATH`.

    :param settings: instead of those of ``airflow.cfg``
    """
    viewer = Viewer(settings or settings_of_api_server())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await viewer.close()

    app = FastAPI(
        title="Kaizala",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(get_user)],
        exception_handlers={HTTPException: _refuse},
    )

    @app.get(f"/{START}")
    async def page(user: GetUserDep, waits: WaitsPage = 1, span: SpanName = "hour") -> Response:
        view = await viewer.look(user, waits, SPANS[span], PATIENCE)
        return HTMLResponse(render("page.html", view=view), headers=HEADERS)

    @app.get("/content")
    async def content(
        request: Request, user: GetUserDep, waits: WaitsPage = 1, span: SpanName = "hour"
    ) -> Response:
        view = await viewer.look(user, waits, SPANS[span], LONGER)
        html = render("content.html", view=view)
        etag = f'"{hashlib.sha256(html.encode()).hexdigest()[:32]}"'
        headers = {**HEADERS, "ETag": etag}
        if request.headers.get("if-none-match", "").removeprefix("W/") == etag:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(html, headers=headers)

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        file = static_files().get(name)
        if file is None:
            raise HTTPException(404)
        headers = {**HEADERS, "Cache-Control": "private, max-age=86400"}
        return Response(file.content, media_type=file.media_type, headers=headers)

    return app


async def _refuse(request: Request, error: HTTPException) -> Response:
    """Ask who is not signed in to sign in, if the browser would show that; the frame and the script get a 401."""
    if error.status_code not in (401, 403):
        return Response(status_code=error.status_code, headers=HEADERS)
    here = f"{request.scope.get('root_path', '')}/{START}"
    login = f"../api/v2/auth/login?{urlencode({'next': here})}"
    if request.headers.get("sec-fetch-dest") == "document":
        return RedirectResponse(login, headers=HEADERS)
    return HTMLResponse(render("signed_out.html", login=login), 401, HEADERS)
