"""Refresh tokens and access tokens: kinds, lives, rotation."""

from __future__ import annotations

from sqlalchemy import and_, select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY, HOUR
from airflow_provider_kaizala.server.domain.errors import wrong_connector
from airflow_provider_kaizala.server.domain.ids import canonical, new_id
from airflow_provider_kaizala.server.hashing import fingerprint, new_token, same_secret
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.upsert import insert

ACCESS_LIFE_MS = 24 * HOUR
REFRESH_LIFE_MS = 365 * DAY
ROTATION_AFTER_MS = 328 * DAY
SCOPE = "token.write"
GRANTED_SCOPE = (
    "groupinfo.read,groupinfo.write,groupinfo.update,groupinfo.remove,groupmember.read,groupmember.write,"
    "groupmember.remove,textmessage.read,action.read,action.write,action.update,profile.write,media.read,"
    "webhook.read,webhook.write,webhook.update,webhook.remove"
)


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


def check_connector(conn: Connection, connector_id: str, secret: str | None) -> str:
    """Check a connector's id and secret and return the id; without a secret only the id is checked."""
    c = t.connector.c
    found = conn.execute(
        select(c.id, c.secret_hash).where(c.id == canonical(connector_id), c.deleted_ms.is_(None))
    ).first()
    if found is None or (secret is not None and not same_secret(secret, found.secret_hash)):
        raise wrong_connector()
    return str(found.id)


def exchange(
    conn: Connection,
    now_ms: int,
    connector_id: str,
    secret: str,
    refresh: str,
    endpoint_url: str,
    *,
    rotation_ends_old_token: bool = False,
) -> dict[str, object]:
    """Trade a connector's credentials and a refresh token for an access token (``GET /accessToken``)."""
    connector_id = check_connector(conn, connector_id, secret)
    r, g = t.refresh_token.c, t.connector_grant.c
    found = conn.execute(
        select(g.id, g.person_id, r.issued_ms)
        .join(t.connector_grant, g.id == r.grant_id)
        .where(
            r.token_hash == fingerprint(refresh),
            r.revoked_ms.is_(None),
            r.expires_ms > now_ms,
            g.connector_id == connector_id,
            g.revoked_ms.is_(None),
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
    return {
        "accessToken": token,
        "endpointUrl": endpoint_url,
        "accessTokenExpiry": expires_ms,
        "refreshToken": rotated,
        "scope": SCOPE,
    }


def _spend(conn: Connection, now_ms: int, refresh: str) -> bool:
    """End a refresh token; tell whether it was still good."""
    r = t.refresh_token.c
    good = (r.token_hash == fingerprint(refresh), r.revoked_ms.is_(None))
    return conn.execute(update(t.refresh_token).where(*good).values(revoked_ms=now_ms)).rowcount > 0


def end_access_tokens(conn: Connection, now_ms: int, person_id: str) -> None:
    """End all access tokens that act as a person or bot."""
    a = t.access_token.c
    conn.execute(update(t.access_token).where(a.person_id == person_id).values(revoked_ms=now_ms))


def sign_in(
    conn: Connection, now_ms: int, connector_id: str, person_id: str, endpoint_url: str
) -> dict[str, object]:
    """Issue a user refresh token after a PIN or OAuth sign-in; the one before it ends."""
    grant_id = find_grant(conn, now_ms, connector_id, "user", person_id, None)
    token, expires_ms = issue_refresh_token(conn, now_ms, grant_id)
    return {
        "refreshToken": token,
        "grantedScope": GRANTED_SCOPE,
        "refreshTokenExpiry": expires_ms,
        # Clients append v1/accessToken without a slash of their own.
        "endpointUrl": endpoint_url + "/",
    }
