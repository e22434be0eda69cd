from __future__ import annotations

import asyncio
import contextvars
import logging

import pytest

from airflow_provider_kaizala.client.errors import KaizalaForbiddenError, KaizalaNotFoundError
from airflow_provider_kaizala.triggers import accounts, poll
from airflow_provider_kaizala.triggers.sources import ActionsSource
from airflow_provider_kaizala.waiting.people import respondents
from airflow_provider_kaizala.waiting.subjects import Responses, read_subject

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
OTHER = "22222222-2222-4222-8222-222222222222@1"
SENT = "2026-03-01T07:00:00Z"


def on(group, action_id="act-1", kind="Poll", sent_at=SENT):
    return read_subject(
        {
            "kind": "responses",
            "group_id": group,
            "action_id": action_id,
            "action_type": kind,
            "sent_at": sent_at.replace("Z", "+00:00") if sent_at else None,
        }
    )


def who(details):
    return [person.mobile_number for person in respondents(details)]


# --- what it costs -----------------------------------------------------------------------------------------------------------


def test_one_list_for_all_and_details_of_what_has_moved(stage, kaizala, group, no_sweeps):
    """90 waits on 30 polls, for two minutes: one list each time, and one more call for each vote."""
    names = [f"act-{number}" for number in range(30)]
    for name in names:
        kaizala.poll({}, action_id=name, sent_at=SENT)

    async def scene():
        async with stage.waits(*[on(group, name) for name in names] * 3) as told:
            await asyncio.sleep(35)
            kaizala.poll({RAVI: "Yes"}, action_id="act-7", sent_at=SENT)
            await asyncio.sleep(10)
            kaizala.poll({RAVI: "Yes", ASHA: "No"}, action_id="act-7", sent_at=SENT)
            kaizala.poll({MEERA: "No"}, action_id="act-8", sent_at=SENT)
            await asyncio.sleep(75)
            return told

    told = stage.play(scene)
    assert len(stage.lists) == 12
    gaps = {round(later - earlier, 3) for earlier, later in zip(stage.lists, stage.lists[1:], strict=False)}
    assert gaps == {10.0}
    assert sorted(stage.details) == ["act-7", "act-7", "act-8"]
    assert [len(each) for each in told] == ([0] * 7 + [2, 1] + [0] * 21) * 3
    assert [who(news) for news in told[7]] == [[RAVI], [RAVI, ASHA]]


def test_an_answer_that_came_before_the_wait_is_read_at_once(stage, kaizala, group, no_sweeps):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT)

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(1)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]


def test_a_wait_that_joins_later_is_told_what_is_known(stage, kaizala, group, no_sweeps):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(3)
            async with stage.waits(on(group)) as (told,):
                await asyncio.sleep(1)
                return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert len(stage.details) == 1


def test_a_poll_goes_on_when_its_first_wait_has_gone(stage, kaizala, group, no_sweeps):
    kaizala.poll({}, sent_at=SENT)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(1)
            second = stage.waits(on(group))
            told = (await second.__aenter__())[0]
        await asyncio.sleep(10)
        kaizala.poll({RAVI: "Yes"}, sent_at=SENT)
        await asyncio.sleep(10)
        await second.__aexit__(None, None, None)
        await asyncio.sleep(60)
        return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert len(stage.lists) == 3, "and ends with the last"


def test_a_poll_ends_with_its_last_wait(stage, kaizala, group):
    """Though the account is in use. Its part of the calls goes to the other polls."""

    async def scene():
        async with accounts.accounts().account("kaizala_default") as account:
            async with account.watch(on(group), 10), account.watch(on(OTHER), 10):
                await asyncio.sleep(5)
                both = len(asyncio.all_tasks()), len(account.pacer.sweepers)
            return both, (len(asyncio.all_tasks()), len(account.pacer.sweepers))

    (tasks, sharing), after = stage.play(scene)
    assert sharing == 2
    assert after == (tasks - 2, 0)


def test_after_the_last_has_gone_a_new_one_begins_anew(stage, kaizala, group, no_sweeps):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(1)
        await asyncio.sleep(60)
        kaizala.poll({MEERA: "No"}, sent_at=SENT)
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(1)
            return told

    assert [who(news) for news in stage.play(scene)] == [[MEERA]]


