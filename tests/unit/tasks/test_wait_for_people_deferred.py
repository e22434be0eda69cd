from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.tasks.wait_for_people import GRACE
from airflow_provider_kaizala.waiting.subjects import NewMembers
from tests.unit.tasks.store import Store
from tests.unit.tasks.waits import Waits, ago

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)


def event(deferred, status, text=None, **more):
    """What the trigger fires."""
    seen = text and {"result": {"answers": [], "met": True}, "text": text}
    return {
        "status": status,
        "wait": deferred.kwargs["wait"],
        "carry": deferred.kwargs["carry"],
        "seen": seen,
    } | more


# --- in the triggerer ----------------------------------------------------------------------------------------------------


def test_a_deferrable_task_leaves_its_worker_after_the_first_look(kaizala, defer, sleeps):
    kaizala.poll({})
    deferred = defer(until="all")
    assert deferred.wait.settled
    assert deferred.wait.rule.people == (RAVI, MEERA)
    assert deferred.kwargs["kaizala_conn_id"] == "kaizala_default"
    assert (deferred.kwargs["wake_at"], deferred.kwargs["carry"]) == (None, {"asked": "a", "ends_by": None})
    assert (deferred.deferral.method_name, deferred.deferral.kwargs) == ("execute_complete", None)
    assert timedelta(seconds=59) < deferred.deferral.timeout - GRACE <= timedelta(seconds=60)
    assert sleeps == []


def test_the_wait_is_kept_before_the_task_leaves_its_worker(kaizala, defer):
    kaizala.poll({})
    store = Store()
    deferred = defer({"task_state_store": store}, until="all")
    assert store.get("kaizala_wait")["value"] == deferred.kwargs["wait"]


def test_a_deferrable_task_whose_rule_is_met_does_not_defer(kaizala, begin):
    kaizala.poll({RAVI: "Yes"})
    assert begin(deferrable=True)[0]["complete"] is True


def test_a_wait_without_an_end_defers_without_one(kaizala, defer):
    kaizala.poll({})
    deferred = defer(left=None)
    assert deferred.deferral.timeout is None
    assert deferred.wait.deadline is None


def test_the_first_look_may_be_left_to_the_triggerer(kaizala, defer):
    kaizala.script += [kaizala.error(500)] * 5
    assert not defer(until="all").wait.settled


def test_but_not_if_it_decides_what_counts(kaizala, group, defer, sleeps):
    """In the triggerer, everyone who is in the group by then would seem to have been there."""
    kaizala.script += [kaizala.error(500)] * 5
    deferred = defer(subject=NewMembers(group))
    assert deferred.wait.subject.before == (ASHA, RAVI, MEERA)
    assert sleeps == [30.0]


def test_the_task_wants_to_be_woken_when_it_has_something_to_do(kaizala, defer):
    kaizala.poll({})
    waking = ago(-30)
    assert defer(waking=waking).kwargs["wake_at"] == waking.isoformat()


def test_the_task_is_woken_when_its_execution_timeout_is_over(kaizala, defer):
    kaizala.poll({})
    context = {"ti": SimpleNamespace(start_date=datetime(2026, 3, 1, tzinfo=UTC), max_tries=0)}
    deferred = defer(context, execution_timeout=timedelta(hours=1), waking=ago(-30))
    assert deferred.kwargs["wake_at"] == "2026-03-01T01:00:00+00:00"
    assert deferred.kwargs["carry"]["ends_by"] == "2026-03-01T01:00:00+00:00"
    soon = defer({}, execution_timeout=timedelta(hours=1), waking=ago(-30))
    assert datetime.fromisoformat(soon.kwargs["wake_at"]) < ago(-31), "whichever comes first"
    assert timedelta(minutes=59) < datetime.fromisoformat(soon.kwargs["carry"]["ends_by"]) - ago(0)


# --- back in the worker --------------------------------------------------------------------------------------------------


@pytest.fixture
def resume(kaizala, sleeps):
    """Go on with what the trigger has found: what the task returns, and the task."""

    def run(event, context=None, **given):
        task = Waits(task_id="t", deferrable=True, **given)
        return task.execute_complete(context or {}, json.loads(json.dumps(event))), task

    return run


