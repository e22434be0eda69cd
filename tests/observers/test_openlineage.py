"""OpenLineage's provider reads every task when it starts and ends: ours neither break it nor tell it secrets."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred, TaskInstanceState, task
from airflow.providers.openlineage.extractors import ExtractorManager
from airflow.providers.openlineage.utils.utils import AirflowRunFacet, TaskInfo, TaskInfoComplete
from openlineage.client.serde import Serde

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala import sensors
from tests.unit.conftest import *  # noqa: F403

GIVEN = {
    "question": "Tea?",
    "options": ["Yes", "No"],
    "until": {"kind": "quorum", "option": "Yes", "count": 1},
}
TASKS = {
    "message": (ops.KaizalaSendMessageOperator, {"text": "Hello"}),
    "poll": (ops.KaizalaAskPollOperator, GIVEN),
    "deferred poll": (ops.KaizalaAskPollOperator, {**GIVEN, "deferrable": True}),
    "approval": (ops.KaizalaApprovalOperator, {"question": "Pay?", "approvers": ["+910000000002"]}),
    "sensor": (sensors.KaizalaResponseSensor, {"action_id": "act-1"}),
}


@pytest.fixture
def a_dag():
    with DAG("lineage", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        yield dag


@pytest.fixture(params=[*TASKS, "decorated"])
def used(request, a_dag, kaizala, run_task):
    """A task that has run, so that it holds all that it ever holds."""

    def answer(asked):
        if asked.method == "POST" and asked.path.endswith("/actions"):
            options = [each["title"] for each in asked.json["actionBody"]["choices"]]
            kaizala.poll(
                {"+910000000002": options[0]}, options, "act-1", asked.json["actionBody"]["question"]
            )
            return 200, {"referenceId": "ref-1", "actionId": "act-1"}
        return kaizala.default(asked)

    kaizala.otherwise = answer
    kaizala.survey("+910000000002")
    if request.param == "decorated":

        @task.kaizala_ask(options=["Yes", "No"], until="any")
        def ask():
            return "Tea?"

        operator = ask().operator
    else:
        kind, given = TASKS[request.param]
        operator = kind(task_id="used", **given)
    with suppress(TaskDeferred):
        run_task(operator)
    operator.hook.get_conn()
    return operator


@pytest.mark.parametrize("kind", [TaskInfo, TaskInfoComplete], ids=["usual", "include_full_task_info"])
def test_what_openlineage_sends_of_a_task_is_json_without_secrets(used, kind, secrets_of_the_connection):
    facet = AirflowRunFacet(dag={}, dagRun={}, taskInstance={}, task=kind(used), taskUuid="u")
    sent = Serde.to_json(facet)
    assert json.loads(sent)["task"]["operator_class"] == type(used).__name__
    assert not [secret for secret in secrets_of_the_connection if secret in sent]


@pytest.mark.parametrize(
    "state", [TaskInstanceState.RUNNING, TaskInstanceState.SUCCESS, TaskInstanceState.FAILED]
)
def test_openlineage_asks_our_tasks_for_lineage_without_trouble(used, state, logs):
    found = ExtractorManager().extract_metadata(
        SimpleNamespace(run_id="manual__1"), used, state, task_instance=None
    )
    assert (found.inputs, found.outputs) == ([], [])
    assert logs.of("warning") == []
    assert logs.of("error") == []