@pytest.mark.parametrize("leaves_at", [3, 6])
def test_a_wait_that_leaves_a_poll_and_joins_again_gets_the_present_state(
    stage, kaizala, group, no_sweeps, leaves_at
):
    """Though the poll goes on for another wait, and the count of answers is what it was. At 3 s the action is being read."""
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT)
    kaizala.poll({}, action_id="act-2", sent_at=SENT)
    stage.latency = 2

    async def scene():
        async with stage.waits(on(group, "act-2")):
            async with stage.waits(on(group)):
                await asyncio.sleep(leaves_at)
            await asyncio.sleep(20)
            kaizala.poll({MEERA: "No"}, sent_at=SENT)
            async with stage.waits(on(group)) as (told,):
                await asyncio.sleep(20)
                return told

    assert [who(news) for news in stage.play(scene)] == [[MEERA]]


def test_the_shortest_interval_sets_the_pace(stage, kaizala, group, no_sweeps):
    """Also for a wait that joins while the poll sleeps for one with time."""
    kaizala.poll({}, sent_at=SENT)

    async def scene():
        async with stage.waits(on(group), interval=60):
            await asyncio.sleep(10)
            async with stage.waits(on(group), interval=5):
                await asyncio.sleep(14)
            await asyncio.sleep(100)

    stage.play(scene)
    gaps = [round(b - a, 2) for a, b in zip(stage.lists, stage.lists[1:], strict=False)]
    assert gaps[1:3] == [5, 5]
    assert gaps[0] < 11, "not after the minute that the other has"
    assert gaps[3] in (5, 60)
    assert gaps[-1] == 60


def test_one_poll_for_each_type_and_group(stage, kaizala, group, connect, no_sweeps):
    connect(extra={"group_refresh_tokens": {group: "t1", OTHER: "t2"}})
    kaizala.poll({}, sent_at=SENT)
    kaizala.job([RAVI], action_id="act-2", sent_at=SENT)

    async def scene():
        subjects = on(group), on(group, "act-2", "Job"), on(OTHER), on(group.upper())
        async with stage.waits(*subjects):
            await asyncio.sleep(5)

    stage.play(scene)
    assert len(stage.lists) == 3


def test_the_connection_is_read_once(stage, kaizala, group, no_sweeps):
    kaizala.poll({}, sent_at=SENT)

    async def scene():
        async with stage.waits(*[on(group)] * 50):
            await asyncio.sleep(50)
            async with stage.waits(*[on(group)] * 10):
                await asyncio.sleep(5)
            read = stage.connections_read
            await asyncio.sleep(60)
            async with stage.waits(*[on(group)] * 10):
                await asyncio.sleep(5)
            return read, stage.connections_read

    assert stage.play(scene) == (1, 2), "once a minute, so that a change is seen"
    assert len(kaizala.token_calls) == 1


def test_a_wait_that_is_stopped_while_it_reads_the_connection_stops_no_other(stage, kaizala, group):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT)

    async def scene():
        first = stage.waits(on(group))
        await first.__aenter__()
        await asyncio.sleep(0.01)  # it reads
        async with stage.waits(on(group), on(group)) as told:
            await asyncio.sleep(0)
            await first.__aexit__(None, None, None)
            await asyncio.sleep(2)
            return told

    assert [len(each) for each in stage.play(scene)] == [1, 1]


def test_a_connection_that_is_gone_is_asked_for_again(stage, kaizala, group, connect):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT)

    async def scene():
        with pytest.raises(Exception, match="later"):
            async with accounts.accounts().account("later"):
                pass
        connect("later")
        async with stage.waits(on(group), conn_id="later") as (told,):
            await asyncio.sleep(2)
            return told

    assert len(stage.play(scene)) == 1


def test_connections_share_a_client_only_if_all_their_settings_are_the_same(stage, kaizala, group, connect):
    connect("same")
    connect("other", extra={"proxies": {"https": "http://proxy:3128"}})

    async def scene():
        async with (
            accounts.accounts().account("kaizala_default") as first,
            accounts.accounts().account("same") as same,
            accounts.accounts().account("other") as other,
        ):
            return first is same, first is other

    assert stage.play(scene) == (True, False)


# --- errors ------------------------------------------------------------------------------------------------------------------


def test_a_deleted_action_ends_only_its_own_waits(stage, kaizala, group, no_sweeps):
    kaizala.poll({}, sent_at=SENT)
    kaizala.poll({}, action_id="gone", sent_at=SENT)

    async def scene():
        async with stage.waits(on(group), on(group, "gone"), on(group, "gone")) as told:
            await asyncio.sleep(15)
            del kaizala.actions["gone"]
            await asyncio.sleep(10)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT)
            await asyncio.sleep(10)
            return told

    alive, *gone = stage.play(scene)
    assert [who(news) for news in alive] == [[RAVI]]
    for (error,) in gone:
        assert isinstance(error, KaizalaNotFoundError)


