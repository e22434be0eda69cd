"""Stored responses as the objects of webhooks and of ``actionDetails.responses[]`` (C16, C25)."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.action_records import ActionRecord, questions_of
from airflow_provider_kaizala.server.domain.answers import with_questions
from airflow_provider_kaizala.server.domain.context import ADMIN, Operation
from airflow_provider_kaizala.server.store import tables as t

_r, _j, _p = t.response.c, t.job_assignment.c, t.person.c


def load_responses(
    op: Operation, action: ActionRecord, *, response_id: str | None = None, latest: int | None = None
) -> list[dict[str, object]]:
    """Return the responses of a survey, package, poll or meeting, oldest first; without names if anonymous.

    Each holds ``responseDetails.responseWithQuestions`` as in webhooks, and the same list at its top, where the
    reconstructed API description has it.

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
    anonymous = bool(action.row["is_anonymous"])
    common: dict[str, object] = {"actionId": action.id, "groupId": action.row["group_id"]}
    if action.row["package_id"]:
        common |= {"actionPackageId": action.row["package_base"], "packageId": action.row["package_id"]}
    found = []
    for row in rows:
        who = persons.as_person(row[:5])
        if anonymous:
            who = persons.Person("", "", "", "", True)
        answered = with_questions(
            questions,
            json.loads(row.answers_json),
            location=None if anonymous else _short_place(row.location_json),
            time_ms=row.updated_ms,
            name="" if anonymous else row.responder_name or who.name,
        )
        found.append(
            {
                **common,
                "responseId": row.response_id,
                "isUpdateResponse": row.revision > 0,
                "responder": who.mobile,
                "responderId": who.id,
                "responderName": who.name,
                "responderProfilePic": who.profile_pic,
                "isAnonymous": anonymous,
                "responseDetails": {"responseWithQuestions": answered},
                "responseWithQuestions": answered,
            }
        )
    return found


def all_answers(op: Operation, action: ActionRecord) -> list[list[Any]]:
    """Return the answers of all responses by position, as they are stored."""
    rows = op.conn.execute(select(_r.answers_json).where(_r.action_id == action.id)).scalars()
    return [json.loads(row) for row in rows]


def _short_place(location_json: str | None) -> dict[str, object] | None:
    if location_json is None:
        return None
    place = json.loads(location_json)
    return {"lt": place["latitude"], "lg": place["longitude"], "n": place.get("name", "")}


def load_job_responses(op: Operation, action: ActionRecord) -> list[dict[str, object]]:
    """Return one entry for each assignee who touched the job (C15)."""
    rows = op.conn.execute(
        select(_p.mobile, _j.is_completed, _j.notes)
        .join(t.person, _p.id == _j.person_id)
        .where(_j.action_id == action.id, _j.response_id.is_not(None))
        .order_by(_j.updated_ms, _j.position)
    )
    return [
        {
            "assignee": row.mobile,
            "response": "Completed" if row.is_completed else "NotCompleted",
            "notes": f"[{row.notes}]",
            "attachments": [],
        }
        for row in rows
    ]


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
