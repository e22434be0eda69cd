"""Members of a group over REST."""

from __future__ import annotations

from airflow_provider_kaizala.server.api.calls import DONE, Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import members
from airflow_provider_kaizala.server.domain.access import find_group, need_admin
from airflow_provider_kaizala.server.domain.context import ADMIN, MEMBER, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.persons import Person

NO_NUMBER: Reply = {
    "errorReason": "Not a phone number with + and country code",
    "errorCode": "InvalidParameters",
}


def list_members(op: Operation, group_id: str) -> Reply:
    """``GET /groups/{groupId}/members``."""
    found = members.list_members(op, find_group(op, group_id))
    return {"members": [{"role": one.role, **shown_person(one.person)} for one in found]}


def shown_person(who: Person) -> Reply:
    """Return somebody in a group as replies show them."""
    # A bot has no number.
    mobile = {"mobileNumber": who.mobile} if who.mobile else {}
    shown: Reply = {"id": who.id, "name": who.name, "profilePic": who.profile_pic, **mobile}
    return {**shown, "isProvisioned": who.is_provisioned}


def add_members(op: Operation, group_id: str, fields: Fields) -> Reply:
    """``PUT /groups/{groupId}/members``; entries that are not phone numbers fail by themselves (C34)."""
    access = need_admin(find_group(op, group_id))
    phones, others = fields.phones_and_others("members")
    if not phones:
        if others:
            fields.phones("members")  # says which, and how a number looks
        raise bad_request("members must hold at least one phone number")
    members.add(op, access, phones)
    failed = [{"subscriber": one[:100], **NO_NUMBER} for one in others]
    return {**DONE, "failedResult": failed} if failed else DONE


def update_member(op: Operation, group_id: str, member_id: str, fields: Fields) -> Reply:
    """``PUT /groups/{groupId}/members/{memberId}``."""
    access = need_admin(find_group(op, group_id))
    role = fields.choice((ADMIN, MEMBER), "role")
    if role is None:
        raise bad_request("role is required")
    members.set_role(op, access, member_id, role)
    return DONE


def remove_member(op: Operation, group_id: str, member_id: str) -> Reply:
    """``DELETE /groups/{groupId}/members/{memberId}``."""
    members.remove(op, find_group(op, group_id), member_id)
    return DONE
