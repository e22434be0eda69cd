"""Who may do what: access tokens, connector permissions, the reach of a grant, membership and role."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select
from sqlalchemy.engine import Connection, RowMapping

from airflow_provider_kaizala.server.domain.context import (
    ADMIN,
    GROUP,
    HUB,
    MEMBER,
    SUBSCRIBER,
    TENANT,
    Caller,
    Operation,
)
from airflow_provider_kaizala.server.domain.errors import denied, not_found, token_invalid, token_missing
from airflow_provider_kaizala.server.domain.hierarchy import ancestors, descendants, is_ancestor
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.hashing import fingerprint
from airflow_provider_kaizala.server.store import tables as t

# A caller below a group in the hierarchy: sees and answers what is sent there, writes nothing.
BELOW = "Below"

_TOKEN = (
    select(
        t.access_token.c.expires_ms,
        t.connector_grant.c.id.label("grant_id"),
        t.connector_grant.c.kind,
        t.connector_grant.c.group_id,
        t.connector.c.id.label("connector_id"),
        t.connector.c.tenant_id,
        t.connector_permission.c.permission,
        t.person.c.id.label("person_id"),
        t.person.c.name,
        t.person.c.mobile,
        t.person.c.profile_pic,
        t.person.c.is_tenant_admin,
    )
    .select_from(t.access_token)
    .join(t.connector_grant, t.connector_grant.c.id == t.access_token.c.grant_id)
    .join(t.connector, t.connector.c.id == t.connector_grant.c.connector_id)
    .join(t.person, t.person.c.id == t.access_token.c.person_id)
    .outerjoin(
        t.connector_permission,
        and_(
            t.connector_permission.c.connector_id == t.connector.c.id,
            t.connector_permission.c.permission == bindparam("permission"),
        ),
    )
    .where(
        t.access_token.c.token_hash == bindparam("token_hash"),
        t.access_token.c.revoked_ms.is_(None),
        t.connector_grant.c.revoked_ms.is_(None),
        t.connector.c.deleted_ms.is_(None),
    )
)


def authenticate(conn: Connection, now_ms: int, token: str | None, permission: str | None) -> Caller:
    """Find the caller of an access token, and check the connector's permission."""
    if not token:
        raise token_missing()
    found = (
        conn.execute(_TOKEN, {"token_hash": fingerprint(token), "permission": permission or ""})
        .mappings()
        .first()
    )
    if found is None or found["expires_ms"] <= now_ms:
        raise token_invalid()
    if permission is not None and found["permission"] is None:
        raise denied(f"The connector does not have the permission {permission!r}")
    return Caller(
        kind=found["kind"],
        tenant_id=found["tenant_id"],
        person_id=found["person_id"],
        name=found["name"],
        mobile=found["mobile"] or "",
        profile_pic=found["profile_pic"],
        connector_id=found["connector_id"],
        grant_id=found["grant_id"],
        scope_group_id=found["group_id"],
        is_tenant_admin=found["is_tenant_admin"],
    )


@dataclass(frozen=True)
class GroupAccess:
    """A group and what the caller is in it: Admin, Member, Subscriber or Below."""

    group: RowMapping
    role: str

    @property
    def id(self) -> str:
        """The group's id as stored."""
        return str(self.group["id"])

    @property
    def is_hub(self) -> bool:
        """Whether this is a ConnectGroup, with subscribers."""
        return bool(self.group["group_type"] == HUB)


_GROUP = (
    select(t.chat_group, t.membership.c.role)
    .outerjoin(
        t.membership,
        and_(
            t.membership.c.group_id == t.chat_group.c.id, t.membership.c.person_id == bindparam("person_id")
        ),
    )
    .where(t.chat_group.c.id == bindparam("group_id"), t.chat_group.c.deleted_ms.is_(None))
)


def find_group(op: Operation, group_id: str) -> GroupAccess:
    """Return a group the caller can see: 404 for an unknown id, 403 outside of grant and membership."""
    found = (
        op.conn.execute(_GROUP, {"group_id": canonical(group_id), "person_id": op.caller.person_id})
        .mappings()
        .first()
    )
    if found is None:
        raise not_found("The group")
    role = _role(op, found)
    if role is None:
        raise denied("The token does not reach this group", "no_group")
    return GroupAccess(found, role)


def _role(op: Operation, group: RowMapping) -> str | None:
    caller = op.caller
    if caller.kind == GROUP:
        scope = caller.scope_group_id or ""
        return ADMIN if scope == group["id"] or is_ancestor(op.conn, scope, group["id"]) else None
    if caller.kind == TENANT and caller.tenant_id == group["tenant_id"]:
        return ADMIN
    role: str | None = group["role"]
    if role == ADMIN:
        return ADMIN
    return _inherited_role(op.conn, caller.person_id, group["id"]) or role or _outer_role(op, group)


def _inherited_role(conn: Connection, person_id: str, group_id: str) -> str | None:
    """Admins of a parent are admins below it."""
    above = ancestors(conn, group_id)
    if not above:
        return None
    m = t.membership.c
    admin = conn.execute(
        select(m.group_id).where(m.person_id == person_id, m.role == ADMIN, m.group_id.in_(above)).limit(1)
    ).first()
    return ADMIN if admin else None


def _outer_role(op: Operation, group: RowMapping) -> str | None:
    person_id = op.caller.person_id
    if group["group_type"] == HUB:
        s = t.subscription.c
        if op.conn.execute(select(s.id).where(s.group_id == group["id"], s.person_id == person_id)).first():
            return SUBSCRIBER
    below = descendants(op.conn, group["id"])
    if below:
        m = t.membership.c
        if op.conn.execute(
            select(m.role).where(m.person_id == person_id, m.group_id.in_(below)).limit(1)
        ).first():
            return BELOW
    return None


def need_member(access: GroupAccess) -> GroupAccess:
    """Refuse callers who only look in from a hub or from below."""
    if access.role not in (ADMIN, MEMBER):
        raise denied("Only members of the group may do this")
    return access


def need_admin(access: GroupAccess) -> GroupAccess:
    """Refuse callers who are not admins of the group."""
    if access.role != ADMIN:
        raise denied("Only admins of the group may do this")
    return access


def public_role(access: GroupAccess) -> str:
    """Return the role as replies show it."""
    return ADMIN if access.role == ADMIN else MEMBER
