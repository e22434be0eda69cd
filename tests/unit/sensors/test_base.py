from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.operators import KaizalaSendPollOperator
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.tasks.wait_for_people import GRACE
from airflow_provider_kaizala.waiting.rules import AnyAnswer, AtLeast
from airflow_provider_kaizala.waiting.subjects import Responses
from airflow_provider_kaizala.waiting.wait import Wait
from tests.unit.task_instance import task_instance

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


def wait(**changes):
    given = {
        "task_id": "wait",
        "action_id": "act-1",
        "poke_interval": 0.001,
        "timeout": 60,
        "deferrable": False,
    }
    return KaizalaResponseSensor(**{**given, **changes})


# --- arguments ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "wire"),
    [
        ("any", {"kind": "any"}),
        ("all", {"kind": "everyone"}),
        (3, {"kind": "at_least", "count": 3}),
        (AtLeast(2), {"kind": "at_least", "count": 2}),
        ([ASHA], {"kind": "people", "people": [ASHA], "need": "all"}),
        (
            {"kind": "people", "people": [ASHA], "need": "any"},
            {"kind": "people", "people": [ASHA], "need": "any"},
        ),
    ],
)
def test_until_is_kept_as_it_travels(until, wire):
    """Airflow writes templated fields down, so there must be nothing in them but plain values."""
    assert wait(until=until).until == wire


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("group_id", "no group", "group_id: 'no group' is not a valid group id; give the GUID"),
        ("action_id", " ", "action_id is empty"),
        ("action_id", None, "action_id is None"),
        ("action_id", "None", "action_id is 'None'"),
        ("group_id", "None", "group_id is 'None'"),
        ("until", "['+910000000001']", "pass dag.param('name') or the upstream task's output itself"),
        ("until", "most", "until: 'most' is not a rule; give 'any', 'all', a count, a list of phone numbers"),
        ("until", ["0123"], "until: people: '0123' is not a phone number in E.164 form"),
        ("until", 0, "until: count"),
        ("until", lambda answers: True, "until: a function cannot travel to a trigger"),
    ],
)
def test_a_literal_is_refused_when_the_dag_is_parsed(name, value, says, kaizala, run_task, dag):
    with pytest.raises(KaizalaInputError) as refused:
        wait(**{name: value})
    assert says in str(refused.value)
    if callable(value):
        return
    with dag:
        up = KaizalaSendPollOperator(task_id="up", question="Tea?", options=["Yes", "No"])
        later = [wait(task_id=f"wait_{mode}", deferrable=mode, **{name: up.output}) for mode in (True, False)]
    for each in later:
        with pytest.raises(AirflowFailException) as failed:
            run_task(each, {"up": value})
        assert says in str(failed.value)
    assert kaizala.requests == []


def test_no_group_anywhere(kaizala, connect, run_task):
    connect(extra={"default_group": None})
    with pytest.raises(AirflowFailException, match="set the extra default_group"):
        run_task(wait())
    assert kaizala.requests == []


def test_a_group_that_was_to_come_and_has_not(kaizala, run_task):
    sensor = KaizalaResponseSensor(task_id="wait", action_id="a1", group_id="{{ params.nothing }}")
    sensor.group_id = None  # as an XCom does
    with pytest.raises(AirflowFailException, match="group_id rendered to None"):
        run_task(sensor)
    assert kaizala.requests == []


def test_templates(kaizala, run_task, dag):
    kaizala.survey(ASHA, RAVI)
    with dag:
        ask = KaizalaSendPollOperator(task_id="ask", question="Tea?", options=["Yes", "No"])
        sensor = wait(
            action_id=ask.output["action_id"],
            group_id="{{ params.group }}",
            until="{{ params.count }}",
            kaizala_conn_id="{{ params.conn }}",
        )
    assert sensor.upstream_task_ids == {"ask"}
    params = {"group": " another-group\n", "count": 2, "conn": "kaizala_default"}
    result = run_task(sensor, {"ask": {"action_id": "act-1"}}, params=params)
    assert result["group_id"] == "another-group"
    assert len(result["answers"]) == 2


