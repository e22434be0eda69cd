"""One long poll of the receiver serves all waits of a connection."""

from __future__ import annotations

import asyncio
import contextvars
import logging

from airflow_provider_kaizala.triggers import doorbells
from airflow_provider_kaizala.waiting.subjects import NewMembers, Reactions
from tests.unit.triggers.doorbells.scenes import OTHER, RAVI, SENT_TEXT, on, who


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
