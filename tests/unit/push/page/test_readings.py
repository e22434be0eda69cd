"""What the page reads through Kaizala's API, within its part of the calls."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push.page.readings import (
    AT_ONCE,
    PER_VIEW,
    GroupName,
    GroupWebhooks,
    Readings,
    WaitProgress,
)
from airflow_provider_kaizala.push.page.shared import Seen, Shared
from airflow_provider_kaizala.push.subscriptions import Subscription
from airflow_provider_kaizala.waiting.rules import read_rule
from airflow_provider_kaizala.waiting.subjects import Messages, NewMembers, Responses
from airflow_provider_kaizala.waiting.wait import Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kaizala.push.page.readings import Item

NOW = datetime.now(tz=UTC)
GROUP = "11111111-1111-4111-8111-111111111111@1"
SECRET = "webhook-secret-of-the-connector"


def progress(action_id: str = "act-1", until: Any = 2, **given: Any) -> WaitProgress:
    wait = Wait(Responses(GROUP, action_id), read_rule(until), NOW + timedelta(hours=1), 60.0, **given)
    return WaitProgress.of("kaizala_default", wait.to_wire())


def read(
    *rounds: Sequence[Item], clock: Any, pause: float = 15.0, readings: Readings | None = None
) -> list[list[Seen | None]]:
    """Read some items, again and again; return what was seen after each round."""

    async def scene() -> list[list[Seen | None]]:
        there = readings or Readings(Shared(clock), clock=clock)
        found = []
        for items in rounds:
            await there.read(items, 30)
            found.append([there.seen(each) for each in items])
            clock.now += pause
        return found

    return asyncio.run(scene())


def test_who_has_answered_and_who_still_owes_an_answer(kaizala: Any, clock: Any) -> None:
    kaizala.survey("+910000000002", kind="Poll", title="Tea?", sent_at="2026-03-01T08:00:00Z")
    item = progress(until=["+910000000002", "+910000000003"])
    ((seen,),) = read([item], clock=clock)
    assert seen is not None
    assert seen.problem is None
    assert (seen.value.title, seen.value.sent_at) == ("Tea?", datetime(2026, 3, 1, 8, tzinfo=UTC))
    assert [each.name for each in seen.value.progress.answered] == ["Name of 2"]
    assert [each.name for each in seen.value.progress.missing] == ["Name of 3"]
    assert seen.value.wait.settled


def test_the_members_are_read_once_and_the_action_at_most_every_15_s(kaizala: Any, clock: Any) -> None:
    kaizala.survey("+910000000002")
    item = progress(until="all")
    rounds = read([item], [item], [item], clock=clock, pause=7.5)
    assert [len(kaizala.calls(end)) for end in ("/members", "/actions/act-1")] == [1, 2]
    assert rounds[0] == rounds[1] != rounds[2]


def test_viewers_share_what_is_read(kaizala: Any, clock: Any) -> None:
    kaizala.survey("+910000000002")

    async def scene() -> None:
        readings = Readings(Shared(clock), clock=clock)
        await asyncio.gather(*(readings.read([progress()], 30) for _ in range(10)))

    asyncio.run(scene())
    assert len(kaizala.calls("/actions/act-1")) == 1


def test_of_a_wait_for_messages_nothing_is_read(kaizala: Any, clock: Any) -> None:
    """It would always seem that nobody has written."""
    subject = Messages("g1", "kaizala_default", datetime(2026, 3, 1, 8, tzinfo=UTC))
    item = WaitProgress.of("kaizala_default", Wait(subject, read_rule("any"), None, 10).to_wire())
    ((seen,),) = read([item], clock=clock)
    assert seen is not None
    assert seen.problem is not None
    assert "Kaizala lists no messages" in seen.problem
    assert kaizala.requests == []


def test_an_error_is_shown_in_words_beside_what_was_read_last(kaizala: Any, clock: Any) -> None:
    kaizala.survey("+910000000002")
    item = progress()

    async def scene() -> tuple[Seen | None, Seen | None]:
        readings = Readings(Shared(clock), clock=clock)
        await readings.read([item], 30)
        first = readings.seen(item)
        kaizala.actions.clear()
        clock.now += 15
        await readings.read([item], 30)
        return first, readings.seen(item)

    first, second = asyncio.run(scene())
    assert first is not None
    assert second is not None
    assert second.value == first.value
    assert second.problem is not None
    assert "getAction failed" in second.problem


def test_a_rule_that_can_never_be_met_is_said(kaizala: Any, clock: Any) -> None:
    kaizala.survey("+910000000002")
    ((seen,),) = read([progress(until=["+919999999999"])], clock=clock)
    assert seen is not None
    assert "+919999999999 cannot answer" in str(seen.problem)


def test_the_first_look_at_members_is_left_to_the_task(kaizala: Any, clock: Any) -> None:
    """It decides who was there before."""
    wait = Wait(NewMembers(GROUP), read_rule(1), None, 60.0)
    ((seen,),) = read([WaitProgress.of("kaizala_default", wait.to_wire())], clock=clock)
    assert seen == Seen(None, None, "the task has not looked yet")
    assert kaizala.requests == []


def test_the_page_makes_a_fifth_of_the_calls_at_most(kaizala: Any, connect: Any, clock: Any) -> None:
    connect(extra={"calls_per_minute": 30})
    items = [progress(f"act-{number}", settled=True) for number in range(10)]
    for number in range(10):
        kaizala.survey("+910000000002", action_id=f"act-{number}")
    rounds = read(items, items, items, clock=clock, pause=30)
    assert [sum(seen is not None for seen in found) for found in rounds] == [6, 6, 10], "6 calls a minute"
    assert len(kaizala.calls()) == 12


def test_several_processes_share_the_calls_of_the_page(
    kaizala: Any, connect: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__WORKERS", "3")
    connect(extra={"calls_per_minute": 30})
    items = [progress(f"act-{number}", settled=True) for number in range(10)]
    for number in range(10):
        kaizala.survey("+910000000002", action_id=f"act-{number}")
    (found,) = read(items, clock=clock)
    assert sum(seen is not None for seen in found) == 2, "6 calls a minute, in 3 processes"


def test_a_reading_that_has_begun_ends_and_later_ones_wait_for_it(
    kaizala: Any, connect: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else those that take several calls would use up the calls of the page without ever ending."""
    connect(extra={"calls_per_minute": 100})
    monkeypatch.setattr("airflow_provider_kaizala.push.page.readings.SHARE", 0.01)
    items = [progress(f"act-{number}", until="all") for number in range(2)]
    for number in range(2):
        kaizala.survey("+910000000002", action_id=f"act-{number}")
    rounds = read(items, items, items, items, items, clock=clock, pause=60)
    assert [sum(seen is not None for seen in found) for found in rounds] == [1, 1, 1, 1, 2]
    assert len(kaizala.calls()) == 8, "each: the action, its group, the members, the sender"


