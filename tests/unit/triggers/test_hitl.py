"""One question in Airflow and in the group, in the triggerer: who wins."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_kaizala.triggers import hitl as triggers_hitl
from airflow_provider_kaizala.triggers.hitl import KaizalaHITLTrigger

hitl = pytest.importorskip("airflow.sdk.execution_time.hitl", reason="Airflow below 3.1 has no HITL")

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


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("airflow_provider_kaizala.triggers.polls.GATHER", 0.0)
    monkeypatch.setattr(triggers_hitl, "AGAIN", 0.01)


@pytest.fixture
def record(monkeypatch):
    found = Record()
    monkeypatch.setattr(hitl, "get_hitl_detail_content_detail", found.read)
    monkeypatch.setattr(hitl, "update_hitl_detail_response", found.write)
    return found


@pytest.fixture
def trigger(group):
    def make(**changes):
        given = {
            "group_id": group,
            "action_id": "act-1",
            "until": {"kind": "any"},
            "poke_interval": 0.001,
            "ti_id": TI,
            "options": ["Yes", "No"],
            "look_interval": 0.01,
            "carry": {"a": 1},
        }
        return KaizalaHITLTrigger(**{**given, **changes})

    return make


def ago(seconds):
    return (datetime.now(tz=UTC) - timedelta(seconds=seconds)).isoformat()


def event(trigger, limit=10):
    """Run a trigger to its end; returns the payload of its event."""

    async def run():
        async with asyncio.timeout(limit):
            (found,) = [event.payload async for event in trigger.run()]
            return found

    found = asyncio.run(run())
    assert json.loads(json.dumps(found)) == found, "plain"
    return found


def test_path_and_arguments_are_fixed(trigger, group):
    made = trigger(defaults=["No"], params_input={"why": "?"}, deadline="2026-03-01T08:00:00+00:00")
    path, kwargs = made.serialize()
    assert path == "airflow_provider_kaizala.triggers.hitl.KaizalaHITLTrigger"
    assert kwargs == {
        "group_id": group,
        "action_id": "act-1",
        "action_type": None,
        "sent_at": None,
        "until": {"kind": "any"},
        "poke_interval": 0.001,
        "deadline": "2026-03-01T08:00:00+00:00",
        "wake_at": None,
        "kaizala_conn_id": "kaizala_default",
        "carry": {"a": 1},
        "ti_id": TI,
        "options": ["Yes", "No"],
        "multiple": False,
        "defaults": ["No"],
        "params_input": {"why": "?"},
        "look_interval": 0.01,
    }
    assert KaizalaHITLTrigger(**json.loads(json.dumps(kwargs))).serialize() == (path, kwargs)


def test_the_group_answers(trigger, kaizala, record):
    kaizala.poll({RAVI: "No"})
    found = event(trigger(params_input={"why": "?"}))
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


def test_airflow_was_answered_before_the_task_waited(trigger, kaizala, record):
    kaizala.poll({RAVI: "No"})
    record.answered_by("admin", "Yes", why="so")
    found = event(trigger())
    assert (found["chosen_options"], found["params_input"]) == (["Yes"], {"why": "so"})
    assert found["responded_by_user"] == {"id": "admin", "name": "Admin"}
    assert (found["answered_in"], found["timedout"], found["result"]) == ("airflow", False, None)


def test_airflow_is_answered_while_it_waits(trigger, kaizala, record):
    kaizala.poll()
    looks = []

    def look(request):
        looks.append(request)
        if len(looks) == 6:
            record.answered_by("admin", "Yes")
        return kaizala.default(request)

    kaizala.otherwise = look
    found = event(trigger())
    assert (found["answered_in"], found["chosen_options"]) == ("airflow", ["Yes"])
    assert found["result"]["answers"] == [], "what was seen of the group"


def test_airflow_is_answered_a_moment_before_the_group_is(trigger, kaizala, record):
    """The record has taken one answer, so the other is not."""
    kaizala.poll({RAVI: "No"})
    record.before = lambda: record.answered_by("admin", "Yes")
    found = event(trigger())
    assert (found["answered_in"], found["chosen_options"]) == ("airflow", ["Yes"])
    assert found["responded_by_user"]["name"] == "Admin"


def test_the_triggerer_died_after_the_group_had_won(trigger, kaizala, record):
    kaizala.poll({RAVI: "No"})
    first = event(trigger(params_input={"why": "?"}))
    kaizala.poll({RAVI: "No", ASHA: "Yes"})
    second = event(trigger(params_input={"why": "?"}))
    assert {**second, "result": None} == {**first, "result": None}


def test_airflow_cannot_be_reached_for_a_while(trigger, kaizala, record, logs):
    kaizala.poll({RAVI: "No"})
    record.fails = 5
    assert event(trigger())["chosen_options"] == ["No"]
    assert "cannot be read now; looking again: API_SERVER_ERROR: 503" in logs.text


def test_an_answer_whose_confirmation_is_lost(trigger, kaizala, record, monkeypatch):
    def write(**given):
        record.write(**given)
        raise RuntimeError("connection lost")

    monkeypatch.setattr(hitl, "update_hitl_detail_response", write)
    kaizala.poll({RAVI: "No"})
    found = event(trigger())
    assert (found["answered_in"], found["responded_by_user"]["name"]) == ("kaizala", "Name of 2")


def test_the_group_cannot_be_read_any_more(trigger, kaizala, record, logs):
    """Deleted there; Airflow's page is still open."""
    waiting = trigger()

    async def later():
        await asyncio.sleep(0.1)
        record.answered_by("admin", "Yes")

    async def run():
        answering = asyncio.create_task(later())
        async with asyncio.timeout(10):
            found = [event.payload async for event in waiting.run()]
        await answering
        return found

    (found,) = asyncio.run(run())
    assert found["answered_in"] == "airflow"
    assert "from now on only Airflow's count" in logs.text


