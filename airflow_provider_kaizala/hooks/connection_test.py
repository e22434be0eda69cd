"""Tries a connection: what the *Test* button of the Airflow UI does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.groups import get_group, list_groups
from airflow_provider_kaizala.client.client import KaizalaClient
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaForbiddenError
from airflow_provider_kaizala.client.settings import Timeouts
from airflow_provider_kaizala.hooks.token_store import VariableTokenStore

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.settings import Grant
    from airflow_provider_kaizala.client.tokens import Tokens
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection


class _RenewingStore(VariableTokenStore):
    """Loads tokens as expired, so that a test uses the connector's secret and its refresh tokens, and stores what comes."""

    def load(self, grant: Grant) -> Tokens | None:
        tokens = super().load(grant)
        return tokens and replace(tokens, expires_ms=0)


def try_connection(connection: KaizalaConnection) -> tuple[bool, str]:
    """Try every refresh token of a connection, and its default group; return whether all work, and a sentence about each."""
    settings = replace(connection.settings, timeouts=Timeouts(5, 10, 20), retries=1)
    trials: list[tuple[str, Call[Any]]] = []
    if settings.refresh_token:
        trials.append(("the user's refresh token", list_groups()))
    trials += [
        (f"the refresh token of group {group}", get_group(group)) for group in settings.group_refresh_tokens
    ]
    if not trials:
        missing = "the connection has no refresh token: set the extra refresh_token or group_refresh_tokens"
        return False, missing
    default = connection.default_group
    if default and default.lower() not in map(str.lower, settings.group_refresh_tokens):
        trials.append((f"default_group {default}", get_group(default)))
    results: list[str] = []
    store = _RenewingStore()
    with KaizalaClient(settings, store) as client:
        for what, call in trials:
            try:
                client.run(call)
            except KaizalaForbiddenError as error:
                if call.group_id is not None and "permission" not in str(error.message).lower():
                    return False, f"{what}: {error}"
                results.append(f"{what} works, but the connector may not read groups")
            except KaizalaError as error:
                return False, f"{what}: {error}"
            else:
                results.append(f"{what} works")
    if store.lost:
        return False, (
            f"Kaizala issued a new refresh token, but it could not be stored in Variable {', '.join(store.lost)}. Make sure that "
            "this process can write Airflow Variables, and have a new refresh token issued if the configured one stops working"
        )
    where = f"{settings.api_root} as connector {settings.connector_id}"
    return True, f"Connected to {where}: {'; '.join(results)}"
