"""Stores Kaizala's tokens in Airflow Variables, so that tasks share them and a rotated refresh token is never lost."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.tokens import Tokens

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.settings import Grant

log = logging.getLogger(__name__)


class VariableTokenStore:
    """Stores the tokens of each grant in one Variable, ``kaizala_token_<grant>_<seed>``.

    The seed identifies the configured refresh token, not the connection: connections that hold the same refresh token share
    what it brings, and so does the *Test* button, which tests under a random connection id. Since the name contains ``token``,
    Airflow masks the value; in the database it is encrypted with the Fernet key.

    A Variable that cannot be read or written costs a token call and a warning, not the task. A *rotated* refresh token that
    cannot be stored is logged as an error and named in :attr:`lost`, since the configured one stops working.

    :ivar lost: Variables that could not be written with a rotated refresh token
    :ivar unwritten: Variables that could not be written, those in :attr:`lost` included
    """

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.unwritten: list[str] = []

    @staticmethod
    def key(grant: Grant) -> str:
        """Return the Variable's name."""
        return f"kaizala_token_{re.sub(r'[^A-Za-z0-9_.@-]', '_', grant.name)[:200]}_{grant.seed}"

    def load(self, grant: Grant) -> Tokens | None:
        """Return the tokens that were saved last for this grant, or None."""
        key = self.key(grant)
        try:
            text = compat.get_variable(key)
        except Exception as error:  # noqa: BLE001
            log.warning(
                "Variable %s cannot be read (%s); asking Kaizala for a token", key, type(error).__name__
            )
            return None
        tokens = Tokens.from_json(text) if text else None
        if tokens:
            self._mask(tokens)
        return tokens

    def save(self, grant: Grant, tokens: Tokens) -> None:
        """Store *tokens* in place of the previous ones."""
        self._mask(tokens)
        key = self.key(grant)
        try:
            compat.set_variable(key, tokens.to_json(), "Kaizala tokens; maintained by the Kaizala provider")
        except Exception as error:  # noqa: BLE001
            kind = type(error).__name__
            self.unwritten.append(key)
            if not tokens.refresh_token:
                log.warning("Variable %s cannot be written (%s); tokens are not shared", key, kind)
                return
            self.lost.append(key)
            log.error(
                "Kaizala issued a new refresh token for grant %s, but Variable %s cannot be written (%s). Fix that before the "
                "configured refresh token stops working",
                grant.name, key, kind,
            )  # fmt: skip

    @staticmethod
    def _mask(tokens: Tokens) -> None:
        mask_secret(tokens.access_token)
        if tokens.refresh_token:
            mask_secret(tokens.refresh_token)