@pytest.mark.parametrize(
    "until",
    [
        {"kind": "people", "people": ["{{ params.who }}"]},
        ["{{ params.who }}"],
        {"kind": "at_least", "count": "{{ params.count }}"},
    ],
)
def test_templates_inside_a_rule(kaizala, run_task, until):
    kaizala.survey(ASHA)
    result = run_task(wait(until=until), params={"who": ASHA, "count": 1})
    assert result["complete"] is True


def test_a_native_dag_leaves_phone_numbers_alone(kaizala, run_task):
    kaizala.survey(ASHA)
    with DAG(
        "native",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        render_template_as_native_obj=True,
    ):
        sensor = wait(until=[ASHA])
    assert run_task(sensor)["complete"] is True


def test_mapped(kaizala, run_task, dag):
    kaizala.survey(ASHA, action_id="a1")
    kaizala.survey(RAVI, action_id="a2")
    with dag:
        KaizalaResponseSensor.partial(task_id="each", poke_interval=0.001, until="any").expand(
            action_id=["a1", "a2"]
        )
    results = [run_task(dag.get_task("each"), map_index=at) for at in range(2)]
    assert [each["answers"][0]["responder"] for each in results] == [ASHA, RAVI]


# --- a look ------------------------------------------------------------------------------------------------------------------


def test_a_look_that_finds_enough(kaizala, group, logs):
    kaizala.survey(ASHA)
    found = wait().poke({})
    assert found.is_done
    assert found.xcom_value["answers"][0]["answers"] == {"How many?": 1}
    assert (found.xcom_value["group_id"], found.xcom_value["complete"]) == (group, True)
    assert json.loads(json.dumps(found.xcom_value)) == found.xcom_value
    assert type(found.xcom_value) is dict


def test_a_look_that_does_not(kaizala, logs):
    kaizala.job([ASHA, RAVI], done=[RAVI])
    found = wait(until="all").poke({})
    assert not found.is_done
    assert found.xcom_value is None
    assert "'Open the shutters': 1 of 2 answered (Name of 2); missing: Name of 1" in logs.text


def test_the_log_says_it_once(kaizala, logs):
    kaizala.survey()
    sensor = wait()
    for _ in range(3):
        sensor.poke({})
    kaizala.survey(ASHA)
    sensor.poke({})
    assert len([line for line in logs.of("info") if "Opening check" in line]) == 2


@pytest.mark.parametrize(
    "failure",
    [(500, {}), (200, "no object"), ConnectionRefusedError("refused")],
    ids=["500", "unreadable", "down"],
)
def test_a_failure_that_may_be_over_is_sat_out(kaizala, logs, failure):
    kaizala.survey(ASHA)
    sensor = wait()
    kaizala.script += [failure] * 5
    assert not sensor.poke({}).is_done
    assert "Kaizala cannot be read now; polling again" in logs.of("warning")[0]
    assert sensor.poke({}).is_done


@pytest.mark.parametrize(
    ("status", "says"), [(404, "no such action"), (403, "was not granted"), (400, "400")]
)
def test_what_kaizala_refuses_fails_at_once(kaizala, run_task, status, says):
    kaizala.otherwise = lambda request: kaizala.error(status, "Refused", "no such action")
    with pytest.raises(AirflowFailException, match=says):
        run_task(wait())
    assert len(kaizala.calls()) == 1


def test_a_rule_that_does_not_fit_fails_at_once(kaizala, run_task):
    kaizala.survey(ASHA)
    with pytest.raises(
        AirflowFailException, match="cannot wait for 4 people; number of members of the group: 3"
    ):
        run_task(wait(until=4))
    kaizala.job([ASHA])
    with pytest.raises(
        AirflowFailException, match="cannot wait for 2 people; number of assignees of the job: 1"
    ):
        run_task(wait(until=2))


