"""Forms that do something: read, checked, done once, and answered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import OUTCOME_UNKNOWN, ApiError
from airflow_provider_kaizala.server.domain.media import StoredFile, check_quota
from airflow_provider_kaizala.server.page import pages
from airflow_provider_kaizala.server.page.forms import (
    MAX_ENDED_FORM,
    MAX_FORM,
    MAX_PLAIN_FORM,
    Form,
    read_form,
)
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.page.render import error_page, is_partial
from airflow_provider_kaizala.server.page.signing import sign_in_again
from airflow_provider_kaizala.server.page.transactions import read_as, write_as
from airflow_provider_kaizala.server.page.uploads import discard, store_files
from airflow_provider_kaizala.server.page.visitor import Visitor, check_form, check_origin, visitor_of
from airflow_provider_kaizala.server.people.once import once
from airflow_provider_kaizala.server.state import state_of

Files = dict[str, list[StoredFile]]
#: the fields of a form that take files, and whether only photos
Takes = Mapping[str, bool]
Look = Callable[[Operation], Takes]
Act = Callable[[Operation, Form, Files], str]
Done = Callable[[str, Form], Awaitable[Response]]


async def handle(
    request: Request, page: str, look: Look, act: Act, done: Done, *, is_repeatable: bool = False
) -> Response:
    """Do what a form says, and reply.

    :param page: where the form stands; shown again with what was typed if something is wrong
    :param look: checks that the person may be here, before files are taken
    :param done: replies; gets what *act* returned
    :param is_repeatable: it comes out the same however often it is done, and what was sent last counts
    """
    request.state.page = page
    visitor = visitor_of(request)
    check_origin(request)
    takes: Takes = {}
    refused: ApiError | None = None
    try:
        takes = await read_as(request, visitor, look)
    except ApiError as error:
        refused = error
    if refused is None:
        form = (
            await read_form(request, take_files=True, limit=MAX_FORM) if takes else await read_form(request)
        )
    else:
        form = await read_form(request, limit=MAX_ENDED_FORM if visitor.session else MAX_PLAIN_FORM)
    try:
        # Whoever is not signed in does nothing; their form is shown again, and it comes from here (its origin was checked).
        if visitor.session is not None:
            check_form(visitor, form.one("csrf"))
        if problem := refused or form.problem:
            raise problem
        outcome = await _write(request, visitor, form, takes, act, is_repeatable)
    except ApiError as error:
        if is_partial(request):
            return error_page(request, error)
        if error.status == 401:
            return sign_in_again(request, visitor, form, page, error)
        if error is refused:
            raise  # the page itself is not for this person
        return await pages.return_to(request, page, form, error, visitor)
    finally:
        form.close()
    return await done(outcome, form)


async def _write(
    request: Request, visitor: Visitor, form: Form, takes: Takes, act: Act, is_repeatable: bool
) -> str:
    if not form.files.keys() <= takes.keys():
        raise Problem(400, "form_changed")
    server = state_of(request)
    key = "" if is_repeatable else await asyncio.to_thread(_key, request.scope["path"], form)
    stored: Files = {}
    used = False

    def work(op: Operation) -> str:
        def first() -> str:
            nonlocal used
            used = True
            check_quota(op, [one for some in stored.values() for one in some], server.config.media_quota)
            return act(op, form, stored)

        return first() if is_repeatable else once(op, key, first)

    # Files are removed if nothing refers to them. If this task is cancelled, or a commit was cut off, that is unknown: they are kept.
    try:
        for name, uploads in form.files.items():
            stored[name] = await store_files(server, uploads, images_only=takes[name])
        outcome = await write_as(request, visitor, work)
    except Exception as error:
        if not (isinstance(error, ApiError) and error.code == OUTCOME_UNKNOWN):
            for files in stored.values():
                discard(server, files)
        raise
    for one in (one for some in stored.values() for one in some):
        (server.media.keep if used else server.media.discard)(one.id)
    return outcome


def _key(path: str, form: Form) -> str:
    """Return what is done once: this rendering of this form with this content.

    A browser may send an old form with new content, and another form may have the same number: neither is a repetition.
    """
    number = form.one("once")
    if not number or len(number) > 64:
        raise Problem(400, "form_changed")
    return hashlib.sha256(b"\0".join((path.encode(), number.encode(), form.digest()))).hexdigest()
