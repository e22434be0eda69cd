"""What the feed says of an action: its questions, its state, and the caller's own answer."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE
from airflow_provider_kaizala.server.domain.action_reading import action_details, choice_counts
from airflow_provider_kaizala.server.domain.action_records import ActionRecord, questions_of
from airflow_provider_kaizala.server.domain.answers import is_as_given, shown_answer
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.response_objects import load_assignees, may_see_responses
from airflow_provider_kaizala.server.domain.times import iso_or_none
from airflow_provider_kaizala.server.store.tables import response

_r = response.c
_DETAILS = (
    "choices",
    "questions",
    "acceptMultipleResponses",
    "isAnonymous",
    "packageId",
    "properties",
    "startingTime",
    "duration",
    "agenda",
    "place",
    "description",
)


def action_part(op: Operation, action: ActionRecord) -> dict[str, object]:
    """Return the fields of a feed item that belong to its action; see ``people/feed.py`` for their shape."""
    details = action_details(op, action, with_responses=False)
    open_ = not action.is_over(op.now_ms)
    part: dict[str, object] = {
        "responseCount": details["responseCount"],
        "expiryDate": iso_or_none(action.row["expires_ms"]),
        **{name: details[name] for name in _DETAILS if name in details},
    }
    if action.type == "Job":
        return part | _job_part(op, action)
    mine = op.conn.execute(
        select(_r.id, _r.answers_json)
        .where(_r.action_id == action.id, _r.person_id == op.caller.person_id)
        .order_by(_r.slot.desc())
        .limit(1)
    ).first()
    answers: list[Any] = json.loads(mine.answers_json) if mine else []
    if action.type in ("Poll", "LetsMeet"):
        if may_see_responses(op, action):
            part["choices"] = _counted_choices(op, action)
        return part | {"myAnswer": answers[0][0] if answers else None, "mayAnswer": open_}
    may_answer = open_ and (mine is None or bool(action.row["accept_multiple"]))
    if action.type == PACKAGE and not details["questions"]:
        may_answer = False
    return part | {
        "myAnswer": None if mine is None else _my_answers(op, action, mine.id, answers),
        "mayAnswer": may_answer,
    }


def _counted_choices(op: Operation, action: ActionRecord) -> list[dict[str, object]]:
    options = questions_of(op.conn, action.id)[0].options
    counts = choice_counts(op, action.id, len(options))
    return [{**option, "count": count} for option, count in zip(options, counts, strict=True)]


def _my_answers(
    op: Operation, action: ActionRecord, response_id: str, answers: list[Any]
) -> dict[str, object]:
    questions = questions_of(op.conn, action.id)
    # What does not fit its question, or has none, cannot be shown in the form.
    shown = [
        None if is_as_given(one) else shown_answer(question, one)
        for question, one in zip(questions, answers, strict=False)
    ]
    return {"responseId": response_id, "answers": shown}


def _job_part(op: Operation, action: ActionRecord) -> dict[str, object]:
    assignees = load_assignees(op, action.id)
    mine = [one for one in assignees if one["id"] == op.caller.person_id]
    return {
        "dueDate": iso_or_none(action.row["expires_ms"]),
        "assignees": assignees,
        "isCompleted": bool(assignees) and all(one["isCompleted"] for one in assignees),
        "myAnswer": {"isCompleted": mine[0]["isCompleted"]} if mine else None,
        "mayAnswer": bool(mine) and not mine[0]["isCompleted"],
    }
