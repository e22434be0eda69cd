"""Signing in and out; nothing typed is lost when a session ends in between."""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.domain.sessions import end_session, open_session
from airflow_provider_kaizala.server.page import pages
from airflow_provider_kaizala.server.page.forms import FLEETING, Form, read_form
from airflow_provider_kaizala.server.page.numbers import read_phone
from airflow_provider_kaizala.server.page.problems import sentence
from airflow_provider_kaizala.server.page.render import error_page, go_to, html, is_partial, path_of
from airflow_provider_kaizala.server.page.strings import languages
from airflow_provider_kaizala.server.page.visitor import (
    Visitor,
    check_form,
    check_origin,
    known_device,
    language_cookie,
    sign_in_cookie,
    sign_out_cookie,
    visitor_of,
)
from airflow_provider_kaizala.server.pin_sign_in import client_of
from airflow_provider_kaizala.server.pin_sign_in import sign_in as sign_in_with_pin
from airflow_provider_kaizala.server.state import state_of

#: fields of the sign-in form itself
_OWN = (*FLEETING, "next", "mobileNumber", "pin")
_KEPT = "kept."


def local_path(given: str) -> str:
    """Return a path of this site, so that nobody is sent elsewhere after signing in."""
    if (
        not given.startswith("/")
        or given.startswith(("//", "/\\"))
        or not given.isprintable()
        or len(given) > 500
    ):
        return "/"
    return given


def ask_to_sign_in(request: Request) -> Response:
    """Send the browser to the sign-in page, and back here afterwards."""
    query = request.scope["query_string"].decode("latin-1")
    here = path_of(request) + (f"?{query}" if query else "")
    return go_to("/sign-in" if here == "/" else f"/sign-in?next={quote(here, safe='')}")


def ask_if_signed_out(request: Request, error: ApiError) -> Response:
    """Ask to sign in if that is what is wrong; else raise the error again."""
    if error.status != 401 or is_partial(request):
        raise error
    return ask_to_sign_in(request)


def _page(
    request: Request, back: str, form: Form, kept: Form, error: ApiError | None, visitor: Visitor
) -> Response:
    reply = html(
        request,
        "sign_in.html",
        error.status if error else 200,
        visitor,
        problem=sentence(error, visitor.words) if error else None,
        back=back,
        mobile=form.one("mobileNumber"),
        kept=[(f"{_KEPT}{name}", value) for name, values in kept.values.items() for value in values],
    )
    for name, value in (error.headers if error else {}).items():
        reply.headers[name] = value
    return reply


async def page(request: Request) -> Response:
    """Show the form."""
    back = local_path(request.query_params.get("next", "/"))
    return _page(request, back, Form(), Form(), None, visitor_of(request))


async def sign_in(request: Request) -> Response:
    """Check phone number and PIN."""
    server, visitor = state_of(request), visitor_of(request)
    check_origin(request)
    form = await read_form(request)
    kept = Form({name.removeprefix(_KEPT): form.all(name) for name in form.values if name.startswith(_KEPT)})
    back = local_path(form.one("next"))
    try:
        check_form(visitor, form.one("csrf"))
    except ApiError as error:
        # Most often a page that was open for long; what was typed stays, and the form is good now.
        return _page(request, back, form, kept, error, visitor)
    try:
        mobile = read_phone(form.one("mobileNumber"))
    except ApiError as error:
        return _page(request, back, form, kept, error, visitor)

    def start_session(conn: Connection, now_ms: int, person_id: str) -> str:
        if visitor.session:
            end_session(conn, now_ms, visitor.session, client_of(request))
        return open_session(conn, now_ms, person_id)

    try:
        token = await sign_in_with_pin(
            server,
            request,
            mobile,
            form.one("pin"),
            start_session,
            via="page",
            device=known_device(request),
        )
    except ApiError as error:
        return _page(request, back, form, kept, error, visitor)
    signed_in = Visitor(token, visitor.visit, visitor.words, visitor.zone)
    if kept.values:
        try:
            request.state.page = back
            reply = await pages.return_to(request, back, kept, None, signed_in)
        except ApiError as error:
            reply = error_page(request, error)
    else:
        reply = go_to(back)
    sign_in_cookie(request, reply, token)
    return reply


def sign_in_again(request: Request, visitor: Visitor, form: Form, back: str, error: ApiError) -> Response:
    """Ask somebody whose session ended while a form was filled in to sign in; what was typed goes along."""
    if is_partial(request):
        return error_page(request, error)
    kept = Form({name: values for name, values in form.values.items() if name not in _OWN})
    return _page(request, back, Form(), kept, error, visitor)


async def sign_out(request: Request) -> Response:
    """End the session, here and in the database."""
    server, visitor = state_of(request), visitor_of(request)
    check_origin(request)
    form = await read_form(request)
    check_form(visitor, form.one("csrf"))
    token = visitor.session
    if token:
        await server.database.write(
            lambda conn: end_session(conn, server.clock.now_ms(), token, client_of(request))
        )
    reply = go_to("/sign-in")
    sign_out_cookie(request, reply, token)
    # Nothing of what was read stays in this browser.
    reply.headers["Clear-Site-Data"] = '"cache", "storage"'
    return reply


async def choose_language(request: Request) -> Response:
    """Keep a language."""
    check_origin(request)
    form = await read_form(request)
    check_form(visitor_of(request), form.one("csrf"))
    reply = go_to(local_path(form.one("next")))
    if form.one("language") in languages():
        language_cookie(request, reply, form.one("language"))
    return reply
