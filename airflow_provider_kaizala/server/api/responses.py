"""Answers over REST: read by the types of their questions, and shown as webhooks tell of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow_provider_kaizala.server.api.action_bodies import read_place
from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import responses
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE, QuestionDraft
from airflow_provider_kaizala.server.domain.action_records import find_action
from airflow_provider_kaizala.server.domain.answers import (
    MAX_TEXT,
    Answer,
    Phone,
    Stored,
    as_given,
    check_answer,
    paired,
)
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request
from airflow_provider_kaizala.server.domain.ids import package_base
from airflow_provider_kaizala.server.domain.response_objects import JobResponse, Response, response_object
from airflow_provider_kaizala.server.domain.times import as_ms, from_iso

FILLER = "-"


def post_response(op: Operation, group_id: str, action_id: str, fields: Fields) -> Reply:
    """Answer a survey or package, or complete a job, as the token's user."""
    action = find_action(op, group_id, action_id)
    given_type = fields.choice(("Survey", "Job"), "actionType")
    given_package = None if given_type else fields.optional_text("id", most=128)
    if given_type is None and not given_package:
        raise bad_request("actionType or id is required")
    # A source answers cards with Survey (C27).
    taken = ("Survey", PACKAGE) if given_type == "Survey" else (given_type,)
    if given_type is not None and action.type not in taken:
        raise bad_request(f"actionType is {given_type}, but the action is of the type {action.public_type}")
    if given_package and package_base(given_package) != action.row["package_base"]:
        raise bad_request("id is not the package of the action")
    body = fields.object("actionBody")
    if body is None:
        raise bad_request("actionBody is required")
    if action.type == "Job":
        done = body.boolean("isCompleted", default=True)
        return {"responseId": responses.complete_job(op, action, done)}
    if not body.has("Answers"):
        raise bad_request(f"{body.path('Answers')} is required")
    location = body.object("responseLocation") if body.raw("responseLocation") else None
    given = body.items("Answers")
    # Without it in either place an edit would be taken for a second answer.
    response_id = fields.optional_text("responseId", most=128) or body.optional_text("responseId", most=128)
    name = body.optional_text("responseName", most=500)
    place = None if location is None else read_place(location)
    form = responses.open_form(op, action)
    answers = read_answers(op, form.questions, given, of_package=action.type == PACKAGE)
    stored = responses.answer(op, form, answers, response_id=response_id, name=name, place=place)
    return {"responseId": stored}


def read_answers(
    op: Operation, questions: Sequence[QuestionDraft], given: Sequence[object], *, of_package: bool = False
) -> Iterator[Answer]:
    """Read positional answers, each when it is asked for: the first that is wrong is the one to be named.

    :param of_package: answers that do not fit the questions are stored as given, and there may be more (C27)
    """
    if len(given) > len(questions) and not of_package:
        raise bad_request(f"Answers holds {len(given)} entries, but there are {len(questions)} questions")
    for index, (question, one) in enumerate(paired(questions, given)):
        where = f"Answers[{index}]"
        yield _read_loosely(op, question, one, where) if of_package else _read(question, one, where)


def _read_loosely(op: Operation, question: QuestionDraft, given: object, where: str) -> Stored:
    try:
        return Stored(check_answer(op, question, _read(question, given, where), where))
    except ApiError:
        return as_given(given)


def _read(question: QuestionDraft, given: Any, where: str) -> Answer:
    if given is None or given == "" or given == []:
        return None
    if question.type == "Text":
        return _text(given, where)
    if given == FILLER and FILLER not in [option["title"] for option in question.options]:
        return None
    match question.type:
        case "Numeric":
            return Fields({where: given}).number(where)
        case "DateTime":
            return _moment(given, where)
        case "Location":
            if not isinstance(given, dict):
                raise bad_request(f"{where} must be a location such as {{lt, lg, n}}")
            return read_place(Fields(given, f"{where}."))
        case "PhoneNumber":
            if not isinstance(given, dict):
                return Phone(_text(given, where))
            fields = Fields(given, f"{where}.")
            return Phone(country_code=fields.text("cc", most=8), number=fields.text("pn", most=20))
        case _:
            return [_text(one, where) for one in (given if isinstance(given, list) else [given])]


def _text(given: object, where: str) -> str:
    return Fields({where: given}).optional_text(where, most=MAX_TEXT) or ""


def _moment(given: object, where: str) -> int:
    if isinstance(given, str) and not given.strip().lstrip("+-").replace(".", "", 1).isdigit():
        return from_iso(given, where)
    return as_ms(Fields({where: given}).number(where))


def render_responses(found: Sequence[Response | JobResponse]) -> list[Reply]:
    """Return ``actionDetails.responses[]`` (C15, C16, C25)."""
    return [_job_response(one) if isinstance(one, JobResponse) else _response(one) for one in found]


def _response(response: Response) -> Reply:
    shown = response_object(response)
    details: Any = shown["responseDetails"]
    # The reconstructed API description has the list at the top as well.
    return {**shown, **details}


def _job_response(response: JobResponse) -> Reply:
    return {
        "assignee": response.assignee,
        "response": "Completed" if response.is_completed else "NotCompleted",
        "notes": f"[{response.notes}]",
        "attachments": [],
    }
