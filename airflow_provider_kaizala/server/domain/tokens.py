"""Refresh tokens and access tokens: kinds, lives, rotation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY, HOUR
from airflow_provider_kaizala.server.domain import audit
from airflow_provider_kaizala.server.domain.context import GROUP, PERMISSIONS, TENANT, USER
from airflow_provider_kaizala.server.domain.errors import wrong_connector
from airflow_provider_kaizala.server.domain.ids import canonical, new_id
from airflow_provider_kaizala.server.hashing import fingerprint, new_token, same_secret
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.upsert import insert

ACCESS_LIFE_MS = 24 * HOUR
REFRESH_LIFE_MS = 365 * DAY
ROTATION_AFTER_MS = 328 * DAY
_g = t.connector_grant.c
_GRANT = select(_g.kind, _g.person_id, _g.connector_id, _g.group_id)


def find_grant(
    conn: Connection, now_ms: int, connector_id: str, kind: str, person_id: str, group_id: str | None
) -> str:
    """Return the live grant of a connector for a grantee, made when there is none."""
    g = t.connector_grant.c
    row = insert(conn, t.connector_grant).values(
        id=new_id(),
        connector_id=connector_id,
        kind=kind,
        person_id=person_id,
        group_id=group_id,
        created_ms=now_ms,
    )
    # A grant that is there stays locked until the caller has committed: whoever else issues a token for it comes after.
    if group_id is None:
        found = row.on_conflict_do_update(
            index_elements=[g.connector_id, g.kind, g.person_id],
            index_where=and_(g.revoked_ms.is_(None), g.group_id.is_(None)),
            set_={"kind": row.excluded.kind},
        )
    else:
        found = row.on_conflict_do_update(
            index_elements=[g.connector_id, g.group_id],
            index_where=and_(g.revoked_ms.is_(None), g.group_id.is_not(None)),
            set_={"person_id": row.excluded.person_id},
        )
    return str(conn.execute(found.returning(g.id)).scalar_one())


def issue_refresh_token(
    conn: Connection, now_ms: int, grant_id: str, *, kill_others: bool = True, token: str | None = None
) -> tuple[str, int]:
    """Issue a refresh token and return it with its expiry; a new one ends those issued before it.

    :param kill_others: False for a rotation, where the used token lives on to its own end unless a test wants otherwise
    :param token: a fixed token, for seeds
    """
    r = t.refresh_token.c
    if kill_others:
        conn.execute(
            update(t.refresh_token)
            .where(r.grant_id == grant_id, r.revoked_ms.is_(None))
            .values(revoked_ms=now_ms)
        )
        _note(conn, now_ms, audit.GRANTED, conn.execute(_GRANT.where(_g.id == grant_id)).one())
    token = token or new_token()
    expires_ms = now_ms + REFRESH_LIFE_MS
    conn.execute(
        t.refresh_token.insert(),
        {
            "token_hash": fingerprint(token),
            "grant_id": grant_id,
            "issued_ms": now_ms,
            "expires_ms": expires_ms,
        },
    )
    return token, expires_ms


def issue_access_token(conn: Connection, now_ms: int, grant_id: str, person_id: str) -> tuple[str, int]:
    """Issue an access token and return it with its expiry."""
    a = t.access_token.c
    conn.execute(t.access_token.delete().where(a.expires_ms < now_ms - ACCESS_LIFE_MS))
    token = new_token()
    expires_ms = now_ms + ACCESS_LIFE_MS
    conn.execute(
        t.access_token.insert(),
        {
            "token_hash": fingerprint(token),
            "grant_id": grant_id,
            "person_id": person_id,
            "issued_ms": now_ms,
            "expires_ms": expires_ms,
        },
    )
    return token, expires_ms


class Tokens(NamedTuple):
    """An access token with its expiry, and a refresh token where there is a new one."""

    access: str
    access_expires_ms: int
    refresh: str | None


class KnownConnector(NamedTuple):
    """A connector whose credentials were right."""

    id: str
    tenant_id: str


def check_connector(conn: Connection, connector_id: str, secret: str | None) -> KnownConnector:
    """Check a connector's id and secret and return it; without a secret only the id is checked."""
    c = t.connector.c
    found = conn.execute(
        select(c.id, c.tenant_id, c.secret_hash).where(
            c.id == canonical(connector_id), c.deleted_ms.is_(None), c.disabled_ms.is_(None)
        )
    ).first()
    if found is None or (secret is not None and not same_secret(secret, found.secret_hash)):
        raise wrong_connector()
    return KnownConnector(found.id, found.tenant_id)


