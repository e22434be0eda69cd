"""Keeps Kaizala's tokens in an Airflow Variable, so that tasks share them and a rotated refresh token survives."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, Tokens, TokenStore

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.settings import Grant

log = logging.getLogger(__name__)


def store_for(conn_id: str) -> TokenStore:
    """Return the store for a connection: Variables where there are any, else this process's memory."""
    return VariableTokenStore(conn_id) if compat.airflow_keeps_variables() else MemoryTokenStore()


class VariableTokenStore:
    """One Variable for each grant of a connection, ``kaizala_token_<connection>_<grant>``.

    Its name holds ``token``, so Airflow masks its value; in the database it is encrypted with the Fernet key. A store that
    cannot be reached costs a call and a warning, not the task; a *rotated* refresh token that cannot be kept is an error in
    the log, since it is needed once the configured one ends.
    """

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def key(self, grant: Grant) -> str:
        """Return the Variable's name."""
        return "kaizala_token_" + re.sub(r"[^A-Za-z0-9_.@-]", "_", f"{self.conn_id}_{grant.name}")[:200]

    def load(self, grant: Grant) -> Tokens | None:
        """Return what was saved last for this grant, or None."""
        try:
            text = compat.get_variable(self.key(grant))
        except Exception as error:  # noqa: BLE001
            log.warning(
                "Variable %s cannot be read (%s); asking Kaizala for a token",
                self.key(grant),
                type(error).__name__,
            )
            return None
        tokens = Tokens.from_json(text) if text else None
        if tokens:
            self._mask(tokens)
        return tokens

    def save(self, grant: Grant, tokens: Tokens) -> None:
        """Keep *tokens*, over whatever was there."""
        self._mask(tokens)
        try:
            compat.set_variable(
                self.key(grant),
                tokens.to_json(),
                f"Kaizala tokens of connection {self.conn_id}; kept by the provider",
            )
        except Exception as error:  # noqa: BLE001
            if tokens.refresh_token:
                log.error(
                    "Kaizala gave a new refresh token for %s of connection %s, and Variable %s cannot be written (%s): "
                    "mend that before the configured refresh token ends",
                    grant.name, self.conn_id, self.key(grant), type(error).__name__,
                )  # fmt: skip
            else:
                log.warning(
                    "Variable %s cannot be written (%s); tokens are not shared",
                    self.key(grant),
                    type(error).__name__,
                )

    @staticmethod
    def _mask(tokens: Tokens) -> None:
        mask_secret(tokens.access_token)
        if tokens.refresh_token:
            mask_secret(tokens.refresh_token)
