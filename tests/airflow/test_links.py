"""The links from a task to the page of the real server, in real Airflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.tasks.links import KaizalaGroupLink, KaizalaPostLink

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow


def test_links_lead_to_a_page_of_the_server(
    run_dag: Any, kaizala_conn: Any, kaizala_server: KaizalaServer
) -> None:
    with DAG("links", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        tell = ops.KaizalaSendMessageOperator(task_id="tell", text="Hello")
    (ti,) = run_dag(dag).get_task_instances()
    (item,) = kaizala_server.feed()
    group, post = (
        ti.xcom_pull(task_ids="tell", key=link.xcom_key) for link in (KaizalaGroupLink(), KaizalaPostLink())
    )
    assert group.startswith(f"{kaizala_server.url}/groups/")
    assert post == f"{group}/posts/{item['referenceId']}"
    assert [link.name for link in tell.operator_extra_links] == ["Post in Kaizala", "Group in Kaizala"]
    for url in (group, post):
        page = httpx.get(url, headers={"Accept": "text/html"}, follow_redirects=True)
        assert page.status_code == 200
        assert page.url.path.endswith("/sign-in"), "it exists, and asks who reads it"


def test_airflow_loads_the_links_of_a_serialized_task(
    airflow_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's UI knows only the serialized DAG."""
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

    with DAG("serialized_links", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ops.KaizalaSendMessageOperator(task_id="tell", text="Hello")
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serialized
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialized
    # false in the whole process once Airflow has read a DAG for its scheduler
    monkeypatch.setattr(Serialized, "_load_operator_extra_links", True)
    task = Serialized.from_dict(Serialized.to_dict(dag)).get_task("tell")
    assert sorted(task.extra_links) == ["Group in Kaizala", "Post in Kaizala"]
    if not AIRFLOW_V_3_0_PLUS:
        assert {type(each) for each in task.operator_extra_links} == {KaizalaGroupLink, KaizalaPostLink}
