"""One question in Airflow and in the group, in the triggerer: whose answer wins, and what happens if none comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tests.unit.triggers.conftest import virtual_now

pytest.importorskip("airflow.sdk.execution_time.hitl", reason="Airflow below 3.1 has no HITL")

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.triggers import hitl
from airflow_provider_kaizala.triggers.hitl import KaizalaHITLTrigger
from airflow_provider_kaizala.waiting.wait import LAST_LOOK

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
TI = "01234567-89ab-7def-8123-456789abcdef"
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


class Record:
    """Airflow's record of the question. It takes one answer; ``fails`` counts how often it cannot be reached."""

    def __init__(self):
        self.answer, self.given, self.user, self.fails, self.looks, self.before = None, None, None, 0, 0, None

    def answered_by(self, user, *chosen, **given):
        self.answer, self.user, self.given = list(chosen), user, given

    def _reach(self):
        if self.fails:
            self.fails -= 1
            raise RuntimeError("API_SERVER_ERROR: 503")

    def read(self, *, ti_id):
        assert str(ti_id) == TI
        self.looks += 1
        self._reach()
        user = SimpleNamespace(id=self.user, name=self.user.title()) if self.user else None
        return SimpleNamespace(
            response_received=self.answer is not None,
            chosen_options=self.answer,
            params_input=self.given,
            responded_at=AT if self.answer else None,
            responded_by_user=user,
        )

    def write(self, *, ti_id, chosen_options, params_input):
        assert str(ti_id) == TI
        self._reach()
        if self.before:
            self.before()
        if self.answer is not None:
            raise RuntimeError("API_SERVER_ERROR: 409")
        self.answer, self.given = chosen_options, params_input
        return SimpleNamespace(responded_at=AT)


async def inline(function, *args, **kwargs):
    return function(*args, **kwargs)


@pytest.fixture
def record(stage, monkeypatch):
    """Airflow's record of the question, on a stage where calls in threads take no time."""
    found = Record()
    monkeypatch.setattr(hitl, "sync_to_async", lambda function: lambda **given: inline(function, **given))
    monkeypatch.setattr(hitl, "get_hitl_detail_content_detail", found.read)
    monkeypatch.setattr(hitl, "update_hitl_detail_response", found.write)
    monkeypatch.setattr(hitl, "time", SimpleNamespace(monotonic=virtual_now))
    return found


@pytest.fixture
def wire(group):
    def make(**changes):
        subject = {"kind": "responses", "group_id": group, "action_id": "act-1"}
        given = {"subject": subject, "until": {"kind": "any"}, "deadline": None, "interval": 10.0}
        return {**given, "settled": True, **changes}

    return make


@pytest.fixture
def trigger(wire):
    def make(
        look_interval=5.0,
        wake_at=None,
        conn_id="kaizala_default",
        defaults=None,
        params_input=None,
        multiple=False,
        **changes,
    ):
        return KaizalaHITLTrigger(
            wire(**changes),
            conn_id,
            TI,
            ["Yes", "No"],
            multiple,
            defaults,
            params_input,
            look_interval=look_interval,
            wake_at=wake_at,
            carry={"a": 1},
        )

    return make


# --- what travels --------------------------------------------------------------------------------------------------------


def test_path_and_arguments_are_fixed(trigger, wire):
    made = trigger(defaults=["No"], params_input={"why": "?"}, deadline="2026-03-01T08:00:00+00:00")
    path, kwargs = made.serialize()
    assert path == "airflow_provider_kaizala.triggers.hitl.KaizalaHITLTrigger"
    assert kwargs == {
        "wait": wire(deadline="2026-03-01T08:00:00+00:00"),
        "kaizala_conn_id": "kaizala_default",
        "wake_at": None,
        "carry": {"a": 1},
        "ti_id": TI,
        "options": ["Yes", "No"],
        "multiple": False,
        "defaults": ["No"],
        "params_input": {"why": "?"},
        "look_interval": 5.0,
    }
    assert KaizalaHITLTrigger(**json.loads(json.dumps(kwargs))).serialize() == (path, kwargs)


