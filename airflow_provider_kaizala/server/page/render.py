"""Turning data into pages: templates, the safe headers of every reply, and errors as sentences."""

from __future__ import annotations

import datetime as dt
import secrets
import zlib
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.domain.times import iso_ms
from airflow_provider_kaizala.server.page.assets import asset_url
from airflow_provider_kaizala.server.page.problems import sentence
from airflow_provider_kaizala.server.page.strings import languages
from airflow_provider_kaizala.server.page.visitor import Visitor, remember_visit, visitor_of
from airflow_provider_kaizala.server.state import state_of

#: of every reply of the page: pages, redirects, errors, style and script, the stream
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
}
#: the script asks with it for the part of a page that has changed
PARTIAL = "x-partial"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["initials"] = initials
    environment.filters["hue"] = lambda text: zlib.crc32(str(text).encode()) % 8
    environment.filters["hash"] = lambda text: f"f{zlib.crc32(str(text).encode()):08x}"
    environment.filters["segment"] = lambda text: quote(str(text), safe="@")
    environment.globals["asset"] = asset_url
    environment.globals["once"] = lambda: secrets.token_urlsafe(12)
    return environment


def initials(name: str) -> str:
    """Return the letters that stand for somebody's picture."""
    parts = [part for part in name.split() if part[0].isalnum()]
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper() or "#"


def path_of(request: Request) -> str:
    """Return the path that was asked for, as links on the page write it."""
    return quote(request.scope["path"], safe="/@")


def is_partial(request: Request) -> bool:
    """Tell whether the page's script asks."""
    return PARTIAL in request.headers


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# A day from where no zone can be counted any more.
_FIRST, _LAST = (dt.datetime(year, month, 2, tzinfo=dt.UTC) for year, month in ((1, 1), (9999, 12)))


def moment_of(value: str | float) -> dt.datetime:
    """Return a time, ISO 8601 or epoch milliseconds; one that no calendar has is the first or last there is."""
    try:
        if isinstance(value, str):
            value = (dt.datetime.fromisoformat(value) - _EPOCH) / dt.timedelta(milliseconds=1)
        return min(max(_EPOCH + dt.timedelta(milliseconds=value), _FIRST), _LAST)
    except OverflowError:
        return _LAST if float(value) > 0 else _FIRST


def html(
    request: Request, template: str, status: int = 200, visitor: Visitor | None = None, **values: Any
) -> Response:
    """Render a template into a reply.

    :param visitor: whom it is for, if the request's cookies are out of date
    """
    who = visitor or visitor_of(request)
    now = dt.datetime.fromtimestamp(state_of(request).clock.now_ms() / 1000, who.zone)

    def moment(value: str | int, *, weekday: bool = False) -> str:
        return who.words.moment(moment_of(value).astimezone(who.zone), now, weekday=weekday)

    content = (
        _templates()
        .get_template(template)
        .render(
            t=who.words,
            lang=who.words.language,
            languages=languages(),
            csrf=who.csrf,
            signed_in=who.session is not None,
            zone=who.zone.key,
            moment=moment,
            iso=lambda value: moment_of(value).isoformat(),
            now_iso_utc=iso_ms(state_of(request).clock.now_ms()),
            # The reply to a form has the form's address, which cannot be loaded.
            path=getattr(request.state, "page", path_of(request)),
            **values,
        )
    )
    reply = HTMLResponse(content, status, HEADERS)
    remember_visit(request, reply, who)
    return reply


def go_to(path: str, anchor: str = "") -> Response:
    """Send the browser on to a page, with GET."""
    return RedirectResponse(path + (f"#{anchor}" if anchor else ""), 303)


def error_page(request: Request, error: ApiError) -> Response:
    """Say what is wrong: as a page, or as a sentence if the script asks."""
    visitor = visitor_of(request)
    told = sentence(error, visitor.words)
    template = "problem.html" if is_partial(request) else "error.html"
    reply = html(request, template, error.status, problem=told, refused=error.status)
    for name, value in error.headers.items():
        reply.headers[name] = value
    return reply


class PageRoute(APIRoute):
    """A route whose refusals are pages, and whose replies are safe to show."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                reply = await handle(request)
            except ApiError as error:
                reply = error_page(request, error)
            for name, value in HEADERS.items():
                reply.headers.setdefault(name, value)
            return reply

        return answer
