"""What waits for somebody: what they are asked and have not answered."""

from __future__ import annotations

import json
import math
from typing import Any

from sqlalchemy import exists, or_, select

from airflow_provider_kaizala.server.clock import MINUTE
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.hierarchy import ancestors_of
from airflow_provider_kaizala.server.store import tables as t

Shown = dict[str, Any]

MAX_WAITING = 50
#: the latest ones are looked through, as meetings are over by what only their details tell
_LOOKED_AT = 4 * MAX_WAITING
_ANSWERED = ("Survey", "Poll", "LetsMeet", PACKAGE)
_a, _p, _f, _r, _j = t.action.c, t.post.c, t.feed_entry.c, t.response.c, t.job_assignment.c
_COLUMNS = (
    _f.group_id,
    _a.id,
    _a.reference_id,
    _a.title,
    _a.action_type,
    _a.expires_ms,
    _a.created_ms,
    _a.detail_json,
)


def waiting_for(op: Operation, group_ids: list[str]) -> list[Shown]:
    """Return what the caller has not answered in groups, soonest due first; a meeting is due when it starts.

    What was posted above a group stands in each of the groups below it.
    """
    me = op.caller.person_id
    above = {higher for several in ancestors_of(op.conn, group_ids).values() for higher in several}
    told = exists().where(
        t.post_recipient.c.reference_id == _p.reference_id, t.post_recipient.c.person_id == me
    )
    member = exists().where(t.membership.c.group_id == _f.group_id, t.membership.c.person_id == me)
    seen = (_f.group_id.in_(group_ids), _a.deleted_ms.is_(None), or_(_p.audience == "all", member, told))
    mine = exists().where(_r.action_id == _a.id, _r.person_id == me)
    asks = exists().where(t.question.c.action_id == _a.id, t.question.c.is_invisible.is_(False))
    posted = (
        select(*_COLUMNS)
        .join(t.post, _p.reference_id == _a.reference_id)
        .join(t.feed_entry, _f.reference_id == _a.reference_id)
        .order_by(_a.created_ms.desc())
        .limit(_LOOKED_AT)
    )
    forms = posted.where(
        _a.group_id.in_([*group_ids, *above]),
        or_(_a.expires_ms.is_(None), _a.expires_ms > op.now_ms),
        _a.action_type.in_(_ANSWERED),
        _a.creator_id != me,
        asks,
        ~mine,
        *seen,
    )
    jobs = posted.join(t.job_assignment, _j.action_id == _a.id).where(
        _j.person_id == me, _j.is_completed.is_(False), *seen
    )
    found = [_shown(op, row) for query in (jobs, forms) for row in op.conn.execute(query)]
    waiting = [one for one in found if one["ends"] is None or one["ends"] > op.now_ms]
    waiting.sort(key=lambda one: (one["due"] or one["starts"] or math.inf, one["created"]))
    return waiting[:MAX_WAITING]


def _shown(op: Operation, row: Any) -> Shown:
    detail = json.loads(row.detail_json or "{}") if row.action_type == "LetsMeet" else {}
    starts = detail.get("starting_ms")
    return {
        "groupId": row.group_id,
        "actionId": row.id,
        "referenceId": row.reference_id,
        "title": row.title,
        "type": row.action_type,
        "created": row.created_ms,
        "due": row.expires_ms,
        "starts": starts,
        "ends": None if starts is None else starts + detail["duration"] * MINUTE,
        "overdue": row.expires_ms is not None and row.expires_ms <= op.now_ms,
    }
