"""Waits for messages in the triggerer: the same trigger and poll as for all other waits, over stored events."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.triggers import KaizalaWaitTrigger, doorbells, sources
from airflow_provider_kaizala.waiting.rules import AnyAnswer
from airflow_provider_kaizala.waiting.subjects import Messages
from airflow_provider_kaizala.waiting.wait import Wait
from tests.unit.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.stored_events import StoredEvents
from tests.unit.triggers.conftest import BEGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.client.models import ActionDetails


@pytest.fixture
def stored(stage: Any, monkeypatch: pytest.MonkeyPatch) -> StoredEvents:
    """Stored events of ``kaizala_default``; no event rings."""
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "")
    stored = StoredEvents(lambda: BEGIN + timedelta(seconds=stage.now))
    monkeypatch.setattr(sources, "EventFeed", stored.feed)
    return stored


def about(pattern: str | None = None, seconds: float = 0, ignored: str = ASHA) -> Messages:
    return Messages(GROUP, "kaizala_default", BEGIN + timedelta(seconds=seconds), pattern, None, ignored)


def trigger(subject: Messages, timeout: float = 600, **changes: Any) -> KaizalaWaitTrigger:
    wait = Wait(subject, AnyAnswer(), BEGIN + timedelta(seconds=timeout), 10, **{"settled": True, **changes})
    return KaizalaWaitTrigger(wait.to_wire(), "kaizala_default")


def texts(news: ActionDetails | Exception) -> list[str]:
    assert not isinstance(news, Exception), news
    return [str(each.answers["text"]) for each in news.responses]


def test_a_message_fires_the_trigger(stage: Any, stored: StoredEvents) -> None:
    stage.at(5, lambda: stored.message("not this one"))
    stage.at(25, lambda: stored.message("mine is done", ASHA))
    stage.at(45, lambda: stored.message("done"))
    event = stage.event(trigger(about("done")))
    assert event["status"] == "success"
    (answer,) = event["seen"]["result"]["answers"]
    assert (answer["responder"], answer["answers"]["text"]) == (RAVI, "done")
    assert 45 < stage.fired_at < 56
    assert stored.open == 0
    assert stage.calls == [], "Kaizala is not asked"


def test_time_is_up(stage: Any, stored: StoredEvents) -> None:
    event = stage.event(trigger(about("done"), timeout=100))
    assert (event["status"], stage.fired_at) == ("timeout", pytest.approx(100, abs=0.1))


def test_a_wait_that_the_worker_could_not_settle(stage: Any, stored: StoredEvents) -> None:
    """Who the connector's own user is, is read then."""
    stage.at(5, lambda: stored.message("asked", ASHA))
    stage.at(25, lambda: stored.message("answered"))
    subject = Messages(GROUP, "kaizala_default", BEGIN)
    event = stage.event(trigger(subject, settled=False))
    assert [each["answers"]["text"] for each in event["seen"]["result"]["answers"]] == ["answered"]
    assert event["wait"]["subject"]["ignored"] == ASHA


def test_messages_that_do_not_count_are_not_kept(stage: Any, stored: StoredEvents) -> None:
    """Else the event, the XCom and each look would grow with what others write."""
    stored.size = 500
    only = Messages(GROUP, "kaizala_default", BEGIN, ignored=ASHA, people=(MEERA,))

    async def scene() -> list[list[str]]:
        for number in range(5000):
            stored.message(f"{number}", RAVI)
        stored.message("hers", MEERA)
        async with stage.waits(only, about()) as told:
            await asyncio.sleep(30)
            return [texts(each[-1]) for each in told]

    hers, everyones = stage.play(scene)
    assert hers == ["hers"]
    assert everyones == [*(f"{number}" for number in range(4901, 5000)), "hers"]


def test_one_reading_for_all_waits_in_a_group(stage: Any, stored: StoredEvents) -> None:
    async def scene() -> list[list[list[str]]]:
        for text in ("a", "b", "c"):
            stored.message(text)
        waits = (about(), about("b"), about("z"))
        async with stage.waits(*waits) as told:
            await asyncio.sleep(3)
            before = len(stored.asked)
            await asyncio.sleep(20)
            assert len(stored.asked) == before + 2, "one page for each look"
            stored.message("zb")
            await asyncio.sleep(10)
            return [[texts(news) for news in each] for each in told]

    everything, some, last = stage.play(scene)
    assert everything[-1] == ["a", "b", "c", "zb"]
    assert some[-1] == ["b", "zb"]
    assert last[0] == []
    assert last[-1] == ["zb"]
    assert stored.open == 0


def test_a_wait_that_joins_gets_what_came_since_its_own_moment(stage: Any, stored: StoredEvents) -> None:
    async def scene() -> list[str]:
        stored.message("early")
        await asyncio.sleep(10)
        async with stage.waits(about(seconds=9)):
            await asyncio.sleep(30)
            stored.message("late")
            async with stage.waits(about(seconds=-1)) as (told,):
                await asyncio.sleep(15)
                return texts(told[-1])

    assert stage.play(scene) == ["early", "late"]


def test_a_receiver_that_is_down_costs_no_message(stage: Any, stored: StoredEvents) -> None:
    stage.at(15, lambda: setattr(stored, "is_down", True))
    stage.at(25, lambda: stored.message("done"))
    stage.at(100, lambda: setattr(stored, "is_down", False))
    event = stage.event(trigger(about("done")))
    assert event["status"] == "success"
    assert 100 < stage.fired_at < 112


def test_a_connection_that_cannot_be_read_for_long(stage: Any, stored: StoredEvents) -> None:
    """The connection of the wait itself is known for a minute; this is that of the events."""

    def fail() -> None:
        stage.unreadable += [RuntimeError("the secrets backend is down")] * 9
        stored.is_down = True

    stage.at(15, fail)
    stage.at(20, lambda: setattr(stored, "is_down", False))
    stage.at(25, lambda: stored.message("done"))
    event = stage.event(trigger(about("done")))
    assert event["status"] == "success"
    assert 100 < stage.fired_at < 125


def test_a_connection_without_a_secret_ends_the_wait(
    connect: Callable[..., Any], stage: Any, stored: StoredEvents
) -> None:
    connect(extra={"webhook_secret": None})
    event = stage.event(trigger(about("done")))
    assert (event["status"], event["message"]) == (
        "error",
        "connection 'kaizala_default' has no extra webhook_secret",
    )


def test_an_event_wakes_a_wait(stage: Any, stored: StoredEvents, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doorbell does, long before the next poll."""
    rung = asyncio.Event()

    class Bell(doorbells.Doorbell):
        async def _run(self) -> None:
            await rung.wait()
            self._hear(stored.events[-1])

    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "kaizala_default")
    monkeypatch.setattr("airflow_provider_kaizala.triggers.accounts.Doorbell", Bell)

    async def scene() -> list[list[str]]:
        async with stage.waits(about("done"), interval=600) as (told,):
            await asyncio.sleep(60)
            assert [texts(each) for each in told] == [[]]
            stored.message("done")
            rung.set()
            await asyncio.sleep(0.5)
            return [texts(each) for each in told]

    assert stage.play(scene) == [[], ["done"]]


def test_waits_of_two_connections_are_apart(stage: Any, stored: StoredEvents) -> None:
    first = Messages(GROUP, "a", BEGIN, ignored="")
    assert first.poll_key != Messages(GROUP, "b", BEGIN, ignored="").poll_key
    assert isinstance(sources.source_for(first), sources.MessagesSource)
