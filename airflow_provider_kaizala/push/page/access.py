"""What a user of Airflow may see: the same as in Airflow's own pages, decided by Airflow's auth manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity
from airflow.models.connection import Connection

from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable


class Access(Value):
    """What a user may see.

    :param conn_ids: the connections, of those asked for, whose webhooks and events
    :param dag_ids: the DAGs whose open waits
    """

    conn_ids: frozenset[str]
    dag_ids: frozenset[str]


def access_of(user: Any, conn_ids: Iterable[str]) -> Access:
    """Ask the auth manager, which may ask the database or another service.

    :param user: whom Airflow's login has found
    :param conn_ids: the connections that receive webhooks
    """
    manager = get_auth_manager()

    def may_read(conn_id: str) -> bool:
        details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
        return manager.is_authorized_connection(method="GET", details=details, user=user)

    sees_tasks = manager.is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.TASK_INSTANCE, user=user
    )
    dag_ids = manager.get_authorized_dag_ids(user=user, method="GET") if sees_tasks else ()
    return Access(frozenset(filter(may_read, conn_ids)), frozenset(dag_ids))
