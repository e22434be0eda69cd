"""Tokens between calls, and where to keep them between processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.settings import Grant


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one grant has brought so far.

    :param access_token: for the calls
    :param expires_ms: when it ends, epoch milliseconds
    :param endpoint_url: base of the calls, without ``/v1``
    :param refresh_token: the latest, if the service rotated it; None while the configured one is still the latest
    :param seed: :attr:`Grant.seed` of the configured refresh token from which all this grew
    """

    access_token: str = field(repr=False)
    expires_ms: int
    endpoint_url: str
    refresh_token: str | None = field(repr=False)
    seed: str

    def to_json(self) -> str:
        """Return the form that is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Tokens | None:
        """Read the stored form; None for anything else, since a spoilt store must cost a call and no more."""
        try:
            found = json.loads(text)
            return cls(
                str(found["access_token"]),
                int(found["expires_ms"]),
                str(found["endpoint_url"]),
                str(found["refresh_token"]) if found.get("refresh_token") else None,
                str(found["seed"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None


class TokenStore(Protocol):
    """Keeps tokens, so that tasks share an access token and a rotated refresh token is never lost.

    Both calls may block; the async client makes them in a thread. ``load`` returns None for what is not there.
    ``save`` is called at once when there is something new, before it is used.
    """

    def load(self, grant: Grant) -> Tokens | None:
        """Return what was saved last for this grant, or None."""

    def save(self, grant: Grant, tokens: Tokens) -> None:
        """Keep *tokens*, over whatever was there."""


class MemoryTokenStore:
    """Keeps tokens as long as the process lives."""

    def __init__(self) -> None:
        self._kept: dict[str, Tokens] = {}

    def load(self, grant: Grant) -> Tokens | None:
        """Return what was saved last for this grant, or None."""
        return self._kept.get(grant.name)

    def save(self, grant: Grant, tokens: Tokens) -> None:
        """Keep *tokens*, over whatever was there."""
        self._kept[grant.name] = tokens
