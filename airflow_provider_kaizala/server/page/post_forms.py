"""What a person does on the page: each act is one form."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.domain import members, reactions, responses
from airflow_provider_kaizala.server.domain.access import find_group, need_admin
from airflow_provider_kaizala.server.domain.action_records import find_action_by_id
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.groups import MAX_MEMBERS
from airflow_provider_kaizala.server.page import pages
from airflow_provider_kaizala.server.page.answering import (
    FILE_QUESTIONS,
    chosen,
    earlier_answer,
    read_answers,
)
from airflow_provider_kaizala.server.page.form_handlers import Files, Takes, handle
from airflow_provider_kaizala.server.page.forms import Form
from airflow_provider_kaizala.server.page.numbers import read_phone
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.page.render import go_to, is_partial
from airflow_provider_kaizala.server.page.uploads import resource_of
from airflow_provider_kaizala.server.page.uploads import write as write_message
from airflow_provider_kaizala.server.page.visitor import Visitor, visitor_of
from airflow_provider_kaizala.server.people import views
from airflow_provider_kaizala.server.people.feed import find_feed

MAX_COMMENT = 4000


def _path(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="@") for part in parts)


# --- Messages ---------------------------------------------------------------------------------------------------------
async def write(request: Request, group_id: str) -> Response:
    """Post a text, with photos or a document."""
    page = _path("groups", group_id)

    def look(op: Operation) -> Takes:
        find_feed(op, group_id)
        return {"files": False}

    def act(op: Operation, form: Form, files: Files) -> str:
        return write_message(op, group_id, form.one("text"), files.get("files", []), form.one("reply_to"))

    async def done(reference_id: str, _form: Form) -> Response:
        if is_partial(request):
            return await pages.article(request, group_id, reference_id)
        return go_to(page, f"post-{reference_id}")

    return await handle(request, page, look, act, done)


# --- Posts ------------------------------------------------------------------------------------------------------------
async def on_post(request: Request, group_id: str, reference_id: str, name: str) -> Response:
    """Like, comment, vote, answer or complete."""
    act = _ACTS.get(name)
    if act is None:
        raise Problem(404, "404")
    page = _path("groups", group_id, "posts", reference_id)
    visitor = visitor_of(request)

    def look(op: Operation) -> Takes:
        item = views.one_post(op, group_id, reference_id)["item"]
        if name != "answer":
            return {}
        return {
            f"q{at}": one["type"] == "Image"
            for at, one in enumerate(item.get("questions", ()))
            if one["type"] in FILE_QUESTIONS and not one["isInvisible"]
        }

    def on_it(op: Operation, form: Form, files: Files) -> str:
        item = views.one_post(op, group_id, reference_id)["item"]
        return act(op, item, form, files, visitor)

    async def done(_outcome: str, form: Form) -> Response:
        # Back to where the reader was: the group's feed, or this post's own page.
        in_feed = form.one("from") == "feed"
        if is_partial(request):
            return await pages.article(request, group_id, reference_id, feed=in_feed)
        if in_feed:
            return go_to(_path("groups", group_id), f"post-{reference_id}")
        return go_to(page)

    return await handle(request, page, look, on_it, done, is_repeatable=name in _REPEATABLE)


def _like(op: Operation, item: views.Shown, _form: Form, _files: Files, _visitor: Visitor) -> str:
    return reactions.react_by_reference(op, item["referenceId"], "Like", "")


def _comment(op: Operation, item: views.Shown, form: Form, _files: Files, _visitor: Visitor) -> str:
    text = form.one("text")
    if not text.strip():
        raise Problem(400, "empty_text")
    if len(text) > MAX_COMMENT:
        raise Problem(400, "too_long", most=MAX_COMMENT, given=len(text))
    return reactions.react_by_reference(op, item["referenceId"], "Comment", text)


def _vote(op: Operation, item: views.Shown, form: Form, _files: Files, _visitor: Visitor) -> str:
    if "choices" not in item:
        raise Problem(400, "form_changed")
    [choice] = chosen(item["choices"], [form.one("choice")])
    return responses.vote(op, find_action_by_id(op, item["actionId"]), choice)


def _answer(op: Operation, item: views.Shown, form: Form, files: Files, visitor: Visitor) -> str:
    questions = item.get("questions")
    if not questions:
        raise Problem(400, "form_changed")
    response_id = form.one("response_id")
    earlier = earlier_answer(op, item, response_id, visitor.zone) if response_id else None
    uploaded = {name: [resource_of(op, [one]) for one in some] for name, some in files.items()}
    answers = read_answers(questions, form, visitor, uploaded, earlier)
    survey = responses.open_form(op, find_action_by_id(op, item["actionId"]))
    return responses.answer(op, survey, answers, response_id=response_id)


def _complete(op: Operation, item: views.Shown, form: Form, _files: Files, _visitor: Visitor) -> str:
    if "assignees" not in item or form.one("done") not in ("yes", "no"):
        raise Problem(400, "form_changed")
    return responses.complete_job(op, find_action_by_id(op, item["actionId"]), form.one("done") == "yes")


_ACTS: dict[str, Callable[[Operation, views.Shown, Form, Files, Visitor], str]] = {
    "like": _like,
    "comment": _comment,
    "vote": _vote,
    "answer": _answer,
    "complete": _complete,
}
_REPEATABLE = frozenset({"like", "vote", "complete"})


# --- People -----------------------------------------------------------------------------------------------------------
async def add_people(request: Request, group_id: str) -> Response:
    """Add people by phone number, one in each line."""
    page = _path("groups", group_id, "people")

    def look(op: Operation) -> Takes:
        need_admin(find_group(op, group_id))
        return {}

    def act(op: Operation, form: Form, _files: Files) -> str:
        lines = form.one("phones").replace(",", "\n").replace(";", "\n").split("\n")
        phones = [read_phone(line) for line in lines if line.strip()]
        if not phones:
            raise Problem(400, "no_phones")
        if len(phones) > MAX_MEMBERS:
            raise Problem(400, "too_many_phones", most=MAX_MEMBERS)
        access = find_group(op, group_id)
        members.add(op, access, list(dict.fromkeys(phones)))
        return access.id

    async def done(_outcome: str, _form: Form) -> Response:
        return go_to(page)

    return await handle(request, page, look, act, done)
