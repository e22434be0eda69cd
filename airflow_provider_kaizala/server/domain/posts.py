"""A group's conversation: every message and action is a post, with a line in the feed of each group it reaches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess, need_admin
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, not_found
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.hierarchy import descendants
from airflow_provider_kaizala.server.domain.ids import canonical, new_id
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.database import note_change

_g = t.chat_group.c
_NEXT_SEQ = (
    update(t.chat_group)
    .where(_g.id == bindparam("its_id"))
    .values(last_seq=_g.last_seq + 1)
    .returning(_g.last_seq)
)
_REPLIED_TO = select(t.feed_entry.c.seq).where(
    t.feed_entry.c.reference_id == bindparam("reference_id"), t.feed_entry.c.group_id == bindparam("group_id")
)


_p = t.post.c
_TOUCH = update(t.post).where(_p.reference_id == bindparam("its_id")).values(revision=_p.revision + 1)


@dataclass(frozen=True)
class Audience:
    """Whom a post reaches: members, all subscribers too, or chosen subscribers."""

    kind: str = "members"
    person_ids: tuple[str, ...] = ()
    failed: tuple[dict[str, str], ...] = ()


MEMBERS = Audience()


def read_audience(op: Operation, access: GroupAccess, fields: Fields, *, needed: bool) -> Audience:
    """Read ``subscribers`` and ``sendToAllSubscribers``, which only hub groups know.

    :param needed: whether a hub group must be told whom to reach, as for texts
    """
    phones = fields.phones("subscribers")
    if not access.is_hub:
        if phones:
            raise bad_request("subscribers is only for hub groups (ConnectGroup)")
        return MEMBERS
    if fields.boolean("sendToAllSubscribers"):
        need_admin(access)
        return Audience("all")
    if phones:
        need_admin(access)
        known = persons.by_phones(op.conn, phones)
        s = t.subscription.c
        ids = [who.id for who in known.values()]
        subscribed = set(
            op.conn.execute(
                select(s.person_id).where(s.group_id == access.id, s.person_id.in_(ids))
            ).scalars()
        )
        reached = [phone for phone in phones if phone in known and known[phone].id in subscribed]
        return Audience(
            "chosen",
            tuple(known[phone].id for phone in reached),
            tuple(not_subscribed(phone, known.get(phone)) for phone in phones if phone not in reached),
        )
    if needed:
        raise bad_request("subscribers or sendToAllSubscribers is required in a hub group (ConnectGroup)")
    return MEMBERS


def not_subscribed(phone: str, who: persons.Person | None) -> dict[str, str]:
    """Return the entry of ``failedResult`` for somebody who is not subscribed."""
    return {
        "subscriber": phone,
        "subscriberId": who.id if who else "",
        "errorReason": "Not a subscriber of the group",
        "errorCode": "UserNotSubscribed",
    }


def read_reply_to(op: Operation, access: GroupAccess, fields: Fields) -> str | None:
    """Read ``replyToReferenceId``, which must be something this group has seen."""
    given = fields.optional_text("replyToReferenceId", most=128)
    if not given:
        return None
    reference_id = canonical(given)
    if op.conn.execute(_REPLIED_TO, {"reference_id": reference_id, "group_id": access.id}).first() is None:
        raise not_found("The message replyToReferenceId names")
    return reference_id


def add_post(
    op: Operation,
    group_id: str,
    kind: str,
    *,
    text: str = "",
    audience: Audience = MEMBERS,
    reply_to: str | None = None,
    action_id: str | None = None,
    detail: Mapping[str, object] | None = None,
    below: bool = True,
) -> tuple[str, int]:
    """Add a post to a group and to the groups below it; return its reference id and its place in the group."""
    reference_id = new_id()
    op.conn.execute(
        t.post.insert(),
        {
            "reference_id": reference_id,
            "group_id": group_id,
            "kind": kind,
            "sender_id": op.caller.person_id,
            "sent_ms": op.now_ms,
            "text": text,
            "reply_to": reply_to,
            "action_id": action_id,
            "audience": audience.kind,
            "detail_json": None if detail is None else json.dumps(detail, ensure_ascii=False),
        },
    )
    # In one order, so that two posts that reach the same groups do not wait for each other.
    reached = sorted({group_id, *(descendants(op.conn, group_id) if below else ())})
    seq = {one: _enter(op, one, reference_id) for one in reached}[group_id]
    if audience.person_ids:
        op.conn.execute(
            t.post_recipient.insert(),
            [{"reference_id": reference_id, "person_id": person_id} for person_id in audience.person_ids],
        )
    return reference_id, seq


def touch(op: Operation, reference_id: str) -> None:
    """Note that a post looks different now: what shows it live reads it again."""
    op.conn.execute(_TOUCH, {"its_id": reference_id})
    note_change(op.conn, reference_id)


def _enter(op: Operation, group_id: str, reference_id: str) -> int:
    seq: int = op.conn.execute(_NEXT_SEQ, {"its_id": group_id}).scalar_one()
    op.conn.execute(t.feed_entry.insert(), {"group_id": group_id, "seq": seq, "reference_id": reference_id})
    note_change(op.conn, group_id)
    return seq