def test_waiting_in_the_worker(kaizala, run_task):
    def look(request):
        kaizala.survey(*[ASHA, RAVI][: len(kaizala.calls("/act-1")) - 1])
        return kaizala.default(request)

    kaizala.otherwise = look
    assert len(run_task(wait(until=2))["answers"]) == 2
    assert len(kaizala.calls("/members")) == 1, "who is in the group is asked once"
    assert (len(kaizala.calls()), len(kaizala.token_calls)) == (5, 1)


def test_the_time_is_over_in_the_worker(kaizala, run_task):
    kaizala.survey()
    with pytest.raises(AirflowSensorTimeout):
        run_task(wait(timeout=0.001))


def throttled(kaizala, at, seconds):
    """Throttle every call from a look on."""

    def answer(request):
        if len(kaizala.calls("/act-1")) < at:
            return kaizala.default(request)
        return kaizala.error(429, retry_after=str(seconds))

    kaizala.otherwise = answer


@pytest.mark.parametrize("at", [1, 2])
def test_no_throttle_is_waited_out_beyond_the_deadline(kaizala, run_task, at):
    kaizala.survey()
    throttled(kaizala, at, seconds=30)
    began = time.monotonic()
    with pytest.raises(AirflowSensorTimeout):
        run_task(wait(timeout=0.3, poke_interval=0.1))
    assert kaizala.sleeps == []
    assert time.monotonic() - began < 10


def test_a_throttle_that_ends_before_the_deadline_is_waited_out(kaizala, run_task):
    kaizala.survey(ASHA)
    kaizala.script.append(kaizala.error(429, retry_after="30"))
    assert run_task(wait(timeout=40))["complete"] is True
    assert kaizala.sleeps == [30]


def test_what_was_seen_is_returned_though_the_last_look_fails(kaizala, run_task, deferred):
    kaizala.survey(ASHA)
    given = {"until": 2, "on_timeout": "return"}
    throttled(kaizala, at=2, seconds=30)
    result = run_task(wait(timeout=0.1, poke_interval=0.1, **given))
    assert (result["complete"], [each["responder"] for each in result["answers"]]) == (False, [ASHA])
    kaizala.otherwise = None
    parked = deferred(**given)
    throttled(kaizala, at=1, seconds=30)
    assert come_back(parked, "timeout", seen=SEEN, **given) == RESULT


def test_a_pause_too_short_for_airflow_is_spent_in_the_worker(kaizala, run_task, monkeypatch):
    """Airflow fails a task that is to go on before it has heard that it left its worker."""
    kaizala.survey(ASHA)
    given = {"mode": "reschedule", "until": 2, "timeout": 600}
    with pytest.raises(compat.reschedule_exception()):
        run_task(wait(**given, poke_interval=compat.PARKING))
    with pytest.raises(AirflowSensorTimeout):
        run_task(wait(**{**given, "timeout": 0.3}, poke_interval=0.1))
    monkeypatch.setattr(compat, "PARKING", 0.1)
    with pytest.raises(compat.reschedule_exception()):
        run_task(wait(**given, poke_interval=0.2))


