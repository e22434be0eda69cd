"""Waits go on while the receiver is down."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_kaizala.triggers import doorbells
from tests.unit.triggers.doorbells.scenes import RAVI, SENT_TEXT, gaps, on, who


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
