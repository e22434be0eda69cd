"""Members of a group: listing, adding, removing, their role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, update

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess, need_admin, need_member
from airflow_provider_kaizala.server.domain.context import ADMIN, MEMBER, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied, not_found
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.groups import MAX_MEMBERS
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.posts import add_post
from airflow_provider_kaizala.server.domain.tokens import end_grants
from airflow_provider_kaizala.server.store.tables import membership, person
from airflow_provider_kaizala.server.store.upsert import insert

_m = membership.c
_MEMBERS = select(*persons.COLUMNS, _m.role).join(membership, _m.person_id == person.c.id)


class Member(NamedTuple):
    """Somebody in a group, and as what."""

    person: persons.Person
    role: str


def list_members(op: Operation, access: GroupAccess) -> list[Member]:
    """List all members, in the order in which they came; not paged."""
    need_member(access)
    inside = _MEMBERS.where(_m.group_id == access.id).order_by(_m.joined_ms, person.c.mobile)
    return [Member(persons.as_person(row), row.role) for row in op.conn.execute(inside)]


def add(op: Operation, access: GroupAccess, phones: Sequence[str]) -> None:
    """Add people by phone number; those who are members already stay as they are."""
    need_admin(access)
    if len(phones) > MAX_MEMBERS:
        raise bad_request(f"members holds more than {MAX_MEMBERS} entries")
    people = persons.named(op, phones)
    joined = join(op, access.id, [who.id for who in people.values()])
    added = [who for who in dict.fromkeys(people[phone] for phone in phones) if who.id in joined]
    for who in added:
        emit(op, access.id, "MemberAdded", member_event(who, MEMBER))
        if who.is_provisioned:
            emit(op, access.id, "UserJoined", member_event(who, MEMBER))
    if added:
        _tell_group(op, access, "memberAdded", added)


def join(op: Operation, group_id: str, person_ids: Sequence[str]) -> set[str]:
    """Make people members of a group; return the ids of those who were not."""
    rows = [
        {"group_id": group_id, "person_id": one, "role": MEMBER, "joined_ms": op.now_ms}
        for one in sorted(person_ids)
    ]
    added = insert(op.conn, membership).values(rows).on_conflict_do_nothing().returning(_m.person_id)
    return set(op.conn.execute(added).scalars())


def remove(op: Operation, access: GroupAccess, member_id: str) -> None:
    """Remove a member, named by user id or phone number; admins remove anybody, others themselves."""
    who, role = find_member(op, access, member_id)
    if who.id != op.caller.person_id:
        need_admin(access)
    here = (_m.group_id == access.id, _m.person_id == who.id)
    if not op.conn.execute(membership.delete().where(*here)).rowcount:
        raise not_found("The member")
    _end_grants(op, access, who)
    _tell_group(op, access, "memberRemoved", [who])
    emit(op, access.id, "MemberRemoved", member_event(who, role))


def set_role(op: Operation, access: GroupAccess, member_id: str, role: str) -> None:
    """Make a member, named by user id or phone number, an admin or a plain member."""
    need_admin(access)
    who, _ = find_member(op, access, member_id)
    here = (_m.group_id == access.id, _m.person_id == who.id)
    if not op.conn.execute(update(membership).where(*here).values(role=role)).rowcount:
        raise not_found("The member")
    if role != ADMIN:
        _end_grants(op, access, who)


def _end_grants(op: Operation, access: GroupAccess, who: persons.Person) -> None:
    """A group is granted by one of its admins; when they are that no more, what they granted ends."""
    end_grants(op.conn, op.now_ms, person_id=who.id, group_id=access.id)


def find_member(op: Operation, access: GroupAccess, member_id: str) -> Member:
    """Find a member of a group by user id or phone number."""
    p = person.c
    named = p.mobile == member_id if member_id.startswith("+") else p.id == canonical(member_id)
    found = op.conn.execute(_MEMBERS.where(_m.group_id == access.id, named)).first()
    if found is None:
        if access.role not in (ADMIN, MEMBER):
            raise denied("Only members of the group may do this")
        raise not_found("The member")
    return Member(persons.as_person(found), found.role)


def member_event(who: persons.Person, kind: str) -> dict[str, object]:
    """Return the data of a member event; kind is Admin, Member or Subscriber."""
    return {
        "member": who.mobile,
        "memberId": who.id,
        "memberName": who.name,
        "memberProfilePic": who.profile_pic,
        "type": kind,
    }


def _tell_group(op: Operation, access: GroupAccess, kind: str, people: list[persons.Person]) -> None:
    named = [{"mobileNumber": who.mobile, "name": who.name, "id": who.id} for who in people]
    add_post(op, access.id, kind, detail={"members": named}, below=False)