def test_what_a_look_has_seen_is_kept_for_the_next_process(kaizala, run_task, monkeypatch):
    kept = {}
    monkeypatch.setattr(TaskState, "get", lambda state, name: kept.get(name))
    monkeypatch.setattr(TaskState, "set", lambda state, name, value: kept.update({name: value}))
    kaizala.survey(ASHA)
    given = {"until": 2, "mode": "reschedule", "timeout": 60, "poke_interval": 60}
    with pytest.raises(compat.reschedule_exception()):
        run_task(wait(**given))
    assert "seen" not in kept, "only on_timeout='return' needs it"
    with pytest.raises(compat.reschedule_exception()):
        run_task(wait(**given, on_timeout="return"))
    kept["wait"]["deadline"] = datetime.now(tz=UTC).isoformat()
    kept |= json.loads(json.dumps(kept))
    throttled(kaizala, at=1, seconds=30)
    result = run_task(wait(**given, on_timeout="return"))
    assert [each["responder"] for each in result["answers"]] == [ASHA]


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_client_is_closed(kaizala, run_task, deferrable):
    kaizala.survey(ASHA)
    sensor = wait(deferrable=deferrable)
    run_task(sensor)
    assert sensor.hook._client is None
    kaizala.survey()
    sensor = wait(deferrable=deferrable, timeout=0.001)
    with pytest.raises((AirflowSensorTimeout, TaskDeferred)):
        run_task(sensor)
    assert sensor.hook._client is None


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("softly", ["soft_fail", "never_fail"])
def test_a_wait_that_may_fail_is_skipped_in_every_mode(kaizala, run_task, deferrable, softly):
    kaizala.otherwise = lambda request: kaizala.error(404, "Refused", "no such action")
    with pytest.raises(AirflowSkipException, match=softly):
        run_task(wait(deferrable=deferrable, **{softly: True}))


# --- waiting in the triggerer ------------------------------------------------------------------------------------------------


def test_no_trigger_for_what_is_there_already(kaizala, run_task):
    kaizala.survey(ASHA)
    assert run_task(wait(deferrable=True))["complete"] is True


@pytest.fixture
def deferred(kaizala, run_task):
    def defer(**changes):
        with pytest.raises(TaskDeferred) as found:
            run_task(wait(deferrable=True, **changes))
        return found.value

    return defer


def test_deferral(kaizala, deferred, group):
    kaizala.survey(sent_at="2026-03-01T07:00:00Z")
    before = datetime.now(tz=UTC)
    found = deferred(until=2, poke_interval=timedelta(seconds=30), timeout=timedelta(hours=1))
    path, kwargs = found.trigger.serialize()
    assert path == "airflow_provider_kaizala.triggers.wait.KaizalaWaitTrigger"
    wait = Wait.from_wire(json.loads(json.dumps(kwargs.pop("wait"))))
    sent_at = datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert wait.subject == Responses(group, "act-1", "Survey", sent_at)
    assert (wait.rule, wait.interval, wait.voters, wait.settled) == (AtLeast(2), 30.0, None, True)
    assert before + timedelta(hours=1) <= wait.deadline <= datetime.now(tz=UTC) + timedelta(hours=1)
    assert kwargs == {"kaizala_conn_id": "kaizala_default", "wake_at": None, "carry": {"ends_by": None}}
    assert found.method_name == "execute_complete"
    assert timedelta(0) <= timedelta(hours=1) + GRACE - found.timeout < timedelta(minutes=1)


def test_what_travels_is_clean(kaizala, deferred):
    """A template may render with white space around, and the trigger knows neither templates nor short forms."""
    kaizala.survey(action_id="act-1")
    found = deferred(
        group_id="{{ ' another-group ' }}", action_id="{{ ' act-1 ' }}", until="{{ params.count or ' 2 ' }}"
    )
    wait = found.trigger.serialize()[1]["wait"]
    assert (wait["subject"]["group_id"], wait["subject"]["action_id"]) == ("another-group", "act-1")
    assert wait["until"] == {"kind": "at_least", "count": 2}


def test_no_secret_travels(kaizala, deferred, secrets_of_the_connection):
    kaizala.survey()
    found = deferred()
    text = json.dumps(found.trigger.serialize()) + repr(vars(found))
    assert [secret for secret in secrets_of_the_connection if secret in text] == []


def test_deferral_though_kaizala_cannot_be_read(kaizala, deferred, logs):
    kaizala.script += [(500, {})] * 5
    assert deferred().trigger.serialize()[1]["wait"]["settled"] is False
    assert "polling again" in logs.text


def test_what_kaizala_refuses_is_no_reason_to_defer(kaizala, run_task):
    with pytest.raises(AirflowFailException, match="404"):
        run_task(wait(deferrable=True))


