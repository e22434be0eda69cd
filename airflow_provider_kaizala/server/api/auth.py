"""Tokens: ``accessToken``, and the sign-in with a PIN."""

from __future__ import annotations

from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import oauth, tokens
from airflow_provider_kaizala.server.domain.context import (
    ACTION_AND_RESPONSES,
    GROUP_INFORMATION,
    GROUP_MEMBER_LIST,
    MEDIA,
    OUTGOING_WEBHOOKS,
    TEXT_MESSAGE,
    USER_PROFILE,
)
from airflow_provider_kaizala.server.domain.errors import bad_request, wrong_connector
from airflow_provider_kaizala.server.domain.persons import PHONE
from airflow_provider_kaizala.server.pin_sign_in import sign_in
from airflow_provider_kaizala.server.state import base_url, state_of

SCOPE = "token.write"
# What a sign-in says was granted, by permission of the connector and in the order of the captured reply.
_SCOPES = {
    GROUP_INFORMATION: "groupinfo.read,groupinfo.write,groupinfo.update,groupinfo.remove",
    GROUP_MEMBER_LIST: "groupmember.read,groupmember.write,groupmember.remove",
    TEXT_MESSAGE: "textmessage.read",
    ACTION_AND_RESPONSES: "action.read,action.write,action.update",
    USER_PROFILE: "profile.write",
    MEDIA: "media.read",
    OUTGOING_WEBHOOKS: "webhook.read,webhook.write,webhook.update,webhook.remove",
}


async def get_access_token(request: Request) -> Reply:
    """Exchange connector id, secret and refresh token, all in headers, for a 24 h access token."""
    server = state_of(request)
    connector_id, secret, refresh = (
        request.headers.get(name, "").strip()
        for name in ("applicationid", "applicationsecret", "refreshtoken")
    )
    if not (connector_id and secret and refresh):
        raise wrong_connector()
    issued = await server.database.write(
        lambda conn: tokens.exchange(
            conn,
            server.clock.now_ms(),
            connector_id,
            secret,
            refresh,
            rotation_ends_old_token=server.rotation_ends_old_token,
        )
    )
    return _render(request, issued)


async def exchange_code(request: Request, fields: Fields) -> Reply:
    """``POST /api/oauth/token``: trade the code of an authorization for tokens."""
    server = state_of(request)
    client_id = fields.text("client_id", most=128)
    secret, code = fields.text("client_secret", most=500), fields.text("code", most=500)
    issued = await server.database.write(
        lambda conn: oauth.redeem(conn, server.clock.now_ms(), client_id, secret, code)
    )
    return _render(request, issued)


def _render(request: Request, issued: tokens.Tokens) -> Reply:
    """Return tokens as replies show them."""
    return {
        "accessToken": issued.access,
        "endpointUrl": base_url(request) + "/",
        "accessTokenExpiry": issued.access_expires_ms,
        "refreshToken": issued.refresh,
        "scope": SCOPE,
    }


async def generate_pin(request: Request, fields: Fields) -> Reply:
    """Accept the request for a PIN. There is no SMS here: the PIN is the one people sign in to the page with.

    The reply is the same for known and unknown numbers, so that nobody can find out who is registered.
    """
    server = state_of(request)
    _phone(fields)
    connector_id = fields.text("applicationId", most=128)
    await server.database.read(lambda conn: tokens.check_connector(conn, connector_id, None))
    return {}


async def login_with_pin(request: Request, fields: Fields) -> Reply:
    """Trade phone number, connector id and PIN for a user refresh token; a secret is checked if it is sent."""
    server = state_of(request)
    mobile, pin = _phone(fields), fields.text("pin", most=100)
    connector_id = fields.text("applicationId", most=128)
    secret = fields.optional_text("applicationSecret", most=500)
    connector = await server.database.read(lambda conn: tokens.check_connector(conn, connector_id, secret))

    def finish(conn: Connection, now_ms: int, person_id: str) -> Reply:
        refresh, expires_ms = tokens.sign_in(conn, now_ms, connector.id, person_id)
        permissions = tokens.permissions_of(conn, connector.id)
        return {
            "refreshToken": refresh,
            "grantedScope": ",".join(_SCOPES[one] for one in permissions if one in _SCOPES),
            "refreshTokenExpiry": expires_ms,
            "endpointUrl": base_url(request) + "/",
        }

    return await sign_in(
        server,
        request,
        mobile,
        pin,
        finish,
        via="api",
        connector=(connector.id, connector.tenant_id),
        is_number=isinstance(fields.raw("pin"), int),
    )


def _phone(fields: Fields) -> str:
    mobile = fields.text("mobileNumber", most=100).strip()
    if not PHONE.match(mobile):
        raise bad_request("mobileNumber is not a phone number with + and country code")
    return mobile
