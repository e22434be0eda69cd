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
        return [{"app": build_app(), "url_prefix": PATH, "name": "Kaizala"}, *self._page]

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The page, in the menu *Browse*. Its addresses are relative, since Airflow may be served below a path."""
        if not self._page:
            return []
        return [
            {
                "name": "Kaizala",
                "href": "kaizala-ui/overview",
                "destination": "nav",
                "category": "browse",
                "url_route": "kaizala",
                "icon": "kaizala-ui/static/icon.svg",
                "icon_dark_mode": "kaizala-ui/static/icon-dark.svg",
            }
        ]

    @cached_property
    def _page(self) -> list[dict[str, Any]]:
        """The app of the page; none before Airflow 3.1."""
        if not compat.has_page():
            return []
        try:
            from airflow_provider_kaizala.push.page import app
        except ImportError as error:
            log.error("The page Kaizala is left out, since this Airflow is not supported: %s", error)
            return []
        return [{"app": app.build_app(), "url_prefix": app.PATH, "name": "Kaizala page"}]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Say so if webhooks are wanted but this Airflow cannot receive them."""
        compat.warn_without_push()