@pytest.mark.parametrize("default", ["True", None])
def test_the_default_of_airflow_is_honoured(default):
    """It is read when the module is imported, as Airflow's own sensors do."""
    code = (
        "from airflow_provider_kaizala.sensors import KaizalaResponseSensor as S; "
        "print([S(task_id='a', action_id='b').deferrable, S(task_id='a', action_id='b', deferrable=True).deferrable])"
    )
    env = dict(os.environ)
    if default is not None:
        env["AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"] = default
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == f"[{default == 'True'}, True]"


# --- and back ----------------------------------------------------------------------------------------------------------------


RESULT = {
    "group_id": "g",
    "action_id": "act-1",
    "action_type": "Job",
    "title": "Open the shutters",
    "complete": False,
    "met": False,
    "answers": [{"responder": ASHA, "responder_name": "Asha"}, {"responder": None, "responder_name": None}],
    "missing": [{"mobile_number": RAVI, "name": "Ravi"}, {"mobile_number": MEERA, "name": None}],
}
SEEN = {"result": RESULT, "text": "2 of 4 answered"}


def event(status, seen=None, **more):
    """What a trigger fires."""
    wait = Wait(Responses("g", "act-1"), AnyAnswer(), datetime.now(tz=UTC), 60)
    return {"status": status, "wait": wait.to_wire(), "seen": seen, "carry": {}, **more}


def test_success(logs):
    assert wait().execute_complete({}, event("success", SEEN)) == RESULT
    assert "The wait for 'act-1' is over: 2 of 4 answered" in logs.text


def come_back(deferred, status, seen=None, **changes):
    """Let the trigger of a deferred task bring something, as Airflow does: with what travelled through the database."""
    kwargs = json.loads(json.dumps(deferred.trigger.serialize()[1]))
    if status == "timeout":
        kwargs["wait"]["deadline"] = datetime.now(tz=UTC).isoformat()
    sensor = wait(deferrable=True, **changes)
    brought = {"status": status, "wait": kwargs["wait"], "seen": seen, "carry": kwargs["carry"]}
    return sensor.execute_complete({}, brought)


def test_timeout(kaizala, deferred):
    """Whatever the trigger saw last: the task looks once more, since an interval has passed since then."""
    kaizala.job([ASHA, RAVI, MEERA])
    parked = deferred(until="all", timeout=90)
    kaizala.job([ASHA, RAVI, MEERA], done=[ASHA])
    with pytest.raises(AirflowSensorTimeout) as over:
        come_back(parked, "timeout", until="all", timeout=90)
    assert (
        str(over.value) == "Timed out after 90 s: 1 of 3 answered (Name of 1); missing: Name of 2, Name of 3"
    )
    kaizala.job([ASHA, RAVI, MEERA], done=[ASHA, RAVI, MEERA])
    assert come_back(parked, "timeout", until="all", timeout=90)["complete"] is True


def test_timeout_though_kaizala_cannot_be_read(kaizala, deferred):
    kaizala.survey()
    parked = deferred()
    kaizala.otherwise = lambda request: kaizala.error(500, "Internal")
    with pytest.raises(AirflowSensorTimeout, match="Timed out after 60 s: Kaizala could not be read"):
        come_back(parked, "timeout")


@pytest.mark.parametrize("deferrable", [False, True])
def test_what_to_do_when_time_is_up(kaizala, deferred, run_task, deferrable):
    kaizala.survey(ASHA)

    def end(on_timeout):
        given = {"until": 2, "on_timeout": on_timeout}
        if deferrable:
            return come_back(deferred(**given), "timeout", **given)
        return run_task(wait(timeout=0.01, poke_interval=0.01, **given))

    with pytest.raises(AirflowSensorTimeout, match=r"1 of 2 answered \(Name of 1\)"):
        end("fail")
    with pytest.raises(AirflowSkipException, match=r"1 of 2 answered \(Name of 1\)"):
        end("skip")
    result = end("return")
    assert (result["complete"], result["met"]) == (False, False)
    assert [each["responder"] for each in result["answers"]] == [ASHA]


