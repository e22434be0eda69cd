"""An auth manager for tests: Airflow's simple one, but a viewer may read only some DAGs."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

#: what the ids of the DAGs begin with that a viewer may read
SHOP = "shop"


class OwnDags(SimpleAuthManager):
    """Lets a viewer read the DAGs of the shop alone."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        """Return whether a user may read a DAG, or DAGs at all."""
        if user.role == "viewer" and details and details.id and not details.id.startswith(SHOP):
            return False
        return super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )
