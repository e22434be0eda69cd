"""Who has answered an action and who has not, and what was answered, for those who may see it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE
from airflow_provider_kaizala.server.domain.action_records import ActionParts, ActionRecord, find_action_by_id
from airflow_provider_kaizala.server.domain.context import ADMIN, Operation
from airflow_provider_kaizala.server.domain.response_objects import (
    NOWHERE,
    all_answers,
    load_responses,
    may_see_responses,
)
from airflow_provider_kaizala.server.people.results import summed
from airflow_provider_kaizala.server.store import tables as t

Shown = dict[str, Any]
#: more names than this nobody reads
MAX_NAMES = 500
MAX_ANSWERS = 200
_r, _p = t.response.c, t.person.c


def respondents(op: Operation, action_id: str) -> Shown:
    """Return ``names`` (answered, missing; for admins and the sender, not of an anonymous action) and ``answers``."""
    action = find_action_by_id(op, action_id)
    sees_names = action.access.role == ADMIN or action.row["creator_id"] == op.caller.person_id
    names = _names(op, action) if sees_names and not action.row["is_anonymous"] else None
    shown: Shown = {"anonymous": bool(action.row["is_anonymous"]), "names": names}
    shown |= {"results": [], "answers": [], "more": 0}
    if action.type == "Job" or not may_see_responses(op, action):
        return shown
    latest = load_responses(op, action, latest=MAX_ANSWERS)
    parts = ActionParts(op.conn, [action.id])
    if action.type in ("Survey", PACKAGE):
        shown["results"] = summed(parts.questions(action.id), all_answers(op, action))
    shown["more"] = parts.responses(action) - len(latest)
    shown["answers"] = [
        {
            "name": one.responder.name,
            "questions": [
                {"title": question.title, "type": question.type, "answer": answer}
                for question, answer in one.answers
                if not question.is_invisible
            ],
            "place": None if one.place == NOWHERE else one.place,
            "at": one.time_ms,
        }
        for one in reversed(latest)
    ]
    return shown


def _names(op: Operation, action: ActionRecord) -> Shown:
    if action.type == "Job":
        assignees = ActionParts(op.conn, [action.id]).assignees(action.id)
        return {
            "answered": [one.name for one in assignees if one.is_completed],
            "missing": [one.name for one in assignees if not one.is_completed],
        }
    answered = set(op.conn.execute(select(_r.person_id).where(_r.action_id == action.id)).scalars())
    asked = {who.id: who.name for who in _audience(op, action)}
    others = answered - asked.keys()
    asked |= {who.id: who.name for who in persons.by_ids(op.conn, sorted(others)).values()}
    return {
        "answered": sorted((name for one, name in asked.items() if one in answered), key=str.casefold),
        "missing": sorted(
            (name for one, name in asked.items() if one not in answered and one != action.row["creator_id"]),
            key=str.casefold,
        ),
    }


def _audience(op: Operation, action: ActionRecord) -> list[persons.Person]:
    """Return whom an action was posted to, as far as anybody would read the names."""
    m, s, c = t.membership.c, t.subscription.c, t.post_recipient.c
    group_id = action.row["group_id"]
    people = select(*persons.COLUMNS)
    sources = [people.join(t.membership, m.person_id == _p.id).where(m.group_id == group_id)]
    if action.row["audience"] == "all":
        sources.append(people.join(t.subscription, s.person_id == _p.id).where(s.group_id == group_id))
    if action.row["audience"] == "chosen":
        its_own = c.reference_id == action.row["reference_id"]
        sources = [people.join(t.post_recipient, c.person_id == _p.id).where(its_own)]
    return [persons.as_person(row) for source in sources for row in op.conn.execute(source.limit(MAX_NAMES))]
