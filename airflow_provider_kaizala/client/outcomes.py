"""What an attempt to make a call means: a value, or an error and whether to repeat the call. No I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from airflow_provider_kaizala.client.errors import (
    TOKEN_CODES,
    KaizalaCertificateError,
    KaizalaError,
    KaizalaNoReplyError,
    KaizalaServerError,
    KaizalaThrottledError,
    KaizalaUnknownOutcomeError,
    KaizalaUnreachableError,
    error_for,
)
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire
from airflow_provider_kaizala.client.storable import storable
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.calls.call import Call
    from airflow_provider_kaizala.client.effects import Reply, TransportFailure

T = TypeVar("T")


class Failed(Value):
    """A failed attempt.

    :param again: seconds after which to repeat it, ``"backoff"``, or None for not at all
    """

    error: KaizalaError
    again: float | str | None


class Outcomes:
    """Reads attempts.

    :param redact: removes secrets from a text
    :param wall: seconds since the epoch
    """

    def __init__(self, redact: Callable[[str], str], wall: Callable[[], float]) -> None:
        self._redact, self._wall = redact, wall

    def without_reply(self, call: Call[T], base: str, failure: TransportFailure) -> Failed:
        """Return what it means that no whole reply came from *base*."""
        detail, host = self._redact(failure.detail), urlsplit(base).netloc
        if failure.sent:
            return _unreadable(call, detail)
        if failure.certificate:
            untrusted = KaizalaCertificateError(
                f"{call.operation}: the certificate of {host} could not be verified ({detail}); nothing was sent. If your own "
                "CA issued it, name that CA's certificate file in the connection's extra verify, in REQUESTS_CA_BUNDLE or in "
                "SSL_CERT_FILE"
            )
            return Failed(untrusted, None)
        unreachable = KaizalaUnreachableError(
            f"{call.operation}: no connection to {host} ({detail}); nothing was sent. "
            "Check the connection's host and proxies, and the network"
        )
        return Failed(unreachable, "backoff")

    def of_reply(self, call: Call[T], reply: Reply) -> T | Failed:
        """Return the value of a whole reply, or a failure."""
        if reply.status < 200:
            return _unreadable(call, f"only an interim reply, status {reply.status}", reply.status)
        try:
            body = storable(json.loads(reply.body), reply.body) if reply.body.strip() else {}
        except (ValueError, RecursionError):
            body = None
        error_code, message = self._error_fields(body)
        if 200 <= reply.status < 300 and not error_code:
            try:
                if body is None:
                    raise UnreadableReplyError("it is not JSON")
                return call.parse(body)
            except UnreadableReplyError as error:
                return _unreadable(call, f"status {reply.status}, but {error}", reply.status)
        if reply.status == 408:
            return _unreadable(call, "status 408, the service timed out", 408)
        retry_after = self._retry_after(reply)
        if reply.status == 429 or (reply.status == 503 and retry_after is not None):
            throttle = throttled(call, reply.status, error_code, message, retry_after)
            return Failed(throttle, retry_after or "backoff")  # 0 does not allow a repeat at once
        if 300 <= reply.status < 400:
            message = message or self._redact(_leads_to(reply))
        failure = error_for(call.operation, reply.status, error_code, message, call.group_id)
        if not isinstance(failure, KaizalaServerError):
            return Failed(failure, None)
        if call.repeatable:
            return Failed(failure, "backoff")
        known = ", ".join(part for part in (f"status {reply.status}", error_code, message) if part)
        return _unreadable(call, known, reply.status)

    def _error_fields(self, body: Any) -> tuple[str | None, str | None]:
        """Return errorCode and message of an error body, redacted."""
        if not isinstance(body, Mapping):
            return None, None
        wire = Wire(body)
        error_code, message = wire.text("errorCode"), wire.text("message")
        if error_code and error_code.lower() not in TOKEN_CODES:
            error_code = self._redact(error_code)[:100]
        return error_code, self._redact(message)[:500] if message else None

    def _retry_after(self, reply: Reply) -> float | None:
        """Return the seconds of Retry-After, given as seconds or as an HTTP date; None if there is none that can be read."""
        value = reply.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value[:9])
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - self._wall())


def _leads_to(reply: Reply) -> str:
    """Return where a redirect leads that is not followed, without what may be a secret in its address."""
    try:
        parts = urlsplit(reply.headers.get("location", ""))
        host = parts.hostname and f"{parts.scheme or 'https'}://{parts.hostname}"
    except ValueError:
        host = None
    return f"it leads to {host or 'another page'}, and redirects of this kind are not followed"


def _unreadable(call: Call[T], known: str, status: int | None = None) -> Failed:
    """The request was sent and no readable reply came: repeat if that is safe, else the outcome is unknown."""
    if call.repeatable:
        return Failed(KaizalaNoReplyError(f"{call.operation}: no readable reply ({known})"), "backoff")
    return Failed(KaizalaUnknownOutcomeError(call.operation, call.group_id, known, status), None)


def throttled(
    call: Call[T], status: int, error_code: str | None, message: str | None, retry_after: float | None
) -> KaizalaThrottledError:
    """Return the error for a call that has to wait *retry_after* seconds."""
    error = KaizalaThrottledError(call.operation, status, error_code, message, call.group_id)
    error.retry_after = retry_after
    return error
