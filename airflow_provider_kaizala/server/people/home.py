"""My groups: what waits in each, and what was posted last."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import and_, or_, select

from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.people.operations import list_groups
from airflow_provider_kaizala.server.people.views import excerpt
from airflow_provider_kaizala.server.people.waiting import waiting_for
from airflow_provider_kaizala.server.store import tables as t

Shown = dict[str, Any]
_a, _p, _f, _g, _w = t.action.c, t.post.c, t.feed_entry.c, t.chat_group.c, t.person.c


def home(op: Operation) -> Shown:
    """Return the caller's groups with how many things wait in each, and its latest post."""
    groups: list[Any] = list(list_groups(op)["groups"])  # type: ignore[call-overload]
    names = {group["groupId"]: group["groupName"] for group in groups}
    waiting = waiting_for(op, list(names))
    latest = _latest(op, groups)
    shown = []
    for group in groups:
        here = [one for one in waiting if one["groupId"] == group["groupId"]]
        shown.append({**group, "waiting": len(here), "latest": latest.get(group["groupId"])})
    shown.sort(key=lambda one: one["groupName"].casefold())
    shown.sort(key=lambda one: one["latest"]["at"] if one["latest"] else 0, reverse=True)
    shown.sort(key=lambda one: not one["waiting"])
    # What was posted above several of the groups is one thing to do.
    each = list({one["actionId"]: one for one in reversed(waiting)}.values())[::-1]
    return {"me": op.caller, "groups": shown, "waiting": each, "names": names}


def _latest(op: Operation, groups: list[Shown]) -> dict[str, Shown]:
    """Return the last post of each group that the caller sees."""
    inside = [group["groupId"] for group in groups if group["role"] != SUBSCRIBER]
    outside = [group["groupId"] for group in groups if group["role"] == SUBSCRIBER]
    r = t.post_recipient.c
    told = (
        select(r.person_id)
        .where(r.reference_id == _p.reference_id, r.person_id == op.caller.person_id)
        .exists()
    )
    found: dict[str, Shown] = {}
    for group_ids, sees in ((inside, ()), (outside, (or_(_p.audience == "all", told),))):
        last = (
            select(_f.seq)
            .join(t.post, _p.reference_id == _f.reference_id)
            .where(_f.group_id == _g.id, _p.deleted_ms.is_(None), *sees)
            .order_by(_f.seq.desc())
            .limit(1)
            .correlate(t.chat_group)
            .scalar_subquery()
        )
        entry = t.feed_entry.alias("entry")
        post = t.post.alias("its_post")
        rows = op.conn.execute(
            select(
                _g.id,
                post.c.kind,
                post.c.text,
                post.c.sent_ms,
                post.c.detail_json,
                _w.name,
                _a.title,
                _a.action_type,
            )
            .select_from(t.chat_group)
            .join(entry, and_(entry.c.group_id == _g.id, entry.c.seq == last))
            .join(post, post.c.reference_id == entry.c.reference_id)
            .join(t.person, _w.id == post.c.sender_id)
            .outerjoin(t.action, _a.id == post.c.action_id)
            .where(_g.id.in_(group_ids))
        )
        found |= {row.id: _shown(row) for row in rows}
    return found


def _shown(row: Any) -> Shown:
    return {
        "kind": row.kind,
        "text": excerpt({"title": row.title, "text": row.text}),
        "mediaType": row.action_type if row.kind == "media" else None,
        "members": [one["name"] for one in json.loads(row.detail_json or "{}").get("members", ())],
        "sender": row.name,
        "at": row.sent_ms,
    }
