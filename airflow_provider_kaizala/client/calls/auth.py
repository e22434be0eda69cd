"""Calls that sign in: tokens for connectors and people."""

from __future__ import annotations

from urllib.parse import urlencode

from airflow_provider_kaizala.client.calls.call import Call, make, sent
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.client.models.tokens import AccessToken, RefreshToken
from airflow_provider_kaizala.client.operations import OPERATIONS


def access_token(connector_id: str, connector_secret: str, refresh_token: str) -> Call[AccessToken]:
    """Exchange the connector's credentials and a refresh token, sent as headers, for an access token that is valid for 24 hours."""
    headers = {
        "applicationId": connector_id,
        "applicationSecret": connector_secret,
        "refreshToken": refresh_token,
    }
    return make("getAccessToken", AccessToken.read, headers=headers)


def generate_pin(mobile_number: str, connector_id: str) -> Call[bool]:
    """Send a person a PIN by text message, for signing in to a connector."""
    body = {"mobileNumber": checks.phone("mobile_number", mobile_number), "applicationId": connector_id}
    return make("generatePin", sent, body=body)


def login_with_pin(
    mobile_number: str, connector_id: str, connector_secret: str, pin: str | int
) -> Call[RefreshToken]:
    """Exchange a PIN for the person's refresh token, valid for 365 days; put it into the connection's ``refresh_token``."""
    digits = checks.secret("pin", str(pin) if isinstance(pin, int) else pin).strip()
    body = {
        "mobileNumber": checks.phone("mobile_number", mobile_number),
        "applicationId": connector_id,
        "applicationSecret": connector_secret,
        "pin": digits,
    }
    return make(
        "loginWithPinAndApplicationId", RefreshToken.read, body=body, secrets=(digits, connector_secret)
    )


def authorize_url(oauth_root: str, connector_id: str, redirect_uri: str) -> str:
    """Return the address at which a person signs in; Kaizala redirects the browser to *redirect_uri* with ``?code=``.

    :param oauth_root: ``settings.oauth_root``
    :param redirect_uri: exactly as it is registered for the connector
    """
    query = urlencode({"client_id": connector_id, "redirect_uri": redirect_uri})
    return f"{oauth_root}{OPERATIONS['oauthAuthorize'].path}?{query}"


def oauth_token(connector_id: str, connector_secret: str, code: str) -> Call[AccessToken]:
    """Exchange the code of :func:`authorize_url` for tokens. A code works once."""
    checks.secret("code", code)
    form = {"client_id": connector_id, "client_secret": connector_secret, "code": code}
    return make("oauthToken", AccessToken.read, form=form, secrets=(connector_secret, code))


def get_me(group_id: str | None = None) -> Call[Person]:
    """Read the profile of the token's user; with *group_id*, that of the admin who granted the group."""
    return make("getMe", Person.read, group_id)
