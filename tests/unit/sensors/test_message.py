"""The sensor for messages: in the worker, rescheduled, and what it defers with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.sensors import KaizalaMessageSensor
from airflow_provider_kaizala.waiting.subjects import Messages
from airflow_provider_kaizala.waiting.wait import Wait
from tests.unit.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.stored_events import StoredEvents

STARTED = datetime(2026, 3, 1, 9, tzinfo=UTC)
BEFORE, AFTER = STARTED - timedelta(seconds=1), STARTED + timedelta(seconds=1)
RUN = SimpleNamespace(conf={}, run_id="manual__1", start_date=STARTED)


@pytest.fixture
def stored(kaizala: Any, monkeypatch: pytest.MonkeyPatch) -> StoredEvents:
    stored = StoredEvents(lambda: AFTER)
    monkeypatch.setattr("airflow_provider_kaizala.sensors.message.EventFeed", stored.feed)
    return stored


def wait(**changes: Any) -> KaizalaMessageSensor:
    given = {"task_id": "wait", "poke_interval": 0.001, "timeout": 60, "deferrable": False}
    return KaizalaMessageSensor(**{**given, **changes})


def texts(result: Any) -> list[str]:
    return [each["answers"]["text"] for each in result["answers"]]


# --- arguments ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pattern": "("}, "pattern: '(' is not a regular expression"),
        ({"pattern": "(?=x)"}, "invalid perl operator"),
        ({"pattern": ""}, "pattern is empty"),
        ({"pattern": 5}, "pattern must be a string"),
        ({"people": RAVI}, "people must be a list of phone numbers"),
        ({"people": []}, "people is empty"),
        ({"people": ["5"]}, "people: '5' is not a phone number"),
        ({"reply_to": "a b"}, "reply_to: 'a b' is not a valid id"),
        ({"since": "yesterday"}, "since must be a datetime or an ISO 8601 string"),
        ({"count_own": "perhaps"}, "count_own must be True or False"),
        ({"until": {"kind": "quorum", "option": "Yes", "count": 1}}, "a quorum can never be reached"),
        (
            {"people": [RAVI], "until": 2},
            "until: cannot wait for 2 people; number of people whose messages count: 1. Lower the count",
        ),
        (
            {"people": [RAVI], "until": [MEERA]},
            f"until: {MEERA} cannot answer: not among the people whose messages count",
        ),
        ({"text": "done"}, "text: KaizalaMessageSensor does not take it"),
    ],
)
def test_what_is_refused_when_the_dag_is_parsed(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(KaizalaInputError) as refused:
        wait(**changes)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"people": [RAVI, MEERA], "until": 2},
        {"people": [RAVI], "until": "all"},
        {"people": ["{{ params.who }}"], "until": 2},
        {"people": [RAVI], "until": "{{ params.count }}"},
    ],
)
def test_a_rule_that_can_be_met_or_is_not_known_yet(changes: dict[str, Any]) -> None:
    assert wait(**changes).people == changes["people"]


def test_people_that_come_later_are_compared_with_the_rule_when_the_task_runs(
    stored: StoredEvents, run_task: Any
) -> None:
    sensor = wait(people=["{{ params.who }}"], until=[MEERA])
    with pytest.raises(AirflowFailException, match="not among the people whose messages count"):
        run_task(sensor, params={"who": RAVI}, dag_run=RUN)


def test_a_pattern_that_comes_later_is_checked_when_the_task_runs(
    stored: StoredEvents, run_task: Any
) -> None:
    with pytest.raises(AirflowFailException, match="is not a regular expression"):
        run_task(wait(pattern="{{ params.pattern }}"), params={"pattern": "("}, dag_run=RUN)


def test_an_argument_that_was_to_come_and_has_not(stored: StoredEvents, run_task: Any) -> None:
    sensor = wait(reply_to="{{ params.nothing }}")
    sensor.reply_to = None  # as an XCom does
    with pytest.raises(AirflowFailException, match="reply_to rendered to None"):
        run_task(sensor, dag_run=RUN)


def test_templates(stored: StoredEvents, run_task: Any) -> None:
    stored.message("one", replyToReferenceId="r1")
    stored.message("two", replyToReferenceId="r2")
    sensor = wait(
        pattern="{{ params.pattern }}",
        people=["{{ params.who }}"],
        reply_to=" {{ params.ref }}\n",
        since="{{ params.since }}",
    )
    params = {"pattern": "o", "who": RAVI, "ref": "r2", "since": AFTER.isoformat()}
    assert texts(run_task(sensor, params=params, dag_run=RUN)) == ["two"]


def test_airflow_2_says_that_it_receives_no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", False)
    with pytest.raises(
        AirflowOptionalProviderFeatureException, match=r"KaizalaMessageSensor needs Airflow 3\.0 or newer"
    ):
        wait()


# --- what counts -------------------------------------------------------------------------------------------------------------


def test_the_message_is_what_the_task_returns(stored: StoredEvents, run_task: Any, kaizala: Any) -> None:
    stored.message("Not yet")
    stored.message("Done", replyToReferenceId="r1")
    result = run_task(wait(pattern="(?i)^done"), dag_run=RUN)
    assert result["message"] == stored.events[1].to_dict()
    assert (result["message"]["text"], result["message"]["person"]["name"]) == ("Done", "Name of 2")
    assert result["message"]["reply_to"] == "r1"
    assert result["message"]["at"] == "2026-03-01T09:00:01Z"
    assert (result["group_id"], result["action_id"], result["action_type"]) == (GROUP, "(?i)^done", "Message")
    assert (result["complete"], result["met"], result["answered_by"]) == (True, True, ["Name of 2"])
    assert texts(result) == ["Done"]
    assert stored.open == 0
    assert stored.secrets == ["webhook-secret-of-the-connector"]


def test_messages_before_the_run_do_not_count(stored: StoredEvents, run_task: Any) -> None:
    stored.now = lambda: BEFORE
    stored.message("early")
    stored.now = lambda: AFTER
    stored.message("late")
    assert texts(run_task(wait(), dag_run=RUN)) == ["late"]
    assert texts(run_task(wait(since=BEFORE), dag_run=RUN)) == ["early", "late"]
    assert texts(run_task(wait(since="2026-03-01T09:00:01"), dag_run=RUN)) == ["late"]


def test_own_messages_do_not_count_unless_wanted(stored: StoredEvents, run_task: Any) -> None:
    stored.message("asked", ASHA)
    stored.message("answered", RAVI)
    assert texts(run_task(wait(), dag_run=RUN)) == ["answered"]
    assert texts(run_task(wait(count_own=True, until=2), dag_run=RUN)) == ["asked", "answered"]


def test_only_chosen_people_count(stored: StoredEvents, run_task: Any) -> None:
    stored.message("one", RAVI)
    with pytest.raises(AirflowSensorTimeout, match="0 of 1 answered"):
        run_task(wait(people=[MEERA], timeout=0.01), dag_run=RUN)
    stored.message("two", MEERA)
    stored.message("three", RAVI)
    result = run_task(wait(people=[MEERA]), dag_run=RUN)
    assert (result["message"]["text"], result["met"]) == ("two", True)
    assert texts(result) == ["two"]


def test_the_result_holds_a_limited_number_of_messages(stored: StoredEvents, run_task: Any) -> None:
    stored.size = 500
    stored.message("first", MEERA)
    for number in range(1000):
        stored.message(f"{number}", RAVI)
    result = run_task(wait(until=2), dag_run=RUN)
    assert texts(result) == ["first", *(f"{number}" for number in range(900, 1000))]
    assert result["answered_by"] == ["Name of 3", "Name of 2"]


def test_people_who_are_not_in_the_group(stored: StoredEvents, run_task: Any) -> None:
    with pytest.raises(
        AirflowFailException, match=r"^until: \+919999999999 cannot answer: not among the members"
    ):
        run_task(wait(people=["+919999999999"]), dag_run=RUN)


def test_several_people_must_write(stored: StoredEvents, run_task: Any) -> None:
    stored.message("a", RAVI)
    stored.message("b", RAVI)
    with pytest.raises(AirflowSensorTimeout, match=r"1 of 2 answered \(Name of 2\)"):
        run_task(wait(until=2, timeout=0.01), dag_run=RUN)
    stored.message("c", MEERA)
    for until in (2, [RAVI, MEERA], "all"):
        assert run_task(wait(until=until), dag_run=RUN)["message"]["text"] == "c"


# --- waiting -----------------------------------------------------------------------------------------------------------------


def test_each_look_reads_on_from_the_one_before(
    stored: StoredEvents, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arriving = ["x", "y", "done"]

    def sleep(_: float) -> None:
        stored.message(arriving.pop(0))

    monkeypatch.setattr("airflow_provider_kaizala.sensors.base.time.sleep", sleep)
    result = run_task(wait(pattern="done"), dag_run=RUN)
    assert result["message"]["text"] == "done"
    assert stored.asked == [STARTED, 0, 1, 1, 2, 2, 3]


def test_time_is_up(stored: StoredEvents, run_task: Any) -> None:
    stored.message("other")
    given = {"pattern": "done", "timeout": 0.01}
    with pytest.raises(AirflowSensorTimeout, match=r"Timed out after 0\.01 s: 0 of 1 answered"):
        run_task(wait(**given), dag_run=RUN)
    with pytest.raises(AirflowSkipException):
        run_task(wait(**given, on_timeout="skip"), dag_run=RUN)
    with pytest.raises(AirflowSkipException, match="soft_fail"):
        run_task(wait(**given, soft_fail=True), dag_run=RUN)
    result = run_task(wait(**given, on_timeout="return"), dag_run=RUN)
    assert (result["complete"], result["message"], result["answers"]) == (False, None, [])


def test_a_receiver_that_is_down_for_a_while(
    stored: StoredEvents, run_task: Any, monkeypatch: pytest.MonkeyPatch, logs: Any
) -> None:
    def sleep(_: float) -> None:
        stored.is_down = False

    monkeypatch.setattr("airflow_provider_kaizala.sensors.base.time.sleep", sleep)
    stored.message("done")
    stored.is_down = True
    assert texts(run_task(wait(), dag_run=RUN)) == ["done"]
    assert "cannot be read now; polling again: the receiver is down" in logs.text
    assert stored.open == 0


def test_a_connection_without_a_secret_fails_at_once(
    connect: Any, stored: StoredEvents, run_task: Any
) -> None:
    connect(extra={"webhook_secret": None})
    for deferrable in (True, False):
        with pytest.raises(AirflowFailException, match="'kaizala_default' has no extra webhook_secret"):
            run_task(wait(deferrable=deferrable), dag_run=RUN)


def test_a_rescheduled_wait_finds_what_has_come_meanwhile(stored: StoredEvents, run_task: Any) -> None:
    given = {"mode": "reschedule", "poke_interval": 60, "timeout": 600, "pattern": "done"}
    stored.message("first")
    with pytest.raises(compat.reschedule_exception()):
        run_task(wait(**given), dag_run=RUN)
    stored.message("done")
    assert texts(run_task(wait(**given), dag_run=RUN)) == ["done"], "in another process"


def test_what_travels_to_the_triggerer(stored: StoredEvents, run_task: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        run_task(wait(pattern="done", people=[MEERA], reply_to="r1", deferrable=True), dag_run=RUN)
    found = Wait.from_wire(deferred.value.trigger.serialize()[1]["wait"])
    assert found.subject == Messages(GROUP, "kaizala_default", STARTED, "done", "r1", ASHA, (MEERA,))
    assert (found.settled, found.voters) == (True, (MEERA,))


def test_a_message_that_is_there_already_needs_no_triggerer(stored: StoredEvents, run_task: Any) -> None:
    stored.message("done")
    assert texts(run_task(wait(deferrable=True), dag_run=RUN)) == ["done"]
