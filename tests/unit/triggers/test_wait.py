"""The trigger of every wait: what travels, how it ends, what it sits out."""

from __future__ import annotations

import asyncio
import json
from pkgutil import resolve_name

import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
PATH = "airflow_provider_kaizala.triggers.wait.KaizalaWaitTrigger"


@pytest.fixture
def wire(group):
    """Make a wait as a plain dict: settled, on the responses to one action, every ten seconds, for one answer."""

    def make(**changes):
        given = {
            "subject": {
                "kind": "responses",
                "group_id": group,
                "action_id": "act-1",
                "action_type": None,
                "sent_at": None,
            },
            "until": {"kind": "any"},
            "deadline": None,
            "interval": 10.0,
            "voters": None,
            "settled": True,
            "closes_at": None,
        }
        return {**given, **changes}

    return make


@pytest.fixture
def trigger(wire):
    def make(wake_at=None, carry=None, conn_id="kaizala_default", **changes):
        return KaizalaWaitTrigger(wire(**changes), conn_id, wake_at, carry)

    return make


def responders(event):
    return [each["responder"] for each in event["seen"]["result"]["answers"]]


# --- what travels ------------------------------------------------------------------------------------------------------------


def test_path_and_arguments_are_fixed(wire):
    wait = wire(deadline="2026-03-01T08:00:00+00:00")
    made = KaizalaWaitTrigger(wait, "other", "2026-03-01T07:00:00+00:00", {"a": 1})
    assert made.serialize() == (
        PATH,
        {
            "wait": wait,
            "kaizala_conn_id": "other",
            "wake_at": "2026-03-01T07:00:00+00:00",
            "carry": {"a": 1},
        },
    )


def test_it_survives_the_database(trigger):
    path, kwargs = trigger(until={"kind": "people", "people": [ASHA], "need": "any"}).serialize()
    after = KaizalaWaitTrigger(**json.loads(json.dumps(kwargs)))
    assert after.serialize() == (path, kwargs)


def test_a_row_of_an_older_version_still_works(stage, kaizala, wire):
    """What may be added since has a default."""
    kaizala.survey(ASHA)
    old = {name: wire()[name] for name in ("subject", "until", "deadline", "interval")}
    found = stage.event(KaizalaWaitTrigger(wait=old, kaizala_conn_id="kaizala_default"))
    assert (found["status"], found["carry"]) == ("success", {})


def test_airflow_finds_it_by_its_path():
    assert resolve_name(PATH.replace("wait.K", "wait:K")) is KaizalaWaitTrigger
    assert issubclass(KaizalaWaitTrigger, BaseTrigger)


def test_no_secret_travels(stage, kaizala, trigger, secrets_of_the_connection):
    kaizala.survey(ASHA)
    made = trigger()
    text = json.dumps([made.serialize(), stage.event(made)])
    assert [secret for secret in secrets_of_the_connection if secret in text] == []


# --- when it fires -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trigger_id", "at"), [(1, compat.PARKING), (None, 0.52)])
def test_it_fires_no_sooner_than_airflow_knows_that_the_task_has_left(
    stage, kaizala, trigger, trigger_id, at
):
    """Under dag.test() there is no worker that it has left, and no id."""
    kaizala.survey(ASHA)
    made = trigger()
    made.trigger_id = trigger_id
    assert stage.event(made)["status"] == "success"
    assert stage.fired_at == at
    assert len(kaizala.calls()) == 1, "it has left the poll meanwhile"


def test_one_that_has_waited_for_long_fires_at_once(stage, kaizala, trigger, in_seconds):
    kaizala.survey()
    made = trigger(deadline=in_seconds(60))
    made.trigger_id = 1
    assert stage.event(made)["status"] == "timeout"
    assert stage.fired_at == 60


# --- success -----------------------------------------------------------------------------------------------------------------


def test_an_answer_that_came_before_the_wait(stage, kaizala, trigger, wire, group):
    kaizala.survey(ASHA)
    found = stage.event(trigger(carry={"a": 1}))
    assert {**found, "seen": None} == {
        "status": "success",
        "wait": wire(),
        "seen": None,
        "carry": {"a": 1},
    }
    result = found["seen"]["result"]
    assert (result["group_id"], result["action_id"], result["complete"]) == (group, "act-1", True)
    assert responders(found) == [ASHA]
    assert found["seen"]["text"] == "1 of 1 answered (Name of 1)"
    (call,) = kaizala.calls()
    assert call.url.endswith(f"/v1/groups/{group}/actions/act-1?getDetails=true")


