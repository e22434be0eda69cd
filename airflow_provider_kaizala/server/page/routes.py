"""The page's addresses.

====== ============================================== =================================================================
GET    /                                              my groups, and what waits for me
GET    /sign-in, POST /sign-in, POST /sign-out        phone number and PIN
POST   /language                                      another language
GET    /groups/{group}                                its posts, newest first; ``?before=`` older ones
GET    /groups/{group}/live                           server-sent events, see :mod:`people.live`
GET    /groups/{group}/people                         its members; POST adds some (admins)
GET    /groups/{group}/posts/{reference}              one post, its comments, who has answered
POST   /groups/{group}/messages                       a text, photos
POST   /groups/{group}/posts/{reference}/{act}        like, comment, vote, answer, complete
GET    /static/{name}                                 style and script
====== ============================================== =================================================================

A form is answered with a redirect, or, where the script sent it (``X-Partial``), with the post as it looks now.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.page import pages, post_forms, signing
from airflow_provider_kaizala.server.page.assets import assets
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.page.render import PageRoute, html, is_partial
from airflow_provider_kaizala.server.page.transactions import read_as
from airflow_provider_kaizala.server.page.visitor import visitor_of
from airflow_provider_kaizala.server.people import home
from airflow_provider_kaizala.server.people.feed import find_feed
from airflow_provider_kaizala.server.people.live import Live

router = APIRouter(route_class=PageRoute)
#: the server sends no body where only the head is asked for
READ = ["GET", "HEAD"]


# --- Signing in -------------------------------------------------------------------------------------------------------
@router.api_route("/sign-in", methods=READ)
async def sign_in_page(request: Request) -> Response:
    """Ask for phone number and PIN."""
    return await signing.page(request)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Sign in, and go on to where the reader was."""
    return await signing.sign_in(request)


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    return await signing.sign_out(request)


@router.post("/language")
async def language(request: Request) -> Response:
    """Choose a language."""
    return await signing.choose_language(request)


# --- Reading ----------------------------------------------------------------------------------------------------------
@router.api_route("/", methods=READ)
async def my_groups(request: Request) -> Response:
    """Show my groups."""
    visitor = visitor_of(request)
    if visitor.session is None:
        return signing.ask_to_sign_in(request)
    try:
        return html(request, "home.html", **await read_as(request, visitor, home.home))
    except ApiError as error:
        return signing.ask_if_signed_out(request, error)


@router.api_route("/groups/{group_id}", methods=READ)
async def group(request: Request, group_id: str) -> Response:
    """Show a group: whole, or what the script asks for with ``before``, ``after`` or ``waiting``."""
    before, after = _place(request, "before"), _place(request, "after")
    try:
        if is_partial(request):
            return await pages.part_of_group(request, group_id, before, after)
        return await pages.group(request, group_id, before)
    except ApiError as error:
        return signing.ask_if_signed_out(request, error)


def _place(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 16):
        raise Problem(400, "address")
    return int(given)


@router.get("/groups/{group_id}/live")
async def live(request: Request, group_id: str) -> Response:
    """Ring when something has changed."""
    visitor = visitor_of(request)

    def look(op: Operation) -> str:
        return find_feed(op, group_id).id

    its_id = await read_as(request, visitor, look)
    watches: Live = request.app.state.kaizala_live

    async def allowed() -> bool:
        try:
            await read_as(request, visitor, look)
        except ApiError as error:
            return error.status >= 500  # a database that does not answer has not thrown anybody out
        return True

    async def events() -> AsyncGenerator[bytes, None]:
        async for event in watches.stream(its_id, allowed):
            yield event.encode()

    headers = {"X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Response(None, 200, headers, "text/event-stream")
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


@router.api_route("/groups/{group_id}/posts/{reference_id}", methods=READ)
async def post(request: Request, group_id: str, reference_id: str) -> Response:
    """Show one post."""
    try:
        if is_partial(request):
            return await pages.article(request, group_id, reference_id)
        return await pages.post(request, group_id, reference_id)
    except ApiError as error:
        return signing.ask_if_signed_out(request, error)


@router.api_route("/groups/{group_id}/people", methods=READ)
async def people(request: Request, group_id: str) -> Response:
    """Show who is in a group."""
    try:
        return await pages.people(request, group_id)
    except ApiError as error:
        return signing.ask_if_signed_out(request, error)


# --- Acting -----------------------------------------------------------------------------------------------------------
@router.post("/groups/{group_id}/messages")
async def write(request: Request, group_id: str) -> Response:
    """Post a text or photos."""
    return await post_forms.write(request, group_id)


@router.post("/groups/{group_id}/people")
async def add_people(request: Request, group_id: str) -> Response:
    """Add people to a group."""
    return await post_forms.add_people(request, group_id)


@router.post("/groups/{group_id}/posts/{reference_id}/{act}")
async def act(request: Request, group_id: str, reference_id: str, act: str) -> Response:
    """Like, comment, vote, answer or complete."""
    return await post_forms.on_post(request, group_id, reference_id, act)


# --- Style and script -------------------------------------------------------------------------------------------------
@router.api_route("/static/{name}", methods=READ)
async def static(request: Request, name: str) -> Response:
    """Serve a file of the page."""
    found = assets().get(name)
    if found is None:
        raise Problem(404, "404")
    # Under another version's address, as while a new release starts, nothing is kept.
    is_current = request.query_params.get("v") == found.version
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if is_current else "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, 200, {**headers, "Content-Encoding": "gzip"}, found.mime_type)
    return Response(found.content, 200, headers, found.mime_type)
