from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pkgutil import resolve_name

import pytest

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
PATH = "airflow_provider_kaizala.triggers.response.KaizalaWaitTrigger"


@pytest.fixture(autouse=True)
def no_gathering(monkeypatch):
    """A poll waits a moment for more waits to join; not here."""
    monkeypatch.setattr("airflow_provider_kaizala.triggers.polls.GATHER", 0.0)


@pytest.fixture
def trigger(group):
    def make(**changes):
        given = {"group_id": group, "action_id": "act-1", "until": {"kind": "any"}, "poke_interval": 0.001}
        return KaizalaWaitTrigger(**{**given, **changes})

    return make


def ago(seconds):
    return (datetime.now(tz=UTC) - timedelta(seconds=seconds)).isoformat()


def events(trigger):
    """Run a trigger to its end, within a time; returns the payload of each event."""

    async def run():
        async with asyncio.timeout(10):
            return [event.payload async for event in trigger.run()]

    return asyncio.run(run())


def test_it_ends_no_sooner_than_airflow_knows_that_the_task_is_parked(kaizala, trigger, monkeypatch):
    monkeypatch.setattr(compat, "PARKING", 0.5)
    kaizala.survey(ASHA)
    for known_to_airflow, least, most in ((True, 0.5, 5), (False, 0, 0.4)):
        made = trigger()
        made.trigger_id = 1 if known_to_airflow else None
        began = time.monotonic()
        assert [event["status"] for event in events(made)] == ["success"]
        assert least <= time.monotonic() - began < most


def test_one_that_has_waited_for_long_ends_at_once(kaizala, trigger, monkeypatch):
    monkeypatch.setattr(compat, "PARKING", 0.3)
    kaizala.survey()
    made = trigger(deadline=ago(-0.6))
    made.trigger_id = 1
    began = time.monotonic()
    assert [event["status"] for event in events(made)] == ["timeout"]
    assert time.monotonic() - began < 0.85


# --- what travels ------------------------------------------------------------------------------------------------------------


def test_path_and_arguments_are_fixed(trigger, group):
    assert trigger(deadline="2026-03-01T08:00:00+00:00", kaizala_conn_id="other").serialize() == (
        PATH,
        {
            "group_id": group,
            "action_id": "act-1",
            "action_type": None,
            "sent_at": None,
            "until": {"kind": "any"},
            "poke_interval": 0.001,
            "deadline": "2026-03-01T08:00:00+00:00",
            "wake_at": None,
            "kaizala_conn_id": "other",
            "carry": None,
        },
    )


def test_it_survives_the_database(trigger):
    before = trigger(until={"kind": "people", "people": [ASHA], "need": "any"}, deadline=ago(-60))
    path, kwargs = before.serialize()
    after = KaizalaWaitTrigger(**json.loads(json.dumps(kwargs)))
    assert after.serialize() == (path, kwargs)


def test_a_row_of_an_older_version_still_loads(group):
    """What was added since has a default."""
    old = KaizalaWaitTrigger(group_id=group, action_id="act-1", until={"kind": "any"})
    assert old.serialize()[1]["kaizala_conn_id"] == "kaizala_default"
    assert old.serialize()[1]["deadline"] is None


def test_airflow_finds_it_by_its_path():
    from airflow.triggers.base import BaseTrigger

    assert resolve_name(PATH.replace("response.K", "response:K")) is KaizalaWaitTrigger
    assert issubclass(KaizalaWaitTrigger, BaseTrigger)


def test_no_secret_travels(trigger, secrets_of_the_connection, connect):
    connect()
    text = json.dumps(trigger().serialize())
    assert [secret for secret in secrets_of_the_connection if secret in text] == []


# --- how it ends -------------------------------------------------------------------------------------------------------------


def test_somebody_has_answered_already(trigger, kaizala, group):
    kaizala.survey(ASHA)
    (event,) = events(trigger())
    assert event["status"] == "success"
    result = event["result"]
    assert (result["group_id"], result["action_id"], result["complete"]) == (group, "act-1", True)
    assert [each["responder"] for each in result["answers"]] == [ASHA]
    assert json.loads(json.dumps(event)) == event
    (call,) = kaizala.calls()
    assert call.url.endswith(f"/v1/groups/{group}/actions/act-1?getDetails=true")