def test_it_polls_until_enough_people_have_answered(stage, kaizala, trigger, logs):
    kaizala.survey()
    stage.at(15, lambda: kaizala.survey(ASHA))
    stage.at(25, lambda: kaizala.survey(ASHA, ASHA))
    stage.at(45, lambda: kaizala.survey(ASHA, ASHA, RAVI))
    found = stage.event(trigger(until={"kind": "at_least", "count": 2}))
    assert found["status"] == "success"
    assert responders(found) == [ASHA, ASHA, RAVI]
    assert stage.moments("/act-1") == [0.52, 10.52, 20.52, 30.52, 40.52, 50.52]
    assert len(kaizala.token_calls) == 1
    assert [line.strip() for line in logs.of("info") if "Opening check" in line] == [
        "INFO 'Opening check': 0 of 2 answered",
        "INFO 'Opening check': 1 of 2 answered (Name of 1)",
        "INFO 'Opening check': 2 of 2 answered (Name of 1, Name of 2)",
    ]


def test_the_log_names_who_is_missing(stage, kaizala, trigger, logs, in_seconds):
    kaizala.job([ASHA, RAVI], done=[RAVI])
    stage.event(trigger(until={"kind": "everyone"}, deadline=in_seconds(5)))
    assert "'Open the shutters': 1 of 2 answered (Name of 2); missing: Name of 1" in logs.text


@pytest.mark.parametrize(
    ("subject", "act"),
    [
        (
            {"kind": "reactions", "reference_id": "ref-1", "reaction_type": "Like", "source_group_id": None},
            lambda kaizala: kaizala.reacts(RAVI),
        ),
        (
            {
                "kind": "new_actions",
                "action_type": "Poll",
                "since": "2026-03-01T09:00:00+00:00",
                "ignored": "",
            },
            lambda kaizala: kaizala.poll(sent_at="2026-03-01T09:00:30Z"),
        ),
        (
            {"kind": "new_members", "before": [ASHA, RAVI, MEERA]},
            lambda kaizala: kaizala.members.append("+910000000004"),
        ),
    ],
)
def test_one_trigger_waits_for_everything(stage, kaizala, trigger, group, subject, act):
    stage.at(30, lambda: act(kaizala))
    found = stage.event(trigger(subject={**subject, "group_id": group}))
    assert (found["status"], found["seen"]["result"]["met"]) == ("success", True)
    assert stage.fired_at == pytest.approx(30.5, abs=0.1)


def test_many_waits_at_once_share_one_poll(stage, kaizala, trigger):
    kaizala.survey(ASHA)

    async def scene():
        async def status():
            return (await anext(trigger().run())).payload["status"]

        return await asyncio.gather(*(status() for _ in range(20)))

    assert stage.play(scene) == ["success"] * 20
    assert (len(kaizala.calls()), stage.connections_read) == (1, 1)


# --- the end -----------------------------------------------------------------------------------------------------------------


def test_the_deadline_passes(stage, kaizala, trigger, in_seconds):
    kaizala.job([ASHA, RAVI], done=[RAVI])
    found = stage.event(trigger(until={"kind": "everyone"}, deadline=in_seconds(30), interval=60.0))
    assert (found["status"], stage.fired_at) == ("timeout", 30)
    assert found["seen"]["result"]["complete"] is False
    assert responders(found) == [RAVI]
    assert found["seen"]["result"]["missing"] == [{"mobile_number": ASHA, "name": "Name of 1"}]
    assert len(kaizala.calls()) == 1, "the last look is the worker's"


def test_a_deadline_that_passed_while_no_triggerer_ran(stage, kaizala, trigger, wire, in_seconds):
    """The worker, which looks once more, must not wait for anything here."""
    kaizala.survey(ASHA)
    found = stage.event(trigger(deadline=in_seconds(-3600), carry={"a": 1}))
    wait = wire(deadline=in_seconds(-3600))
    assert found == {"status": "timeout", "wait": wait, "seen": None, "carry": {"a": 1}}
    assert (stage.connections_read, kaizala.requests) == (0, [])


@pytest.mark.parametrize("settled", [True, False])
def test_the_deadline_passes_during_a_look(stage, kaizala, trigger, in_seconds, settled):
    kaizala.survey(ASHA)
    stage.latency = 300
    found = stage.event(trigger(deadline=in_seconds(30), settled=settled))
    assert (found["status"], found["seen"], stage.fired_at) == ("timeout", None, 30)


