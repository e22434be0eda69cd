"""Events that arrive make polls look at once. Time is virtual, and the receiver is in memory."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push.pulled import PULLED
from airflow_provider_kaizala.triggers import accounts, doorbells
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.people import respondents
from airflow_provider_kaizala.waiting.subjects import NewActions, NewMembers, Reactions, Responses

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
OTHER = "22222222-2222-4222-8222-222222222222@1"
SENT = datetime(2026, 3, 1, 7, tzinfo=UTC)
SENT_TEXT = "2026-03-01T07:00:00Z"


def on(group, action_id="act-1", kind="Poll"):
    return Responses(group, action_id, kind, SENT)


def who(details):
    return [person.mobile_number for person in respondents(details)]


# --- being woken -------------------------------------------------------------------------------------------------------------


def test_an_event_wakes_a_wait_long_before_its_next_poll(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=600) as (told,):
            await asyncio.sleep(60)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            assert told == []
            receiver.event()
            await asyncio.sleep(0.1)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]


def test_the_trigger_of_a_wait_fires_but_not_before_the_task_has_left_its_worker(
    stage, kaizala, group, receiver
):
    """The doorbell must not open the race that the trigger avoids."""
    wait = {
        "subject": {"kind": "responses", "group_id": group, "action_id": "act-1", "action_type": "Poll",
                    "sent_at": "2026-03-01T07:00:00+00:00"},
        "until": {"kind": "any"}, "deadline": None, "interval": 600.0, "settled": True,
    }  # fmt: skip
    kaizala.poll({}, sent_at=SENT_TEXT)
    for seconds, at in ((1.0, compat.PARKING), (60.0, 60.0)):
        kaizala.poll({}, sent_at=SENT_TEXT)

        def answer():
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            receiver.event()

        stage.at(seconds, answer)
        made = KaizalaWaitTrigger(wait, "kaizala_default")
        made.trigger_id = 1
        assert stage.event(made)["status"] == "success"
        assert at <= stage.fired_at < at + 1.5


def test_a_burst_causes_one_look_and_one_more_after_the_interval(stage, kaizala, group, receiver):
    """One more, since what an event tells of may not be readable yet."""
    names = [f"act-{number}" for number in range(50)]
    for name in names:
        kaizala.poll({}, action_id=name, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(*[on(group, name) for name in names] * 2, interval=600) as told:
            await asyncio.sleep(60)
            before = len(stage.lists)
            for name in names:
                kaizala.poll({RAVI: "Yes"}, action_id=name, sent_at=SENT_TEXT)
                receiver.event(action_id=name)
            await asyncio.sleep(30)
            after = len(stage.lists), len(stage.details)
            await asyncio.sleep(600)
            return told, before, after

    told, before, (lists, details) = stage.play(scene)
    assert [who(news[-1]) for news in told] == [[RAVI]] * 100
    assert (lists, details) == (before + 1, 50)
    assert len(stage.lists) == before + 2


@pytest.mark.parametrize(("calls_per_minute", "most"), [(100, 35), (0, 60)])
def test_a_stream_of_events_uses_half_of_the_calls_of_waits(
    stage, kaizala, group, receiver, connect, calls_per_minute, most
):
    """35 of their 70 calls a minute, and no more than one look each second if there is no limit."""
    connect(extra={"calls_per_minute": calls_per_minute})
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=600) as (told,):
            await asyncio.sleep(10)
            began = len(stage.lists)
            for _ in range(1200):
                receiver.event()
                await asyncio.sleep(0.25)
            looks = len(stage.lists) - began
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            receiver.event()
            await asyncio.sleep(10)
            return looks, told

    looks, told = stage.play(scene)
    assert 5 * most * 0.9 < looks <= 5 * most + 12
    assert who(told[-1]) == [RAVI]


def test_answers_one_after_the_other_are_each_heard_soon(stage, kaizala, group, receiver):
    """Also if each comes shortly after the one before was heard, for as long as that goes on."""
    names = [f"act-{number}" for number in range(100)]
    for name in names:
        kaizala.poll({}, action_id=name, sent_at=SENT_TEXT)

    async def scene():
        late = []
        async with stage.waits(*[on(group, name) for name in names], interval=60) as told:
            await asyncio.sleep(10)
            for name, news in zip(names, told, strict=True):
                kaizala.poll({RAVI: "Yes"}, action_id=name, sent_at=SENT_TEXT)
                receiver.event(action_id=name)
                answered = stage.now
                async with asyncio.timeout(60):
                    while not news or who(news[-1]) != [RAVI]:  # noqa: ASYNC110 - there is nothing to wait for
                        await asyncio.sleep(0.1)
                late.append(stage.now - answered)
                await asyncio.sleep(0.8)
        return late

    late = stage.play(scene)
    assert max(late) < 6
    assert sum(late) / len(late) < 1.5


def test_an_event_now_and_then_is_heard_at_once_each_time(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=600):
            for number in range(20):
                await asyncio.sleep(5)
                receiver.event()
                await asyncio.sleep(0.02)
                assert len(stage.lists) == number + 2

    stage.play(scene)


def test_an_answer_that_changes_no_count_is_read_too(stage, kaizala, group, receiver):
    """An edited answer: the list shows the same count as before."""
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
    kaizala.poll({}, action_id="act-2", sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), on(group, "act-2"), interval=600) as (told, _):
            await asyncio.sleep(10)
            kaizala.poll({RAVI: "No"}, sent_at=SENT_TEXT)
            receiver.event(action_id="ACT-1")
            await asyncio.sleep(1)
            return told

    first, second = stage.play(scene)
    assert [list(each.responses[0].answers.values()) for each in (first, second)] == [["Yes"], ["No"]]
    assert stage.details == ["act-1", "act-1"], "only the action that the event names"


def test_what_an_event_tells_of_is_read_again_if_reading_fails(stage, kaizala, group, receiver):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60) as (told,):
            await asyncio.sleep(10)
            kaizala.poll({RAVI: "No"}, sent_at=SENT_TEXT)
            answer = kaizala.default
            kaizala.otherwise = lambda request: (
                kaizala.error(500, "Internal") if "/actions/" in request.path else answer(request)
            )
            receiver.event()
            await asyncio.sleep(5)
            kaizala.otherwise = None
            await asyncio.sleep(60)
            return told

    assert len(stage.play(scene)) == 2


def test_an_event_before_the_first_look_costs_nothing(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=600):
            await asyncio.sleep(0.1)
            receiver.event()
            await asyncio.sleep(20)

    stage.play(scene)
    assert len(stage.lists) == 1


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        ({}, True),
        ({"group": "11111111-1111-4111-8111-111111111111"}, True),
        ({"group": "11111111-1111-4111-8111-111111111111@1".upper()}, True),
        ({"group": OTHER}, False),
        ({"event_type": "SurveyResponse"}, False),
        ({"event_type": "TextMessageCreated"}, False),
        ({"event_type": "SomethingNew"}, False),
        ({"object_type": "Action"}, True),
        ({"action_id": None}, True),
        ({"prefix": PULLED}, False),
    ],
)
def test_only_events_of_the_group_and_kind_cause_a_look(stage, kaizala, group, receiver, event, heard):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=600):
            await asyncio.sleep(10)
            receiver.event(**event)
            await asyncio.sleep(10)

    stage.play(scene)
    assert len(stage.lists) == 1 + heard


@pytest.mark.parametrize(
    ("subject", "event_types"),
    [
        (on, ["PollResponse"]),
        (lambda group: on(group, kind="JOB"), ["JobResponse"]),
        (lambda group: on(group, kind="Survey"), ["SurveyResponse"]),
        (lambda group: on(group, kind="LetsMeet"), ["LetsMeetResponse"]),
        (lambda group: on(group, kind="com.example.card"), ["ActionResponse"]),
        (
            lambda group: Responses(group, "a"),
            ["ActionResponse", "SurveyResponse", "JobResponse", "PollResponse", "LetsMeetResponse"],
        ),
        (lambda group: NewActions(group, "Survey", SENT), ["SurveyCreated"]),
        (lambda group: NewActions(group, "LetsMeet", SENT), ["LetsMeetCreated"]),
        (lambda group: NewActions(group, "Image", SENT), ["AttachmentCreated"]),
        (lambda group: NewActions(group, "PhotoWithLocation", SENT), []),
        (NewMembers, ["MemberAdded", "UserJoined"]),
        (lambda group: Reactions(group, "r"), []),
    ],
)
def test_which_events_tell_of_what(group, subject, event_types):
    assert list(subject(group).event_types) == event_types


# --- polling less often ------------------------------------------------------------------------------------------------------


def gaps(moments):
    return [round(later - earlier) for earlier, later in pairwise(moments)]


def test_once_events_arrive_a_group_is_polled_less_often(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(150)
            receiver.event()
            await asyncio.sleep(1500)

    stage.play(scene)
    assert gaps(stage.lists) == [60, 60, 29, 60, 300, 300, 300, 300]


def test_a_long_interval_stays_as_it_is(stage, kaizala, group, receiver, monkeypatch):
    monkeypatch.setenv("AIRFLOW__KAIZALA__PUSH_POLL_INTERVAL", "100")
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=600):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(2000)

    stage.play(scene)
    assert gaps(stage.lists)[1:] == [600, 600, 600]


@pytest.mark.parametrize(
    "event",
    [
        {"group": OTHER},
        {"event_type": "SurveyResponse"},
        {"object_type": "Action"},
        {"action_id": None},
        {"prefix": PULLED},
    ],
)
def test_events_of_others_do_not_show_that_this_groups_events_arrive(stage, kaizala, group, receiver, event):
    """This group may have no webhook, or one for other events. A response that names no action could not be told from others."""
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(150)
            receiver.event(**event)
            await asyncio.sleep(600)

    stage.play(scene)
    assert max(gaps(stage.lists)) == 60


def test_reactions_are_polled_at_their_own_interval(stage, kaizala, group, receiver):
    """Kaizala has no event for them."""

    async def scene():
        async with stage.waits(Reactions(group, "r"), on(group), interval=60):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(600)

    stage.play(scene)
    assert set(gaps(stage.moments("/summary"))) == {60}


@pytest.mark.parametrize("joins_at", [100, 200])
def test_a_wait_that_joins_is_read_at_once(stage, kaizala, group, receiver, joins_at):
    """The event of its answer may have come before: between its task's look and this, or to a triggerer that was killed."""
    kaizala.poll({}, sent_at=SENT_TEXT)
    kaizala.poll({RAVI: "Yes"}, action_id="act-2", sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(joins_at - 10)
            async with stage.waits(on(group, "act-2"), interval=60):
                await asyncio.sleep(61)

    stage.play(scene)
    (moment,) = stage.moments("/actions/act-2")
    assert joins_at <= moment <= joins_at + 1


@pytest.mark.parametrize(("count", "looks"), [(5, 3), (200, 22)])
def test_waits_that_join_one_after_the_other_share_looks(stage, kaizala, group, receiver, count, looks):
    for number in range(count + 1):
        kaizala.poll({}, action_id=f"act-{number}", sent_at=SENT_TEXT)

    async def scene():
        async with AsyncExitStack() as stack:
            for number in range(count + 1):
                await stack.enter_async_context(stage.waits(on(group, f"act-{number}"), interval=600))
                await asyncio.sleep(0.1 if number else 10)
            await asyncio.sleep(30)

    stage.play(scene)
    assert len(stage.lists) == looks, stage.lists


def test_a_wait_that_joins_is_read_at_its_interval_if_the_receiver_is_down(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)
    kaizala.poll({RAVI: "Yes"}, action_id="act-2", sent_at=SENT_TEXT)
    receiver.down = True

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(100)
            async with stage.waits(on(group, "act-2"), interval=60):
                await asyncio.sleep(61)

    stage.play(scene)
    (moment,) = stage.moments("/actions/act-2")
    assert 120 <= moment <= 121


def test_after_an_answer_that_no_event_has_told_of_polling_is_as_before(
    stage, kaizala, group, receiver, logs
):
    """Its webhook may be gone. The next event shows that it is not."""
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60) as (told,):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(100)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            await asyncio.sleep(600)
            assert who(told[-1]) == [RAVI]
            lost = len(stage.lists)
            receiver.event()
            await asyncio.sleep(1500)
            return lost

    lost = stage.play(scene)
    found = gaps(stage.lists)
    assert found[:4] == [9, 60, 300, 60]
    assert set(found[4 : lost - 1]) == {60}
    assert found[-3:] == [300, 300, 300]
    assert len([line for line in logs.lines if "came without an event" in line]) == 1


