"""What a person does on the page: each act is one form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.kaizala import members, reactions, responses
from airflow_provider_kaizala.server.kaizala.access import find_group
from airflow_provider_kaizala.server.kaizala.action_records import find_action_by_id
from airflow_provider_kaizala.server.kaizala.context import Operation
from airflow_provider_kaizala.server.kaizala.groups import MAX_MEMBERS
from airflow_provider_kaizala.server.kaizala.media import StoredFile
from airflow_provider_kaizala.server.page import shows, views
from airflow_provider_kaizala.server.page.answering import FILE_QUESTIONS, kept_files, read_answers
from airflow_provider_kaizala.server.page.forms import Form, read_form
from airflow_provider_kaizala.server.page.operating import read_as, write_as
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.page.render import error_page, go_to, is_partial
from airflow_provider_kaizala.server.page.sending import discard, once, resource_of, store_files
from airflow_provider_kaizala.server.page.sending import write as write_message
from airflow_provider_kaizala.server.page.signing import sign_in_again
from airflow_provider_kaizala.server.page.visitor import Visitor, check_form, visitor_of
from airflow_provider_kaizala.server.state import state_of
from airflow_provider_kaizala.server.wire.errors import ApiError
from airflow_provider_kaizala.server.wire.fields import PHONE, Fields

Files = dict[str, list[StoredFile]]
Act = Callable[[Operation, Form, Files], str]
MAX_COMMENT = 4000


def _path(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="@") for part in parts)


async def _do(
    request: Request,
    back: str,
    act: Act,
    done: Callable[[str, Form], Any],
    *,
    files: tuple[str, ...] = ("files",),
) -> Response:
    """Read a form, do what it says once, and reply.

    :param back: the page the form stands on, shown again with what was typed if something is wrong
    :param done: replies; gets what *act* returned
    :param files: fields whose files may be of any kind; those of others are photos
    """
    visitor = visitor_of(request)
    try:
        await read_as(request, visitor, lambda op: op.caller)
    except ApiError as error:
        form = await read_form(request, known=False)
        check_form(request, visitor, form.one("csrf"))
        return sign_in_again(request, visitor, form, back, error)
    form = Form()
    try:
        form = await read_form(request, known=True)
        check_form(request, visitor, form.one("csrf"))
        outcome = await _write(request, visitor, form, act, files)
    except ApiError as error:
        if is_partial(request):
            return error_page(request, error)
        return await shows.return_to(request, back, form, error, visitor)
    finally:
        await form.close()
    reply: Response = await done(outcome, form)
    return reply


async def _write(request: Request, visitor: Visitor, form: Form, act: Act, anything: tuple[str, ...]) -> str:
    server = state_of(request)
    stored: Files = {}
    used = False

    def first(op: Operation) -> str:
        nonlocal used
        used = True
        return act(op, form, stored)

    try:
        for name, uploads in form.files.items():
            stored[name] = await store_files(server, uploads, images_only=name not in anything)
        return await write_as(request, visitor, lambda op: once(op, form.one("once"), lambda: first(op)))
    except BaseException:
        used = False
        raise
    finally:
        if not used:
            for files in stored.values():
                discard(server, files)


# --- Messages ---------------------------------------------------------------------------------------------------------
async def write(request: Request, group_id: str) -> Response:
    """Post a text, with photos or a document."""
    back = _path("groups", group_id)

    def act(op: Operation, form: Form, files: Files) -> str:
        return write_message(op, group_id, form.one("text"), files.get("files", []), form.one("reply_to"))

    async def done(reference_id: str, _form: Form) -> Response:
        if is_partial(request):
            return await shows.article(request, group_id, reference_id)
        return go_to(back, f"post-{reference_id}")

    return await _do(request, back, act, done)


# --- Posts ------------------------------------------------------------------------------------------------------------
async def on_post(request: Request, group_id: str, reference_id: str, name: str) -> Response:
    """Like, comment, vote, answer or complete."""
    act = _ACTS.get(name)
    if act is None:
        raise Problem(404, "404")
    back = _path("groups", group_id, "posts", reference_id)
    visitor = visitor_of(request)

    def on_it(op: Operation, form: Form, files: Files) -> str:
        item = views.one_post(op, group_id, reference_id)["item"]
        return act(op, item, form, files, visitor)

    anything: tuple[str, ...] = ()
    if name == "answer":
        anything = tuple(f"q{at}" for at in await _attachments(request, visitor, group_id, reference_id))

    async def done(_outcome: str, form: Form) -> Response:
        if is_partial(request):
            return await shows.article(request, group_id, reference_id)
        # Back to where the reader was: the group's feed, or this post's own page.
        if form.one("from") == "feed":
            return go_to(_path("groups", group_id), f"post-{reference_id}")
        return go_to(back)

    return await _do(request, back, on_it, done, files=anything)


async def _attachments(request: Request, visitor: Visitor, group_id: str, reference_id: str) -> list[int]:
    """Return the positions of questions that take files of any kind."""

    def read(op: Operation) -> list[int]:
        item = views.one_post(op, group_id, reference_id)["item"]
        return [at for at, one in enumerate(item.get("questions", ())) if one["type"] == "AttachmentList"]

    try:
        return await read_as(request, visitor, read)
    except ApiError:
        return []  # told when the form is acted on


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
    choice = form.one("choice")
    if choice not in [one["title"] for one in item["choices"]]:
        raise Problem(400, "choice")
    return responses.vote(op, find_action_by_id(op, item["actionId"]), choice)


def _answer(op: Operation, item: views.Shown, form: Form, files: Files, visitor: Visitor) -> str:
    questions = item.get("questions")
    if not questions:
        raise Problem(400, "form_changed")
    uploaded = {
        f"{name}.uploaded": [resource_of(op, files[name])]
        for at, question in enumerate(questions)
        if question["type"] in FILE_QUESTIONS and files.get(name := f"q{at}")
    }
    # Uploads are named by the server alone: nobody answers with somebody else's file by typing its name.
    typed = {name: values for name, values in form.values.items() if not name.endswith(".uploaded")}
    mine = {one["resource"] for kept in _kept(op, item).values() for one in kept}
    for name, values in typed.items():
        if name.endswith(".kept") and not mine.issuperset(values):
            raise Problem(400, "form_changed")
    answers = read_answers(questions, Form({**typed, **uploaded}), visitor.zone)
    action = find_action_by_id(op, item["actionId"])
    return responses.answer(op, action, answers, response_id=form.one("response_id") or None)


def _kept(op: Operation, item: views.Shown) -> dict[str, list[dict[str, str]]]:
    return kept_files(op, item["myAnswer"]["answers"], item["questions"]) if item.get("myAnswer") else {}


def _complete(op: Operation, item: views.Shown, form: Form, _files: Files, _visitor: Visitor) -> str:
    if "assignees" not in item:
        raise Problem(400, "form_changed")
    return responses.complete_job(op, find_action_by_id(op, item["actionId"]), form.one("done") != "no")


_ACTS: dict[str, Callable[[Operation, views.Shown, Form, Files, Visitor], str]] = {
    "like": _like,
    "comment": _comment,
    "vote": _vote,
    "answer": _answer,
    "complete": _complete,
}


# --- People -----------------------------------------------------------------------------------------------------------
async def add_people(request: Request, group_id: str) -> Response:
    """Add people by phone number, one in each line."""
    back = _path("groups", group_id, "people")

    def act(op: Operation, form: Form, _files: Files) -> str:
        access = find_group(op, group_id)
        lines = form.one("phones").replace(",", "\n").replace(";", "\n").split("\n")
        phones = ["".join(line.split()).replace("-", "") for line in lines if line.strip()]
        if not phones:
            raise Problem(400, "no_phones")
        if wrong := [phone for phone in phones if not PHONE.match(phone)]:
            raise Problem(400, "phone", given=wrong[0][:40])
        if len(phones) > MAX_MEMBERS:
            raise Problem(400, "too_many_phones", most=MAX_MEMBERS)
        members.add_members(op, access.id, Fields({"members": phones}))
        return access.id

    async def done(_outcome: str, _form: Form) -> Response:
        return go_to(back)

    return await _do(request, back, act, done)
