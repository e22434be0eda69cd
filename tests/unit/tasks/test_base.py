from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import (
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaUnknownOutcomeError,
)
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.base import KaizalaGroupTask


class Task(KaizalaGroupTask, BaseOperator):
    """Does in a group what a test says."""

    template_fields = ("group_id",)

    def __init__(self, *, does=None, group_id=None, kaizala_conn_id="kaizala_default", **kwargs):
        super().__init__(**kwargs)
        self.does, self.group_id, self.kaizala_conn_id = does, group_id, kaizala_conn_id

    def run_task(self, context):
        if isinstance(self.does, Exception):
            raise self.does
        return self.hook.run(calls.get_group(self.group()))


# --- how a task fails ----------------------------------------------------------------------------------------------------


def test_a_task_returns_what_its_work_returns(kaizala, group, run_task):
    assert run_task(Task(task_id="t")).group_id == group


def test_a_wrong_argument_is_not_retried(run_task):
    with pytest.raises(AirflowFailException, match=r"^t: text is empty$") as failed:
        run_task(Task(task_id="t", does=KaizalaInputError("text is empty")))
    assert isinstance(failed.value.__cause__, KaizalaInputError)


def test_a_call_of_unknown_outcome_is_not_retried(run_task):
    error = KaizalaUnknownOutcomeError("sendMessage", "g", "HTTP 502")
    with pytest.raises(AirflowFailException, match="sendMessage to group g was sent, but no readable answer"):
        run_task(Task(task_id="t", does=error))


def test_other_errors_are_left_to_airflows_retries(run_task):
    error = KaizalaForbiddenError("getGroup", 403)
    with pytest.raises(KaizalaForbiddenError) as failed:
        run_task(Task(task_id="t", does=error))
    assert failed.value is error


@pytest.mark.parametrize("fails", [False, True])
def test_the_connections_of_the_hook_are_closed_in_any_case(kaizala, run_task, monkeypatch, fails):
    closed = []

    def close(hook):
        closed.append(hook)

    monkeypatch.setattr(KaizalaHook, "close", close)
    task = Task(task_id="t")
    if fails:
        kaizala.script.append(kaizala.error(403))
        with pytest.raises(KaizalaForbiddenError):
            run_task(task)
    else:
        run_task(task)
    assert closed == [task.hook]


# --- the group -----------------------------------------------------------------------------------------------------------

OTHER = "22222222-2222-4222-8222-222222222222@1"


@pytest.mark.parametrize("given", [None, "", "{{ params.group }}"])
def test_without_a_group_it_is_the_default_group_of_the_connection(kaizala, group, run_task, given):
    """Of a DAG's param that was left empty too."""
    assert run_task(Task(task_id="t", group_id=given), params={"group": ""}).group_id == group


def test_the_group_that_is_given_goes_first(kaizala, run_task):
    assert run_task(Task(task_id="t", group_id=OTHER)).group_id == OTHER


def test_a_connection_without_a_default_group_needs_one(kaizala, connect, run_task):
    connect(extra={"default_group": None})
    with pytest.raises(AirflowFailException, match="group_id is missing: give one"):
        run_task(Task(task_id="t"))


def test_a_group_that_an_upstream_task_did_not_return_is_not_the_default_group(kaizala, run_task, dag):
    with dag:
        up = BaseOperator(task_id="up")
        task = Task(task_id="t", group_id=up.output)
    with pytest.raises(AirflowFailException, match="t: group_id rendered to None"):
        run_task(task, {"up": None})
    assert kaizala.requests == []


def test_a_group_id_is_checked_when_the_dag_is_parsed():
    with pytest.raises(KaizalaInputError, match="group_id: 'a/b' is not a valid group id"):
        Task(task_id="t", group_id="a/b")
