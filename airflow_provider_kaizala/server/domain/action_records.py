"""Finding and listing stored actions, with what belongs to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Select, and_, bindparam, func, select
from sqlalchemy.engine import Connection, RowMapping

from airflow_provider_kaizala.server.domain.access import BELOW, GroupAccess, find_group, reached_groups
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE, PropertyDraft, QuestionDraft
from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.errors import denied, not_found
from airflow_provider_kaizala.server.domain.ids import canonical, package_base
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.media_links import load

_ACTIONS = (
    select(
        t.action,
        t.post.c.audience,
        t.post.c.text,
        t.person.c.name.label("creator_name"),
        t.person.c.mobile.label("creator_mobile"),
    )
    .join(t.post, t.post.c.reference_id == t.action.c.reference_id)
    .join(t.person, t.person.c.id == t.action.c.creator_id)
    .where(t.action.c.deleted_ms.is_(None))
)
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_ACTIONS = _ACTIONS.where(t.action.c.id.in_(_IDS))
_a, _q, _p, _j, _r = t.action.c, t.question.c, t.action_property.c, t.job_assignment.c, t.response.c
_QUESTIONS = (
    select(_q.action_id, _q.title, _q.question_type, _q.is_invisible, _q.options_json)
    .where(_q.action_id.in_(_IDS))
    .order_by(_q.action_id, _q.position)
)
_PROPERTIES = (
    select(_p.action_id, _p.name, _p.property_type, _p.value)
    .where(_p.action_id.in_(_IDS))
    .order_by(_p.action_id, _p.position)
)
_ASSIGNEES = (
    select(_j.action_id, t.person.c.id, t.person.c.mobile, t.person.c.name, _j.is_completed)
    .join(t.person, t.person.c.id == _j.person_id)
    .where(_j.action_id.in_(_IDS))
    .order_by(_j.action_id, _j.position)
)
_VOTES = (
    select(_r.action_id, _r.choice, func.count().label("number"))
    .where(_r.action_id.in_(_IDS))
    .group_by(_r.action_id, _r.choice)
)
_RECIPIENTS = select(t.post_recipient.c.reference_id).where(
    t.post_recipient.c.reference_id.in_(_IDS), t.post_recipient.c.person_id == bindparam("person_id")
)


def _listing(*wanted: Any) -> Select[Any]:
    """Select a page of a group's actions; built once, as building costs as much as running it."""
    return (
        select(
            t.action,
            t.person.c.mobile.label("creator_mobile"),
            t.post.c.text,
            # Of a poll, which has one question.
            _q.options_json,
        )
        .join(t.person, t.person.c.id == _a.creator_id)
        .join(t.post, t.post.c.reference_id == _a.reference_id)
        .outerjoin(t.question, and_(_a.action_type == "Poll", _q.action_id == _a.id, _q.position == 0))
        .where(
            _a.group_id == bindparam("its_group"),
            _a.action_type == bindparam("its_type"),
            *wanted,
            _a.created_ms >= bindparam("from_ms"),
            _a.deleted_ms.is_(None),
        )
        .order_by(_a.created_ms, _a.seq)
        .limit(bindparam("most"))
    )


_OF_TYPE = _listing()
_OF_PACKAGE = _listing(_a.package_base == bindparam("its_package"))


@dataclass(frozen=True)
class ActionRecord:
    """A stored action and what the caller is in its group."""

    row: RowMapping
    detail: dict[str, Any]
    access: GroupAccess

    @property
    def id(self) -> str:
        """The action's id."""
        return str(self.row["id"])

    @property
    def type(self) -> str:
        """Survey, Job, ... or Package."""
        return str(self.row["action_type"])

    @property
    def public_type(self) -> str:
        """The type as replies show it: a custom action shows its package id."""
        return str(self.row["package_id"]) if self.type == PACKAGE else self.type

    def is_over(self, now_ms: int) -> bool:
        """Whether answers come too late; a job may be completed after it was due."""
        expires_ms = self.row["expires_ms"]
        return self.type != "Job" and expires_ms is not None and bool(expires_ms <= now_ms)


class Assignee(NamedTuple):
    """Somebody who was asked to do a job."""

    id: str
    mobile: str
    name: str
    is_completed: bool


def find_action(op: Operation, group_id: str, action_id: str) -> ActionRecord:
    """Return an action of a group the caller reaches."""
    access = find_group(op, group_id)
    row = _row(op, action_id)
    if row is None or row["group_id"] != access.id:
        raise not_found("The action")
    return _with_access(row, access, lambda: received(op, [row["reference_id"]]))


def find_action_by_id(op: Operation, action_id: str) -> ActionRecord:
    """Return an action by its id alone, if the caller reaches its group."""
    row = _row(op, action_id)
    if row is None:
        raise not_found("The action")
    access = find_group(op, row["group_id"])
    return _with_access(row, access, lambda: received(op, [row["reference_id"]]))


def _row(op: Operation, action_id: str) -> RowMapping | None:
    return op.conn.execute(_ACTIONS, {"ids": [canonical(action_id)]}).mappings().first()