def test_no_connection(trigger, record, logs, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_NOBODY", raising=False)
    record.answered_by("admin", "Yes")
    assert event(trigger(kaizala_conn_id="nobody"))["answered_in"] == "airflow"


class TestTime:
    def test_the_defaults(self, trigger, kaizala, record):
        kaizala.poll()
        found = event(trigger(defaults=["No"], deadline=ago(1), params_input={"why": "?"}))
        assert (found["chosen_options"], found["params_input"]) == (["No"], {"why": "?"})
        assert (found["timedout"], found["responded_by_user"], found["answered_in"]) == (True, None, None)
        assert (record.answer, record.given) == (["No"], {"why": "?"})
        assert event(trigger(defaults=["No"], deadline=ago(1))) == {**found, "result": None}, (
            "after a restart"
        )

    def test_no_defaults(self, trigger, kaizala, record):
        kaizala.poll()
        found = event(trigger(deadline=ago(1)))
        assert found["error_type"] == "timeout"
        assert "neither in the group nor in Airflow" in found["error"]
        assert record.answer is None

    def test_an_answer_of_the_last_moment(self, trigger, kaizala, record):
        kaizala.poll({RAVI: "Yes"})
        found = event(trigger(defaults=["No"], deadline=ago(3600), poke_interval=60))
        assert (found["chosen_options"], found["answered_in"]) == (["Yes"], "kaizala")

    def test_somebody_in_airflow_is_faster_than_the_defaults(self, trigger, kaizala, record):
        kaizala.poll()
        record.before = lambda: record.answered_by("admin", "Yes")
        found = event(trigger(defaults=["No"], deadline=ago(1)))
        assert (found["chosen_options"], found["answered_in"]) == (["Yes"], "airflow")

    def test_kaizala_is_down_at_the_end(self, trigger, kaizala, record, logs):
        kaizala.otherwise = lambda request: kaizala.error(500, "Internal")
        assert event(trigger(defaults=["No"], deadline=ago(1)))["timedout"] is True
        assert "could not be read a last time" in logs.text

    def test_airflow_is_down_at_the_end(self, trigger, kaizala, record):
        kaizala.poll()
        record.fails = 6
        assert event(trigger(defaults=["No"], deadline=ago(1)))["timedout"] is True

    def test_it_wakes_the_task(self, trigger, kaizala, record):
        kaizala.poll()
        assert event(trigger(wake_at=ago(1), deadline=ago(-60))) == {"status": "wake", "carry": {"a": 1}}


def test_a_tie_waits_on(trigger, kaizala, record):
    kaizala.poll({RAVI: "Yes", ASHA: "No"})
    looks = []

    def look(request):
        looks.append(request)
        if len(looks) > 6:
            kaizala.poll({RAVI: "Yes", ASHA: "No", MEERA: "No"})
        return kaizala.default(request)

    kaizala.otherwise = look
    found = event(trigger(until={"kind": "at_least", "count": 2}))
    assert found["chosen_options"] == ["No"]
    assert found["responded_by_user"]["name"] == "Name of 3"


def test_under_dag_test_there_is_no_record(trigger, kaizala, monkeypatch):
    for name in ("get_hitl_detail_content_detail", "update_hitl_detail_response"):
        monkeypatch.setattr(hitl, name, lambda **_: None)
    kaizala.poll({RAVI: "No"})
    found = event(trigger())
    assert (found["chosen_options"], found["answered_in"]) == (["No"], "kaizala")
    assert found["responded_at"]


def test_no_secret_travels(trigger, secrets_of_the_connection, connect):
    connect()
    text = json.dumps(trigger().serialize())
    assert [secret for secret in secrets_of_the_connection if secret in text] == []
