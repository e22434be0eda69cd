from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
)

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.wait_for_people import check_times, literal_rule
from airflow_provider_kaizala.waiting.rules import AtLeast, Everyone, People
from airflow_provider_kaizala.waiting.subjects import Responses
from airflow_provider_kaizala.waiting.wait import LAST_LOOK, Wait
from tests.unit.tasks.store import Store
from tests.unit.tasks.waits import ago

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


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


def test_an_answer_that_comes_while_time_runs_out_counts(kaizala, begin, monkeypatch):
    """A look that began before the end is followed by one after it."""
    times = [datetime.now(tz=UTC)]
    monkeypatch.setattr(Wait, "now", staticmethod(lambda: times[-1]))
    kaizala.poll({})

    def slow(request):
        answer = kaizala.default(request)
        times.append(times[-1] + timedelta(minutes=2))
        kaizala.poll({RAVI: "Yes"})
        return answer

    kaizala.otherwise = slow
    assert begin()[0]["complete"] is True


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
    with pytest.raises(AirflowFailException, match="cannot wait for 4 people"):
        begin(until=4)


def test_a_connection_that_cannot_be_read_at_the_first_look_fails_as_it_does_everywhere(begin, monkeypatch):
    monkeypatch.setattr(KaizalaHook, "get_connection", lambda self, conn_id: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        begin(subject=Responses("g", "a"))


def test_an_error_that_is_not_about_reading_kaizala_is_raised_at_any_look(
    kaizala, begin, sleeps, monkeypatch
):
    """A mistake in the code is not waited out."""
    kaizala.poll({})
    read = KaizalaHook.read
    monkeypatch.setattr(KaizalaHook, "read", lambda hook, reading: 1 / 0 if sleeps else read(hook, reading))
    with pytest.raises(ZeroDivisionError):
        begin()
    assert len(sleeps) == 1


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
