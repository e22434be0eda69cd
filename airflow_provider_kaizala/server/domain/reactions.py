"""Likes and comments on what was posted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, or_, select, update

from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group
from airflow_provider_kaizala.server.domain.action_records import was_sent_to
from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.errors import denied, not_found
from airflow_provider_kaizala.server.domain.ids import canonical, new_id
from airflow_provider_kaizala.server.domain.posts import touch
from airflow_provider_kaizala.server.domain.times import ticks
from airflow_provider_kaizala.server.store.tables import (
    chat_group,
    feed_entry,
    post,
    post_recipient,
    reaction,
)
from airflow_provider_kaizala.server.store.upsert import insert

TYPES = ("Like", "Comment")
PAGE = 500
# Between two reactions; cursors are then whole multiples of it, which JavaScript, whose numbers hold 15 digits
# of any 18, reads and sends back as they are.
TICKS_APART = 1000
_r, _p, _f = reaction.c, post.c, feed_entry.c


class Counts(NamedTuple):
    """How many reactions a post has."""

    reference_id: str
    likes: int
    comments: int


class Reaction(NamedTuple):
    """One like or comment."""

    id: str
    person_id: str
    modified_ms: int
    modified_ticks: int
    comment: str


def find_post(op: Operation, access: GroupAccess, reference_id: str, source: str | None = None) -> str:
    """Return the id of a post that is in the feed of a group and, if given, was sent in the source group."""
    found = op.conn.execute(
        select(_p.reference_id, _p.group_id, _p.audience)
        .join(feed_entry, _f.reference_id == _p.reference_id)
        .where(_f.group_id == access.id, _p.reference_id == canonical(reference_id), _p.deleted_ms.is_(None))
    ).first()
    if found is None or (source is not None and canonical(source) != found.group_id):
        raise not_found("The message referenceId names")
    if access.role == SUBSCRIBER and not was_sent_to(op, found.reference_id, found.audience):
        raise denied("This was not sent to you")
    return str(found.reference_id)


def react(op: Operation, group_id: str, reference_id: str, kind: str, comment: str) -> str:
    """Store a reaction and return its id; a second like by the same person is the first one."""
    if kind == "Like" and (mine := _my_like(op, reference_id)):
        return mine
    g = chat_group.c
    floor = g.last_reaction_ticks + TICKS_APART
    now_ticks = ticks(op.now_ms)
    moment: int = op.conn.execute(
        update(chat_group)
        .where(g.id == group_id)
        .values(last_reaction_ticks=case((floor > now_ticks, floor), else_=now_ticks))
        .returning(g.last_reaction_ticks)
    ).scalar_one()
    reaction_id = new_id()
    row = insert(op.conn, reaction).values(
        id=reaction_id,
        group_id=group_id,
        reference_id=reference_id,
        person_id=op.caller.person_id,
        reaction_type=kind,
        slot="" if kind == "Like" else reaction_id,
        comment=comment,
        modified_ms=op.now_ms,
        modified_ticks=moment,
    )
    if op.conn.execute(row.on_conflict_do_nothing().returning(_r.id)).first() is None:
        return _my_like(op, reference_id)
    touch(op, reference_id)
    return reaction_id


def _my_like(op: Operation, reference_id: str) -> str:
    """Return the id of the caller's like of a post, empty without one."""
    mine = (_r.reference_id == reference_id, _r.person_id == op.caller.person_id, _r.reaction_type == "Like")
    return op.conn.execute(select(_r.id).where(*mine)).scalar() or ""


def react_by_reference(op: Operation, reference_id: str, kind: str, comment: str) -> str:
    """React to a post in the group it was sent in."""
    source = op.conn.execute(select(_p.group_id).where(_p.reference_id == canonical(reference_id))).scalar()
    if source is None:
        raise not_found("The message")
    access = find_group(op, source)
    return react(op, access.id, find_post(op, access, reference_id), kind, comment)


def list_counts(op: Operation, access: GroupAccess, cursor: int) -> tuple[list[Counts], int]:
    """Count reactions on everything in a group that changed after a cursor; also returns the next cursor."""
    changed = (
        select(_r.reference_id, func.max(_r.modified_ticks).label("latest"))
        .where(_r.group_id == access.id, _r.modified_ticks > cursor, *_sent_to(op, access))
        .group_by(_r.reference_id)
        .order_by(func.max(_r.modified_ticks))
        .limit(PAGE)
    )
    rows = op.conn.execute(changed).all()
    return count(op, [row.reference_id for row in rows]), rows[-1].latest if rows else cursor


def _sent_to(op: Operation, access: GroupAccess) -> list[ColumnElement[bool]]:
    """Limit reactions to what was sent to a subscriber; others of the group see all."""
    if access.role != SUBSCRIBER:
        return []
    mine = select(post_recipient.c.reference_id).where(post_recipient.c.person_id == op.caller.person_id)
    everyones = select(_p.reference_id).where(_p.reference_id == _r.reference_id, _p.audience == "all")
    return [or_(everyones.exists(), _r.reference_id.in_(mine))]


def list_reactions(op: Operation, reference_id: str, kind: str, cursor: int) -> tuple[list[Reaction], int]:
    """List reactions of one type on one post that came after a cursor; also returns the next cursor."""
    rows = op.conn.execute(
        select(_r.id, _r.person_id, _r.modified_ms, _r.modified_ticks, _r.comment)
        .where(_r.reference_id == reference_id, _r.reaction_type == kind, _r.modified_ticks > cursor)
        .order_by(_r.modified_ticks)
        .limit(PAGE)
    )
    found = [Reaction(*row) for row in rows]
    return found, found[-1].modified_ticks if found else cursor


def need_source(op: Operation, group_id: str) -> None:
    """Refuse a source group that does not exist."""
    if op.conn.execute(select(chat_group.c.id).where(chat_group.c.id == canonical(group_id))).first() is None:
        raise not_found("The group sourceGroupId names")


def count(op: Operation, references: Sequence[str]) -> list[Counts]:
    """Count the reactions on posts, in the order given."""
    rows = op.conn.execute(
        select(_r.reference_id, _r.reaction_type, func.count())
        .where(_r.reference_id.in_(references))
        .group_by(_r.reference_id, _r.reaction_type)
    )
    counts = {(row[0], row[1]): row[2] for row in rows}
    return [Counts(one, counts.get((one, "Like"), 0), counts.get((one, "Comment"), 0)) for one in references]