def test_a_row_of_an_older_version_still_loads(wire):
    """What was added since has a default."""
    old = KaizalaHITLTrigger(wait=wire(), kaizala_conn_id="other", ti_id=TI, options=["Yes", "No"])
    assert (old.defaults, old.params_input, old.multiple, old.look_interval) == (None, None, False, 5.0)


def test_no_secret_travels(trigger, secrets_of_the_connection, connect):
    connect()
    text = json.dumps(trigger().serialize())
    assert [secret for secret in secrets_of_the_connection if secret in text] == []


# --- who wins ------------------------------------------------------------------------------------------------------------


def test_the_group_answers(stage, trigger, kaizala, record):
    kaizala.poll({RAVI: "No"})
    found = stage.event(trigger(params_input={"why": "?"}))
    result = found.pop("result")
    assert found == {
        "chosen_options": ["No"],
        "params_input": {"why": "?"},
        "responded_at": "2026-03-01T08:00:00Z",
        "responded_by_user": {"id": f"kaizala:{RAVI}", "name": "Name of 2"},
        "timedout": False,
        "answered_in": "kaizala",
        "carry": {"a": 1},
    }
    assert result["tally"] == {"Yes": 0, "No": 1}
    assert record.answer == ["No"]
    assert record.given == {
        "why": "?",
        "answered_in_kaizala_by": "Name of 2",
        "answered_in_kaizala_id": f"kaizala:{RAVI}",
    }


def test_airflow_was_answered_before_the_task_waited(stage, trigger, kaizala, record):
    """Then the group is not read at all."""
    kaizala.poll({RAVI: "No"})
    record.answered_by("admin", "Yes", why="so")
    found = stage.event(trigger())
    assert (found["chosen_options"], found["params_input"]) == (["Yes"], {"why": "so"})
    assert found["responded_by_user"] == {"id": "admin", "name": "Admin"}
    assert (found["answered_in"], found["timedout"], found["result"]) == ("airflow", False, None)
    assert (stage.connections_read, kaizala.requests) == (0, [])


def test_airflow_is_answered_while_it_waits(stage, trigger, kaizala, record):
    kaizala.poll()
    stage.at(27, lambda: record.answered_by("admin", "Yes"))
    found = stage.event(trigger())
    assert (found["answered_in"], found["chosen_options"], stage.fired_at) == ("airflow", ["Yes"], 30)
    assert found["result"]["answers"] == [], "what was seen of the group"
    assert record.looks == 7


def test_airflow_is_answered_a_moment_before_the_group_is(stage, trigger, kaizala, record):
    """The record has taken one answer, so the other is not."""
    kaizala.poll({RAVI: "No"})
    record.before = lambda: record.answered_by("admin", "Yes")
    found = stage.event(trigger())
    assert (found["answered_in"], found["chosen_options"]) == ("airflow", ["Yes"])
    assert found["responded_by_user"]["name"] == "Admin"


def test_the_triggerer_died_after_the_group_had_won(stage, trigger, kaizala, record):
    kaizala.poll({RAVI: "No"})
    first = stage.event(trigger(params_input={"why": "?"}))
    kaizala.poll({RAVI: "No", ASHA: "Yes"})
    second = stage.event(trigger(params_input={"why": "?"}))
    assert {**second, "result": None} == {**first, "result": None}


@pytest.mark.parametrize("answered_in", ["airflow", "kaizala", None])
def test_an_answered_question_was_not_stopped(
    stage, trigger, kaizala, group, record, monkeypatch, answered_in
):
    """Airflow resumes a task that is answered there itself, and then stops the trigger; the task may have ended by then."""
    monkeypatch.setattr(compat, "state_of_task", lambda ti: "success")
    kaizala.poll({RAVI: "Yes"} if answered_in == "kaizala" else {})
    if answered_in == "airflow":
        record.answered_by("admin", "Yes")
    stopped = trigger()
    stopped.carry = {"farewell": {"group_id": group, "text": "This was stopped.", "audience": {}}}
    stage.play(stopped.on_kill)
    assert [post.json["message"] for post in kaizala.posts] == ([] if answered_in else ["This was stopped."])