def test_an_event_of_yesterday_shows_nothing_any_more(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(doorbells.TRUST + 1000)

    stage.play(scene, limit=200_000)
    found = gaps(stage.lists)
    assert found[10] == 300
    assert found[-1] == 60


# --- when the receiver is down -----------------------------------------------------------------------------------------------


def test_waits_go_on_at_their_own_interval_while_the_receiver_is_down_and_the_log_says_so_once(
    stage, kaizala, group, receiver, logs
):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), on(group), interval=60) as (told, _):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(200)
            receiver.down = True
            await asyncio.sleep(590)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            receiver.event()  # it is stored by another API server
            await asyncio.sleep(10)
            receiver.down = False
            await asyncio.sleep(31)
            assert who(told[-1]) == [RAVI]
            await asyncio.sleep(1000)

    stage.play(scene)
    found = gaps(stage.lists)
    assert found[:2] == [9, 60]
    assert found.count(60) >= 9
    assert found[-1] == 300
    text = "Events of connection 'kaizala_default' "
    assert [line.strip() for line in logs.lines if text in line] == [
        f"INFO {text}wake its waits",
        f"WARNING {text}cannot be read now, so its waits go on polling at their own intervals: the receiver is down",
        f"INFO {text}wake its waits again",
    ]


def test_events_that_came_while_the_receiver_was_down_are_heard_afterwards(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=3600) as (told,):
            await asyncio.sleep(10)
            receiver.down = True
            await asyncio.sleep(100)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            receiver.event()
            receiver.down = False
            await asyncio.sleep(31)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]


