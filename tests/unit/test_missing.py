"""What an older Airflow lacks says so, in one sentence. Each test runs where the feature is missing: ``make matrix``."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING

import pytest
from airflow import __version__
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException
from airflow.providers.common.compat.version_compat import (
    AIRFLOW_V_3_0_PLUS,
    AIRFLOW_V_3_1_PLUS,
    AIRFLOW_V_3_2_PLUS,
    AIRFLOW_V_3_3_PLUS,
)

from airflow_provider_kaizala import compat, operators, provider_info
from airflow_provider_kaizala.tasks.state import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable


def before(version: str, is_newer: bool) -> pytest.MarkDecorator:
    return pytest.mark.skipif(is_newer, reason=f"Airflow {version} and newer have it")


def a_message_sensor() -> object:
    from airflow_provider_kaizala.sensors import KaizalaMessageSensor

    return KaizalaMessageSensor(task_id="wait", pattern="x")


def events() -> object:
    from airflow_provider_kaizala.push import kaizala_events

    return kaizala_events()


def an_event_trigger() -> object:
    from airflow_provider_kaizala.triggers.events import KaizalaEventTrigger

    return KaizalaEventTrigger("new_members", "11111111-1111-4111-8111-111111111111@1")


@before("3.0", AIRFLOW_V_3_0_PLUS)
@pytest.mark.parametrize(
    ("use", "named"),
    [
        (a_message_sensor, "KaizalaMessageSensor"),
        (events, "kaizala_events"),
        (an_event_trigger, "KaizalaEventTrigger"),
    ],
)
def test_what_webhooks_bring_needs_3_0(use: Callable[[], object], named: str) -> None:
    with pytest.raises(AirflowOptionalProviderFeatureException) as raised:
        use()
    assert str(raised.value) == f"{named} needs Airflow 3.0 or newer; this is {__version__}"


@before("3.0", AIRFLOW_V_3_0_PLUS)
def test_connections_whose_webhooks_nothing_receives_are_warned_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow_provider_kaizala.push.plugin import KaizalaPlugin

    told: list[str] = []
    monkeypatch.setattr(
        logging.getLogger(compat.__name__), "warning", lambda text, *given: told.append(text % given)
    )
    KaizalaPlugin.on_load()
    assert told == []
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "kaizala_default")
    KaizalaPlugin.on_load()
    assert told == [
        f"Kaizala's webhooks need Airflow 3.0 or newer, this is {__version__}: [kaizala] webhook_connections has no effect"
    ]
    assert KaizalaPlugin().fastapi_apps == []


@before("3.1", AIRFLOW_V_3_1_PLUS)
@pytest.mark.parametrize("module", ["operators.hitl", "operators.hitl_approval", "triggers.hitl"])
def test_human_in_the_loop_needs_3_1(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"airflow_provider_kaizala.{module}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(AirflowOptionalProviderFeatureException) as raised:
        importlib.import_module(name)
    assert str(raised.value) == (
        "KaizalaHITLOperator and KaizalaHITLApprovalOperator need Airflow 3.1 or newer (Human-in-the-loop); "
        f"this is {__version__}"
    )


@before("3.1", AIRFLOW_V_3_1_PLUS)
def test_human_in_the_loop_is_not_among_the_operators_but_can_be_asked_for() -> None:
    assert not any("HITL" in name for name in operators.__all__)
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"need Airflow 3\.1 or newer"):
        _ = operators.KaizalaHITLOperator


@before("3.1", AIRFLOW_V_3_1_PLUS)
def test_the_page_needs_3_1_and_the_plugin_loads_without_it() -> None:
    from airflow_provider_kaizala.push.plugin import KaizalaPlugin

    assert KaizalaPlugin().external_views == []


@before("3.2", AIRFLOW_V_3_2_PLUS)
def test_the_metadata_that_names_commands_is_accepted_where_airflow_reads_none() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    manager.initialize_providers_list()
    loaded = manager.providers["airflow-provider-kaizala"].data
    assert {name: loaded.get(name) for name in ("name", "cli")} == {
        name: provider_info.get_provider_info().get(name) for name in ("name", "cli")
    }


@before("3.3", AIRFLOW_V_3_3_PLUS)
def test_without_a_store_a_task_keeps_nothing_and_forgets_nothing() -> None:
    state = TaskState({"ti": None})
    state.begin()
    assert not state.is_kept
    assert state.get_ever("began") is None
    assert state.forgotten_since is None
