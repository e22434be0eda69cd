from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    TaskDeferred,
)

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks import wait_for_people
from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.tasks.wait_for_people import (
    GRACE,
    LAST_LOOK,
    TimeoutMixin,
    check_times,
    literal_rule,
)
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.rules import AtLeast, Everyone, People, read_rule
from airflow_provider_kaizala.waiting.subjects import NewMembers, Responses
from airflow_provider_kaizala.waiting.wait import Wait
from tests.unit.tasks.store import Store

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


class Waits(TimeoutMixin, BaseOperator):
    """Waits for the action of the in-memory Kaizala."""

    def __init__(
        self,
        *,
        until="any",
        left=60,
        timeout=60.0,
        on_timeout="fail",
        deferrable=False,
        subject=None,
        waking=None,
        kaizala_conn_id="kaizala_default",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.until, self.left, self.timeout, self.on_timeout = until, left, timeout, on_timeout
        self.deferrable, self.subject, self.waking = deferrable, subject, waking
        self.kaizala_conn_id, self.group_id = kaizala_conn_id, None
        self.woken, self.carried_over = [], None

    def run_task(self, context):
        return self.wait_for_people(self.new_wait(), context)

    def new_wait(self):
        deadline = None if self.left is None else datetime.now(tz=UTC) + timedelta(seconds=self.left)
        subject = self.subject or Responses(self.group(), "act-1")
        return Wait(subject, read_rule(self.until), deadline, 30.0)

    def kept_wait(self, context):
        kept = TaskState(context).get("wait")
        return Wait.from_wire(kept) if kept else None

    def next_waking(self, wait):
        return self.waking

    def wake(self, wait, context):
        self.woken.append(wait)
        self.waking = None

    def carried(self):
        return {"asked": "a"}

    def take_up(self, carried, context):
        self.carried_over = carried


class Deferred(NamedTuple):
    kwargs: dict
    deferral: TaskDeferred

    @property
    def wait(self):
        return Wait.from_wire(self.kwargs["wait"])


@pytest.fixture
def sleeps(monkeypatch):
    """How long the task slept; no time passes."""
    found = []
    monkeypatch.setattr(wait_for_people, "time", SimpleNamespace(sleep=found.append))
    return found


@pytest.fixture
def begin(kaizala, sleeps):
    """Run a task until it ends: what it returns, and the task."""

    def run(context=None, **given):
        task = Waits(task_id="t", **given)
        return task.execute(context or {}), task

    return run


@pytest.fixture
def defer(begin):
    """Run a deferrable task until it leaves its worker; what travels is plain."""

    def run(context=None, **given):
        with pytest.raises(TaskDeferred) as deferred:
            begin(context, deferrable=True, **given)
        trigger = deferred.value.trigger
        assert type(trigger) is KaizalaWaitTrigger
        return Deferred(json.loads(json.dumps(trigger.serialize()[1])), deferred.value)

    return run


def event(deferred, status, text=None, **more):
    """What the trigger fires."""
    seen = text and {"result": {"answers": [], "met": True}, "text": text}
    return {
        "status": status,
        "wait": deferred.kwargs["wait"],
        "carry": deferred.kwargs["carry"],
        "seen": seen,
    } | more


def ago(seconds):
    return datetime.now(tz=UTC) - timedelta(seconds=seconds)


# --- arguments -----------------------------------------------------------------------------------------------------------


def test_an_interval_must_not_be_longer_than_the_wait():
    check_times(60.0, 60.0, 60.0)
    check_times(1.0, 60.0)
    with pytest.raises(KaizalaInputError, match="poke_interval: 61 s is longer than timeout, 60 s"):
        check_times(61.0, 60.0)
    with pytest.raises(KaizalaInputError, match=r"remind_every: 90.5 s is longer than timeout, 60 s"):
        check_times(1.0, 60.0, 90.5)


@pytest.mark.parametrize(
    ("until", "rule"),
    [
        (2, AtLeast(2)),
        ([ASHA], People((ASHA,))),
        ({"kind": "any_of", "rules": [2, "all"]}, AtLeast(2) | Everyone()),
        ("{{ params.count }}", None),
        (["{{ params.phone }}"], None),
        ({"kind": "at_least", "count": "{{ params.count }}"}, None),
    ],
)
def test_a_literal_rule_is_known_when_the_dag_is_parsed(until, rule):
    assert literal_rule(until) == rule


def test_a_rule_from_another_task_is_known_when_the_task_runs(dag):
    with dag:
        up = BaseOperator(task_id="up")
    assert literal_rule(up.output) is None
    assert literal_rule({"kind": "at_least", "count": up.output}) is None


@pytest.mark.parametrize(
    "wrap",
    [
        lambda function: function,
        lambda function: [function],
        lambda function: {"kind": "any_of", "rules": ["{{ params.rule }}", function]},
    ],
)
def test_a_function_anywhere_in_a_rule_is_refused_when_the_dag_is_parsed(wrap):
    with pytest.raises(KaizalaInputError, match="a function cannot travel to a trigger"):
        literal_rule(wrap(lambda answers: True))


# --- in the worker -------------------------------------------------------------------------------------------------------


def after(kaizala, looks, then):
    """Let something happen before one of the next looks at the action."""
    seen = []

    def answer(request):
        if request.path.endswith("/act-1"):
            seen.append(request)
            if len(seen) == looks:
                then()
        return kaizala.default(request)

    kaizala.otherwise = answer


def test_a_rule_that_is_met_at_the_first_look_ends_the_wait_without_a_pause(kaizala, begin, sleeps, logs):
    kaizala.poll({RAVI: "Yes"})
    result, _ = begin()
    assert (result["complete"], result["tally"]) == (True, {"Yes": 1, "No": 0})
    assert sleeps == []
    assert "'Tea?': 1 of 1 answered (Name of 2)" in logs.text


def test_a_task_looks_until_the_rule_is_met_and_logs_what_is_new(kaizala, begin, sleeps, logs):
    kaizala.poll({})
    after(kaizala, 3, lambda: kaizala.poll({RAVI: "Yes"}))
    result, _ = begin()
    assert result["winner"] == "Yes"
    assert sleeps == [30.0, 30.0]
    assert [line.split(" ", 1)[1].strip() for line in logs.of("info") if "Tea?" in line] == [
        "'Tea?': 0 of 1 answered",
        "'Tea?': 1 of 1 answered (Name of 2)",
    ]


def test_a_rule_that_can_never_be_met_any_more_ends_the_wait_too(kaizala, begin):
    kaizala.poll({RAVI: "No"})
    result, _ = begin(until={"kind": "quorum", "option": "Yes", "count": 1, "people": [RAVI]})
    assert (result["complete"], result["met"]) == (True, False)


def test_the_last_pause_ends_with_the_wait(kaizala, begin, sleeps):
    kaizala.poll({})
    after(kaizala, 2, lambda: kaizala.poll({RAVI: "Yes"}))
    begin(left=7)
    assert len(sleeps) == 1
    assert 6 < sleeps[0] <= 7


def test_a_wait_without_an_end_goes_on_until_its_rule_is_met(kaizala, begin, sleeps):
    kaizala.poll({})
    after(kaizala, 2, lambda: kaizala.poll({RAVI: "Yes"}))
    assert begin(left=None)[0]["complete"] is True
    assert sleeps == [30.0]


def test_the_settled_wait_is_kept_so_that_a_retry_asks_the_same_people(kaizala, begin):
    kaizala.poll({RAVI: "Yes", MEERA: "No"})
    store = Store()
    begin({"task_state_store": store}, until=2)
    assert store == {}, "the wait is over: there is nothing to go on with"
    kaizala.poll({RAVI: "Yes"})
    after(kaizala, 3, lambda: kaizala.poll({RAVI: "Yes", MEERA: "No"}))
    begin({"task_state_store": store}, until="all")
    kept = Wait.from_wire(store.get("kaizala_wait")["value"])
    assert kept.settled
    assert kept.rule.people == (RAVI, MEERA)


def test_a_task_does_what_is_due_between_two_looks(kaizala, begin):
    kaizala.poll({})
    after(kaizala, 3, lambda: kaizala.poll({RAVI: "Yes"}))
    assert len(begin(waking=ago(1))[1].woken) == 1
    kaizala.poll({})
    after(kaizala, 3, lambda: kaizala.poll({RAVI: "Yes"}))
    assert begin(waking=ago(-60))[1].woken == []


# --- time is up ----------------------------------------------------------------------------------------------------------


def test_an_answer_of_the_last_moment_counts(kaizala, begin):
    kaizala.poll({RAVI: "Yes"})
    assert begin(left=-5)[0]["complete"] is True


def test_time_is_up(kaizala, begin):
    kaizala.poll({})
    with pytest.raises(AirflowSensorTimeout, match=r"^Timed out after 60 s: 0 of 1 answered$"):
        begin(left=-5)
    with pytest.raises(AirflowSkipException, match=r"^Timed out after 60 s: 0 of 1 answered$"):
        begin(left=-5, on_timeout="skip")


def test_time_is_up_and_the_task_returns_what_has_come(kaizala, begin, logs):
    kaizala.poll({RAVI: "Yes"})
    result, _ = begin(until=2, left=-5, on_timeout="return")
    assert (result["complete"], result["met"], len(result["answers"])) == (False, False, 1)
    assert "Timed out after 60 s: 1 of 2 answered (Name of 2). Continuing, as on_timeout says" in logs.text


def test_a_question_that_has_ended_ends_the_wait_before_its_timeout(kaizala, begin):
    kaizala.poll({}, expiryDate="2026-03-01T08:00:00Z")
    with pytest.raises(
        AirflowSensorTimeout, match="The question ended at 2026-03-01 08:00:00 UTC: 0 of 1 answered"
    ):
        begin()


@pytest.mark.parametrize("on_timeout", ["fail", "return"])
def test_time_is_up_and_nothing_was_ever_read(kaizala, begin, on_timeout):
    kaizala.otherwise = lambda request: kaizala.error(500)
    with pytest.raises(AirflowSensorTimeout, match="Timed out after 60 s: Kaizala could not be read"):
        begin(left=-5, on_timeout=on_timeout)


# --- Kaizala cannot be read ----------------------------------------------------------------------------------------------


def fails(kaizala, code="Down"):
    """Answers with which one look fails, the repeats of its call included."""
    return [kaizala.error(500, code)] * 5


def test_a_task_keeps_polling_while_kaizala_is_down_and_says_so_once(kaizala, begin, sleeps, logs):
    kaizala.poll({RAVI: "Yes"})
    kaizala.script += [*fails(kaizala), *fails(kaizala), *fails(kaizala, "Other")]
    assert begin()[0]["complete"] is True
    assert len(sleeps) == 3
    lines = logs.of("warning")
    assert ["Down" in line for line in lines] == [True, False]
    assert all("Kaizala cannot be read now; polling again" in line for line in lines)


def test_a_second_outage_is_news_again(kaizala, begin, logs):
    kaizala.poll({})
    kaizala.script += [*fails(kaizala), kaizala.default, *fails(kaizala)]
    after(kaizala, 1, lambda: kaizala.poll({RAVI: "Yes"}))
    begin()
    assert len(logs.of("warning")) == 2


@pytest.mark.parametrize(
    ("status", "says"),
    [(404, "getAction failed"), (403, "may lack a permission"), (401, "check connector id")],
)
def test_an_error_that_waiting_cannot_fix_ends_the_wait(kaizala, begin, status, says):
    kaizala.otherwise = lambda request: kaizala.error(status)
    with pytest.raises(AirflowFailException, match=says):
        begin()


def test_a_rule_that_does_not_fit_ends_the_wait(kaizala, begin):
    kaizala.poll({})
    with pytest.raises(AirflowFailException, match="4 people can never answer"):
        begin(until=4)


def test_a_connection_that_cannot_be_read_at_the_first_look_fails_as_it_does_everywhere(begin, monkeypatch):
    monkeypatch.setattr(KaizalaHook, "get_connection", lambda self, conn_id: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        begin(subject=Responses("g", "a"))


def test_from_the_second_look_on_that_is_waited_out(kaizala, begin, sleeps, logs, monkeypatch):
    kaizala.poll({})
    after(kaizala, 2, lambda: kaizala.poll({RAVI: "Yes"}))
    read, looks = KaizalaHook.read, []

    def fails_once(hook, reading):
        looks.append(reading)
        if len(looks) == 2:
            raise RuntimeError("the supervisor is gone")
        return read(hook, reading)

    monkeypatch.setattr(KaizalaHook, "read", fails_once)
    assert begin()[0]["complete"] is True
    assert len(sleeps) == 2
    assert "polling again: the supervisor is gone" in logs.of("warning")[0]


@pytest.mark.parametrize(("left", "asks", "waited"), [(60, 40, True), (5, 10, False), (None, 40, True)])
def test_a_throttle_is_not_waited_out_longer_than_the_wait_lasts(kaizala, begin, left, asks, waited):
    kaizala.poll({RAVI: "Yes"})
    kaizala.script.append(kaizala.error(429, retry_after=str(asks)))
    begin(left=left)
    assert kaizala.sleeps == ([asks] if waited else [])


@pytest.mark.parametrize("asks", [int(LAST_LOOK) - 5, int(LAST_LOOK) + 5])
def test_the_look_at_the_end_may_take_a_moment(kaizala, begin, asks):
    kaizala.poll({RAVI: "Yes"})
    kaizala.script.append(kaizala.error(429, retry_after=str(asks)))
    if asks < LAST_LOOK:
        begin(left=-5)
    else:
        with pytest.raises(AirflowSensorTimeout, match="Kaizala could not be read"):
            begin(left=-5)


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


def test_a_deferrable_task_whose_rule_is_met_does_not_defer(kaizala, begin):
    kaizala.poll({RAVI: "Yes"})
    assert begin(deferrable=True)[0]["complete"] is True


def test_a_wait_without_an_end_defers_without_one(kaizala, defer):
    kaizala.poll({})
    deferred = defer(left=None)
    assert deferred.deferral.timeout is None
    assert deferred.wait.deadline is None


def test_the_first_look_may_be_left_to_the_triggerer(kaizala, defer):
    kaizala.script += fails(kaizala)
    assert not defer(until="all").wait.settled


def test_but_not_if_it_decides_what_counts(kaizala, group, defer, sleeps):
    """In the triggerer, everyone who is in the group by then would seem to have been there."""
    kaizala.script += fails(kaizala)
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

    def run(wait=None, error="Trigger timeout", **given):
        store = Store()
        if wait is not None:
            late = {**wait.to_wire(), "deadline": ago(600).isoformat()}
            TaskState({"task_state_store": store}).set("wait", late)
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