def test_one_request_that_fails_is_not_an_outage(stage, kaizala, group, receiver, logs):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(15)
            receiver.failing = 1
            await asyncio.sleep(900)

    stage.play(scene)
    assert gaps(stage.lists)[1:] == [60, 300, 300]
    assert [line for line in logs.lines if "cannot be read" in line] == []


def test_it_is_asked_ever_less_often_while_it_is_down(stage, kaizala, group, receiver):
    receiver.down = True
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=3600):
            await asyncio.sleep(80_000)

    stage.play(scene)
    found = gaps([at for at, _ in receiver.requests])
    assert found[:6] == [1, 2, 4, 8, 16, 30]
    assert set(found[6:]) == {30}


@pytest.mark.parametrize("error", [RuntimeError("oh"), OSError("no route")])
def test_whatever_goes_wrong_with_listening_waits_go_on(
    stage, kaizala, group, receiver, monkeypatch, logs, error
):
    async def broken(after, wait):
        raise error

    monkeypatch.setattr(receiver, "listen", broken)
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60) as (told,):
            await asyncio.sleep(100)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            await asyncio.sleep(60)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert f"{type(error).__name__}: {error}" in logs.text


def test_an_event_that_cannot_be_dealt_with_leaves_waits_to_polling(
    stage, kaizala, group, receiver, monkeypatch, logs
):
    def broken(*_):
        raise RuntimeError("oh")

    monkeypatch.setattr(doorbells, "bare", broken)
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60) as (told,):
            await asyncio.sleep(10)
            receiver.event()
            await asyncio.sleep(100)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            await asyncio.sleep(60)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert "cannot be read now" in logs.text