def test_it_looks_until_enough_have_answered(trigger, kaizala, logs):
    def look(request):
        kaizala.survey(*[ASHA, ASHA, RAVI, MEERA][: len(kaizala.calls()) // 2])
        return kaizala.default(request)

    kaizala.otherwise = look
    (event,) = events(trigger(until={"kind": "at_least", "count": 2}))
    assert event["status"] == "success"
    assert [each["responder"] for each in event["result"]["answers"]] == [ASHA, ASHA, RAVI]
    assert len(kaizala.calls()) == 6
    assert len(kaizala.token_calls) == 1
    assert [line for line in logs.of("info") if "Opening check" in line] == [
        "INFO 'Opening check': 0 of 2: nobody ",
        "INFO 'Opening check': 1 of 2: Name of 1 ",
        "INFO 'Opening check': 2 of 2: Name of 1, Name of 2 ",
    ]


def test_the_log_names_who_is_missing(trigger, kaizala, logs):
    kaizala.job([ASHA, RAVI], done=[RAVI])
    events(trigger(until={"kind": "everyone"}, deadline=ago(-0.1)))
    assert "'Open the shutters': 1 of 2: Name of 2; missing: Name of 1" in logs.text


def test_the_deadline_passes(trigger, kaizala):
    kaizala.job([ASHA, RAVI], done=[RAVI])
    (event,) = events(trigger(until={"kind": "everyone"}, deadline=ago(-0.1), poke_interval=60))
    assert event["status"] == "timeout"
    assert event["result"]["complete"] is False
    assert [each["responder"] for each in event["result"]["answers"]] == [RAVI]
    assert event["result"]["missing"] == [{"mobile_number": ASHA, "name": "Name of 1"}]
    assert len(kaizala.calls()) == 1, "the last look is the worker's"


def test_a_deadline_that_passed_while_the_triggerer_was_down(trigger, kaizala):
    """The worker, which looks once more, must not have to wait for the next look of a poll."""
    kaizala.survey(ASHA)
    (event,) = events(trigger(deadline=ago(3600), carry={"a": 1}))
    assert event == {"status": "timeout", "result": None, "carry": {"a": 1}}


def test_the_deadline_passes_while_kaizala_cannot_be_read(trigger, kaizala):
    kaizala.otherwise = lambda request: kaizala.error(500, "Internal")
    (event,) = events(trigger(deadline=ago(-0.1)))
    assert event == {"status": "timeout", "result": None, "carry": None}


def test_it_wakes_the_task_in_between(trigger, kaizala):
    kaizala.survey()
    (event,) = events(trigger(deadline=ago(-60), wake_at=ago(-0.1), carry={"a": 1}))
    assert event == {"status": "wake", "carry": {"a": 1}}


def test_a_failure_that_may_be_over_is_sat_out(trigger, kaizala, logs):
    kaizala.survey(ASHA)
    kaizala.script += [(500, {})] * 5 + [ConnectionRefusedError("refused")] * 5 + [(200, [])] * 5
    kaizala.script.append(kaizala.error(429, "TooManyRequests", Retry_After="99999"))
    (event,) = events(trigger())
    assert event["status"] == "success"
    told = [line for line in logs.of("warning") if "cannot be read now; looking again" in line]
    assert len(told) == 4, "one for each outage, however often it is tried"


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (404, "ActionNotFound", "getAction failed for group"),
        (403, "Forbidden", "was not granted this group"),
        (400, "BadRequest", "getAction failed"),
    ],
)
def test_what_kaizala_refuses_ends_the_wait_at_once(trigger, kaizala, status, code, says):
    kaizala.otherwise = lambda request: kaizala.error(status, code, "because")
    (event,) = events(trigger())
    assert event["status"] == "error"
    assert says in event["message"]
    assert "because" in event["message"]
    assert len(kaizala.calls()) == 1


def test_a_revoked_token_ends_the_wait(trigger, kaizala):
    kaizala.tokens += [kaizala.error(401, "InvalidRefreshToken", "revoked")] * 3
    (event,) = events(trigger())
    assert event["status"] == "error"
    assert "revoked — refused for the refresh token of group" in event["message"]
    assert kaizala.calls() == []


def test_a_rule_that_does_not_fit_ends_the_wait(trigger, kaizala):
    kaizala.survey(ASHA)
    (event,) = events(trigger(until={"kind": "everyone"}))
    assert event["status"] == "error"
    assert event["message"].startswith(
        "until: 'all' needs to know who must answer, and a Survey has no assignees"
    )


@pytest.mark.parametrize("broken", [{"kind": "newer"}, {}, "any of them"])
def test_a_rule_that_this_version_does_not_know(trigger, kaizala, broken):
    (event,) = events(trigger(until=broken))
    assert event["status"] == "error"
    assert event["message"].startswith("until: ")
    assert kaizala.requests == []


def test_a_connection_that_is_gone(trigger, kaizala):
    (event,) = events(trigger(kaizala_conn_id="nowhere"))
    assert event["status"] == "error"
    assert "nowhere" in event["message"]


def test_a_connection_that_is_wrong(trigger, kaizala, connect):
    connect(extra={"no_such": 1})
    (event,) = events(trigger())
    assert event["status"] == "error"
    assert "connection 'kaizala_default': unknown extra 'no_such'" in event["message"]


def test_it_stops_when_airflow_says_so(trigger, kaizala, monkeypatch):
    from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient

    closed = []
    close = AsyncKaizalaClient.close

    async def noted(client):
        closed.append(client)
        await close(client)

    monkeypatch.setattr(AsyncKaizalaClient, "close", noted)

    async def cancel():
        looked = asyncio.Event()

        def look(request):
            looked.set()
            kaizala.survey()
            return kaizala.default(request)

        kaizala.otherwise = look
        task = asyncio.ensure_future(anext(trigger(poke_interval=60).run()))
        await looked.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert len(closed) == 1


def test_many_at_once_on_one_loop(trigger, kaizala):
    kaizala.survey(ASHA)

    async def together():
        async def first(each):
            return (await anext(each.run())).payload["status"]

        return await asyncio.gather(*(first(trigger()) for _ in range(20)))

    assert asyncio.run(together()) == ["success"] * 20