def test_airflow_cannot_be_reached_for_a_while(stage, trigger, kaizala, record, logs):
    """The answer of the group is offered again every five seconds, however rarely Airflow is looked at otherwise."""
    kaizala.poll({RAVI: "No"})
    record.fails = 7
    assert stage.event(trigger(look_interval=300.0, interval=600.0))["chosen_options"] == ["No"]
    assert stage.fired_at == pytest.approx(15.5, abs=0.1), "each offer writes, then reads"
    assert "cannot be read now; polling again: API_SERVER_ERROR: 503" in logs.text


def test_an_answer_whose_confirmation_is_lost(stage, trigger, kaizala, record, monkeypatch):
    def write(**given):
        record.write(**given)
        raise RuntimeError("connection lost")

    monkeypatch.setattr(hitl, "update_hitl_detail_response", write)
    kaizala.poll({RAVI: "No"})
    found = stage.event(trigger())
    assert (found["answered_in"], found["responded_by_user"]["name"]) == ("kaizala", "Name of 2")


def test_a_tie_waits_on(stage, trigger, kaizala, record):
    kaizala.poll({RAVI: "Yes", ASHA: "No"})
    stage.at(35, lambda: kaizala.poll({RAVI: "Yes", ASHA: "No", MEERA: "No"}))
    found = stage.event(trigger(until={"kind": "at_least", "count": 2}))
    assert found["chosen_options"] == ["No"]
    assert found["responded_by_user"]["name"] == "Name of 3"
    assert stage.fired_at == 40.52


def test_several_options_may_be_chosen(stage, trigger, kaizala, record):
    kaizala.poll({RAVI: "Yes"})
    kaizala.actions["act-1"]["actionDetails"]["responses"][0]["responseWithQuestions"] = [
        {"title": "Tea?", "type": "MultiOption", "answer": ["Yes", "No"]}
    ]
    assert stage.event(trigger(multiple=True))["chosen_options"] == ["Yes", "No"]


def test_under_dag_test_there_is_no_record(stage, trigger, kaizala, record, monkeypatch):
    for name in ("get_hitl_detail_content_detail", "update_hitl_detail_response"):
        monkeypatch.setattr(hitl, name, lambda **_: None)
    kaizala.poll({RAVI: "No"})
    found = stage.event(trigger())
    assert (found["chosen_options"], found["answered_in"]) == (["No"], "kaizala")
    assert found["responded_at"]


# --- a group that cannot be read -----------------------------------------------------------------------------------------


def test_a_group_that_can_never_be_read_again_leaves_airflow_alone(stage, trigger, kaizala, record, logs):
    """The question was deleted there; Airflow's page is still open."""
    kaizala.poll()
    stage.at(25, kaizala.actions.clear)
    stage.at(97, lambda: record.answered_by("admin", "Yes"))
    found = stage.event(trigger())
    assert (found["answered_in"], stage.fired_at) == ("airflow", 100)
    assert found["result"]["answers"] == []
    assert [line for line in logs.of("warning") if "only an answer in Airflow counts now" in line]
    assert len(kaizala.calls()) == 4, "its poll is left"


@pytest.mark.parametrize("settled", [True, False])
def test_a_rule_that_does_not_fit_leaves_airflow_alone(stage, trigger, kaizala, record, logs, settled):
    kaizala.survey(RAVI, isAnonymous=True)
    until = {"kind": "everyone"} if settled else {"kind": "people", "people": [ASHA]}
    stage.at(97, lambda: record.answered_by("admin", "Yes"))
    found = stage.event(trigger(until=until, settled=settled))
    assert (found["answered_in"], found["result"], stage.fired_at) == ("airflow", None, 100)
    assert len(logs.of("warning")) == 1
    assert len(kaizala.calls()) == 1


