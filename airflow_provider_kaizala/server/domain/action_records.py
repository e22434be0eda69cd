"""Finding stored actions with their questions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection, RowMapping

from airflow_provider_kaizala.server.domain.access import BELOW, GroupAccess, find_group
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE, QuestionDraft
from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.errors import denied, not_found
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.media_links import load

_ACTION = (
    select(
        t.action,
        t.post.c.audience,
        t.post.c.text,
        t.person.c.name.label("creator_name"),
        t.person.c.mobile.label("creator_mobile"),
    )
    .join(t.post, t.post.c.reference_id == t.action.c.reference_id)
    .join(t.person, t.person.c.id == t.action.c.creator_id)
    .where(t.action.c.id == bindparam("action_id"), t.action.c.deleted_ms.is_(None))
)
_q = t.question.c
_QUESTIONS = (
    select(_q.title, _q.question_type, _q.is_invisible, _q.options_json)
    .where(_q.action_id == bindparam("action_id"))
    .order_by(_q.position)
)


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


def find_action(op: Operation, group_id: str, action_id: str) -> ActionRecord:
    """Return an action of a group the caller reaches."""
    access = find_group(op, group_id)
    row = op.conn.execute(_ACTION, {"action_id": canonical(action_id)}).mappings().first()
    if row is None or row["group_id"] != access.id:
        raise not_found("The action")
    return _with_access(op, row, access)


def find_action_by_id(op: Operation, action_id: str) -> ActionRecord:
    """Return an action by its id alone, if the caller reaches its group."""
    row = op.conn.execute(_ACTION, {"action_id": canonical(action_id)}).mappings().first()
    if row is None:
        raise not_found("The action")
    return _with_access(op, row, find_group(op, row["group_id"]))


def _with_access(op: Operation, row: RowMapping, access: GroupAccess) -> ActionRecord:
    if access.role == SUBSCRIBER and not was_sent_to(op, row["reference_id"], row["audience"]):
        raise denied("This was not sent to you")
    if access.role == BELOW and row["audience"] != "members":
        raise denied("This was not sent to you")
    return ActionRecord(row, json.loads(row["detail_json"] or "{}"), access)


def was_sent_to(op: Operation, reference_id: str, audience: str) -> bool:
    """Tell whether a post in a hub group reached the caller as a subscriber."""
    if audience == "all":
        return True
    r = t.post_recipient.c
    found = op.conn.execute(
        select(r.person_id).where(r.reference_id == reference_id, r.person_id == op.caller.person_id)
    ).first()
    return found is not None


def questions_of(conn: Connection, action_id: str) -> list[QuestionDraft]:
    """Return an action's questions in order."""
    return [
        QuestionDraft(row.title, row.question_type, row.is_invisible, tuple(load(row.options_json)))
        for row in conn.execute(_QUESTIONS, {"action_id": action_id})
    ]


def properties_of(conn: Connection, action_id: str) -> list[dict[str, str]]:
    """Return a card's properties in order."""
    p = t.action_property.c
    rows = conn.execute(
        select(p.name, p.property_type, p.value).where(p.action_id == action_id).order_by(p.position)
    )
    return [{"name": row.name, "type": row.property_type, "value": row.value} for row in rows]