def test_without_a_limit_all_are_read_but_only_so_many_per_view(kaizala: Any, clock: Any) -> None:
    items = [progress(f"act-{number}") for number in range(PER_VIEW + 3)]
    for number in range(PER_VIEW + 3):
        kaizala.survey("+910000000002", action_id=f"act-{number}")
    first, second = read(items, items, clock=clock, pause=1)
    assert [each is not None for each in first] == [True] * PER_VIEW + [False] * 3
    assert None not in second, "the stalest first"


def test_not_all_at_once(kaizala: Any, clock: Any) -> None:
    running = most = 0

    class Hook(KaizalaHook):
        def async_client(self, settings: Any) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            client = super().async_client(settings)
            close = client.close

            async def closed() -> None:
                nonlocal running
                running -= 1
                await close()

            client.close = closed  # type: ignore[method-assign]
            return client

    for number in range(10):
        kaizala.survey("+910000000002", action_id=f"act-{number}")
    items = [progress(f"act-{number}") for number in range(10)]
    read(items, clock=clock, readings=Readings(Shared(clock), Hook, clock))
    assert (running, most) == (0, AT_ONCE)


def test_the_name_of_a_group(kaizala: Any, clock: Any) -> None:
    ((seen,),) = read([GroupName("kaizala_default", GROUP)], clock=clock)
    assert seen is not None
    assert seen.value == "Store 12"


def listed(url: str, **changes: Any) -> dict[str, Any]:
    return {
        "webhookId": "wh",
        "objectId": GROUP,
        "objectType": "Group",
        "events": ["JobResponse"],
        "callbackUrl": url,
        "callbackToken": None,
        "validity": int((NOW + timedelta(days=100)).timestamp() * 1000),
        "active": True,
        **changes,
    }


def test_webhooks_are_told_from_others_and_show_no_secret(
    kaizala: Any, clock: Any, secrets_of_the_connection: list[str]
) -> None:
    ours = Subscription("kaizala_default", "Group", GROUP)
    webhooks = [
        listed("https://other.example/hook?key=very-secret-key", webhookId="theirs", active=False),
        listed(
            ours.callback_url("https://airflow.example"), callbackToken=ours.token(SECRET), webhookId="ours"
        ),
    ]
    kaizala.script.append((200, {"webhooks": webhooks}))
    ((seen,),) = read([GroupWebhooks("kaizala_default", GROUP)], clock=clock)
    assert seen is not None
    assert [(each.webhook_id, each.ours, each.state, each.where) for each in seen.value] == [
        ("ours", True, "active", "https://airflow.example/kaizala/kaizala_default"),
        ("theirs", False, "disabled", "https://other.example/hook"),
    ]
    shown = repr(seen)
    assert "very-secret-key" not in shown
    assert ours.token(SECRET) not in shown
    assert not any(secret in shown for secret in secrets_of_the_connection)


@pytest.mark.parametrize(
    ("conn_id", "extra", "problem"),
    [
        ("missing", None, "there is no connection 'missing'"),
        ("kaizala_default", {"timeout": "soon"}, "extra timeout must be a number"),
    ],
)
def test_a_connection_that_cannot_be_read(
    kaizala: Any, connect: Any, clock: Any, conn_id: str, extra: Any, problem: str
) -> None:
    if extra:
        connect(extra=extra)

    async def scene() -> tuple[Seen | None, Seen | None]:
        readings = Readings(Shared(clock), clock=clock)
        item = GroupName(conn_id, GROUP)
        await readings.read([item], 30)
        return (await readings.connections([conn_id], 30))[conn_id], readings.seen(item)

    for seen in asyncio.run(scene()):
        assert seen is not None
        assert problem in str(seen.problem)
        assert seen.value is None


def test_a_secrets_backend_that_fails_shows_only_the_kind_of_error(
    kaizala: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("vault token hvs.123 has expired")

    monkeypatch.setattr(KaizalaHook, "get_connection", fail)
    ((seen,),) = read([GroupName("kaizala_default", GROUP)], clock=clock)
    assert seen is not None
    assert seen.problem == "it cannot be read now (RuntimeError); see the log"


def test_a_wait_is_the_same_for_all_who_show_it() -> None:
    wire = json.loads(progress().wire)
    assert WaitProgress.of("c", wire) == WaitProgress.of("c", dict(reversed(wire.items())))
    assert WaitProgress.of("c", wire) != WaitProgress.of("d", wire)
