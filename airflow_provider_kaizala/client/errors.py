"""Everything that can go wrong with a call to Kaizala, as one tree.

::

    KaizalaError
    ├── KaizalaInputError            an argument is wrong; nothing was sent (also a ValueError)
    ├── KaizalaGrantError            the connection holds no refresh token that reaches this group; nothing was sent
    ├── KaizalaUntrustedHostError    Kaizala pointed at a host that must not see the credentials; nothing was sent there
    ├── KaizalaUnreachableError      outcome NEVER CONNECTED: nothing was sent
    │   └── KaizalaCertificateError  the server's TLS certificate is not trusted; retrying cannot help
    ├── KaizalaUnknownOutcomeError   outcome UNKNOWN: sent, no readable answer; it may or may not have happened
    ├── KaizalaNoReplyError          a call that is safe to repeat got no readable answer, however often it was tried
    └── KaizalaApiError              a readable failing reply: status, error_code, operation, group_id
        ├── KaizalaThrottledError    outcome THROTTLED: 429, or 503 with Retry-After; ``retry_after`` in seconds
        ├── KaizalaServerError       another 5xx on a call that is safe to repeat
        └── KaizalaRefusedError      outcome REFUSED: a 4xx, nothing happened
            ├── KaizalaBadRequestError         400
            ├── KaizalaAuthError               401, or any reply whose errorCode says the token is no good
            ├── KaizalaForbiddenError          403
            ├── KaizalaNotFoundError           404
            └── KaizalaUnsupportedMediaError   415

The four outcomes in capitals are those of a call that is *not* safe to repeat; only the first three tell what
happened. No exception text ever holds a secret: what Kaizala said is redacted before it gets here.
"""

from __future__ import annotations


class KaizalaError(Exception):
    """Base of all errors of this package.

    :ivar is_transient: whether the same call may succeed later. True for throttling, 5xx replies and network failures
    """

    is_transient: bool = False


class KaizalaInputError(KaizalaError, ValueError):
    """An argument is wrong. Says which, what was given, what is allowed; nothing was sent."""


class KaizalaGrantError(KaizalaError):
    """No refresh token of the connection reaches the group of this call."""


class KaizalaUntrustedHostError(KaizalaError):
    """A redirect or an ``endpointUrl`` named a host that may not see the credentials."""


class KaizalaUnreachableError(KaizalaError):
    """No connection could be made, so nothing was sent."""

    is_transient = True


class KaizalaCertificateError(KaizalaUnreachableError):
    """The server's TLS certificate is not trusted, or the CA bundle cannot be read. Nothing was sent, and retrying cannot help."""

    is_transient = False


class KaizalaUnknownOutcomeError(KaizalaError):
    """The request went out and no readable answer came back: it may have been carried out.

    Never repeated by this package. Look at the group before sending again.

    :ivar operation: operationId of the call, ``sendMessage`` say
    :ivar group_id: the group it went to
    :ivar status: HTTP status, if one was read
    """

    def __init__(self, operation: str, group_id: str | None, known: str, status: int | None = None) -> None:
        self.operation, self.group_id, self.known, self.status = operation, group_id, known, status
        super().__init__(operation, group_id, known, status)

    def __str__(self) -> str:
        where = f" to group {self.group_id}" if self.group_id else ""
        return (
            f"{self.operation}{where} was sent, but no readable answer came back ({self.known}). "
            "It may have been carried out, so it is not repeated: look at the group, then decide."
        )


class KaizalaNoReplyError(KaizalaError):
    """A call that is safe to repeat was repeated, and still no readable answer came."""

    is_transient = True


class KaizalaApiError(KaizalaError):
    """Kaizala answered, and the answer is a failure.

    :ivar operation: operationId of the call
    :ivar status: HTTP status
    :ivar error_code: ``errorCode`` of the body, or None
    :ivar message: ``message`` of the body, redacted, or None
    :ivar group_id: group the call was about, or None
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
    """Too many calls, and waiting as long as Kaizala asks would pass the call's total bound.

    :ivar retry_after: seconds Kaizala asked to wait, or None
    """

    is_transient = True
    retry_after: float | None = None
    hint = "Kaizala allows 100 calls a minute per connector and 300 per tenant"


class KaizalaServerError(KaizalaApiError):
    """Kaizala failed inside (5xx)."""

    is_transient = True


class KaizalaRefusedError(KaizalaApiError):
    """Kaizala refused the call (4xx): nothing was changed."""


class KaizalaBadRequestError(KaizalaRefusedError):
    """400: the body or a parameter is not as Kaizala wants it."""


class KaizalaAuthError(KaizalaRefusedError):
    """401: the connector's id and secret, its refresh token or its access token was refused."""

    hint = "check connector id, connector secret and refresh token: a refresh token lives 365 days and dies when a new one is issued"


class KaizalaForbiddenError(KaizalaRefusedError):
    """403: the connector lacks a permission, the token does not reach the group, or its user is no admin."""

    hint = "the connector may lack a permission, or was not granted this group"


class KaizalaNotFoundError(KaizalaRefusedError):
    """404: no such group, action or member."""


class KaizalaUnsupportedMediaError(KaizalaRefusedError):
    """415: a file of a type that Kaizala does not take."""


_BY_STATUS: dict[int, type[KaizalaRefusedError]] = {
    400: KaizalaBadRequestError,
    401: KaizalaAuthError,
    403: KaizalaForbiddenError,
    404: KaizalaNotFoundError,
    415: KaizalaUnsupportedMediaError,
}

#: errorCodes that mean "this access token is no good", whatever the status
TOKEN_CODES = frozenset({"invalidtoken", "tokenexpired"})


def error_for(
    operation: str,
    status: int,
    error_code: str | None = None,
    message: str | None = None,
    group_id: str | None = None,
) -> KaizalaApiError:
    """Return the exception for a failing reply: the single place where a status becomes a type."""
    kind: type[KaizalaApiError]
    if error_code and error_code.lower() in TOKEN_CODES:
        kind = KaizalaAuthError
    elif status == 429:
        kind = KaizalaThrottledError
    elif status >= 500:
        kind = KaizalaServerError
    else:
        kind = _BY_STATUS.get(status, KaizalaRefusedError)
    return kind(operation, status, error_code, message, group_id)