@pytest.mark.parametrize("settled", [True, False])
def test_the_deadline_passes_while_kaizala_is_down(stage, kaizala, trigger, in_seconds, settled):
    kaizala.otherwise = lambda request: kaizala.error(500, "Internal")
    found = stage.event(trigger(deadline=in_seconds(35), settled=settled))
    assert (found["status"], found["seen"], stage.fired_at) == ("timeout", None, 35)


@pytest.mark.parametrize("settled", [True, False])
def test_the_question_expires(stage, kaizala, trigger, in_seconds, settled):
    """A little later, since clocks differ. What the wait knows of it goes back to the worker, which says so."""
    kaizala.poll({}, dueDate=in_seconds(60))
    closes_at = in_seconds(60) if settled else None
    found = stage.event(trigger(deadline=in_seconds(3600), settled=settled, closes_at=closes_at))
    assert (found["status"], stage.fired_at) == ("timeout", 65)
    assert found["wait"]["closes_at"] == in_seconds(60)
    assert found["seen"]["result"]["met"] is False


def test_it_wakes_the_task_in_between(stage, kaizala, trigger, wire, in_seconds):
    kaizala.survey()
    found = stage.event(trigger(deadline=in_seconds(60), wake_at=in_seconds(15), carry={"a": 1}))
    assert (found["status"], stage.fired_at) == ("wake", 15)
    assert (found["wait"], found["carry"]) == (wire(deadline=in_seconds(60)), {"a": 1})
    assert found["seen"]["text"] == "0 of 1 answered"


def test_it_wakes_the_task_though_the_wait_has_no_end(stage, kaizala, trigger, in_seconds):
    kaizala.survey()
    assert stage.event(trigger(wake_at=in_seconds(15)))["status"] == "wake"


def test_the_end_comes_before_a_later_waking(stage, kaizala, trigger, in_seconds):
    kaizala.survey()
    found = stage.event(trigger(deadline=in_seconds(30), wake_at=in_seconds(45)))
    assert (found["status"], stage.fired_at) == ("timeout", 30)


def test_the_end_goes_before_a_waking(stage, kaizala, trigger, in_seconds):
    found = stage.event(trigger(deadline=in_seconds(-5), wake_at=in_seconds(-10)))
    assert found["status"] == "timeout"


def test_it_stops_when_airflow_cancels_it(stage, kaizala, trigger, monkeypatch):
    closed = []
    close = AsyncKaizalaClient.close

    async def noted(client):
        closed.append(client)
        await close(client)

    monkeypatch.setattr(AsyncKaizalaClient, "close", noted)
    kaizala.survey()

    async def scene():
        task = asyncio.ensure_future(anext(trigger().run()))
        await asyncio.sleep(25)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(60)

    stage.play(scene)
    assert len(closed) == 1
    assert len(kaizala.calls()) == 3


# --- what waiting can fix ------------------------------------------------------------------------------------------------------


def test_an_outage_is_waited_out_and_logged_once(stage, kaizala, trigger, logs):
    """Each look tries five times."""
    kaizala.survey(ASHA)
    kaizala.script += [(500, {})] * 10 + [ConnectionRefusedError("refused")] * 5 + [(200, [])] * 5
    kaizala.script.append(kaizala.error(429, "TooManyRequests", Retry_After="99999"))
    assert stage.event(trigger())["status"] == "success"
    assert stage.fired_at == 50.52
    assert len([line for line in logs.of("warning") if "polling again" in line]) == 4


@pytest.mark.parametrize("settled", [True, False])
def test_a_connection_that_cannot_be_read_at_first_is_read_again(stage, kaizala, trigger, logs, settled):
    kaizala.survey(ASHA)
    stage.unreadable += [RuntimeError("API_SERVER_ERROR: 503")] * 2 + [TimeoutError()]
    assert stage.event(trigger(settled=settled))["status"] == "success"
    assert stage.connections_read == 4
    assert stage.fired_at == pytest.approx(30.6, abs=0.1), "after its interval, each time"
    assert [line.strip() for line in logs.of("warning")] == [
        "WARNING Kaizala cannot be read now; polling again: API_SERVER_ERROR: 503",
        "WARNING Kaizala cannot be read now; polling again: TimeoutError",
    ]


def test_a_connection_that_is_gone_is_looked_for_until_the_deadline(
    stage, kaizala, trigger, logs, in_seconds
):
    found = stage.event(trigger(conn_id="nowhere", deadline=in_seconds(35)))
    assert (found["status"], found["seen"], stage.fired_at) == ("timeout", None, 35)
    assert stage.connections_read == 4
    assert "nowhere" in logs.of("warning")[0]