def test_a_new_secret_is_read_after_it_was_refused(stage, kaizala, group, receiver, connect):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(100)
            connect(extra={"webhook_secret": "another-webhook-secret"})
            receiver.down = True
            await asyncio.sleep(60)
            receiver.down = False
            await asyncio.sleep(60)

    stage.play(scene)
    assert receiver.secrets[0] == (
        "kaizala_default",
        "webhook-secret-of-the-connector",
        "http://airflow:8080",
    )
    assert receiver.secrets[-1][1] == "another-webhook-secret"
    assert receiver.open == 0


def test_no_secret_in_the_log(stage, kaizala, group, receiver, secrets_of_the_connection, logs):
    receiver.down = True
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(60)

    stage.play(scene)
    assert [secret for secret in secrets_of_the_connection if secret in logs.text] == []


# --- what it costs -----------------------------------------------------------------------------------------------------------


def test_one_long_poll_for_all_waits_of_a_connection(stage, kaizala, group, receiver, connect):
    connect(extra={"group_refresh_tokens": {group: "t1", OTHER: "t2"}})
    for name in range(30):
        kaizala.poll({}, action_id=f"act-{name}", sent_at=SENT_TEXT)

    async def scene():
        subjects = [on(where, f"act-{name}") for name in range(30) for where in (group, OTHER)]
        async with stage.waits(*subjects, Reactions(group, "r"), NewMembers(OTHER)):
            await asyncio.sleep(200)
            return len(receiver.requests)

    assert stage.play(scene) == 11, "the present end, and one each 20 seconds"
    assert receiver.open == 0, "it ends with the last wait"
    assert len(receiver.secrets) == 1


