"""A group's conversation: every message and action is a post, with a line in the feed of each group it reaches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, select, update

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess, need_admin
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, not_found
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
# Statements of every post; making them anew costs more than running them.
_ADD_POST, _ADD_ENTRY = t.post.insert(), t.feed_entry.insert()
_p = t.post.c
_TOUCH = update(t.post).where(_p.reference_id == bindparam("its_id")).values(revision=_p.revision + 1)


class NotReached(NamedTuple):
    """Somebody who was named by phone number and is not reached; ``who`` is None if nobody has the number."""

    phone: str
    who: persons.Person | None
    reason: str
    code: str


@dataclass(frozen=True)
class Audience:
    """Whom a post reaches: members, all subscribers too, or chosen subscribers."""

    kind: str = "members"
    person_ids: tuple[str, ...] = ()
    failed: tuple[NotReached, ...] = ()


MEMBERS = Audience()


def find_audience(
    op: Operation,
    access: GroupAccess,
    phones: Sequence[str] = (),
    *,
    to_all: bool = False,
    needed: bool = False,
) -> Audience:
    """Return whom a post reaches; only hub groups have subscribers, and only their admins reach them.

    :param phones: chosen subscribers
    :param to_all: all subscribers; of no effect in a group without
    :param needed: whether a hub group must be told whom to reach, as for texts
    """
    if not access.is_hub:
        if phones:
            raise bad_request("subscribers is only for hub groups (ConnectGroup)")
        return MEMBERS
    if to_all:
        need_admin(access)
        return Audience("all")
    if phones:
        need_admin(access)
        known = persons.by_phones(op.conn, phones)
        subscribed = subscribed_of(op, access, known)
        reached = [phone for phone in phones if phone in known and known[phone].id in subscribed]
        return Audience(
            "chosen",
            tuple(known[phone].id for phone in reached),
            tuple(
                NotReached(phone, known.get(phone), "Not a subscriber of the group", "UserNotSubscribed")
                for phone in phones
                if phone not in reached
            ),
        )
    if needed:
        raise bad_request("subscribers or sendToAllSubscribers is required in a hub group (ConnectGroup)")
    return MEMBERS


def subscribed_of(op: Operation, access: GroupAccess, people: Mapping[str, persons.Person]) -> set[str]:
    """Return the ids of those of some people who are subscribers of a group."""
    s = t.subscription.c
    ids = [who.id for who in people.values()]
    its = select(s.person_id).where(s.group_id == access.id, s.person_id.in_(ids))
    return set(op.conn.execute(its).scalars())


def find_replied_to(op: Operation, access: GroupAccess, reference_id: str | None) -> str | None:
    """Return the id of the post that another replies to, if any; it must be something this group has seen."""
    if not reference_id:
        return None
    reference_id = canonical(reference_id)
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
        _ADD_POST,
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
    op.conn.execute(_ADD_ENTRY, {"group_id": group_id, "seq": seq, "reference_id": reference_id})
    note_change(op.conn, group_id)
    return seq
