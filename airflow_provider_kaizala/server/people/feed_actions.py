"""What the feed says of an action: its questions, its state, and the caller's own answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, select

from airflow_provider_kaizala.server.api.actions import action_details, shown_choices
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE, QuestionDraft
from airflow_provider_kaizala.server.domain.action_records import ActionParts, ActionRecord
from airflow_provider_kaizala.server.domain.answers import is_as_given, shown_answer
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.response_objects import may_see_responses
from airflow_provider_kaizala.server.domain.times import iso_or_none
from airflow_provider_kaizala.server.store.tables import response

_r = response.c
# The latest of each action comes last.
_MY_ANSWERS = (
    select(_r.action_id, _r.id, _r.answers_json)
    .where(_r.action_id.in_(bindparam("ids", expanding=True)), _r.person_id == bindparam("person_id"))
    .order_by(_r.slot)
)
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


class FeedParts(ActionParts):
    """What belongs to the actions of a page, with the caller's own latest answers."""

    def __init__(self, op: Operation, action_ids: Sequence[str]) -> None:
        super().__init__(op.conn, action_ids)
        self._mine = {**self._ids, "person_id": op.caller.person_id}

    def my_answer(self, action_id: str) -> Any:
        """Return id and answers of the caller's latest response, None without one."""
        return self._answers.get(action_id)

    @cached_property
    def _answers(self) -> dict[str, Any]:
        return {row.action_id: row for row in self._conn.execute(_MY_ANSWERS, self._mine)}


def action_part(op: Operation, action: ActionRecord, parts: FeedParts) -> dict[str, object]:
    """Return the fields of a feed item that belong to its action; see ``people/feed.py`` for their shape."""
    details = action_details(op, action, parts, with_responses=False)
    open_ = not action.is_over(op.now_ms)
    part: dict[str, object] = {
        "responseCount": details["responseCount"],
        "expiryDate": iso_or_none(action.row["expires_ms"]),
        **{name: details[name] for name in _DETAILS if name in details},
    }
    if action.type == "Job":
        return part | _job_part(op, action, parts)
    mine = parts.my_answer(action.id)
    answers: list[Any] = json.loads(mine.answers_json) if mine else []
    if action.type in ("Poll", "LetsMeet"):
        if may_see_responses(op, action):
            part["choices"] = shown_choices(action, parts, with_counts=True)
        return part | {"myAnswer": answers[0][0] if answers else None, "mayAnswer": open_}
    may_answer = open_ and (mine is None or bool(action.row["accept_multiple"]))
    if action.type == PACKAGE and not details["questions"]:
        may_answer = False
    return part | {
        "myAnswer": None if mine is None else _my_answers(op, parts.questions(action.id), mine.id, answers),
        "mayAnswer": may_answer,
    }


def _my_answers(
    op: Operation, questions: Sequence[QuestionDraft], response_id: str, answers: list[Any]
) -> dict[str, object]:
    # What does not fit its question, or has none, cannot be shown in the form.
    shown = [
        None if is_as_given(one) else shown_answer(question, one)
        for question, one in zip(questions, answers, strict=False)
    ]
    return {"responseId": response_id, "answers": shown}


def _job_part(op: Operation, action: ActionRecord, parts: FeedParts) -> dict[str, object]:
    assignees = parts.assignees(action.id)
    mine = [one for one in assignees if one.id == op.caller.person_id]
    return {
        "dueDate": iso_or_none(action.row["expires_ms"]),
        "assignees": [
            {"mobileNumber": one.mobile, "name": one.name, "id": one.id, "isCompleted": one.is_completed}
            for one in assignees
        ],
        "isCompleted": parts.is_done(action.id),
        "myAnswer": {"isCompleted": mine[0].is_completed} if mine else None,
        "mayAnswer": bool(mine) and not mine[0].is_completed,
    }