def test_it_listens_on_from_where_it_was(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)
    receiver.event()

    async def scene():
        async with stage.waits(on(group), interval=600):
            await asyncio.sleep(5)
            receiver.event()
            receiver.event()
            await asyncio.sleep(5)
            receiver.event()
            await asyncio.sleep(5)

    stage.play(scene)
    assert [after for _, after in receiver.requests] == [None, 1, 3, 4]


def test_the_wait_that_comes_first_may_leave_first(stage, kaizala, group, receiver):
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group), interval=600):
            await asyncio.sleep(5)
            second = stage.waits(on(group), interval=600)
            (told,) = await second.__aenter__()
        await asyncio.sleep(5)
        kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
        receiver.event()
        await asyncio.sleep(1)
        await second.__aexit__(None, None, None)
        return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]


def test_its_lines_are_not_in_the_log_of_the_task_that_came_first(
    stage, kaizala, group, receiver, monkeypatch
):
    task = contextvars.ContextVar("task", default="nobody's")
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(task.get())

    monkeypatch.setattr(doorbells.log, "handlers", [Handler()])
    monkeypatch.setattr(doorbells.log, "level", logging.INFO)
    kaizala.poll({}, sent_at=SENT_TEXT)
    receiver.down = True

    async def scene():
        task.set("the first one's")
        async with stage.waits(on(group)):
            await asyncio.sleep(15)

    stage.play(scene)
    assert set(lines) == {"nobody's"}


# --- when nothing happens ----------------------------------------------------------------------------------------------------


def test_without_an_opt_in_nothing_happens(stage, kaizala, group, receiver, monkeypatch):
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "another")
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(1)
            return len(asyncio.all_tasks())

    assert stage.play(scene) == 3, "this one, the wait and the poll"
    assert receiver.secrets == []


def test_without_a_secret_nothing_happens(stage, kaizala, group, receiver, connect):
    connect(extra={"webhook_secret": None})

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(60)

    stage.play(scene)
    assert receiver.secrets == []


def test_on_airflow_2_nothing_happens(stage, kaizala, group, receiver, monkeypatch):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", False)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(60)

    stage.play(scene)
    assert receiver.secrets == []


def test_an_invalid_option_stops_no_wait(stage, kaizala, group, receiver, monkeypatch, logs):
    monkeypatch.setenv("AIRFLOW__KAIZALA__PUSH_POLL_INTERVAL", "often")
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(5)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert "[kaizala] push_poll_interval must be a whole number" in logs.text


def test_loading_the_polls_loads_no_http_library():
    script = (
        "import airflow.providers.common.compat.sdk as sdk; sdk.conf; sdk.BaseHook; sdk.mask_secret\n"
        "from airflow.triggers.base import BaseTrigger\n"
        "import sys; before = set(sys.modules)\n"
        "import airflow_provider_kaizala.triggers.wait\n"
        "print(sorted({'requests', 'httpx', 'sqlalchemy', 'fastapi'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_accounts_that_end_while_others_begin(stage, kaizala, group, receiver):
    """Whoever comes while the last one leaves gets an account that works."""
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)

    async def scene():
        for _ in range(20):
            async with accounts.accounts().account("kaizala_default"):
                pass
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(1)
            return told, len(accounts.accounts()._accounts), len(accounts.accounts()._bells)

    told, *counts = stage.play(scene)
    assert who(told[-1]) == [RAVI]
    assert counts == [1, 1]
