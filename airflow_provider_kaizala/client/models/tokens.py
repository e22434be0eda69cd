"""Tokens, as replies contain them."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from datetime import datetime


class AccessToken(Value):
    """An access token; ``refresh_token`` is set only when Kaizala rotates it."""

    access_token: str = field(repr=False)
    endpoint_url: str
    expires_at: datetime
    refresh_token: str | None = field(repr=False)
    scope: str | None

    @classmethod
    def read(cls, body: Any) -> AccessToken:
        """Read a reply of ``accessToken`` or of the OAuth token call."""
        wire = Wire(body)
        expires = wire.time("accessTokenExpiry")
        if expires is None:
            raise UnreadableReplyError("the reply contains no accessTokenExpiry")
        return cls(
            access_token=wire.need("accessToken"),
            endpoint_url=wire.need("endpointUrl"),
            expires_at=expires,
            refresh_token=wire.text("refreshToken"),
            scope=wire.text("scope"),
        )


class RefreshToken(Value):
    """A user's refresh token, valid for 365 days, from a sign-in with a PIN."""

    refresh_token: str = field(repr=False)
    expires_at: datetime | None
    endpoint_url: str | None
    scope: str | None

    @classmethod
    def read(cls, body: Any) -> RefreshToken:
        """Read the reply of ``loginWithPinAndApplicationId``."""
        wire = Wire(body)
        return cls(
            wire.need("refreshToken"),
            wire.time("refreshTokenExpiry"),
            wire.text("endpointUrl"),
            wire.text("grantedScope", "scope"),
        )


class BotToken(Value):
    """An access token of a bot; make the call again to renew it."""

    access_token: str = field(repr=False)
    expires_at: datetime
    scope: str | None

    @classmethod
    def read(cls, body: Any) -> BotToken:
        """Read the reply of ``getBotAccessToken``."""
        wire = Wire(body)
        expires = wire.time("accessTokenExpiry")
        if expires is None:
            raise UnreadableReplyError("the reply contains no accessTokenExpiry")
        return cls(wire.need("accessToken"), expires, wire.text("scope"))
