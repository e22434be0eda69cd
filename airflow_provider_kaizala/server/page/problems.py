"""What goes wrong on the page, and the sentence a person reads."""

from __future__ import annotations

from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.page.strings import Words


class Problem(ApiError):
    """Something the page itself refuses.

    :param reason: names the sentence ``error.<reason>`` of ``strings/``
    :param values: what the sentence mentions
    """

    def __init__(self, status: int, reason: str, **values: object) -> None:
        super().__init__(status, "PageProblem", reason, "BadRequestException", reason=reason, values=values)


def sentence(error: ApiError, words: Words) -> str:
    """Return what to tell a person of an error."""
    values = dict(error.values)
    if "Retry-After" in error.headers:
        values["n"] = max(1, -(-int(error.headers["Retry-After"]) // 60))
    for key in (f"error.{error.reason}", f"error.{error.status}"):
        if key in words:
            return words(key, **values)
    return words("error.500" if error.status >= 500 else "error.400")
