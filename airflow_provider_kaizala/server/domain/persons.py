"""People: found by phone number or id, made when a number is first named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.ids import new_unit_id
from airflow_provider_kaizala.server.store.media_links import MediaLink
from airflow_provider_kaizala.server.store.tables import person
from airflow_provider_kaizala.server.store.upsert import insert

PHONE = re.compile(r"\+[0-9]{6,15}\Z")


class Person(NamedTuple):
    """What most replies and events say of a person."""

    id: str
    mobile: str
    name: str
    profile_pic: str | MediaLink
    is_provisioned: bool


COLUMNS = (person.c.id, person.c.mobile, person.c.name, person.c.profile_pic, person.c.is_provisioned)


def as_person(found: Sequence[Any]) -> Person:
    """Read a row that begins with :data:`COLUMNS`."""
    return Person(found[0], found[1] or "", found[2], found[3], found[4])


def by_phones(conn: Connection, phones: Sequence[str]) -> dict[str, Person]:
    """Return the people with these numbers, by number."""
    return {who.mobile: who for who in _find(conn, person.c.mobile, phones)}


def by_ids(conn: Connection, ids: Sequence[str]) -> dict[str, Person]:
    """Return people by id."""
    return {who.id: who for who in _find(conn, person.c.id, ids)}


def _find(conn: Connection, column: ColumnElement[str], values: Sequence[str]) -> Iterator[Person]:
    for start in range(0, len(values), 500):
        found = conn.execute(select(*COLUMNS).where(column.in_(values[start : start + 500])))
        yield from map(as_person, found)


def named(op: Operation, phones: Sequence[str]) -> dict[str, Person]:
    """Return the people with these numbers; unknown ones are made, not yet provisioned (they never signed in)."""
    people = by_phones(op.conn, phones)
    # In one order, so that two that name the same people do not wait for each other.
    unknown = sorted({phone for phone in phones if phone not in people})
    if not unknown:
        return people
    op.conn.execute(
        insert(op.conn, person).on_conflict_do_nothing(),
        [
            {
                "id": new_unit_id(),
                "tenant_id": op.caller.tenant_id,
                "mobile": phone,
                "name": phone,
                "profile_pic": "",
                "is_provisioned": False,
                "is_tenant_admin": False,
                "created_ms": op.now_ms,
            }
            for phone in unknown
        ],
    )
    return people | by_phones(op.conn, unknown)


def caller_as_person(op: Operation) -> Person:
    """Return the caller."""
    caller = op.caller
    return Person(caller.person_id, caller.mobile, caller.name, caller.profile_pic, True)
