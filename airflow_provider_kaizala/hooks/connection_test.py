"""Tries a connection: what the *Test* button of the Airflow UI does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.groups import get_group, list_groups
from airflow_provider_kaizala.client.client import KaizalaClient
from airflow_provider_kaizala.client.errors import KaizalaApiError, KaizalaError, KaizalaForbiddenError
from airflow_provider_kaizala.client.settings import Timeouts
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.hooks.token_store import VariableTokenStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Group
    from airflow_provider_kaizala.client.settings import Grant
    from airflow_provider_kaizala.client.tokens import Tokens
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection


#: the operation that issues access tokens
ISSUING = "getAccessToken"


class RenewingStore(VariableTokenStore):
    """Loads tokens as expired, so that a test uses the connector's secret and its refresh tokens, and stores what comes."""

    def load(self, grant: Grant) -> Tokens | None:
        """Return the tokens that were saved last for this grant, as expired ones, or None."""
        tokens = super().load(grant)
        return tokens and replace(tokens, expires_ms=0)


class Trial(Value):
    """What came of trying one refresh token, or the default group.

    :param what: what was tried, in words
    :param group_id: the group of a group's refresh token, and the default group; None for the user's refresh token
    :param groups: the groups that were read
    :param error: what is wrong; None if it works
    :param may_not_read: whether it works, but the connector may not read groups
    """

    what: str
    group_id: str | None
    groups: tuple[Group, ...] = ()
    error: KaizalaError | None = None
    may_not_read: bool = False

    @property
    def no_token(self) -> KaizalaApiError | None:
        """The reply that refused to issue an access token, None if there is none."""
        error = self.error
        return error if isinstance(error, KaizalaApiError) and error.operation == ISSUING else None

    @property
    def got_token(self) -> bool:
        """Whether an access token was issued, so connector and refresh token are right."""
        return self.error is None or (isinstance(self.error, KaizalaApiError) and not self.no_token)

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.what}: {self.error}"
        return f"{self.what} works{', but the connector may not read groups' if self.may_not_read else ''}"


def try_out(connection: KaizalaConnection, store: VariableTokenStore) -> Iterator[Trial]:
    """Try every refresh token of a connection, and its default group, one by one."""
    settings = replace(connection.settings, timeouts=Timeouts(5, 10, 20), retries=1)
    trials: list[tuple[str, str | None, Call[Any]]] = []
    if settings.refresh_token:
        trials.append(("the user's refresh token", None, list_groups()))
    trials += [
        (f"the refresh token of group {group}", group, get_group(group))
        for group in settings.group_refresh_tokens
    ]
    default = connection.default_group
    if trials and default and default.lower() not in map(str.lower, settings.group_refresh_tokens):
        trials.append((f"default_group {default}", default, get_group(default)))
    with KaizalaClient(settings, store) as client:
        for what, group_id, call in trials:
            try:
                found = client.run(call)
            except KaizalaForbiddenError as error:
                is_of_group = call.group_id is not None and "permission" not in str(error.message).lower()
                if error.operation == ISSUING or is_of_group:
                    yield Trial(what, group_id, error=error)
                else:
                    yield Trial(what, group_id, may_not_read=True)
            except KaizalaError as error:
                yield Trial(what, group_id, error=error)
            else:
                yield Trial(what, group_id, found if isinstance(found, tuple) else (found,))


def try_connection(connection: KaizalaConnection) -> tuple[bool, str]:
    """Try every refresh token of a connection, and its default group; return whether all work, and a sentence about each."""
    store = RenewingStore()
    results: list[str] = []
    for trial in try_out(connection, store):
        if trial.error is not None:
            return False, str(trial)
        results.append(str(trial))
    if not results:
        missing = "the connection has no refresh token: set the extra refresh_token or group_refresh_tokens"
        return False, missing
    if store.lost:
        return False, (
            f"Kaizala issued a new refresh token, but it could not be stored in Variable {', '.join(store.lost)}. Make sure that "
            "this process can write Airflow Variables, and have a new refresh token issued if the configured one stops working"
        )
    settings = connection.settings
    where = f"{settings.api_root} as connector {settings.connector_id}"
    return True, f"Connected to {where}: {'; '.join(results)}"