def test_an_outage_of_all_waits_at_the_start(stage, kaizala, trigger):
    """One reads the connection, the others learn of its failure; later they all go on."""
    kaizala.survey(ASHA)
    stage.unreadable.append(RuntimeError("503"))

    async def scene():
        async def status():
            return (await anext(trigger().run())).payload["status"]

        return await asyncio.gather(*(status() for _ in range(5)))

    assert stage.play(scene) == ["success"] * 5
    assert stage.connections_read == 2


# --- settling ------------------------------------------------------------------------------------------------------------------


def test_a_wait_that_the_worker_could_not_settle_is_settled_here(stage, kaizala, trigger, wire, in_seconds):
    """Kaizala was down in the worker too. From then on it is known who must answer, and the list can be read."""
    kaizala.poll({RAVI: "Yes"}, sent_at="2026-03-01T07:00:00Z", creatorId="u1")
    kaizala.script += [(500, {})] * 5
    found = stage.event(trigger(until={"kind": "everyone"}, settled=False, deadline=in_seconds(25)))
    assert found["status"] == "timeout"
    assert found["wait"]["settled"] is True
    assert found["wait"]["subject"]["action_type"] == "Poll"
    assert found["wait"]["subject"]["sent_at"] == "2026-03-01T07:00:00+00:00"
    assert responders(found) == [RAVI]
    assert len(stage.lists) == 2, "at 10 s it was settled"
    people = [each["mobile_number"] for each in found["seen"]["result"]["missing"]]
    assert MEERA in people
    assert RAVI not in people


def test_a_settled_wait_is_not_settled_again(stage, kaizala, trigger, in_seconds):
    kaizala.poll({RAVI: "Yes"})
    until = {"kind": "people", "people": [ASHA, RAVI]}
    assert stage.event(trigger(until=until, deadline=in_seconds(25)))["status"] == "timeout"
    assert stage.moments("/members") == []


def test_a_rule_that_can_never_be_met_ends_a_wait_when_it_is_settled(stage, kaizala, trigger):
    kaizala.poll({})
    found = stage.event(trigger(until={"kind": "at_least", "count": 9}, settled=False))
    assert found["status"] == "error"
    assert found["message"].startswith("until: cannot wait for 9 people")


# --- what waiting cannot fix -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (404, "ActionNotFound", "getAction failed for group"),
        (403, "Forbidden", "was not granted this group"),
        (400, "BadRequest", "getAction failed"),
    ],
)
def test_what_kaizala_refuses_ends_the_wait_at_once(
    stage, kaizala, trigger, wire, settled, status, code, says
):
    kaizala.otherwise = lambda request: kaizala.error(status, code, "because")
    found = stage.event(trigger(settled=settled, carry={"a": 1}))
    assert found["status"] == "error"
    assert (found["wait"], found["seen"], found["carry"]) == (wire(settled=settled), None, {"a": 1})
    assert says in found["message"]
    assert "because" in found["message"]
    assert len(kaizala.calls()) == 1


def test_a_revoked_token_ends_the_wait(stage, kaizala, trigger):
    kaizala.tokens += [kaizala.error(401, "InvalidRefreshToken", "revoked")] * 3
    found = stage.event(trigger())
    assert found["status"] == "error"
    assert "revoked" in found["message"]
    assert kaizala.calls() == []


def test_a_group_without_a_grant_ends_the_wait(stage, kaizala, trigger, connect):
    connect(
        extra={"refresh_token": None, "group_refresh_tokens": {"22222222-2222-4222-8222-222222222222@1": "t"}}
    )
    found = stage.event(trigger())
    assert found["status"] == "error"
    assert "no refresh token for group" in found["message"]


def test_a_rule_that_does_not_fit_ends_the_wait(stage, kaizala, trigger):
    kaizala.survey(ASHA)
    found = stage.event(trigger(until={"kind": "everyone"}))
    assert found["status"] == "error"
    assert found["message"].startswith("until: ")


@pytest.mark.parametrize("broken", [{"kind": "newer"}, {}, "any of them"])
def test_a_rule_that_this_version_does_not_know_ends_the_wait(stage, kaizala, trigger, broken):
    found = stage.event(trigger(until=broken))
    assert (found["status"], found["wait"]["until"]) == ("error", broken)
    assert found["message"].startswith("until: ")
    assert kaizala.requests == []


def test_a_connection_that_is_wrong_ends_the_wait(stage, kaizala, trigger, connect):
    connect(extra={"no_such": 1})
    found = stage.event(trigger())
    assert found["status"] == "error"
    assert "connection 'kaizala_default': unknown extra 'no_such'" in found["message"]
