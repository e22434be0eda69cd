"""Answering: surveys and packages, votes of polls and meetings, completing jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import case, func, or_, select, update

from airflow_provider_kaizala.server.domain.access import need_member
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE, Place, QuestionDraft
from airflow_provider_kaizala.server.domain.action_records import ActionRecord, questions_of
from airflow_provider_kaizala.server.domain.answers import Answer, check_answers
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied, not_found
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.ids import canonical, new_id
from airflow_provider_kaizala.server.domain.posts import touch
from airflow_provider_kaizala.server.domain.response_objects import (
    ANONYMOUS,
    are_shown_to,
    load_responses,
    response_object,
)
from airflow_provider_kaizala.server.domain.times import short_human
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.upsert import insert

_r, _j = t.response.c, t.job_assignment.c
ANSWERABLE = ("Survey", PACKAGE)
VOTED = ("Poll", "LetsMeet")


@dataclass(frozen=True)
class OpenForm:
    """A survey or package that takes answers now, and its questions."""

    action: ActionRecord
    questions: Sequence[QuestionDraft]


def open_form(op: Operation, action: ActionRecord) -> OpenForm:
    """Return the form of a survey or package that is not over."""
    if action.type not in ANSWERABLE:
        raise bad_request(f"An action of the type {action.public_type} does not take answers")
    _need_open(op, action)
    return OpenForm(action, questions_of(op.conn, action.id))


def answer(
    op: Operation,
    form: OpenForm,
    answers: Iterable[Answer],
    *,
    response_id: str | None = None,
    name: str | None = None,
    place: Place | None = None,
) -> str:
    """Store an answer to a survey or package, new or edited, and tell the webhooks; return its id."""
    action = form.action
    values: dict[str, object] = {
        "answers_json": json.dumps(check_answers(op, form.questions, answers), ensure_ascii=False),
        "responder_name": name,
        "location_json": None if place is None else json.dumps(place, ensure_ascii=False),
    }
    stored_id = _edit(op, action, canonical(response_id), values) if response_id else _add(op, action, values)
    _tell(op, action, stored_id)
    return stored_id


def _need_open(op: Operation, action: ActionRecord) -> None:
    if action.is_over(op.now_ms):
        raise bad_request("The action has expired and takes no more answers", "over")


def _new(op: Operation, action: ActionRecord, values: dict[str, object]) -> dict[str, object]:
    return {
        "id": new_id(),
        "action_id": action.id,
        "person_id": op.caller.person_id,
        "slot": 0,
        "choice": None,
        "created_ms": op.now_ms,
        "updated_ms": op.now_ms,
        "revision": 0,
        **values,
    }


def _add(op: Operation, action: ActionRecord, values: dict[str, object]) -> str:
    """Store a new answer: the caller's only one, or beside their others."""
    row = _new(op, action, values)
    add = insert(op.conn, t.response).on_conflict_do_nothing().returning(_r.id)
    highest = select(func.max(_r.slot)).where(_r.action_id == action.id, _r.person_id == op.caller.person_id)
    while op.conn.execute(add, row).first() is None:
        if not action.row["accept_multiple"]:
            raise bad_request("This was answered already; give responseId to edit the answer", "answered")
        row["slot"] = op.conn.execute(highest).scalar_one() + 1
    touch(op, action.row["reference_id"])
    return str(row["id"])


def _edit(op: Operation, action: ActionRecord, response_id: str, values: dict[str, object]) -> str:
    its_own = (_r.id == response_id, _r.action_id == action.id)
    changed = op.conn.execute(
        update(t.response)
        .where(*its_own, _r.person_id == op.caller.person_id)
        .values(**values, updated_ms=op.now_ms, revision=_r.revision + 1)
    ).rowcount
    if not changed:
        if op.conn.execute(select(_r.id).where(*its_own)).first() is None:
            raise not_found("The response")
        raise denied("The response is somebody else's")
    touch(op, action.row["reference_id"])
    return response_id


def _tell(op: Operation, action: ActionRecord, response_id: str) -> None:
    """Put SurveyResponse, ActionResponse, PollResponse or LetsMeetResponse into the outbox."""
    [response] = load_responses(op, action, response_id=response_id)
    data = response_object(response)
    # An unanswered question is without an answer here (C33), and with null in details.
    details: Any = data["responseDetails"]
    for one in details["responseWithQuestions"]:
        if one["answer"] is None:
            del one["answer"]
    event = "ActionResponse" if action.type == PACKAGE else f"{action.type}Response"
    emit(
        op,
        action.row["group_id"],
        event,
        data,
        action_id=action.id,
        package_id=action.row["package_id"],
        by=ANONYMOUS if action.row["is_anonymous"] else None,
        sees=partial(are_shown_to, action),
    )


