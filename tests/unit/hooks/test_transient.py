from __future__ import annotations

import pytest

from airflow_provider_kaizala.client import errors
from airflow_provider_kaizala.hooks.transient import is_transient


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (errors.error_for("getAction", 429), True),
        (errors.error_for("getAction", 500), True),
        (errors.error_for("getAction", 503), True),
        (errors.KaizalaNoReplyError("no reply"), True),
        (errors.KaizalaUnreachableError("no connection"), True),
        (errors.error_for("getAction", 400), False),
        (errors.error_for("getAction", 401), False),
        (errors.error_for("getAction", 500, "InvalidToken"), False),
        (errors.error_for("getAction", 403), False),
        (errors.error_for("getAction", 404), False),
        (errors.error_for("getAction", 418), False),
        (errors.KaizalaGrantError("no grant"), False),
        (errors.KaizalaInputError("until"), False),
        (errors.KaizalaUntrustedHostError("elsewhere"), False),
    ],
)
def test_what_may_be_over_at_the_next_look(error, again):
    assert is_transient(error) is again
