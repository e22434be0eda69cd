"""Where events arrive, groups are polled less often."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from airflow_provider_kaizala.push.pulled import PULLED
from airflow_provider_kaizala.triggers import doorbells
from airflow_provider_kaizala.waiting.subjects import Reactions
from tests.unit.triggers.doorbells.scenes import OTHER, RAVI, SENT_TEXT, gaps, on, who


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