def test_a_revoked_grant_ends_all_waits_of_that_group_alone(stage, kaizala, group, connect, no_sweeps):
    connect(extra={"group_refresh_tokens": {group: "t1", OTHER: "t2"}})
    kaizala.poll({}, sent_at=SENT)
    revoked = []

    def answer(request):
        if revoked and group in request.url:
            return kaizala.error(403, "Forbidden", "the grant was taken back")
        return kaizala.default(request)

    kaizala.otherwise = answer

    async def scene():
        async with stage.waits(on(group), on(group, "act-2"), on(OTHER)) as told:
            await asyncio.sleep(3)
            told[1].clear()
            revoked.append(True)
            await asyncio.sleep(10)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT)
            await asyncio.sleep(10)
            return told

    kaizala.poll({}, action_id="act-2", sent_at=SENT)
    here, too, there = stage.play(scene)
    assert [type(each) for each in (*here, *too)] == [KaizalaForbiddenError] * 2
    assert [who(news) for news in there] == [[RAVI]]


@pytest.mark.parametrize("where", ["list", "detail"])
def test_an_outage_is_waited_out_and_logged_once(stage, kaizala, group, logs, where, no_sweeps):
    kaizala.poll({}, sent_at=SENT if where == "list" else None)
    down = [True]

    def answer(request):
        return kaizala.error(503, "Unavailable") if down else kaizala.default(request)

    kaizala.otherwise = answer

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(65)
            assert told == []
            down.clear()
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT if where == "list" else None)
            await asyncio.sleep(10)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert len([line for line in logs.of("warning") if "Cannot read" in line]) == 1
    assert len([line for line in logs.of("info") if "Can read" in line]) == 1


def test_an_unforeseen_error_ends_the_waits_at_the_third_look_in_a_row(
    stage, kaizala, group, monkeypatch, logs
):
    async def broken(self, reader, subjects):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(ActionsSource, "look", broken)

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(15)
            assert told == []
            await asyncio.sleep(10)
            return told

    (error,) = stage.play(scene)
    assert "ZeroDivisionError: oh" in str(error)
    assert "failed" in logs.of("error")[0]


def test_unforeseen_errors_that_are_not_consecutive_never_end_a_poll(stage, kaizala, group, monkeypatch):
    """Two looks of three fail, for ten minutes."""
    looks = []
    look = ActionsSource.look

    async def broken(self, reader, subjects):
        looks.append(None)
        if len(looks) % 3:
            raise ZeroDivisionError("oh")
        await look(self, reader, subjects)

    monkeypatch.setattr(ActionsSource, "look", broken)
    kaizala.poll({}, sent_at=SENT)

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(600)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT)
            await asyncio.sleep(30)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert len(looks) > 60


# --- what a poll is not ------------------------------------------------------------------------------------------------------


def test_its_lines_are_not_in_the_log_of_the_task_that_came_first(stage, kaizala, group, monkeypatch):
    """Airflow finds the log of a trigger by a context variable, which a new asyncio task inherits."""
    task = contextvars.ContextVar("task", default="nobody's")
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append((task.get(), record.getMessage()))

    handler = Handler()
    monkeypatch.setattr(poll.log, "handlers", [handler])
    monkeypatch.setattr(poll.log, "level", logging.INFO)
    kaizala.otherwise = lambda request: kaizala.error(500, "Internal")

    async def scene():
        task.set("the first one's")
        async with stage.waits(on(group)):
            await asyncio.sleep(15)

    stage.play(scene)
    assert {name for name, _ in lines} == {"nobody's"}
    assert [text.split(" ")[0] for _, text in lines] == ["Polling", "Cannot"]


def test_no_key_holds_a_secret(stage, kaizala, group, secrets_of_the_connection, logs):
    kaizala.poll({}, sent_at=SENT)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(1)
            return repr(list(accounts.accounts()._accounts))

    text = stage.play(scene) + logs.text
    assert [secret for secret in secrets_of_the_connection if secret in text] == []


def test_a_wait_without_type_or_time_is_read_by_itself(stage, kaizala, group, no_sweeps):
    """As one whose first look failed, or a row of an older version."""
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT)

    async def scene():
        async with stage.waits(Responses(group, "act-1"), on(group, sent_at=None)) as told:
            await asyncio.sleep(15)
            return told

    for told in stage.play(scene):
        assert who(told[0]) == [RAVI]
    assert stage.lists == []