def test_times_may_be_left_out_or_come_from_the_dag(dag):
    week = timedelta(days=7).total_seconds()
    alone = KaizalaResponseSensor(task_id="alone", action_id="act-1")
    assert (alone.poke_interval, alone.timeout) == (60, week)
    assert KaizalaResponseSensor(task_id="none", action_id="act-1", timeout=None).timeout == week
    dag.default_args = {"poke_interval": timedelta(seconds=30), "timeout": 90}
    found = KaizalaResponseSensor(task_id="wait", action_id="act-1", dag=dag)
    assert (found.poke_interval, found.timeout) == (30, 90)
    dag.default_args = {"poke_interval": 0}
    with pytest.raises(KaizalaInputError, match="poke_interval must be a number of seconds above 0"):
        KaizalaResponseSensor(task_id="zero", action_id="act-1", dag=dag)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"on_timeout": "skip", "soft_fail": True}, "on_timeout='skip' and soft_fail=True both say"),
        ({"on_timeout": "return", "soft_fail": True}, "on_timeout='return' and soft_fail=True both say"),
        ({"on_timeout": "wait"}, "on_timeout must be one of fail, skip, return, not 'wait'"),
        ({"timeout": 5, "poke_interval": 30}, "poke_interval: 30 s is longer than timeout, 5 s"),
        ({"deferrable": "False"}, "deferrable must be True or False, not 'False'"),
        ({"deferrable": None}, "deferrable must be True or False, not None"),
        ({"poke_interval": 0}, "poke_interval must be a number of seconds above 0 or a timedelta, not 0"),
        ({"poke_interval": timedelta(0)}, "poke_interval must be a number of seconds above 0 or a timedelta"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0 or a timedelta, not 0"),
        ({"timeout": float("inf")}, "timeout must be a number of seconds above 0 or a timedelta, not inf"),
        ({"timeout": float("nan")}, "timeout must be a number of seconds above 0 or a timedelta, not nan"),
    ],
)
def test_what_is_wrong_about_times_and_modes(changes, says):
    with pytest.raises(KaizalaInputError) as refused:
        wait(**changes)
    assert says in str(refused.value)


def test_error():
    with pytest.raises(AirflowFailException, match=r"^getAction failed: gone$"):
        wait().execute_complete({}, {"status": "error", "message": "getAction failed: gone"})


@pytest.mark.parametrize(
    "strange",
    [{"status": "newer"}, event("newer"), event("success"), {}, {"status": "success"}, "success", None],
)
def test_an_unexpected_event_fails_the_task(strange):
    with pytest.raises(AirflowFailException, match="unexpected event"):
        wait().execute_complete({}, strange)


@pytest.mark.parametrize("softly", ["soft_fail", "never_fail"])
def test_a_wait_that_may_fail_is_skipped_after_its_deferral(kaizala, softly):
    kaizala.survey()
    sensor = wait(**{softly: True})
    for brought, reason in (
        (event("timeout"), "Timed out after 60 s"),
        (event("error", message="gone"), "gone"),
    ):
        with pytest.raises(AirflowSkipException, match=f"Skipping, since {softly} is set: {reason}"):
            sensor.resume_execution("execute_complete", {"event": brought}, {})


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({}, AirflowSensorTimeout),
        ({"soft_fail": True}, AirflowSkipException),
        ({"on_timeout": "skip"}, AirflowSkipException),
        ({"on_timeout": "return"}, False),
        ({"until": 1}, True),
    ],
)
def test_no_triggerer_ran_when_time_was_up(kaizala, given, ends):
    """Airflow ends such a wait itself, and brings nothing of it back; it ends the same way."""
    kaizala.survey(ASHA)
    sensor = wait(**{"until": 2, "deferrable": True, **given})
    if isinstance(ends, bool):
        result = sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, {"ti": task_instance()})
        assert (result["complete"], len(result["answers"])) == (ends, 1)
        return
    with pytest.raises(ends):
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, {"ti": task_instance()})
