"""What a wait sits out: failures that may be over at the next look. One answer for all modes of waiting."""

from __future__ import annotations

from airflow_provider_kaizala.client.errors import (
    KaizalaError,
    KaizalaNoReplyError,
    KaizalaServerError,
    KaizalaThrottledError,
    KaizalaUnreachableError,
)


def is_transient(error: KaizalaError) -> bool:
    """Tell whether to look again: yes for a throttle, a 5xx and a network that fails; no for what Kaizala refused."""
    return isinstance(
        error, (KaizalaThrottledError, KaizalaServerError, KaizalaNoReplyError, KaizalaUnreachableError)
    )
