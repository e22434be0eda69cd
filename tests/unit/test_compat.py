from __future__ import annotations

import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_kaizala import compat


@pytest.fixture
def supervised(monkeypatch):
    """Look like a task, a trigger or a callback of Airflow 3."""
    task_runner = pytest.importorskip("airflow.sdk.execution_time.task_runner")
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", object(), raising=False)


@pytest.fixture
def unsupervised(monkeypatch):
    """Look like the API server, the CLI or a script."""
    task_runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    if hasattr(task_runner, "SUPERVISOR_COMMS"):
        monkeypatch.delattr(task_runner, "SUPERVISOR_COMMS")


def recorded(monkeypatch, variable):
    made = []

    def get(key, **kwargs):
        made.append(("get", key, kwargs))
        return "kept"

    def put(key, value, **kwargs):
        made.append(("set", key, value, kwargs))

    monkeypatch.setattr(variable, "get", get)
    monkeypatch.setattr(variable, "set", put)
    return made


def test_a_supervised_process_uses_the_variables_of_the_task_sdk(monkeypatch, supervised):
    from airflow.sdk import Variable

    made = recorded(monkeypatch, Variable)
    assert compat.get_variable("a_key") == "kept"
    compat.set_variable("a_key", "a value", "what it is")
    assert made == [
        ("get", "a_key", {"default": None}),
        ("set", "a_key", "a value", {"description": "what it is"}),
    ]


def test_any_other_process_uses_the_metadata_database(monkeypatch, unsupervised):
    from airflow.models.variable import Variable

    made = recorded(monkeypatch, Variable)
    assert compat.get_variable("a_key") == "kept"
    compat.set_variable("a_key", "a value", "what it is")
    assert made == [
        ("get", "a_key", {"default_var": None}),
        ("set", "a_key", "a value", {"description": "what it is"}),
    ]


def test_a_variable_of_the_environment_is_found(monkeypatch, unsupervised):
    """Through Airflow itself; the rest needs a supervisor or a database."""
    monkeypatch.setenv("AIRFLOW_VAR_SOME_KEY", "kept there")
    assert compat.get_variable("some_key") == "kept there"


def test_the_context_of_a_notifier(monkeypatch):
    assert compat.notifier_context({"a": 1}) == ({"context": {"a": 1}} if AIRFLOW_V_3_1_PLUS else {})
    monkeypatch.setattr(compat, "AIRFLOW_V_3_1_PLUS", False)
    assert compat.notifier_context({"a": 1}) == {}


class Recorded:
    """A task instance that notes what is pushed."""

    def __init__(self):
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


RESULT = {"reference_id": "ref-1", "action_id": None}


@pytest.mark.parametrize(
    ("given", "pushed", "left"),
    [
        ({}, {"reference_id": "ref-1"}, False),
        ({"multiple_outputs": False}, {}, False),
        ({"do_xcom_push": False}, {}, True),
    ],
)
def test_airflow_3_0_is_given_no_xcom_of_none(monkeypatch, given, pushed, left):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", True)
    monkeypatch.setattr(compat, "AIRFLOW_V_3_1_PLUS", False)
    operator = SimpleNamespace(**{"do_xcom_push": True, "multiple_outputs": True, **given})
    ti = Recorded()
    assert compat.returned(operator, {"ti": ti}, RESULT) == RESULT
    assert ti.pushed == pushed
    assert operator.multiple_outputs is left, "whether Airflow pushes them"


def test_what_is_pushed_before_others_are_skipped_holds_none_where_airflow_takes_it(monkeypatch):
    operator = SimpleNamespace(do_xcom_push=True, multiple_outputs=True)
    for old, outputs in ((False, RESULT), (True, {"reference_id": "ref-1"})):
        monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", True)
        monkeypatch.setattr(compat, "AIRFLOW_V_3_1_PLUS", not old)
        ti = Recorded()
        compat.push_result(operator, {"ti": ti}, RESULT)
        assert ti.pushed == {**outputs, "return_value": RESULT}


def test_any_other_airflow_pushes_the_outputs_itself(monkeypatch):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_1_PLUS", True)
    operator, ti = SimpleNamespace(do_xcom_push=True, multiple_outputs=True), Recorded()
    assert compat.returned(operator, {"ti": ti}, RESULT) == RESULT
    assert ti.pushed == {}
    assert operator.multiple_outputs


@pytest.mark.skipif(not compat.has_hitl(), reason="Airflow below 3.1 has no HITL")
def test_an_older_standard_provider_takes_no_response_timeout(monkeypatch):
    from airflow.providers.standard.operators.hitl import HITLOperator

    monkeypatch.setattr(HITLOperator, "__init__", lambda self, *, subject, response_timeout=None: None)
    assert compat.hitl_arguments(timedelta(hours=1)) == {"response_timeout": timedelta(hours=1)}
    monkeypatch.setattr(HITLOperator, "__init__", lambda self, *, subject: None)
    assert compat.hitl_arguments(timedelta(hours=1)) == {}


def test_what_listeners_are_told_is_where_the_standard_provider_keeps_it():
    older = SimpleNamespace(hitl_summary={"subject": "Pay?"})
    newer = SimpleNamespace(hitl_summary={"subject": "Pay?"}, hitl_summary_extra={})
    for operator in (older, newer):
        compat.add_to_hitl_summary(operator, approved=True)
    assert older.hitl_summary == {"subject": "Pay?", "approved": True}
    assert (newer.hitl_summary, newer.hitl_summary_extra) == ({"subject": "Pay?"}, {"approved": True})
