"""Pages to look at, whole or in part; with what was typed and what is wrong where a form comes back."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.domain.access import find_group
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import ApiError, denied
from airflow_provider_kaizala.server.domain.members import list_members
from airflow_provider_kaizala.server.page.answering import filled, kept_files
from airflow_provider_kaizala.server.page.forms import Form
from airflow_provider_kaizala.server.page.problems import Problem, sentence
from airflow_provider_kaizala.server.page.render import html
from airflow_provider_kaizala.server.page.transactions import read_as
from airflow_provider_kaizala.server.page.visitor import Visitor, visitor_of
from airflow_provider_kaizala.server.people import views
from airflow_provider_kaizala.server.people.respondents import respondents
from airflow_provider_kaizala.server.people.sidebar import first_people

NOTHING = Form()


def _draft(visitor: Visitor, form: Form, error: ApiError | None) -> dict[str, Any]:
    return {
        "draft": form,
        "problem": sentence(error, visitor.words) if error else None,
    }


def _prepare(op: Operation, visitor: Visitor, shown: views.Shown) -> views.Shown:
    """Add to surveys what fills their forms."""
    for item in shown.get("items", [shown["item"]] if "item" in shown else []):
        if item.get("myAnswer") and item.get("questions"):
            answers = item["myAnswer"]["answers"]
            item["files"] = kept_files(op, answers, item["questions"])
            item["filled"] = filled(item["questions"], answers, visitor.zone, item["files"])
    return shown


async def group(
    request: Request,
    group_id: str,
    before: int | None = None,
    form: Form = NOTHING,
    error: ApiError | None = None,
    visitor: Visitor | None = None,
) -> Response:
    """Show a group."""
    who = visitor or visitor_of(request)
    reply_to = form.one("reply_to") or request.query_params.get("reply", "")

    def read(op: Operation) -> views.Shown:
        shown = _prepare(op, who, views.group_page(op, group_id, before))
        shown["people"] = first_people(op, group_id)
        return {**shown, "reply": views.replied_to(op, group_id, reply_to)}

    shown = await read_as(request, who, read)
    shown["first"] = before is None
    status = error.status if error else 200
    return html(request, "group.html", status, who, **shown, **_draft(who, form, error))


async def part_of_group(request: Request, group_id: str, before: int | None, after: int | None) -> Response:
    """Show what the script lacks: older posts, newer posts, or what waits."""
    who = visitor_of(request)
    if after is not None:
        shown = await read_as(request, who, lambda op: _prepare(op, who, views.newer(op, group_id, after)))
        return html(request, "newer.html", **shown, **_draft(who, NOTHING, None))
    shown = await read_as(request, who, lambda op: _prepare(op, who, views.group_page(op, group_id, before)))
    return html(request, "items.html", **shown, **_draft(who, NOTHING, None))


async def article(request: Request, group_id: str, reference_id: str, *, feed: bool = True) -> Response:
    """Show one post alone, as it is now: as it stands in the feed, or on its own page."""
    who = visitor_of(request)
    shown = await read_as(
        request, who, lambda op: _prepare(op, who, views.one_post(op, group_id, reference_id))
    )
    return html(request, "article.html", feed=feed, **shown, **_draft(who, NOTHING, None))


async def post(
    request: Request,
    group_id: str,
    reference_id: str,
    form: Form = NOTHING,
    error: ApiError | None = None,
    visitor: Visitor | None = None,
) -> Response:
    """Show one post with its comments, and who has answered."""
    who = visitor or visitor_of(request)

    def read(op: Operation) -> views.Shown:
        shown = _prepare(op, who, views.one_post(op, group_id, reference_id))
        item = shown["item"]
        asks = item["actionId"] and ("questions" in item or "choices" in item or "assignees" in item)
        shown["who"] = respondents(op, item["actionId"]) if asks else None
        shown["comments"] = views.comments(op, reference_id)
        return shown

    shown = await read_as(request, who, read)
    if error and error.reason == "answered":
        # Answered meanwhile elsewhere: what was typed here becomes a change of that.
        form = Form({**form.values, "response_id": [shown["item"]["myAnswer"]["responseId"]]})
    status = error.status if error else 200
    return html(request, "post.html", status, who, **shown, **_draft(who, form, error))


async def people(
    request: Request,
    group_id: str,
    form: Form = NOTHING,
    error: ApiError | None = None,
    visitor: Visitor | None = None,
) -> Response:
    """Show who is in a group; admins can add people."""
    who = visitor or visitor_of(request)

    def read(op: Operation) -> views.Shown:
        shown = views.group_heading(op, group_id)
        if not shown["group"]["isMember"]:
            raise denied("Only members see who is in the group", "members_only")
        members = list_members(op, find_group(op, group_id))
        return {**shown, "members": sorted(members, key=lambda one: (one.role, one.person.name.casefold()))}

    shown = await read_as(request, who, read)
    status = error.status if error else 200
    return html(request, "people.html", status, who, **shown, **_draft(who, form, error))


async def return_to(
    request: Request, path: str, form: Form, error: ApiError | None, visitor: Visitor
) -> Response:
    """Show the page a form stands on, with what was typed in it.

    :raises Problem: if *path* is no page with a form
    """
    parts = [unquote(part) for part in path.partition("?")[0].split("/") if part]
    match parts:
        case ["groups", group_id]:
            return await group(request, group_id, None, form, error, visitor)
        case ["groups", group_id, "posts", reference_id]:
            return await post(request, group_id, reference_id, form, error, visitor)
        case ["groups", group_id, "people"]:
            return await people(request, group_id, form, error, visitor)
    raise Problem(400, "address")