def permissions_of(conn: Connection, connector_id: str) -> list[str]:
    """Return what a connector may do, in the order of the contract."""
    p = t.connector_permission.c
    held = set(conn.execute(select(p.permission).where(p.connector_id == connector_id)).scalars())
    return [one for one in PERMISSIONS if one in held]


def exchange(
    conn: Connection,
    now_ms: int,
    connector_id: str,
    secret: str,
    refresh: str,
    *,
    rotation_ends_old_token: bool = False,
) -> Tokens:
    """Trade a connector's credentials and a refresh token for an access token, and from day 328 on for a new refresh token."""
    connector_id = check_connector(conn, connector_id, secret).id
    r, g = t.refresh_token.c, t.connector_grant.c
    found = conn.execute(
        select(g.id, g.person_id, r.issued_ms)
        .join(t.connector_grant, g.id == r.grant_id)
        .join(t.person, t.person.c.id == g.person_id)
        .where(
            r.token_hash == fingerprint(refresh),
            r.revoked_ms.is_(None),
            r.expires_ms > now_ms,
            g.connector_id == connector_id,
            g.revoked_ms.is_(None),
            t.person.c.deactivated_ms.is_(None),
        )
    ).first()
    if found is None:
        raise wrong_connector()
    token, expires_ms = issue_access_token(conn, now_ms, found.id, found.person_id)
    rotated = None
    if now_ms >= found.issued_ms + ROTATION_AFTER_MS:
        if rotation_ends_old_token and not _spend(conn, now_ms, refresh):
            raise wrong_connector()
        rotated, _ = issue_refresh_token(conn, now_ms, found.id, kill_others=rotation_ends_old_token)
    return Tokens(token, expires_ms, rotated)


def end_grants(
    conn: Connection,
    now_ms: int,
    *,
    person_id: str | None = None,
    connector_id: str | None = None,
    group_id: str | None = None,
    kinds: Sequence[str] = (USER, GROUP, TENANT),
) -> int:
    """End grants, and with them their refresh and access tokens and what their webhooks hear; return how many there were.

    :param person_id: those of one person: what acts as them, and the groups they granted
    """
    wanted: list[ColumnElement[bool]] = [_g.kind.in_(kinds), _g.revoked_ms.is_(None)]
    given = ((_g.person_id, person_id), (_g.connector_id, connector_id), (_g.group_id, group_id))
    wanted += [column == value for column, value in given if value is not None]
    ended = conn.execute(
        update(t.connector_grant).where(*wanted).values(revoked_ms=now_ms).returning(*_GRANT.selected_columns)
    ).all()
    for grant in ended:
        _note(conn, now_ms, audit.GRANT_ENDED, grant)
    return len(ended)


def _note(conn: Connection, now_ms: int, kind: str, grant: Any) -> None:
    audit.record(
        conn,
        now_ms,
        kind,
        person_id=grant.person_id,
        grant=grant.kind,
        connector=grant.connector_id,
        group=grant.group_id,
    )


def _spend(conn: Connection, now_ms: int, refresh: str) -> bool:
    """End a refresh token; tell whether it was still good."""
    r = t.refresh_token.c
    good = (r.token_hash == fingerprint(refresh), r.revoked_ms.is_(None))
    return conn.execute(update(t.refresh_token).where(*good).values(revoked_ms=now_ms)).rowcount > 0


def end_access_tokens(conn: Connection, now_ms: int, person_id: str) -> None:
    """End all access tokens that act as a person or bot."""
    a = t.access_token.c
    conn.execute(update(t.access_token).where(a.person_id == person_id).values(revoked_ms=now_ms))


def sign_in(conn: Connection, now_ms: int, connector_id: str, person_id: str) -> tuple[str, int]:
    """Issue a user refresh token after a sign-in and return it with its expiry; the one before it ends."""
    return issue_refresh_token(conn, now_ms, find_grant(conn, now_ms, connector_id, "user", person_id, None))
