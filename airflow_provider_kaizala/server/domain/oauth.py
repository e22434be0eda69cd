"""The authorization-code flow: single-use codes that live five minutes."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import MINUTE
from airflow_provider_kaizala.server.domain import tokens
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.hashing import fingerprint, new_token
from airflow_provider_kaizala.server.store.tables import connector, oauth_code, person

CODE_LIFE_MS = 5 * MINUTE
_KEPT_MS = 24 * 60 * MINUTE
_c, _o = connector.c, oauth_code.c


class Asking(NamedTuple):
    """The connector that asks somebody to sign in."""

    id: str
    name: str
    tenant_id: str
    permissions: list[str]


def find_connector(conn: Connection, client_id: str, redirect_uri: str) -> Asking:
    """Return the connector that asks; its stored redirect URL must be exactly the one given."""
    found = conn.execute(
        select(_c.id, _c.name, _c.tenant_id, _c.redirect_url).where(
            _c.id == canonical(client_id)[:128], _c.deleted_ms.is_(None), _c.disabled_ms.is_(None)
        )
    ).first()
    if found is None:
        raise bad_request("client_id is not the id of a connector")
    if not found.redirect_url or found.redirect_url != redirect_uri:
        raise bad_request("redirect_uri is not the redirect URL of the connector")
    return Asking(found.id, found.name, found.tenant_id, tokens.permissions_of(conn, found.id))


def issue_code(conn: Connection, now_ms: int, connector_id: str, person_id: str, redirect_uri: str) -> str:
    """Issue a code for a person who signed in."""
    conn.execute(oauth_code.delete().where(_o.expires_ms < now_ms - _KEPT_MS))
    code = new_token()
    conn.execute(
        oauth_code.insert(),
        {
            "code_hash": fingerprint(code),
            "connector_id": connector_id,
            "person_id": person_id,
            "redirect_url": redirect_uri,
            "expires_ms": now_ms + CODE_LIFE_MS,
        },
    )
    return code


def redeem(conn: Connection, now_ms: int, client_id: str, secret: str, code: str) -> tokens.Tokens:
    """Trade a code for an access token and a user refresh token; the code is gone then."""
    connector_id = tokens.check_connector(conn, client_id, secret).id
    person_id = conn.execute(
        update(oauth_code)
        .where(
            _o.code_hash == fingerprint(code),
            _o.connector_id == connector_id,
            _o.used_ms.is_(None),
            _o.expires_ms > now_ms,
            _o.person_id.in_(select(person.c.id).where(person.c.deactivated_ms.is_(None))),
        )
        .values(used_ms=now_ms)
        .returning(_o.person_id)
    ).scalar()
    if person_id is None:
        raise bad_request("code is wrong, expired, or was used already")
    grant_id = tokens.find_grant(conn, now_ms, connector_id, "user", person_id, None)
    refresh, _ = tokens.issue_refresh_token(conn, now_ms, grant_id)
    return tokens.Tokens(*tokens.issue_access_token(conn, now_ms, grant_id, person_id), refresh)
