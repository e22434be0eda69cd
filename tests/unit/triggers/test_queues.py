"""Which triggerer waits: with ``[triggerer] queues_enabled``, Airflow 3.3 gives a trigger the queue of its task."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala import sensors, triggers

pytestmark = pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="queues of triggers came with Airflow 3.3")

#: what says whether a trigger gets the queue of its task: since Airflow 3.4, and in 3.3
QUEUED = ("trigger_queue_inherited_from_task", "supports_triggerer_queue")


def test_a_deferred_task_waits_in_a_triggerer_of_its_queue(kaizala, run_task, monkeypatch):
    from airflow.sdk.execution_time.task_runner import _defer_task

    monkeypatch.setenv("AIRFLOW__TRIGGERER__QUEUES_ENABLED", "True")
    kaizala.survey("+910000000002")
    wait = sensors.KaizalaResponseSensor(
        task_id="wait", action_id="act-1", until=2, deferrable=True, queue="people"
    )
    with pytest.raises(TaskDeferred) as deferred:
        run_task(wait)
    ti = SimpleNamespace(task=wait, dag_id="d", task_id="wait", run_id="r")
    message, _ = _defer_task(deferred.value, ti, MagicMock())
    assert message.queue == "people"


def test_only_a_trigger_that_starts_dags_has_no_queue():
    names = ("KaizalaWaitTrigger", "KaizalaHITLTrigger", "KaizalaEventTrigger")
    kinds = [getattr(triggers, name) for name in names]
    named = next(name for name in QUEUED if hasattr(kinds[0], name))
    assert [getattr(kind, named) for kind in kinds] == [True, True, False]
    assert (
        ops.KaizalaAskPollOperator(task_id="ask", question="?", options=["a", "b"], queue="people").queue
        == "people"
    )
