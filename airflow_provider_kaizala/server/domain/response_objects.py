"""Stored responses, and the objects which webhooks tell of them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.action_bodies import QuestionDraft
from airflow_provider_kaizala.server.domain.action_records import ActionRecord, questions_of
from airflow_provider_kaizala.server.domain.answers import paired, short_place, shown_answer
from airflow_provider_kaizala.server.domain.context import ADMIN, Operation
from airflow_provider_kaizala.server.store import tables as t

_r, _j, _p = t.response.c, t.job_assignment.c, t.person.c
# Where somebody answered who did not tell: the app's own default, as listeners read lt, lg and n without a look.
NOWHERE: dict[str, object] = {"lt": 0.0, "lg": 0.0, "n": ""}
# Whom an anonymous answer and its event are from.
ANONYMOUS = persons.Person("", "", "", "", True)


class Response(NamedTuple):
    """An answer to a survey, package, poll or meeting; nothing of one to an anonymous action tells who gave it.

    :param name: of the responder, as they gave it with the answer or as they are called
    :param place: ``{lt, lg, n}``; :data:`NOWHERE` if they did not tell
    :param answers: with their questions, as they are shown
    """

    action: ActionRecord
    id: str
    responder: persons.Person
    name: str
    place: dict[str, object]
    time_ms: int
    is_update: bool
    answers: list[tuple[QuestionDraft, object]]


class JobResponse(NamedTuple):
    """What an assignee did with a job; notes are JSON objects joined by commas."""

    assignee: str
    is_completed: bool
    notes: str


def load_responses(
    op: Operation, action: ActionRecord, *, response_id: str | None = None, latest: int | None = None
) -> list[Response]:
    """Return the responses of a survey, package, poll or meeting, oldest first.

    :param response_id: only this one
    :param latest: only the latest ones, at most so many
    """
    rows = op.conn.execute(
        select(
            *persons.COLUMNS,
            _r.id.label("response_id"),
            _r.answers_json,
            _r.responder_name,
            _r.location_json,
            _r.updated_ms,
            _r.revision,
        )
        .join(t.person, _p.id == _r.person_id)
        .where(_r.action_id == action.id, *(() if response_id is None else (_r.id == response_id,)))
        .order_by(_r.created_ms.desc(), _r.id.desc())
        .limit(latest)
    ).all()[::-1]
    if not rows:
        return []
    questions = questions_of(op.conn, action.id)
    anonymous = action.row["is_anonymous"]
    found = []
    for row in rows:
        who = ANONYMOUS if anonymous else persons.as_person(row[:5])
        name = "" if anonymous else row.responder_name or who.name
        told = not anonymous and row.location_json is not None
        place = {**NOWHERE, **short_place(json.loads(row.location_json))} if told else NOWHERE
        answers = [
            (one, shown_answer(one, given)) for one, given in paired(questions, json.loads(row.answers_json))
        ]
        found.append(
            Response(action, row.response_id, who, name, place, row.updated_ms, row.revision > 0, answers)
        )
    return found


def response_object(response: Response) -> dict[str, object]:
    """Return a response as webhooks tell of it: the real questions in order, then the three of the system."""
    action, who = response.action, response.responder
    common: dict[str, object] = {"actionId": action.id, "groupId": action.row["group_id"]}
    if action.row["package_id"]:
        common |= {"actionPackageId": action.row["package_base"], "packageId": action.row["package_id"]}
    shown = [
        {
            "title": question.title,
            "type": question.type,
            "options": [{"title": option["title"]} for option in question.options],
            **({"isInvisible": True} if question.is_invisible else {}),
            "answer": answer,
        }
        for question, answer in response.answers
    ]
    for title, kind, answer in (
        ("Responder Location", "Location", response.place),
        ("ResponseTime", "DateTime", response.time_ms),
        ("Responder Name", "Text", response.name),
    ):
        shown.append({"title": title, "type": kind, "options": [], "isInvisible": True, "answer": answer})
    return {
        **common,
        "responseId": response.id,
        "isUpdateResponse": response.is_update,
        "responder": who.mobile,
        "responderId": who.id,
        "responderName": who.name,
        "responderProfilePic": who.profile_pic,
        "isAnonymous": bool(action.row["is_anonymous"]),
        "responseDetails": {"responseWithQuestions": shown},
    }


def all_answers(op: Operation, action: ActionRecord) -> list[list[Any]]:
    """Return the answers of all responses by position, as they are stored."""
    rows = op.conn.execute(select(_r.answers_json).where(_r.action_id == action.id)).scalars()
    return [json.loads(row) for row in rows]


def load_job_responses(op: Operation, action: ActionRecord) -> list[JobResponse]:
    """Return one entry for each assignee who touched the job."""
    rows = op.conn.execute(
        select(_p.mobile, _j.is_completed, _j.notes)
        .join(t.person, _p.id == _j.person_id)
        .where(_j.action_id == action.id, _j.response_id.is_not(None))
        .order_by(_j.updated_ms, _j.position)
    )
    return [JobResponse(*row) for row in rows]


def may_see_responses(op: Operation, action: ActionRecord) -> bool:
    """Tell whether results are shown to the caller."""
    return are_shown_to(action, op.caller.person_id, action.access.role)


def are_shown_to(action: ActionRecord, person_id: str, role: str) -> bool:
    """Tell whether results are shown to somebody: to all, the sender only, or admins only."""
    if action.row["creator_id"] == person_id:
        return True
    if action.row["is_sender_only"]:
        return False
    return action.row["visibility"] != "2" or role == ADMIN
