"""Tokens, as replies contain them."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_kaizala.client.models.wire import Received

if TYPE_CHECKING:
    from datetime import datetime


class AccessToken(Received):
    """An access token; ``refresh_token`` is set only when Kaizala rotates it."""

    access_token: str = field(repr=False)
    endpoint_url: str
    expires_at: datetime
    refresh_token: str | None = field(repr=False)
    scope: str | None

    names: ClassVar = {"expires_at": ("accessTokenExpiry",)}


class RefreshToken(Received):
    """A user's refresh token, valid for 365 days, from a sign-in with a PIN."""

    refresh_token: str = field(repr=False)
    expires_at: datetime | None
    endpoint_url: str | None
    scope: str | None

    names: ClassVar = {"expires_at": ("refreshTokenExpiry",), "scope": ("grantedScope", "scope")}


class BotToken(Received):
    """An access token of a bot; make the call again to renew it."""

    access_token: str = field(repr=False)
    expires_at: datetime
    scope: str | None

    names: ClassVar = {"expires_at": ("accessTokenExpiry",)}
