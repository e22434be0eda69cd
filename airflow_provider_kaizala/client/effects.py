"""What the policy wants carried out, and what comes back: the language between the policy and the clients."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Self

from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_kaizala.client.multipart import Upload
    from airflow_provider_kaizala.client.settings import Grant
    from airflow_provider_kaizala.client.tokens import Tokens


class Send(Value):
    """Send this HTTP request; resume with a :class:`Reply`, or throw :class:`TransportFailure`. Redirects are not followed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | Upload | None = field(repr=False)
    connect_timeout: float
    read_timeout: float
    #: bound of the whole exchange in seconds, also while a reply drips in
    total_timeout: float


class Sleep(Value):
    """Wait this many seconds; resume with None."""

    seconds: float


class Reserve(Value):
    """Ask a budget that blocks for a place within less than *patience* seconds; resume with the seconds until then."""

    patience: float


class Load(Value):
    """Resume with what the token store has for this grant."""

    grant: Grant


class Save(Value):
    """Put tokens into the token store; resume with None."""

    grant: Grant
    tokens: Tokens


Effect = Send | Sleep | Reserve | Load | Save


class Reply(Value):
    """A whole reply. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @classmethod
    def read(cls, status: int, headers: Mapping[str, str], body: bytes) -> Self:
        """Return a reply whose header names may be in any case."""
        return cls(status, {name.lower(): value for name, value in headers.items()}, body)


class TransportFailure(Exception):
    """No whole reply came.

    :param sent: False only if it is certain that no connection was made, so nothing can have been sent
    :param certificate: whether a TLS certificate was not trusted, which no retry can change
    """

    def __init__(self, detail: str, *, sent: bool, certificate: bool = False) -> None:
        super().__init__(detail)
        self.detail, self.sent, self.certificate = detail, sent, certificate

    @classmethod
    def timed_out(cls, *, sent: bool) -> Self:
        """Return the failure of an exchange that outlasted its total bound."""
        return cls("timed out: the time for the whole call is over", sent=sent)
