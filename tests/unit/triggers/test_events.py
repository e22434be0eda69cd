"""Watching a group by polling: what is new reaches the receiver as an event, once. Time is virtual."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from pkgutil import resolve_name

import pytest
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException
from airflow.triggers.base import BaseTrigger

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.feed import FeedError, RefusedEventError
from airflow_provider_kaizala.triggers import doorbells, events
from airflow_provider_kaizala.triggers.events import KaizalaEventTrigger
from tests.unit.conftest import GROUP
from tests.unit.triggers.conftest import virtual_now

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
PATH = "airflow_provider_kaizala.triggers.events.KaizalaEventTrigger"


class Inbox:
    """The receiver's side: stores each event once.

    :ivar down: whether it takes nothing
    :ivar refused: texts; an event that holds one is refused for good
    """

    def __init__(self):
        self.stored: dict[str, KaizalaEvent] = {}
        self.down, self.refused, self.requests = False, [], 0

    def __call__(self, conn_id, secret, base_url):
        assert (conn_id, secret) == ("kaizala_default", "webhook-secret-of-the-connector")
        return self

    async def hand_in(self, group_id, body):
        self.requests += 1
        await asyncio.sleep(0.001)
        if self.down:
            raise FeedError("the receiver is down")
        text = json.dumps(body)
        if any(each in text for each in self.refused):
            raise RefusedEventError("too large")
        event = KaizalaEvent.read(json.loads(text))
        assert event.group_id == group_id == body["objectId"]
        self.stored.setdefault(event.event_id, event)

    async def aclose(self):
        """Nothing is open."""

    @property
    def events(self):
        return list(self.stored.values())


@pytest.fixture
def inbox(stage, monkeypatch):
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "kaizala_default")
    inbox = Inbox()

    class Clock:
        monotonic = staticmethod(virtual_now)

    monkeypatch.setattr(events, "time", Clock)
    monkeypatch.setattr(events, "EventFeed", inbox)

    async def silent(self):
        await asyncio.sleep(1e9)

    monkeypatch.setattr(doorbells.Doorbell, "_run", silent)
    return inbox


@asynccontextmanager
async def running(*triggers):
    """Let triggers run, as the triggerer does."""

    async def run(trigger):
        async for event in trigger.run():
            pytest.fail(f"fired {event}")

    tasks = [asyncio.create_task(run(each)) for each in triggers]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        for each in tasks:
            with suppress(asyncio.CancelledError):
                await each


def images(**given):
    return KaizalaEventTrigger("new_actions", GROUP, "Image", **given)


def votes(**given):
    return KaizalaEventTrigger("new_responses", GROUP, "Poll", **given)


def members(**given):
    return KaizalaEventTrigger("new_members", GROUP, **given)


def photo(kaizala, name, sent_at="2026-03-01T08:59:00Z"):
    kaizala.actions[name] = {
        "actionId": name, "actionType": "Image", "sender": RAVI, "sentAt": sent_at, "actionDetails": {"title": name},
    }  # fmt: skip


# --- what travels ------------------------------------------------------------------------------------------------------------


def test_path_and_arguments_are_fixed():
    made = images(poll_interval=30, lookback_days=1)
    assert made.serialize() == (
        PATH,
        {"kind": "new_actions", "group_id": GROUP, "action_type": "Image", "kaizala_conn_id": "kaizala_default",
         "poll_interval": 30.0, "lookback_days": 1.0},
    )  # fmt: skip
    path, kwargs = made.serialize()
    assert KaizalaEventTrigger(**json.loads(json.dumps(kwargs))).serialize() == (path, kwargs)
    assert resolve_name(PATH.replace("events.K", "events:K")) is KaizalaEventTrigger
    assert issubclass(KaizalaEventTrigger, BaseTrigger)


def test_an_asset_may_be_watched_by_it():
    sdk = pytest.importorskip("airflow.sdk", reason="Airflow 2 has no watchers")
    watcher = sdk.AssetWatcher(name="photos", trigger=images())
    asset = sdk.Asset(f"kaizala://kaizala_default/groups/{GROUP}", watchers=[watcher])
    assert asset.watchers[0].trigger.serialize() == images().serialize()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "photos"}, "kind must be one of new_actions, new_responses, new_members"),
        ({"group_id": ""}, "group_id is empty"),
        ({"action_type": None}, "action_type must be one of Image, Document"),
        ({"action_type": "Announcement"}, "action_type must be one of"),
        ({"kind": "new_responses"}, "action_type must be one of Job, Survey, Poll, LetsMeet, not 'Image'"),
        ({"kind": "new_members"}, "action_type: members have none"),
        ({"poll_interval": 0}, "poll_interval must be a number from 1 to 86400"),
        ({"poll_interval": "60"}, "poll_interval must"),
        ({"lookback_days": 0}, "lookback_days must be a number from 0.1 to 365"),
        ({"kaizala_conn_id": ""}, "kaizala_conn_id is empty"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says):
        KaizalaEventTrigger(**{"kind": "new_actions", "group_id": GROUP, "action_type": "Image", **given})


def test_airflow_2_is_refused(monkeypatch):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", False)
    with pytest.raises(
        AirflowOptionalProviderFeatureException,
        match=r"KaizalaEventTrigger needs Airflow 3\.0 or newer; this is",
    ):
        images()


# --- what is new -------------------------------------------------------------------------------------------------------------


def test_new_actions(stage, kaizala, inbox):
    photo(kaizala, "old")

    async def scene():
        async with running(images()):
            await asyncio.sleep(30)
            photo(kaizala, "new", "2026-03-01T09:00:20Z")
            await asyncio.sleep(300)

    stage.play(scene)
    (event,) = inbox.events
    assert (event.event_type, event.group_id, event.action_id) == ("AttachmentCreated", GROUP, "new")
    assert (event.person.mobile_number, event.person.name) == (RAVI, "Name of 2")
    assert event.data["actionType"] == "Image"
    assert inbox.requests == 1


def test_new_responses(stage, kaizala, inbox):
    kaizala.poll({RAVI: "Yes"}, sent_at="2026-03-01T07:00:00Z")
    kaizala.poll({}, action_id="act-2", sent_at="2026-03-01T07:00:00Z")

    async def scene():
        async with running(votes()):
            await asyncio.sleep(30)
            kaizala.poll({RAVI: "Yes", MEERA: "No"}, sent_at="2026-03-01T07:00:00Z")
            await asyncio.sleep(100)
            kaizala.poll({ASHA: "Yes"}, action_id="act-2", sent_at="2026-03-01T07:00:00Z")
            kaizala.poll({ASHA: "No"}, action_id="act-3", sent_at="2026-03-01T09:01:00Z")
            await asyncio.sleep(200)

    stage.play(scene)
    assert [(each.action_id, each.person.mobile_number) for each in inbox.events] == [
        ("act-1", MEERA),
        ("act-2", ASHA),
        ("act-3", ASHA),
    ]
    event = inbox.events[0]
    assert (event.event_type, event.person.name) == ("PollResponse", "Name of 3")
    assert event.data["responseDetails"]["responseWithQuestions"][0] == {"title": "Tea?", "answer": "No"}


def test_what_polls_find_while_an_event_is_handed_over_is_handed_over_next(stage, kaizala, inbox):
    sent = {"sent_at": "2026-03-01T07:00:00Z"}
    for action_id in ("act-1", "act-2"):
        kaizala.poll({}, action_id=action_id, **sent)

    async def slowly(group_id, body):
        await asyncio.sleep(300)  # meanwhile the other poll has been read
        inbox.stored[body["eventId"]] = KaizalaEvent.read(body)

    async def scene():
        async with running(votes(poll_interval=10)):
            await asyncio.sleep(30)
            inbox.hand_in = slowly
            kaizala.poll({RAVI: "Yes"}, action_id="act-1", **sent)
            await asyncio.sleep(100)
            kaizala.poll({MEERA: "No"}, action_id="act-2", **sent)
            await asyncio.sleep(1000)

    stage.play(scene)
    assert [(each.action_id, each.person.mobile_number) for each in inbox.events] == [
        ("act-1", RAVI),
        ("act-2", MEERA),
    ]


def test_a_job_that_is_done(stage, kaizala, inbox):
    kaizala.job([RAVI, MEERA], sent_at="2026-03-01T07:00:00Z")

    async def scene():
        async with running(KaizalaEventTrigger("new_responses", GROUP, "Job")):
            await asyncio.sleep(30)
            kaizala.job([RAVI, MEERA], done=[MEERA], sent_at="2026-03-01T07:00:00Z")
            await asyncio.sleep(600)

    stage.play(scene)
    (event,) = inbox.events
    assert (event.event_type, event.action_id) == ("JobResponse", "act-1")
    assert event.person.mobile_number == MEERA


def test_new_members_also_those_who_come_back(stage, kaizala, inbox):
    async def scene():
        async with running(members()):
            await asyncio.sleep(30)
            kaizala.members.append("+910000000009")
            await asyncio.sleep(100)
            kaizala.members.remove("+910000000009")
            await asyncio.sleep(100)
            kaizala.members.append("+910000000009")
            await asyncio.sleep(100)

    stage.play(scene)
    first, second = inbox.events
    assert (first.event_type, first.data["member"]) == ("MemberAdded", "+910000000009")
    assert first.data == second.data
    assert first.event_id != second.event_id


def test_nothing_of_a_quiet_group_is_new(stage, kaizala, inbox):
    photo(kaizala, "old")
    kaizala.poll({RAVI: "Yes"}, sent_at="2026-03-01T07:00:00Z")

    async def scene():
        async with running(images(), votes(), members()):
            await asyncio.sleep(7 * 3600)

    stage.play(scene)
    assert inbox.requests == 0


# --- restarts and outages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("watch", [images, votes, members])
def test_what_came_while_no_triggerer_ran_is_new_and_nothing_else(stage, kaizala, inbox, variables, watch):
    photo(kaizala, "old")
    kaizala.poll({RAVI: "Yes"}, sent_at="2026-03-01T07:00:00Z")

    async def scene():
        async with running(watch()):
            await asyncio.sleep(100)
        photo(kaizala, "new")
        kaizala.poll({RAVI: "Yes", MEERA: "No"}, sent_at="2026-03-01T07:00:00Z")
        kaizala.members.append("+910000000009")
        async with running(watch()):
            await asyncio.sleep(100)
        async with running(watch()):
            await asyncio.sleep(100)

    stage.play(scene)
    assert len(inbox.events) == inbox.requests == 1
    (name,) = [each for each in variables if each.startswith("kaizala_watch_")]
    assert GROUP not in variables[name]


@pytest.mark.parametrize("watch", [images, votes, members])
def test_events_wait_while_the_receiver_is_down_and_are_stored_once(stage, kaizala, inbox, watch, logs):
    async def scene():
        async with running(watch(poll_interval=600)):
            await asyncio.sleep(30)
            for number in range(3):
                photo(kaizala, f"new-{number}")
                kaizala.poll({RAVI: "Yes"}, action_id=f"act-{number}", sent_at="2026-03-01T07:00:00Z")
                kaizala.members.append(f"+91000000001{number}")
            inbox.down = True
            await asyncio.sleep(1300)
            assert inbox.requests > 50
            inbox.down = False
            await asyncio.sleep(events.RETRY + 1)

    stage.play(scene)
    assert len(inbox.events) == 3
    assert len([line for line in logs.lines if "cannot take events" in line]) == 1


@pytest.mark.parametrize("watch", [images, votes, members])
def test_an_event_that_is_handed_over_again_has_the_same_id(stage, kaizala, inbox, watch, monkeypatch):
    """The triggerer is killed after an event was handed over, and before that was noted."""

    async def lost(self, seen):
        raise asyncio.CancelledError

    async def scene():
        async with running(watch()):
            await asyncio.sleep(30)
        photo(kaizala, "new")
        kaizala.poll({RAVI: "Yes"}, sent_at="2026-03-01T07:00:00Z")
        kaizala.members.append("+910000000009")
        with monkeypatch.context() as patch:
            patch.setattr(events._Watch, "_save", lost)
            async with running(watch()):
                await asyncio.sleep(30)
        assert inbox.requests == 1
        async with running(watch()):
            await asyncio.sleep(30)

    stage.play(scene)
    assert (inbox.requests, len(inbox.events)) == (2, 1)


def test_an_event_that_the_receiver_never_takes_holds_up_no_other(stage, kaizala, inbox, logs):
    async def scene():
        async with running(images()):
            await asyncio.sleep(30)
            for name in ("a-bad-one", "good"):
                photo(kaizala, name)
            inbox.refused = ["a-bad-one"]
            await asyncio.sleep(300)

    stage.play(scene)
    assert [each.action_id for each in inbox.events] == ["good"]
    assert inbox.requests == 2
    assert "is lost: too large" in logs.text


def test_it_goes_on_after_kaizala_was_away(stage, kaizala, inbox, logs):
    async def scene():
        kaizala.otherwise = lambda request: kaizala.error(500, "Internal")
        async with running(images()):
            await asyncio.sleep(300)
            kaizala.otherwise = None
            await asyncio.sleep(100)
            photo(kaizala, "new")
            kaizala.otherwise = lambda request: kaizala.error(403, "Forbidden")
            await asyncio.sleep(300)
            kaizala.otherwise = None
            await asyncio.sleep(100)

    stage.play(scene)
    assert [each.action_id for each in inbox.events] == ["new"]
    assert len([line for line in logs.lines if "Cannot watch new actions (Image) in group" in line]) == 2


def test_an_action_that_is_deleted_ends_nothing(stage, kaizala, inbox):
    kaizala.poll({}, sent_at="2026-03-01T07:00:00Z")
    kaizala.poll({RAVI: "Yes"}, action_id="act-2", sent_at="2026-03-01T07:00:00Z")

    async def scene():
        async with running(votes()):
            await asyncio.sleep(30)
            del kaizala.actions["act-2"]
            await asyncio.sleep(200)
            kaizala.poll({MEERA: "No"}, sent_at="2026-03-01T07:00:00Z")
            await asyncio.sleep(100)

    stage.play(scene)
    assert [each.person.mobile_number for each in inbox.events] == [MEERA]


@pytest.mark.parametrize(
    "without",
    [
        lambda monkeypatch, connect: connect(extra={"webhook_secret": None}),
        lambda monkeypatch, connect: monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", ""),
    ],
)
def test_what_it_needs_is_said_once(stage, kaizala, inbox, connect, monkeypatch, logs, without):
    without(monkeypatch, connect)

    async def scene():
        async with running(images()):
            await asyncio.sleep(1000)

    stage.play(scene)
    text = "needs the extra webhook_secret, and its name in [kaizala] webhook_connections"
    assert len([line for line in logs.lines if text in line]) == 1


# --- what it costs -----------------------------------------------------------------------------------------------------------


def test_many_watchers_and_waits_cost_one_poll(stage, kaizala, inbox, no_sweeps):
    kaizala.poll({}, sent_at="2026-03-01T07:00:00Z")

    async def scene():
        async with running(*[members() for _ in range(10)], *[members(poll_interval=90) for _ in range(10)]):
            await asyncio.sleep(600)

    stage.play(scene)
    polls = [at for at in stage.moments("/members") if at > 1]
    assert 9 <= len(polls) <= 11


def test_the_list_of_actions_begins_later_as_time_passes(stage, kaizala, inbox):
    async def scene():
        async with running(images(poll_interval=3600)):
            await asyncio.sleep(20 * 3600)

    stage.play(scene)
    began = [
        int(request.query["fromDate"]) for _, request in stage.calls if request.path.endswith("/actions")
    ]
    assert began == sorted(began)
    assert began[-1] - began[0] == 18 * 3600
