"""Every refusal of the server, as the body ``{"message", "errorCode", "errorCategoryKey"}``.

==== ================== ======================================================
400  InvalidParameters  body or parameters are wrong; nothing was stored
401  InvalidToken       access token missing, wrong or expired
401  Unauthenticated    wrong connector pair or refresh token, wrong PIN
403  AccessDenied       permission, grant scope, membership or role
404  NotFound           unknown id or path
405  MethodNotAllowed   known path, other method
408  RequestTimeout     the body stopped to come
413  PayloadTooLarge    body over the limit
415  UnsupportedMedia   MIME type missing or not taken
429  TooManyRequests    with Retry-After
500  OutcomeUnknown     the database was lost while it stored something
503  Unavailable        the database takes nothing, or the disk is full; with Retry-After
==== ================== ======================================================
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_kaizala.server.store.errors import DiskFull, OutcomeUnknown, StoreError, WriterStopped

TOKEN_MISSING = "Token missing. Header should have token as value of ACCESSTOKEN"  # noqa: S105 - a text of the contract
TOKEN_INVALID = "Invalid token. Failure reason:Token validation failed due to unknown reason!"  # noqa: S105
OUTCOME_UNKNOWN = "OutcomeUnknown"
WRONG_CONNECTOR = "Dont have correct applicationId and secret in header!"


class ApiError(Exception):
    """A refusal that the caller sees."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        category: str,
        headers: Mapping[str, str] | None = None,
        *,
        reason: str = "",
        values: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        #: a short name of what is wrong, for the page, which says it in the reader's language
        self.reason = reason
        #: what that sentence mentions
        self.values = dict(values or {})
        self.status = status
        self.code = code
        self.message = message
        self.category = category
        self.headers = dict(headers or {})

    def body(self) -> dict[str, str]:
        """Return the error body of the contract."""
        return {"message": self.message, "errorCode": self.code, "errorCategoryKey": self.category}


def bad_request(message: str, reason: str = "") -> ApiError:
    """The body or a parameter is wrong; the message names the field."""
    return ApiError(400, "InvalidParameters", message, "BadRequestException", reason=reason)


def token_missing() -> ApiError:
    """No access token in the header."""
    return ApiError(401, "InvalidToken", TOKEN_MISSING, "AuthException")


def token_invalid() -> ApiError:
    """Wrong, expired or revoked access token; clients match this exact text."""
    return ApiError(401, "InvalidToken", TOKEN_INVALID, "AuthException")


def wrong_connector() -> ApiError:
    """Wrong connector id, secret or refresh token."""
    return ApiError(401, "Unauthenticated", WRONG_CONNECTOR, "AuthException")


def not_signed_in(message: str, reason: str = "") -> ApiError:
    """Wrong PIN, or no session."""
    return ApiError(401, "Unauthenticated", message, "AuthException", reason=reason)


def denied(message: str, reason: str = "") -> ApiError:
    """Permission, scope, membership or role is missing."""
    return ApiError(403, "AccessDenied", message, "AuthorizationException", reason=reason)


def not_found(what: str) -> ApiError:
    """An id that does not exist."""
    return ApiError(404, "NotFound", f"{what} was not found", "NotFoundException")


def body_too_slow(seconds: float) -> ApiError:
    """Nothing more of a body came for a while."""
    message = f"Nothing more of the body came for {seconds:g} seconds; send it again"
    return ApiError(408, "RequestTimeout", message, "BadRequestException", {"Connection": "close"})


def stopping() -> ApiError:
    """The server stops before a whole body has come."""
    headers = {"Retry-After": "1", "Connection": "close"}
    message = "The server stopped before the whole body had come; send it again"
    return ApiError(503, "Unavailable", message, "ServerException", headers)


def over_quota(most: int) -> ApiError:
    """More uploads than a person may make in a day."""
    message = f"These files would take the person over {most} bytes in 24 hours. Upload them later, or ask for a higher --media-quota"
    return ApiError(413, "QuotaExceeded", message, "BadRequestException", reason="quota")


def too_large(limit: int, reason: str = "", **values: object) -> ApiError:
    """A body or a file of it over the limit."""
    message = f"The {'file' if reason else 'body'} is larger than {limit} bytes"
    return ApiError(413, "PayloadTooLarge", message, "BadRequestException", reason=reason, values=values)


def unsupported_media(message: str) -> ApiError:
    """A part without a MIME type, or of one Kaizala does not take."""
    return ApiError(415, "UnsupportedMedia", message, "BadRequestException")


def throttled(message: str, seconds: int, reason: str = "") -> ApiError:
    """Over a limit; whole seconds until the next try."""
    headers = {"Retry-After": str(max(1, seconds))}
    return ApiError(429, "TooManyRequests", message, "ThrottlingException", headers, reason=reason)


def store_failed(error: StoreError) -> ApiError:
    """Say that the database failed, or the disk; clients repeat a call that is refused with Retry-After, so only where that is safe."""
    if isinstance(error, OutcomeUnknown):
        message = "The connection to the database was lost; what was asked for may have been done, or not"
        return ApiError(500, OUTCOME_UNKNOWN, message, "ServerException")
    if isinstance(error, DiskFull):
        message = "The server's disk is full; nothing was stored"
        return ApiError(503, "Unavailable", message, "ServerException", {"Retry-After": "60"})
    if isinstance(error, WriterStopped):
        message = "The server can no longer write to its database and must be restarted; nothing was changed"
        return ApiError(503, "Unavailable", message, "ServerException")
    message = "The server cannot reach its database"
    return ApiError(503, "Unavailable", message, "ServerException", {"Retry-After": "1"})
