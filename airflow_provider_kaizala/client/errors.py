"""The exceptions of this package.

::

    KaizalaError
    ├── KaizalaInputError            an argument is wrong; nothing was sent (also a ValueError)
    ├── KaizalaGrantError            no refresh token of the connection is valid for this group; nothing was sent
    ├── KaizalaUntrustedHostError    Kaizala named a host that must not receive the credentials; nothing was sent there
    ├── KaizalaUnreachableError      outcome NEVER CONNECTED: nothing was sent
    │   └── KaizalaCertificateError  the server's TLS certificate is not trusted; retrying cannot help
    ├── KaizalaUnknownOutcomeError   outcome UNKNOWN: sent, but no readable reply; it may have been carried out
    ├── KaizalaNoReplyError          a call that is safe to repeat got no readable reply to any attempt
    └── KaizalaApiError              Kaizala replied with an error: status, error_code, operation, group_id
        ├── KaizalaThrottledError    outcome THROTTLED: 429, or 503 with Retry-After; ``retry_after`` in seconds
        ├── KaizalaServerError       another 5xx on a call that is safe to repeat
        └── KaizalaRefusedError      outcome REFUSED: a 4xx, nothing was changed
            ├── KaizalaBadRequestError         400
            ├── KaizalaAuthError               401, or any reply whose errorCode rejects the token
            ├── KaizalaForbiddenError          403
            ├── KaizalaNotFoundError           404
            └── KaizalaUnsupportedMediaError   415

The four outcomes in capitals are those of a call that is *not* safe to repeat. No exception text contains a secret: Kaizala's
messages are redacted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return the part of a message that names the known word most like *word*; empty if none is like it."""
    import difflib  # only who made a mistake pays for it: every DAG file is parsed with this package

    near = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class KaizalaError(Exception):
    """Base of all errors of this package.

    :ivar is_transient: whether the same call may succeed later. True for throttling, 5xx replies and network failures
    """

    is_transient: bool = False


class KaizalaInputError(KaizalaError, ValueError):
    """An argument is wrong; nothing was sent. The message says which, what was given, and what is allowed."""


class KaizalaGrantError(KaizalaError):
    """No refresh token of the connection is valid for the group of this call."""


class KaizalaUntrustedHostError(KaizalaError):
    """A redirect or an ``endpointUrl`` named a host that must not receive the credentials."""


class KaizalaUnreachableError(KaizalaError):
    """No connection could be made, so nothing was sent."""

    is_transient = True


class KaizalaCertificateError(KaizalaUnreachableError):
    """The server's TLS certificate is not trusted, or the CA bundle cannot be read. Nothing was sent, and retrying cannot help."""

    is_transient = False


class KaizalaUnknownOutcomeError(KaizalaError):
    """The request was sent, but no readable reply came back: it may have been carried out.

    The client never repeats such a call. Check the group before you send it again.

    :ivar operation: operationId of the call, such as ``sendMessage``
    :ivar group_id: the group of the call
    :ivar status: HTTP status, if one was read
    """

    def __init__(self, operation: str, group_id: str | None, known: str, status: int | None = None) -> None:
        self.operation, self.group_id, self.known, self.status = operation, group_id, known, status
        super().__init__(operation, group_id, known, status)

    def __str__(self) -> str:
        where = f" to group {self.group_id}" if self.group_id else ""
        return (
            f"{self.operation}{where} was sent, but no readable answer came back ({self.known}). "
            "It may have been carried out, so it is not repeated: check the group before sending it again."
        )


class KaizalaNoReplyError(KaizalaError):
    """A call that is safe to repeat got no readable reply to any attempt."""

    is_transient = True


class KaizalaApiError(KaizalaError):
    """Kaizala replied with an error.

    :ivar operation: operationId of the call
    :ivar status: HTTP status
    :ivar error_code: ``errorCode`` of the body, or None
    :ivar message: ``message`` of the body, redacted, or None
    :ivar group_id: the group of the call, or None
    """

    hint = ""

    def __init__(
        self,
        operation: str,
        status: int,
        error_code: str | None = None,
        message: str | None = None,
        group_id: str | None = None,
    ) -> None:
        self.operation, self.status, self.error_code = operation, status, error_code
        self.message, self.group_id = message, group_id
        super().__init__(operation, status, error_code, message, group_id)

    def __str__(self) -> str:
        what = ", ".join(str(part) for part in (self.status, self.error_code) if part)
        where = f" for group {self.group_id}" if self.group_id else ""
        said = f": {self.message}" if self.message else ""
        return f"{self.operation} failed{where} ({what}){said}" + (f" ({self.hint})" if self.hint else "")


class KaizalaThrottledError(KaizalaApiError):
    """Too many calls, and waiting as long as Kaizala asks would exceed the call's total timeout.

    :ivar retry_after: the seconds that Kaizala asked to wait, or None
    """

    is_transient = True
    retry_after: float | None = None
    hint = "Kaizala allows 100 calls a minute per connector and 300 per tenant"


class KaizalaServerError(KaizalaApiError):
    """Kaizala failed (5xx)."""

    is_transient = True


class KaizalaRefusedError(KaizalaApiError):
    """Kaizala refused the call (4xx): nothing was changed."""


class KaizalaBadRequestError(KaizalaRefusedError):
    """400: Kaizala rejects the body or a parameter."""


class KaizalaAuthError(KaizalaRefusedError):
    """401: the connector's id and secret, its refresh token or its access token was refused."""

    hint = "check connector id, connector secret and refresh token: a refresh token expires after 365 days, and when a new one is issued"


class KaizalaForbiddenError(KaizalaRefusedError):
    """403: the connector lacks a permission, the token does not reach the group, or its user is not an admin."""

    hint = "the connector may lack a permission, or was not granted this group"


class KaizalaNotFoundError(KaizalaRefusedError):
    """404: no such group, action or member."""


class KaizalaUnsupportedMediaError(KaizalaRefusedError):
    """415: a file of a type that Kaizala does not accept."""


_BY_STATUS: dict[int, type[KaizalaApiError]] = {
    400: KaizalaBadRequestError,
    401: KaizalaAuthError,
    403: KaizalaForbiddenError,
    404: KaizalaNotFoundError,
    415: KaizalaUnsupportedMediaError,
    429: KaizalaThrottledError,
}

#: errorCodes that reject the access token, whatever the status
TOKEN_CODES = frozenset({"invalidtoken", "tokenexpired"})


def error_for(
    operation: str,
    status: int,
    error_code: str | None = None,
    message: str | None = None,
    group_id: str | None = None,
) -> KaizalaApiError:
    """Return the exception for an error reply: the only place where a status becomes a type."""
    kind = _BY_STATUS.get(status, KaizalaServerError if status >= 500 else KaizalaRefusedError)
    if error_code and error_code.lower() in TOKEN_CODES:
        kind = KaizalaAuthError
    return kind(operation, status, error_code, message, group_id)
