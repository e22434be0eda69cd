"""The Airflow plugin that mounts the receiver. Its entry point is ``airflow.plugins``: Airflow ignores plugins of the provider's
metadata while ``[core] lazy_discover_providers`` is on.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push.subscriptions import PATH

log = logging.getLogger(__name__)


class KaizalaPlugin(AirflowPlugin):
    """Receives Kaizala's webhooks in the API server of Airflow 3."""

    name = "kaizala"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override] # a list, made when it is needed
        """The receiver. Airflow loads plugins in every process, each task included; only the API server asks for this."""
        if not compat.has_push():
            return []
        try:
            from airflow_provider_kaizala.push.receiver import build_app
        except ImportError as error:  # something of Airflow has moved; the API server must start all the same
            log.error("No webhooks are received, since this Airflow is not supported: %s", error)
            return []
        return [{"app": build_app(), "url_prefix": PATH, "name": "Kaizala"}]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Say so if webhooks are wanted but this Airflow cannot receive them."""
        compat.warn_without_push()