def test_the_task_returns_what_the_trigger_has_seen(kaizala, defer, resume, logs):
    kaizala.poll({})
    deferred = defer()
    kaizala.requests.clear()
    result, task = resume(event(deferred, "success", "1 of 1 answered"))
    assert result == {"answers": [], "met": True}
    assert task.carried_over == deferred.kwargs["carry"]
    assert kaizala.requests == []
    assert "The wait for 'act-1' is over: 1 of 1 answered" in logs.text


def test_at_the_end_the_task_looks_once_more(kaizala, defer, resume):
    """The trigger's last look may be an interval old."""
    kaizala.poll({})
    deferred = defer()
    kaizala.poll({RAVI: "Yes"})
    wait = {**deferred.kwargs["wait"], "deadline": ago(1).isoformat()}
    assert resume(event(deferred, "timeout", wait=wait))[0]["complete"] is True
    kaizala.poll({})
    with pytest.raises(AirflowSensorTimeout, match="Timed out after 60 s: 0 of 1 answered"):
        resume(event(deferred, "timeout", wait=wait))


def test_a_triggerer_whose_clock_is_ahead_does_not_end_the_wait_early(kaizala, defer, resume, sleeps):
    kaizala.poll({})
    deferred = defer(left=7)
    kaizala.poll({RAVI: "Yes"})
    resume(event(deferred, "timeout"))
    assert 6 < sleeps[0] <= 7


def test_at_the_end_what_was_seen_last_is_returned_if_kaizala_is_down(kaizala, defer, resume):
    kaizala.poll({})
    deferred = defer()
    kaizala.otherwise = lambda request: kaizala.error(500)
    wait = {**deferred.kwargs["wait"], "deadline": ago(1).isoformat()}
    ended = event(deferred, "timeout", "1 of 2 answered", wait=wait)
    assert resume(ended, on_timeout="return")[0] == {"answers": [], "met": True}
    with pytest.raises(AirflowSensorTimeout, match="Timed out after 60 s: 1 of 2 answered"):
        resume(ended)


def test_a_task_that_is_woken_does_what_is_due_and_waits_on(kaizala, defer, resume):
    kaizala.poll({})
    deferred = defer(waking=ago(-30))
    tasks = []

    class Woken(Waits):
        def wake(self, wait, context):
            tasks.append(self)
            super().wake(wait, context)

    task = Woken(task_id="t", deferrable=True, waking=ago(1))
    with pytest.raises(TaskDeferred) as again:
        task.execute_complete({}, event(deferred, "wake", "0 of 1 answered"))
    assert tasks == [task]
    assert again.value.trigger.wait == deferred.kwargs["wait"]


def test_a_task_that_is_woken_waits_on_if_its_connection_cannot_be_read(kaizala, defer, resume, monkeypatch):
    kaizala.poll({})
    deferred = defer(waking=ago(-30))
    monkeypatch.setattr(KaizalaHook, "get_connection", lambda self, conn_id: 1 / 0)
    with pytest.raises(TaskDeferred) as again:
        resume(event(deferred, "wake", "0 of 1 answered"))
    assert again.value.trigger.wait == deferred.kwargs["wait"]


def test_a_task_that_is_woken_looks_first(kaizala, defer, resume):
    kaizala.poll({})
    deferred = defer(waking=ago(-30))
    kaizala.poll({RAVI: "Yes"})
    result, task = resume(event(deferred, "wake"), waking=ago(1))
    assert result["complete"] is True
    assert task.woken == [], "there is no one left to remind"


def test_news_is_logged_once_in_the_triggerer_or_in_the_worker(kaizala, defer, resume, logs):
    kaizala.poll({})
    deferred = defer(waking=ago(-30))
    logs.lines.clear()
    with pytest.raises(TaskDeferred):
        resume(event(deferred, "wake", "0 of 1 answered"))
    assert "0 of 1 answered" not in logs.text


def test_the_execution_timeout_ends_a_wait_in_the_triggerer_too(kaizala, defer, resume):
    kaizala.poll({})
    deferred = defer(execution_timeout=timedelta(hours=1))
    carry = {**deferred.kwargs["carry"], "ends_by": ago(1).isoformat()}
    with pytest.raises(AirflowTaskTimeout, match="longer than execution_timeout, 1:00:00: 1 of 2 answered"):
        resume(event(deferred, "wake", "1 of 2 answered", carry=carry), execution_timeout=timedelta(hours=1))


