"""Grants and their refresh tokens: a group's, a user's, a tenant-level user's."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.admin import connectors, groups, people
from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.domain import tokens
from airflow_provider_kaizala.server.domain.context import ADMIN, GROUP, TENANT, USER
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.times import iso, iso_or_none
from airflow_provider_kaizala.server.store import tables as t

_g, _r = t.connector_grant.c, t.refresh_token.c
Shown = dict[str, object]


def grant_group(admin: Admin, connector_id: str, group_id: str, mobile: str | None) -> Shown:
    """Grant a connector a group, as one of its admins; return the group refresh token. An earlier one ends."""
    connector, group = connectors.find(admin, connector_id), groups.find(admin, group_id)
    if connector["tenant_id"] != group["tenant_id"]:
        raise AdminError("the connector and the group belong to different tenants")
    if mobile is None:
        who = groups.first_admin(admin, group["id"])
        if who is None:
            raise AdminError("the group has no admin who could grant it; add one with group add --admin")
    else:
        who = people.find(admin, mobile)
        m = t.membership.c
        role = admin.conn.execute(
            select(m.role).where(m.group_id == group["id"], m.person_id == who["id"])
        ).scalar()
        if role != ADMIN:
            raise AdminError(f"{mobile} is not an admin of the group")
    return _issue(admin, connector["id"], GROUP, who["id"], who["mobile"], group["id"])


def issue_user_token(admin: Admin, connector_id: str, mobile: str, *, tenant_level: bool) -> Shown:
    """Issue a user or tenant-level refresh token; an earlier one of this kind and person ends."""
    connector, who = connectors.find(admin, connector_id), people.find(admin, mobile)
    if connector["tenant_id"] != who["tenant_id"]:
        raise AdminError("the connector and the person belong to different tenants")
    if tenant_level and not who["is_tenant_admin"]:
        raise AdminError(f"{mobile} is not a tenant admin")
    return _issue(admin, connector["id"], TENANT if tenant_level else USER, who["id"], mobile, None)


def _issue(
    admin: Admin, connector_id: str, kind: str, person_id: str, mobile: str, group_id: str | None
) -> Shown:
    grant_id = tokens.find_grant(admin.conn, admin.now_ms, connector_id, kind, person_id, group_id)
    token, expires_ms = tokens.issue_refresh_token(admin.conn, admin.now_ms, grant_id)
    return {
        "connectorId": connector_id,
        "kind": kind,
        "person": mobile,
        "groupId": group_id or "",
        "refreshToken": token,
        "expires": iso(expires_ms),
    }


def list_grants(admin: Admin, connector_id: str | None) -> list[Shown]:
    """List the grants, revoked ones too, with the end of their newest refresh token."""
    wanted = [] if connector_id is None else [_g.connector_id == connectors.find(admin, connector_id)["id"]]
    newest = {
        row.grant_id: row.expires_ms
        for row in admin.conn.execute(
            select(_r.grant_id, _r.expires_ms).where(_r.revoked_ms.is_(None)).order_by(_r.issued_ms)
        )
    }
    rows = admin.conn.execute(
        select(t.connector_grant, t.person.c.mobile)
        .join(t.person, t.person.c.id == _g.person_id)
        .where(*wanted)
        .order_by(_g.created_ms, _g.id)
    ).mappings()
    return [
        {
            "grantId": row["id"],
            "connectorId": row["connector_id"],
            "kind": row["kind"],
            "person": row["mobile"] or "",
            "groupId": row["group_id"] or "",
            "created": iso(row["created_ms"]),
            "tokenExpires": iso_or_none(newest.get(row["id"])),
            "revoked": iso_or_none(row["revoked_ms"]),
        }
        for row in rows
    ]


def list_tokens(admin: Admin, connector_id: str | None) -> list[Shown]:
    """List the refresh tokens that still work, by their grants; the tokens themselves are not kept."""
    wanted = [] if connector_id is None else [_g.connector_id == connectors.find(admin, connector_id)["id"]]
    rows = admin.conn.execute(
        select(_g.connector_id, _g.kind, _g.group_id, t.person.c.mobile, _r.issued_ms, _r.expires_ms)
        .join(t.connector_grant, _g.id == _r.grant_id)
        .join(t.person, t.person.c.id == _g.person_id)
        .where(_r.revoked_ms.is_(None), _g.revoked_ms.is_(None), _r.expires_ms > admin.now_ms, *wanted)
        .order_by(_r.issued_ms, _g.id)
    )
    return [
        {
            "connectorId": row.connector_id,
            "kind": row.kind,
            "person": row.mobile or "",
            "groupId": row.group_id or "",
            "issued": iso(row.issued_ms),
            "expires": iso(row.expires_ms),
        }
        for row in rows
    ]


def revoke(
    conn: Connection,
    now_ms: int,
    connector_id: str,
    *,
    group_id: str | None = None,
    mobile: str | None = None,
    kinds: Sequence[str] = (USER, TENANT),
) -> int:
    """Revoke a connector's grant of a group, or those of a person; their tokens end. Return how many there were.

    :param kinds: which of a person's grants
    """
    wanted = [_g.connector_id == canonical(connector_id), _g.revoked_ms.is_(None)]
    if group_id is not None:
        wanted.append(_g.group_id == canonical(group_id))
    else:
        who = select(t.person.c.id).where(t.person.c.mobile == mobile)
        wanted += [_g.group_id.is_(None), _g.kind.in_(kinds), _g.person_id.in_(who)]
    return int(conn.execute(update(t.connector_grant).where(*wanted).values(revoked_ms=now_ms)).rowcount)