@pytest.mark.parametrize("settled", [True, False])
def test_a_connection_that_cannot_be_read_at_first_is_read_again(
    stage, trigger, kaizala, record, logs, settled
):
    kaizala.poll({RAVI: "No"})
    stage.unreadable += [RuntimeError("API_SERVER_ERROR: 503")] * 3
    found = stage.event(trigger(settled=settled))
    assert found["answered_in"] == "kaizala"
    assert stage.connections_read == 4
    assert stage.fired_at == pytest.approx(30.6, abs=0.1), "after the interval of the wait, each time"
    assert len(logs.of("warning")) == 1


def test_kaizala_is_down_at_first(stage, trigger, kaizala, record):
    kaizala.poll({RAVI: "No"})
    kaizala.script += [(500, {})] * 15
    assert stage.event(trigger(settled=False))["answered_in"] == "kaizala"
    assert stage.fired_at == pytest.approx(30.6, abs=0.1)


def test_without_a_connection_airflow_can_still_be_answered(stage, trigger, record):
    stage.at(97, lambda: record.answered_by("admin", "Yes"))
    assert stage.event(trigger(conn_id="nobody"))["answered_in"] == "airflow"
    assert stage.fired_at == 100
    assert stage.connections_read == 10


@pytest.mark.parametrize("settled", [True, False])
def test_a_question_that_has_expired_in_the_group_waits_on_for_airflow(
    stage, trigger, kaizala, record, in_seconds, settled
):
    kaizala.poll({}, dueDate=in_seconds(30))
    stage.at(97, lambda: record.answered_by("admin", "Yes"))
    found = stage.event(trigger(settled=settled, deadline=in_seconds(3600)))
    assert (found["answered_in"], stage.fired_at) == ("airflow", 100)


# --- time is up ----------------------------------------------------------------------------------------------------------


