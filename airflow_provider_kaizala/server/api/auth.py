"""Tokens: ``accessToken``, and the sign-in with a PIN."""

from __future__ import annotations

from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.domain import tokens
from airflow_provider_kaizala.server.domain.errors import bad_request, wrong_connector
from airflow_provider_kaizala.server.domain.fields import PHONE, Fields
from airflow_provider_kaizala.server.pin_sign_in import sign_in
from airflow_provider_kaizala.server.state import base_url, state_of


async def get_access_token(request: Request) -> Reply:
    """Exchange connector id, secret and refresh token, all in headers, for a 24 h access token."""
    server = state_of(request)
    connector_id, secret, refresh = (
        request.headers.get(name, "").strip()
        for name in ("applicationid", "applicationsecret", "refreshtoken")
    )
    if not (connector_id and secret and refresh):
        raise wrong_connector()
    endpoint = base_url(request) + "/"

    def work(conn: Connection) -> Reply:
        return tokens.exchange(
            conn,
            server.clock.now_ms(),
            connector_id,
            secret,
            refresh,
            endpoint,
            rotation_ends_old_token=server.rotation_ends_old_token,
        )

    return await server.database.write(work)


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
    endpoint = base_url(request) + "/"

    connector = await server.database.read(lambda conn: tokens.check_connector(conn, connector_id, secret))
    return await sign_in(
        server,
        request,
        mobile,
        pin,
        lambda conn, now_ms, person_id: tokens.sign_in(conn, now_ms, connector.id, person_id, endpoint),
        via="api",
        connector=(connector.id, connector.tenant_id),
        is_number=isinstance(fields.raw("pin"), int),
    )


def _phone(fields: Fields) -> str:
    mobile = fields.text("mobileNumber", most=100).strip()
    if not PHONE.match(mobile):
        raise bad_request("mobileNumber is not a phone number with + and country code")
    return mobile