def test_the_execution_timeout_is_not_lengthened_by_waking(kaizala, defer, resume):
    kaizala.poll({})
    deferred = defer(execution_timeout=timedelta(hours=1))
    with pytest.raises(TaskDeferred) as again:
        resume(event(deferred, "wake"), execution_timeout=timedelta(hours=1))
    assert again.value.trigger.carry == deferred.kwargs["carry"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "error", "message": "no such action"}, "^no such action$"),
        ({"status": "other"}, "unexpected event"),
        ({"status": "success", "seen": None}, "unexpected event"),
        ({"status": None}, "unexpected event"),
    ],
)
def test_an_event_that_says_nothing_good_fails_the_task(kaizala, defer, resume, changes, says):
    kaizala.poll({})
    with pytest.raises(AirflowFailException, match=says):
        resume({**event(defer(), "success", "1 of 1 answered"), **changes})


@pytest.mark.parametrize(
    "strange", [None, "success", {"status": "success"}, {"status": "error", "message": "x"}]
)
def test_an_event_that_is_not_one_of_ours_fails_the_task(resume, strange):
    with pytest.raises(AirflowFailException):
        resume(strange)


def test_the_connections_of_the_hook_are_closed_after_the_wait(kaizala, defer, resume, monkeypatch):
    kaizala.poll({})
    deferred, closed = defer(), []

    def close(hook):
        closed.append(hook)

    monkeypatch.setattr(KaizalaHook, "close", close)
    with pytest.raises(TaskDeferred):
        resume(event(deferred, "wake"))
    with pytest.raises(AirflowFailException):
        resume(None)
    assert len(closed) == 2


# --- no triggerer ran when time was up -----------------------------------------------------------------------------------


@pytest.fixture
def end_late(kaizala, sleeps):
    """Go on as Airflow does once it has ended the deferral itself, long after the wait."""

    def run(wait=None, error="Trigger timeout", deadline=LONG_AGO, **given):
        store = Store()
        if wait is not None:
            TaskState({"task_state_store": store}).set("wait", replace(wait, deadline=deadline).to_wire())
        task = Waits(task_id="t", deferrable=True, **given)
        return task.resume_execution("__fail__", {"error": error}, {"task_state_store": store})

    return run


def test_airflow_has_ended_the_wait_and_the_task_looks_a_last_time(kaizala, defer, end_late, logs):
    kaizala.poll({})
    wait = defer().wait
    kaizala.poll({RAVI: "Yes"})
    assert end_late(wait)["complete"] is True
    assert "No triggerer ran when time was up" in logs.of("warning")[0]


def test_airflow_has_ended_the_wait_and_on_timeout_says_what_happens(kaizala, defer, end_late):
    kaizala.poll({})
    wait = defer().wait
    with pytest.raises(AirflowSensorTimeout, match="Timed out after 60 s: 0 of 1 answered"):
        end_late(wait)
    with pytest.raises(AirflowSkipException):
        end_late(wait, on_timeout="skip")
    assert end_late(wait, on_timeout="return")["complete"] is False


@pytest.mark.parametrize("deadline", [ago(-600), None])
def test_a_wait_that_airflow_has_ended_does_not_begin_anew(kaizala, defer, end_late, deadline):
    kaizala.poll({})
    with pytest.raises(AirflowSensorTimeout, match="Timed out after 60 s: 0 of 1 answered"):
        end_late(defer().wait, deadline=deadline)


def test_airflow_has_ended_a_wait_that_was_not_kept(end_late):
    with pytest.raises(AirflowSensorTimeout, match="Timed out after 60 s: Kaizala could not be read"):
        end_late()
    with pytest.raises(AirflowSkipException):
        end_late(on_timeout="skip")


def test_other_failures_of_the_triggerer_stay_failures(end_late):
    with pytest.raises(Exception, match="Trigger failure"):
        end_late(error="Trigger failure")


def test_every_other_way_to_go_on_stays_as_it_is(kaizala, defer):
    kaizala.poll({})
    task = Waits(task_id="t", deferrable=True)
    ended = event(defer(), "success", "1 of 1 answered")
    assert task.resume_execution("execute_complete", {"event": ended}, {})["met"] is True
