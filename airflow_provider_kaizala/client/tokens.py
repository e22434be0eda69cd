"""Tokens, and where to store them between calls and between processes."""

from __future__ import annotations

import json
from dataclasses import asdict, field
from typing import TYPE_CHECKING, Protocol

from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.settings import Grant


class Tokens(Value):
    """The current tokens of one grant.

    :param access_token: authenticates calls
    :param expires_ms: when it expires, in epoch milliseconds
    :param endpoint_url: base URL of the calls, without ``/v1``
    :param refresh_token: the latest one, if Kaizala rotated it; None while the configured one is the latest
    :param seed: :attr:`Grant.seed` of the configured refresh token from which these descend
    :param api_root: address of the server that issued the access token, which is good for no other one
    """

    access_token: str = field(repr=False)
    expires_ms: int
    endpoint_url: str
    refresh_token: str | None = field(repr=False)
    seed: str
    api_root: str

    def to_json(self) -> str:
        """Return the form that is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Tokens | None:
        """Read the stored form; return None for anything else, since a corrupt store must cost no more than a token call."""
        try:
            found = json.loads(text)
            return cls(
                str(found["access_token"]),
                int(found["expires_ms"]),
                str(found["endpoint_url"]),
                str(found["refresh_token"]) if found.get("refresh_token") else None,
                str(found["seed"]),
                str(found["api_root"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None


class TokenStore(Protocol):
    """Stores tokens, so that tasks share an access token and a rotated refresh token is never lost.

    Both methods may block; the async client calls them in a thread. ``save`` is called as soon as Kaizala issued new tokens,
    before they are used.
    """

    def load(self, grant: Grant) -> Tokens | None:
        """Return the tokens that were saved last for this grant, or None."""

    def save(self, grant: Grant, tokens: Tokens) -> None:
        """Store *tokens* in place of the previous ones."""


class MemoryTokenStore:
    """Stores tokens for the life of the process."""

    def __init__(self) -> None:
        self._kept: dict[str, Tokens] = {}

    def load(self, grant: Grant) -> Tokens | None:
        """Return the tokens that were saved last for this grant, or None."""
        return self._kept.get(grant.name)

    def save(self, grant: Grant, tokens: Tokens) -> None:
        """Store *tokens* in place of the previous ones."""
        self._kept[grant.name] = tokens