def vote(op: Operation, action: ActionRecord, choice: object) -> str:
    """Vote in a poll, by title or index, or Yes, No, Maybe to a meeting; a second vote replaces the first."""
    if action.type not in VOTED:
        raise bad_request(f"An action of the type {action.public_type} does not take votes")
    _need_open(op, action)
    [question] = questions_of(op.conn, action.id)
    titles = [option["title"] for option in question.options]
    index = _choice_index(titles, choice)
    values: dict[str, object] = {
        "answers_json": json.dumps([[titles[index]]], ensure_ascii=False),
        "choice": index,
    }
    row = insert(op.conn, t.response).values(_new(op, action, values))
    replaced = row.on_conflict_do_update(
        index_elements=[_r.action_id, _r.person_id, _r.slot],
        set_={**values, "updated_ms": op.now_ms, "revision": _r.revision + 1},
        where=_r.choice != index,
    )
    stored_id = op.conn.execute(replaced.returning(_r.id)).scalar()
    if stored_id is None:  # the same vote again
        mine = (_r.action_id == action.id, _r.person_id == op.caller.person_id)
        return str(op.conn.execute(select(_r.id).where(*mine)).scalar_one())
    touch(op, action.row["reference_id"])
    _tell(op, action, stored_id)
    return str(stored_id)


def _choice_index(titles: Sequence[str], choice: object) -> int:
    if isinstance(choice, int) and not isinstance(choice, bool) and 0 <= choice < len(titles):
        return choice
    if isinstance(choice, str):
        if choice in titles:
            return titles.index(choice)
        loosely = [title.strip().lower() for title in titles]
        if choice.strip().lower() in loosely:
            return loosely.index(choice.strip().lower())
    raise bad_request(f"choice must be one of: {', '.join(titles)[:500]}", "choice")


def complete_job(op: Operation, action: ActionRecord, is_completed: bool) -> str:
    """Complete a job for the caller, or take that back; JobResponse fires when it changes."""
    if action.type != "Job":
        raise bad_request(f"An action of the type {action.public_type} cannot be completed")
    note = {
        "UPDATE_TYPE": "STATUS_UPDATED",
        "UPDATE_TEXT": "Completed" if is_completed else "Not completed",
        "UPDATE_TIME": short_human(op.now_ms),
        "UPDATE_TIME_EPOCH": op.now_ms,
        "ATTACHMENT": "",
    }
    said = json.dumps(note, ensure_ascii=False)
    mine = (_j.action_id == action.id, _j.person_id == op.caller.person_id)
    response_id = op.conn.execute(
        update(t.job_assignment)
        .where(*mine, or_(_j.response_id.is_(None), _j.is_completed.is_not(is_completed)))
        .values(
            is_completed=is_completed,
            response_id=func.coalesce(_j.response_id, new_id()),
            notes=case((_j.notes == "", said), else_=_j.notes.concat(f", {said}")),
            updated_ms=op.now_ms,
        )
        .returning(_j.response_id)
    ).scalar()
    if response_id is None:
        same = op.conn.execute(select(_j.response_id).where(*mine)).scalar()
        if same is not None:
            return str(same)
        need_member(action.access)
        raise denied("The job is not assigned to you", "not_assigned")
    touch(op, action.row["reference_id"])
    data = {
        "actionId": action.id,
        "groupId": action.row["group_id"],
        "title": action.row["title"],
        "responseId": response_id,
        "responseDetails": {
            "response": {
                "assignee": op.caller.mobile,
                "assigneeName": op.caller.name,
                "assigneeProfilePic": op.caller.profile_pic,
                "isCompleted": is_completed,
            }
        },
    }
    emit(op, action.row["group_id"], "JobResponse", data, action_id=action.id)
    return str(response_id)


def stored_answers(op: Operation, response_id: str) -> list[Any]:
    """Return the answers of a response as they are stored."""
    found = op.conn.execute(select(t.response.c.answers_json).where(t.response.c.id == response_id))
    answers: list[Any] = json.loads(found.scalar_one())
    return answers
