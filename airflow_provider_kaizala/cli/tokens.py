"""``airflow-kaizala tokens``: which tokens there are, and renewing them. No token is ever shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_kaizala.cli.account import Account
from airflow_provider_kaizala.cli.connections import DATABASE, connection_home, update_extra
from airflow_provider_kaizala.cli.errors import exit_code
from airflow_provider_kaizala.cli.exit_codes import DONE, FAILED
from airflow_provider_kaizala.cli.output import Row, complain, counted, note, show, working
from airflow_provider_kaizala.client.calls.auth import get_me
from airflow_provider_kaizala.client.client import KaizalaClient
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaForbiddenError
from airflow_provider_kaizala.client.settings import USER_GRANT
from airflow_provider_kaizala.hooks.connection_test import ISSUING, RenewingStore
from airflow_provider_kaizala.hooks.token_store import VariableTokenStore

if TYPE_CHECKING:
    import argparse

    from airflow_provider_kaizala.client.settings import Grant, Settings

_COLUMNS = {
    "grant": "GRANT",
    "access_token": "ACCESS TOKEN",
    "until": "UNTIL",
    "refresh_token": "REFRESH TOKEN",
}


def status(args: argparse.Namespace) -> int:
    """Show which tokens there are. Kaizala is not asked."""
    settings = Account.of(args).connection.settings
    store = VariableTokenStore()
    rows = [_row(store, grant, settings) for grant in _grants(settings)]
    show(rows, args.output, _COLUMNS, "")
    return DONE


def _row(store: VariableTokenStore, grant: Grant, settings: Settings) -> Row:
    tokens = store.load(grant)
    # not of an address that the connection had before
    is_ours = tokens is not None and tokens.api_root == settings.api_root
    expires = datetime.fromtimestamp(tokens.expires_ms / 1000, tz=UTC) if tokens and is_ours else None
    return {
        "grant": grant.name,
        "access_token": "none" if not expires else "valid" if expires > datetime.now(tz=UTC) else "expired",
        "until": expires.isoformat(timespec="minutes") if expires else None,
        "refresh_token": "rotated" if tokens and tokens.refresh_token else "as configured",
        "variable": store.key(grant),
    }


def rotate(args: argparse.Namespace) -> int:
    """Renew all access tokens, and move refresh tokens that Kaizala has rotated into the connection.

    The Variable of a rotated token is kept: a task that has read the connection before, or another connection with the same
    refresh token, may still need it.
    """
    account = Account.of(args)
    settings = account.connection.settings
    store, kept = RenewingStore(), VariableTokenStore()
    codes: list[int] = []
    rotated: dict[str, str] = {}
    unstored: list[str] = []
    rows: list[Row] = []
    with KaizalaClient(settings, store) as client:
        for grant in _grants(settings):
            group_id = None if grant.name == USER_GRANT else grant.name
            try:
                with working(f"renewing the access token of {grant.description}"):
                    client.run(get_me(group_id))
            except KaizalaError as error:
                # if the connector may not read people, the token has been renewed before
                if not isinstance(error, KaizalaForbiddenError) or error.operation == ISSUING:
                    codes.append(exit_code(error))
                    complain(str(error))
                    continue
            key = kept.key(grant)
            if key in store.unwritten:
                if key not in store.lost:  # which the store has reported
                    unstored.append(grant.name)
                continue
            tokens = kept.load(grant)
            if tokens and tokens.refresh_token:
                rotated[grant.name] = tokens.refresh_token
            rows.append(_row(kept, grant, settings))
    if unstored:
        complain(
            f"the access token of {', '.join(unstored)} was renewed, but cannot be stored in Airflow's Variables, where tasks would find "
            "it; check that this command can write Airflow's database, and run: airflow db migrate"
        )
    show(rows, args.output, _COLUMNS, "")
    if rotated:
        _move(args.conn_id, rotated)
    if store.unwritten:
        codes.append(FAILED)
    return codes[0] if codes else DONE


def _grants(settings: Settings) -> list[Grant]:
    """Return all grants, the user's first."""
    user = [settings.grant_for(None)] if settings.refresh_token else []
    return [*user, *(settings.grant_for(group) for group in settings.group_refresh_tokens)]


def _move(conn_id: str, rotated: dict[str, str]) -> None:
    """Write rotated refresh tokens into the connection, if the database has it."""
    home = connection_home(conn_id)
    count = counted(len(rotated), "rotated refresh token")
    if home != DATABASE:
        note(
            f"{count} kept in Airflow's Variables: connection {conn_id!r} comes from {home}, which this command does not change"
        )
        return
    update_extra(conn_id, rotated)
    note(f"{count} moved into connection {conn_id!r}")
