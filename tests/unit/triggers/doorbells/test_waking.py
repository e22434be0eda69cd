"""Events that arrive make polls look at once."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push.pulled import PULLED
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.subjects import NewActions, NewMembers, Reactions, Responses
from tests.unit.triggers.doorbells.scenes import OTHER, RAVI, SENT, SENT_TEXT, on, who


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