def find_actions(op: Operation, action_ids: Sequence[str]) -> dict[str, ActionRecord]:
    """Return actions by id; raises for one that the caller does not reach."""
    if not action_ids:
        return {}
    rows = op.conn.execute(_ACTIONS, {"ids": list(action_ids)}).mappings().all()
    groups = reached_groups(op, list({row["group_id"] for row in rows}))
    sent = cache(lambda: received(op, [row["reference_id"] for row in rows]))
    found = {}
    for row in rows:
        if row["group_id"] not in groups:
            raise denied("The token does not reach this group", "no_group")
        found[row["id"]] = _with_access(row, groups[row["group_id"]], sent)
    return found


def _with_access(row: RowMapping, access: GroupAccess, sent: Callable[[], set[str]]) -> ActionRecord:
    hidden = {SUBSCRIBER: row["audience"] != "all", BELOW: row["audience"] != "members"}
    if hidden.get(access.role) and (access.role == BELOW or row["reference_id"] not in sent()):
        raise denied("This was not sent to you")
    return ActionRecord(row, json.loads(row["detail_json"] or "{}"), access)


def list_actions(
    op: Operation, access: GroupAccess, action_type: str, package_id: str | None, from_ms: int, count: int
) -> tuple[list[ActionRecord], bool]:
    """Return actions of one type from a time on, oldest first, and whether there are more.

    :param package_id: of which package, if the type is :data:`PACKAGE`
    """
    listing, wanted = _OF_TYPE, {"its_type": action_type}
    if package_id:
        listing, wanted = _OF_PACKAGE, {**wanted, "its_package": package_base(package_id)}
    rows = op.conn.execute(
        listing, {**wanted, "its_group": access.id, "from_ms": from_ms, "most": count + 1}
    ).mappings()
    found = [ActionRecord(row, json.loads(row["detail_json"] or "{}"), access) for row in rows]
    return found[:count], len(found) > count


def was_sent_to(op: Operation, reference_id: str, audience: str) -> bool:
    """Tell whether a post in a hub group reached the caller as a subscriber."""
    return audience == "all" or reference_id in received(op, [reference_id])


def received(op: Operation, reference_ids: Sequence[str]) -> set[str]:
    """Return which of several posts were sent to the caller by name."""
    rows = op.conn.execute(_RECIPIENTS, {"ids": list(reference_ids), "person_id": op.caller.person_id})
    return set(rows.scalars())


def questions_of(conn: Connection, action_id: str) -> list[QuestionDraft]:
    """Return an action's questions in order."""
    return ActionParts(conn, [action_id]).questions(action_id)


class ActionParts:
    """What belongs to some actions; each kind of it is read for all of them at once, when it is first asked for."""

    def __init__(self, conn: Connection, action_ids: Sequence[str]) -> None:
        self._conn = conn
        self._ids = {"ids": list(action_ids)}

    def questions(self, action_id: str) -> list[QuestionDraft]:
        """Return an action's questions in order."""
        return [
            QuestionDraft(row.title, row.question_type, row.is_invisible, tuple(load(row.options_json)))
            for row in self._questions.get(action_id, ())
        ]

    def properties(self, action_id: str) -> list[PropertyDraft]:
        """Return a card's properties in order."""
        return [PropertyDraft(*row[1:]) for row in self._properties.get(action_id, ())]

    def assignees(self, action_id: str) -> list[Assignee]:
        """Return a job's assignees in the order they were named."""
        return self._assignees.get(action_id, [])

    def is_done(self, action_id: str) -> bool:
        """Tell whether a job is complete: all who were asked are done."""
        assignees = self.assignees(action_id)
        return bool(assignees) and all(one.is_completed for one in assignees)

    def responses(self, action: ActionRecord) -> int:
        """Count an action's responses, or the assignees of a job who are done."""
        if action.type == "Job":
            return sum(one.is_completed for one in self.assignees(action.id))
        return sum(row.number for row in self._votes.get(action.id, ()))

    def votes(self, action_id: str, choices: int) -> list[int]:
        """Count the votes for each choice."""
        counts = {row.choice: row.number for row in self._votes.get(action_id, ())}
        return [counts.get(index, 0) for index in range(choices)]

    @cached_property
    def _questions(self) -> dict[str, list[Any]]:
        return self._read(_QUESTIONS)

    @cached_property
    def _properties(self) -> dict[str, list[Any]]:
        return self._read(_PROPERTIES)

    @cached_property
    def _assignees(self) -> dict[str, list[Assignee]]:
        read = self._read(_ASSIGNEES)
        return {action_id: [Assignee(*row[1:]) for row in rows] for action_id, rows in read.items()}

    @cached_property
    def _votes(self) -> dict[str, list[Any]]:
        return self._read(_VOTES)

    def _read(self, query: Select[Any]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for row in self._conn.execute(query, self._ids):
            found.setdefault(row.action_id, []).append(row)
        return found
