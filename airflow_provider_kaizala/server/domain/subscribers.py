"""Subscribers of a hub group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess, need_admin, need_member
from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.members import member_event
from airflow_provider_kaizala.server.store.tables import chat_group, person, subscription
from airflow_provider_kaizala.server.store.upsert import insert

PAGE = 50
_g, _s = chat_group.c, subscription.c


class Page(NamedTuple):
    """Some subscribers, and the place of the last one where there are more after it."""

    people: list[persons.Person]
    cursor: int | None


def need_hub(access: GroupAccess) -> GroupAccess:
    """Refuse groups that have no subscribers."""
    if not access.is_hub:
        raise bad_request("Only a hub group (ConnectGroup) has subscribers")
    return access


def list_page(op: Operation, access: GroupAccess, after: int, count: int) -> Page:
    """Return subscribers after a place, 0 for the first ones; no more than 50 at once."""
    need_member(need_hub(access))
    count = min(count, PAGE)
    rows = op.conn.execute(
        select(*persons.COLUMNS, _s.id.label("place"))
        .join(subscription, _s.person_id == person.c.id)
        .where(_s.group_id == access.id, _s.id > after)
        .order_by(_s.id)
        .limit(count + 1)
    ).all()
    people = [persons.as_person(row[:5]) for row in rows[:count]]
    return Page(people, rows[count - 1].place if len(rows) > count else None)


def add(op: Operation, access: GroupAccess, phones: Sequence[str]) -> None:
    """Subscribe people by phone number; those who are subscribers already stay as they are."""
    _begin(op, access)
    if not phones:
        return
    people = persons.named(op, phones)
    rows = [
        {"group_id": access.id, "person_id": people[phone].id, "created_ms": op.now_ms} for phone in phones
    ]
    query = insert(op.conn, subscription).values(rows).on_conflict_do_nothing().returning(_s.person_id)
    added = set(op.conn.execute(query).scalars())
    for who in (people[phone] for phone in phones):
        if who.id in added:
            emit(op, access.id, "MemberAdded", member_event(who, SUBSCRIBER))


def remove(op: Operation, access: GroupAccess, phones: Sequence[str]) -> set[str]:
    """Unsubscribe people by phone number; return the numbers of those who were subscribers."""
    _begin(op, access)
    people = persons.by_phones(op.conn, phones)
    theirs = _s.person_id.in_([who.id for who in people.values()])
    query = subscription.delete().where(_s.group_id == access.id, theirs).returning(_s.person_id)
    gone = set(op.conn.execute(query).scalars())
    removed = [people[phone] for phone in phones if phone in people and people[phone].id in gone]
    for who in removed:
        emit(op, access.id, "MemberRemoved", member_event(who, SUBSCRIBER))
    return {who.mobile for who in removed}


def _begin(op: Operation, access: GroupAccess) -> None:
    need_admin(need_hub(access))
    # One after the other, as they may name the same people in any order, and are listed in the order in which they came.
    op.conn.execute(select(_g.id).where(_g.id == access.id).with_for_update(key_share=True))
