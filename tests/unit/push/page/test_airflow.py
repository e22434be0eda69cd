"""What the page needs of Airflow beyond its public interface: each test fails when Airflow changes that. See docs/push-page.md."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.asset import AssetEvent
from airflow.models.connection import Connection
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.state import TaskInstanceState

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push import page
from airflow_provider_kaizala.push.page.app import PATH, START
from airflow_provider_kaizala.push.page.render import static_files
from airflow_provider_kaizala.push.page.waits import DEFERRED, IN_WORKERS
from airflow_provider_kaizala.push.plugin import KaizalaPlugin

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def test_airflows_menu_leads_to_the_page_below_any_path() -> None:
    (view,) = KaizalaPlugin().external_views
    checked = ExternalViewResponse.model_validate(view)
    assert (checked.destination, checked.category, checked.url_route) == ("nav", "browse", "kaizala")
    assert checked.href == f"{PATH}/{START}".removeprefix("/")
    for icon in (checked.icon, checked.icon_dark_mode):
        assert icon is not None
        assert icon.startswith(f"{PATH}/static/".removeprefix("/"))
        assert icon.rpartition("/")[2] in static_files()


def test_below_airflow_3_1_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "AIRFLOW_V_3_1_PLUS", False)
    plugin = KaizalaPlugin()
    assert [each["name"] for each in plugin.fastapi_apps] == ["Kaizala"]
    assert plugin.external_views == []


def test_an_airflow_whose_parts_have_moved_starts_without_the_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(page, "app", raising=False)
    monkeypatch.setitem(sys.modules, "airflow_provider_kaizala.push.page.app", None)
    plugin = KaizalaPlugin()
    assert [each["name"] for each in plugin.fastapi_apps] == ["Kaizala"]
    assert plugin.external_views == []
    assert caplog.text.count("The page Kaizala is left out, since this Airflow is not supported") == 1


def parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


def test_the_auth_manager_is_asked_with_arguments_that_it_has() -> None:
    assert {"method", "details", "user"} <= parameters(BaseAuthManager.is_authorized_connection)
    assert {"method", "access_entity", "user"} <= parameters(BaseAuthManager.is_authorized_dag)
    assert {"method", "user"} <= parameters(BaseAuthManager.get_authorized_dag_ids)
    assert {"conn_id", "team_name"} <= parameters(ConnectionDetails)
    assert DagAccessEntity.TASK_INSTANCE.value == "TASK_INSTANCE"
    assert "connection_id" in parameters(Connection.get_team_name)
    assert inspect.iscoroutinefunction(get_user)


def test_the_models_have_what_is_read() -> None:
    for name in (
        "dag_id",
        "run_id",
        "task_id",
        "map_index",
        "state",
        "start_date",
        "max_tries",
        "trigger_id",
        "id",
    ):
        assert hasattr(TaskInstance, name)
    for model in filter(None, (RenderedTaskInstanceFields, compat.task_state_model())):
        columns = compat.columns_of_task(model)
        assert set(columns) <= set(model.__table__.columns.keys())
        assert all(hasattr(TaskInstance, name) for name in columns.values())
        # the latter two since Airflow 3.4
        assert set(columns) - {"dag_id", "run_id", "task_id"} in (
            {"map_index"}, {"region_id", "region_index"}, {"task_instance_id"},
        )  # fmt: skip
    if compat.AIRFLOW_V_3_3_PLUS:
        assert {"key", "value"} <= set(compat.task_state_model().__table__.columns.keys())
    assert isinstance(Trigger.kwargs, property)
    assert hasattr(Trigger, "task_instance")
    assert hasattr(AssetEvent, "created_dagruns")
    states = {each.value for each in TaskInstanceState}
    assert {DEFERRED, *IN_WORKERS} <= states


def test_there_is_no_task_state_before_airflow_3_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "AIRFLOW_V_3_3_PLUS", False)
    assert compat.task_state_model() is None
