"""Subscribers of a hub group."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_admin, need_member
from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.fields import PHONE, Fields
from airflow_provider_kaizala.server.domain.members import member_event
from airflow_provider_kaizala.server.store.tables import chat_group, person, subscription
from airflow_provider_kaizala.server.store.upsert import insert

PAGE = 50
_MAX_SHOWN = 100
_NO_NUMBER = {
    "errorReason": "Not a phone number with + and country code",
    "errorCode": "InvalidParameters",
}
_g, _s = chat_group.c, subscription.c


def list_subscribers(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Return a page of subscribers; the last page has no cursor. More than 50 are not given at once."""
    access = need_member(_hub(op, group_id))
    cursor = fields.optional_text("cursor", most=64)
    after = 0
    if cursor:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 18):
            raise bad_request("cursor is not one this server gave")
        after = int(cursor)
    count = min(fields.integer("count", least=1) or PAGE, PAGE)
    rows = op.conn.execute(
        select(*persons.COLUMNS, _s.id.label("place"))
        .join(subscription, _s.person_id == person.c.id)
        .where(_s.group_id == access.id, _s.id > after)
        .order_by(_s.id)
        .limit(count + 1)
    ).all()
    page: dict[str, object] = {"subscribers": [_shown(persons.as_person(row[:5])) for row in rows[:count]]}
    if len(rows) > count:
        page["cursor"] = str(rows[count - 1].place)
    return page


def _shown(who: persons.Person) -> dict[str, object]:
    return {
        "id": who.id,
        "mobileNumber": who.mobile,
        "name": who.name,
        "profilePic": who.profile_pic,
        "isProvisioned": who.is_provisioned,
    }


def add_subscribers(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Subscribe phone numbers; the outcome is told per number."""
    access, phones = _named(op, group_id, fields)
    people = persons.named(op, [phone for phone in phones if PHONE.match(phone)])
    added = _subscribe(op, access, [people[phone].id for phone in phones if phone in people])
    result: dict[str, object] = {}
    for phone in phones:
        if phone not in people:
            result[phone] = {"isAdded": False, **_NO_NUMBER}
            continue
        who = people[phone]
        if who.id in added:
            emit(op, access.id, "MemberAdded", member_event(who, SUBSCRIBER))
        result[phone] = {"isAdded": True}
    return {"result": result}


def remove_subscribers(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Unsubscribe phone numbers; the outcome is told per number."""
    access, phones = _named(op, group_id, fields)
    people = persons.by_phones(op.conn, phones)
    gone = _unsubscribe(op, access, [who.id for who in people.values()])
    result: dict[str, object] = {}
    for phone in phones:
        if not PHONE.match(phone):
            result[phone] = {"isRemoved": False, **_NO_NUMBER}
            continue
        who = people.get(phone)
        if who is None or who.id not in gone:
            reason = {"errorReason": "Not a subscriber of the group", "errorCode": "UserNotSubscribed"}
            result[phone] = {"isRemoved": False, **reason}
            continue
        emit(op, access.id, "MemberRemoved", member_event(who, SUBSCRIBER))
        result[phone] = {"isRemoved": True}
    return {"result": result}


def _hub(op: Operation, group_id: str) -> GroupAccess:
    access = find_group(op, group_id)
    if not access.is_hub:
        raise bad_request("Only a hub group (ConnectGroup) has subscribers")
    return access


def _named(op: Operation, group_id: str, fields: Fields) -> tuple[GroupAccess, list[str]]:
    access = need_admin(_hub(op, group_id))
    # An invalid number fails by itself: the reply has one entry for each number.
    given = fields.split_texts("subscribers")
    phones = list(dict.fromkeys(phone[:_MAX_SHOWN] for phone in given if phone))
    if not phones:
        raise bad_request("subscribers must hold at least one phone number")
    # One after the other, as they may name the same people in any order, and are listed in the order in which they came.
    op.conn.execute(select(_g.id).where(_g.id == access.id).with_for_update(key_share=True))
    return access, phones


def _subscribe(op: Operation, access: GroupAccess, ids: list[str]) -> set[str]:
    """Subscribe people; return those who were not."""
    added: set[str] = set()
    for some in _in_parts(ids):
        rows = [{"group_id": access.id, "person_id": one, "created_ms": op.now_ms} for one in some]
        query = insert(op.conn, subscription).values(rows).on_conflict_do_nothing().returning(_s.person_id)
        added.update(op.conn.execute(query).scalars())
    return added


def _unsubscribe(op: Operation, access: GroupAccess, ids: list[str]) -> set[str]:
    """Unsubscribe people; return those who were subscribed."""
    gone: set[str] = set()
    for some in _in_parts(ids):
        query = subscription.delete().where(_s.group_id == access.id, _s.person_id.in_(some))
        gone.update(op.conn.execute(query.returning(_s.person_id)).scalars())
    return gone


def _in_parts(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + 500] for start in range(0, len(ids), 500))