class TestTime:
    def test_the_defaults(self, stage, trigger, kaizala, record, in_seconds):
        kaizala.poll()
        made = trigger(defaults=["No"], deadline=in_seconds(60), params_input={"why": "?"})
        found = stage.event(made)
        assert stage.fired_at == 60
        assert (found["chosen_options"], found["params_input"]) == (["No"], {"why": "?"})
        assert (found["timedout"], found["responded_by_user"], found["answered_in"]) == (True, None, None)
        assert (record.answer, record.given) == (["No"], {"why": "?"})
        again = stage.event(trigger(defaults=["No"], deadline=in_seconds(-60)))
        assert again == {**found, "result": None}, "after a restart"

    def test_without_defaults_it_is_an_error(self, stage, trigger, kaizala, record, in_seconds):
        kaizala.poll()
        found = stage.event(trigger(deadline=in_seconds(60)))
        assert found["error_type"] == "timeout"
        assert "neither in the group nor in Airflow" in found["error"]
        assert (found["carry"], found["result"]["met"]) == ({"a": 1}, False)
        assert record.answer is None

    @pytest.mark.parametrize("settled", [True, False])
    def test_an_answer_of_the_last_moment_counts(self, stage, trigger, kaizala, record, in_seconds, settled):
        """Also if no triggerer ran when time was up."""
        kaizala.poll()
        stage.at(59, lambda: kaizala.poll({RAVI: "Yes"}))
        for deadline in (60, -3600):
            record.__init__()
            found = stage.event(
                trigger(defaults=["No"], deadline=in_seconds(deadline), interval=600.0, settled=settled)
            )
            assert (found["chosen_options"], found["answered_in"]) == (["Yes"], "kaizala")

    def test_an_answer_in_airflow_of_the_last_moment_counts(
        self, stage, trigger, kaizala, record, in_seconds
    ):
        kaizala.poll()
        stage.at(61, lambda: record.answered_by("admin", "Yes"))
        found = stage.event(trigger(deadline=in_seconds(62)))
        assert (found["answered_in"], stage.fired_at) == ("airflow", 62)

    def test_a_person_in_airflow_is_faster_than_the_defaults(
        self, stage, trigger, kaizala, record, in_seconds
    ):
        kaizala.poll()
        record.before = lambda: record.answered_by("admin", "Yes")
        found = stage.event(trigger(defaults=["No"], deadline=in_seconds(60)))
        assert (found["chosen_options"], found["answered_in"]) == (["Yes"], "airflow")

    def test_kaizala_is_down_at_the_end(self, stage, trigger, kaizala, record, logs, in_seconds):
        kaizala.otherwise = lambda request: kaizala.error(500, "Internal")
        found = stage.event(trigger(defaults=["No"], deadline=in_seconds(60)))
        assert (found["timedout"], stage.fired_at) == (True, 60)
        assert "The last look at the group failed" in logs.text

    @pytest.mark.parametrize("settled", [True, False])
    def test_a_look_that_hangs_delays_the_end_by_no_more_than_the_last_look(
        self, stage, trigger, kaizala, record, in_seconds, settled
    ):
        """The deadline passes during a look, of the poll or of the trigger itself."""
        kaizala.poll({RAVI: "Yes"})
        stage.latency = 600
        found = stage.event(trigger(defaults=["No"], deadline=in_seconds(60), settled=settled))
        assert (found["timedout"], stage.fired_at) == (True, 60 + LAST_LOOK)

    def test_airflow_is_down_at_the_end(self, stage, trigger, kaizala, record, in_seconds):
        """Every five seconds the end is tried again: reads the record, writes to it, and reads it again."""
        kaizala.poll()
        stage.at(59, lambda: setattr(record, "fails", 9))
        found = stage.event(
            trigger(defaults=["No"], deadline=in_seconds(60), look_interval=300.0, interval=600.0)
        )
        assert found["timedout"] is True
        assert stage.fired_at == pytest.approx(75, abs=0.1)

    def test_airflow_and_kaizala_are_down_at_the_end(self, stage, trigger, kaizala, record, logs, in_seconds):
        """The group is no longer joined then, only looked at once in each attempt."""
        kaizala.poll()
        stage.unreadable += [RuntimeError("503")] * 99
        stage.at(59, lambda: setattr(record, "fails", 9))
        found = stage.event(trigger(defaults=["No"], deadline=in_seconds(60), look_interval=300.0))
        assert found["timedout"] is True
        assert stage.fired_at == pytest.approx(75, abs=0.1)
        assert stage.connections_read == 6 + 4

    def test_it_wakes_the_task(self, stage, trigger, kaizala, record, in_seconds):
        kaizala.poll()
        found = stage.event(trigger(wake_at=in_seconds(30), deadline=in_seconds(60)))
        assert (found["status"], found["carry"], stage.fired_at) == ("wake", {"a": 1}, 30)
        assert found["wait"]["deadline"] == in_seconds(60)
        assert found["seen"]["text"] == "0 of 1 answered"

    def test_the_end_goes_before_a_waking(self, stage, trigger, kaizala, record, in_seconds):
        kaizala.poll()
        found = stage.event(trigger(defaults=["No"], wake_at=in_seconds(-9), deadline=in_seconds(-5)))
        assert found["timedout"] is True


# --- being woken -----------------------------------------------------------------------------------------------------------


def test_an_event_wakes_it_long_before_the_next_poll(stage, kaizala, record, trigger, receiver):
    kaizala.poll({})

    def answer():
        kaizala.poll({RAVI: "Yes"})
        receiver.event()

    stage.at(60, answer)
    found = stage.event(trigger(interval=3600.0, look_interval=3600.0))
    assert (found["chosen_options"], found["answered_in"]) == (["Yes"], "kaizala")
    assert 60 <= stage.fired_at < 61
