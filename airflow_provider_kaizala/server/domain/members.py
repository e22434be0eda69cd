"""Members of a group: listing, adding, removing, their role."""

from __future__ import annotations

from sqlalchemy import select, update

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_admin, need_member
from airflow_provider_kaizala.server.domain.context import ADMIN, MEMBER, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied, not_found
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.groups import MAX_MEMBERS
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.posts import add_post
from airflow_provider_kaizala.server.domain.tokens import end_grants
from airflow_provider_kaizala.server.store.tables import membership, person

DONE: dict[str, object] = {"result": "true"}
_m = membership.c


def list_members(op: Operation, group_id: str) -> dict[str, object]:
    """List all members; not paged."""
    access = need_member(find_group(op, group_id))
    rows = op.conn.execute(
        select(*persons.COLUMNS, _m.role)
        .join(membership, _m.person_id == person.c.id)
        .where(_m.group_id == access.id)
        .order_by(_m.joined_ms, person.c.mobile)
    ).all()
    return {"members": [_shown(persons.as_person(row[:5]), row.role) for row in rows]}


def _shown(who: persons.Person, role: str) -> dict[str, object]:
    shown: dict[str, object] = {"id": who.id, "role": role, "name": who.name, "profilePic": who.profile_pic}
    if who.mobile:
        shown["mobileNumber"] = who.mobile
    shown["isProvisioned"] = who.is_provisioned
    return shown


def add_members(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Add people by phone number; those who are members already stay as they are."""
    access = need_admin(find_group(op, group_id))
    phones, others = fields.phones_and_others("members")
    if not phones:
        if others:
            fields.phones("members")  # says which, and how a number looks
        raise bad_request("members must hold at least one phone number")
    if len(phones) > MAX_MEMBERS:
        raise bad_request(f"members holds more than {MAX_MEMBERS} entries")
    people = persons.named(op, phones)
    ids = [who.id for who in people.values()]
    present = set(
        op.conn.execute(select(_m.person_id).where(_m.group_id == access.id, _m.person_id.in_(ids))).scalars()
    )
    added = [people[phone] for phone in phones if people[phone].id not in present]
    for who in added:
        op.conn.execute(
            membership.insert(),
            {"group_id": access.id, "person_id": who.id, "role": MEMBER, "joined_ms": op.now_ms},
        )
        emit(op, access.id, "MemberAdded", member_event(who, MEMBER))
        if not who.is_provisioned:
            continue
        emit(op, access.id, "UserJoined", member_event(who, MEMBER))
    if added:
        _tell_group(op, access, "memberAdded", added)
    return {**DONE, "failedResult": [_failed(one) for one in others]} if others else DONE


def _failed(given: str) -> dict[str, object]:
    """Return the entry of ``failedResult`` for what is not a phone number (C34)."""
    reason = "Not a phone number with + and country code"
    return {"subscriber": given[:100], "errorReason": reason, "errorCode": "InvalidParameters"}


def remove_member(op: Operation, group_id: str, member_id: str) -> dict[str, object]:
    """Remove a member; admins remove anybody, others themselves."""
    access = find_group(op, group_id)
    who, role = find_member(op, access, member_id)
    if who.id != op.caller.person_id or op.caller.scope_group_id:
        need_admin(access)
    op.conn.execute(membership.delete().where(_m.group_id == access.id, _m.person_id == who.id))
    _end_grants(op, access, who)
    _tell_group(op, access, "memberRemoved", [who])
    emit(op, access.id, "MemberRemoved", member_event(who, role))
    return DONE


def update_member(op: Operation, group_id: str, member_id: str, fields: Fields) -> dict[str, object]:
    """Change a member's role."""
    access = need_admin(find_group(op, group_id))
    role = fields.choice((ADMIN, MEMBER), "role")
    if role is None:
        raise bad_request("role is required")
    who, _ = find_member(op, access, member_id)
    op.conn.execute(
        update(membership).where(_m.group_id == access.id, _m.person_id == who.id).values(role=role)
    )
    if role != ADMIN:
        _end_grants(op, access, who)
    return DONE


def _end_grants(op: Operation, access: GroupAccess, who: persons.Person) -> None:
    """A group is granted by one of its admins; when they are that no more, what they granted ends."""
    end_grants(op.conn, op.now_ms, person_id=who.id, group_id=access.id)


def find_member(op: Operation, access: GroupAccess, member_id: str) -> tuple[persons.Person, str]:
    """Find a member of a group by user id or phone number."""
    found = op.conn.execute(
        select(*persons.COLUMNS, _m.role)
        .join(membership, _m.person_id == person.c.id)
        .where(
            _m.group_id == access.id,
            person.c.mobile == member_id
            if member_id.startswith("+")
            else person.c.id == canonical(member_id),
        )
    ).first()
    if found is None:
        if access.role not in (ADMIN, MEMBER):
            raise denied("Only members of the group may do this")
        raise not_found("The member")
    return persons.as_person(found[:5]), found.role


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
