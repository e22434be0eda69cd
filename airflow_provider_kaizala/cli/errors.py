"""The exit code of each error, and an error that only commands have."""

from __future__ import annotations

from airflow_provider_kaizala.cli.exit_codes import FAILED, UNKNOWN, UNREACHABLE, WRONG
from airflow_provider_kaizala.client.errors import (
    KaizalaError,
    KaizalaGrantError,
    KaizalaInputError,
    KaizalaUnknownOutcomeError,
)


class UnwrittenResultError(KaizalaError):
    """Something was posted, but the command's output cannot be written, such as to a full disk."""


def exit_code(error: KaizalaError) -> int:
    """Return the exit code for an error."""
    if isinstance(error, (KaizalaInputError, KaizalaGrantError)):
        return WRONG
    if isinstance(error, (KaizalaUnknownOutcomeError, UnwrittenResultError)):
        return UNKNOWN
    return UNREACHABLE if error.is_transient else FAILED
