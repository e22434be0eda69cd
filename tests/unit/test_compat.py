from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import Variable
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS

from airflow_provider_kaizala import compat


@pytest.fixture
def calls(monkeypatch):
    made = []

    def get(key, **kwargs):
        made.append(("get", key, kwargs))
        return "kept"

    def put(key, value, **kwargs):
        made.append(("set", key, value, kwargs))

    monkeypatch.setattr(Variable, "get", get)
    monkeypatch.setattr(Variable, "set", put)
    return made


def test_a_variable_is_read_with_the_name_this_airflow_has_for_its_default(calls):
    assert compat.get_variable("a_key") == "kept"
    assert calls == [("get", "a_key", {"default" if AIRFLOW_V_3_0_PLUS else "default_var": None})]


@pytest.mark.parametrize(("version_3", "name"), [(True, "default"), (False, "default_var")])
def test_both_names(calls, monkeypatch, version_3, name):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", version_3)
    compat.get_variable("a_key")
    assert calls == [("get", "a_key", {name: None})]


def test_a_variable_is_set_with_its_description(calls):
    compat.set_variable("a_key", "a value", "what it is")
    assert calls == [("set", "a_key", "a value", {"description": "what it is"})]


def test_a_variable_of_the_environment(monkeypatch):
    """Through Airflow itself; the rest needs a supervisor."""
    monkeypatch.setenv("AIRFLOW_VAR_SOME_KEY", "kept there")
    assert compat.get_variable("some_key") == "kept there"


def test_the_context_of_a_notifier(monkeypatch):
    assert compat.notifier_context({"a": 1}) == ({"context": {"a": 1}} if AIRFLOW_V_3_1_PLUS else {})
    monkeypatch.setattr(compat, "AIRFLOW_V_3_1_PLUS", False)
    assert compat.notifier_context({"a": 1}) == {}


@pytest.mark.parametrize(
    ("version_3", "process", "keeps"),
    [
        (True, "server", False),
        (True, "client", True),
        (True, None, True),
        (False, "server", True),
        (False, None, True),
    ],
)
def test_where_variables_are(monkeypatch, version_3, process, keeps):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", version_3)
    if process:
        monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", process)
    else:
        monkeypatch.delenv("_AIRFLOW_PROCESS_CONTEXT", raising=False)
    assert compat.airflow_keeps_variables() is keeps
