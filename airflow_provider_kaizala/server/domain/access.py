"""Who may do what: access tokens, connector permissions, the reach of a grant, membership and role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import ColumnElement, and_, bindparam, select
from sqlalchemy.engine import Connection, RowMapping

from airflow_provider_kaizala.server.domain import hierarchy
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
        t.connector.c.disabled_ms.is_(None),
        t.person.c.deactivated_ms.is_(None),
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


def need_permission(op: Operation, permission: str) -> None:
    """Refuse a connector without a permission; people who act for themselves need none."""
    p = t.connector_permission.c
    given = select(p.permission).where(p.connector_id == op.caller.connector_id, p.permission == permission)
    if op.caller.connector_id and op.conn.execute(given).first() is None:
        raise denied(f"The connector does not have the permission {permission!r}")


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


_GROUPS = (
    select(t.chat_group, t.membership.c.role)
    .outerjoin(
        t.membership,
        and_(
            t.membership.c.group_id == t.chat_group.c.id, t.membership.c.person_id == bindparam("person_id")
        ),
    )
    .where(t.chat_group.c.id.in_(bindparam("ids", expanding=True)), t.chat_group.c.deleted_ms.is_(None))
)


def find_group(op: Operation, group_id: str) -> GroupAccess:
    """Return a group the caller can see: 404 for an unknown id, 403 outside of grant and membership."""
    group_id = canonical(group_id)
    found = _look(op, [group_id])
    if not found:
        raise not_found("The group")
    group, role = found[group_id]
    if role is None:
        raise denied("The token does not reach this group", "no_group")
    return GroupAccess(group, role)


def reached_groups(op: Operation, group_ids: Sequence[str]) -> dict[str, GroupAccess]:
    """Return those of several groups that the caller can see, by id, in the order given."""
    found = _look(op, group_ids)
    seen = {one: found[one] for one in dict.fromkeys(group_ids) if one in found}
    return {one: GroupAccess(group, role) for one, (group, role) in seen.items() if role is not None}


def _look(op: Operation, group_ids: Sequence[str]) -> dict[str, tuple[RowMapping, str | None]]:
    """Return groups with what the caller is in each, in a number of statements that does not depend on how many there are."""
    rows = op.conn.execute(_GROUPS, {"ids": group_ids, "person_id": op.caller.person_id}).mappings().all()
    relations = _Relations(op, [row["id"] for row in rows])
    return {row["id"]: (row, _role(op.caller, row, relations)) for row in rows}


class _Relations:
    """What decides on the caller's roles in some groups beside their memberships; each kind is read when it is first needed."""

    def __init__(self, op: Operation, group_ids: Sequence[str]) -> None:
        self._op = op
        self._group_ids = group_ids

    @cached_property
    def above(self) -> hierarchy.Pairs:
        """The groups above each group."""
        return hierarchy.ancestors_of(self._op.conn, self._group_ids)

    @cached_property
    def below(self) -> hierarchy.Pairs:
        """The groups below each group."""
        return hierarchy.descendants_of(self._op.conn, self._group_ids)

    @cached_property
    def administered(self) -> set[str]:
        """Of the groups above, those that the caller is an admin of."""
        return self._memberships(self.above, t.membership.c.role == ADMIN)

    @cached_property
    def joined(self) -> set[str]:
        """Of the groups below, those that the caller is a member of."""
        return self._memberships(self.below)

    @cached_property
    def subscribed(self) -> set[str]:
        """The groups that the caller has subscribed to."""
        s = t.subscription.c
        mine = select(s.group_id).where(s.person_id == self._op.caller.person_id)
        return set(self._op.conn.execute(mine.where(s.group_id.in_(self._group_ids))).scalars())

    def _memberships(self, related: hierarchy.Pairs, *more: ColumnElement[bool]) -> set[str]:
        ids = {one for several in related.values() for one in several}
        if not ids:
            return set()
        m = t.membership.c
        mine = select(m.group_id).where(m.person_id == self._op.caller.person_id, m.group_id.in_(ids), *more)
        return set(self._op.conn.execute(mine).scalars())


def _role(caller: Caller, group: RowMapping, relations: _Relations) -> str | None:
    group_id: str = group["id"]
    if caller.kind == GROUP:
        scope = caller.scope_group_id
        return ADMIN if scope == group_id or scope in relations.above.get(group_id, ()) else None
    if caller.kind == TENANT and caller.tenant_id == group["tenant_id"]:
        return ADMIN
    role: str | None = group["role"]
    # Admins of a parent are admins below it.
    if role == ADMIN or not relations.administered.isdisjoint(relations.above.get(group_id, ())):
        return ADMIN
    if role is not None:
        return role
    if group["group_type"] == HUB and group_id in relations.subscribed:
        return SUBSCRIBER
    return None if relations.joined.isdisjoint(relations.below.get(group_id, ())) else BELOW


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
