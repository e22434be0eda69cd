"""Values that all viewers share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.push.page.shared import FORGOTTEN, NotNowError, Seen, Shared

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Loads:
    """Counts loads, which end when told to."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.last: list[Any] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, last: Any) -> Any:
        self.last.append(last)
        await self.may_end.wait()
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


def run(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scene())  # type: ignore[arg-type]


def test_a_value_is_loaded_once_for_all_and_again_when_it_is_no_longer_fresh(clock: Any) -> None:
    async def scene() -> None:
        shared, loads = Shared(clock), Loads("a", "b")
        for _ in range(3):
            shared.want("key", 15, loads)
        await shared.wait(["key"], 5)
        clock.now += 14.9
        shared.want("key", 15, loads)
        await shared.wait(["key"], 5)
        found = shared.get("key")
        assert found is not None
        assert found.value == "a"
        assert found.at is not None
        clock.now += 0.1
        shared.want("key", 15, loads)
        assert shared.get("key") == found, "until the next load has ended"
        await shared.wait(["key"], 5)
        assert shared.get("key").value == "b"  # type: ignore[union-attr]
        assert loads.last == [None, "a"]

    run(scene)


def test_who_stops_waiting_cancels_nothing(clock: Any) -> None:
    async def scene() -> None:
        shared, loads = Shared(clock), Loads("a")
        loads.may_end.clear()
        shared.want("key", 15, loads)
        await shared.wait(["key"], 0.001)
        assert shared.get("key") is None
        loads.may_end.set()
        await shared.wait(["key"], 5)
        assert shared.get("key").value == "a"  # type: ignore[union-attr]

    run(scene)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (KaizalaInputError("the group is gone"), "the group is gone"),
        (ValueError("token-123"), "it cannot be read now (ValueError); see the log"),
    ],
)
def test_a_failed_load_keeps_the_last_value_and_says_why(clock: Any, error: Exception, problem: str) -> None:
    async def scene() -> None:
        shared, loads = Shared(clock), Loads("a", error, "c")
        for _ in range(2):
            shared.want("key", 15, loads)
            await shared.wait(["key"], 5)
            clock.now += 15
        found = shared.get("key")
        assert found is not None
        assert (found.value, found.problem) == ("a", problem)
        shared.want("key", 15, loads)
        await shared.wait(["key"], 5)
        assert shared.get("key").problem is None  # type: ignore[union-attr]

    run(scene)


def test_a_value_that_cannot_be_loaded_now_is_tried_again_at_once(clock: Any) -> None:
    async def scene() -> None:
        shared, loads = Shared(clock), Loads(NotNowError(), "b")
        shared.want("key", 15, loads)
        await shared.wait(["key"], 5)
        assert shared.get("key") is None
        shared.want("key", 15, loads)
        await shared.wait(["key"], 5)
        assert shared.get("key").value == "b"  # type: ignore[union-attr]

    run(scene)


def test_what_nobody_wants_is_forgotten(clock: Any) -> None:
    async def scene() -> None:
        shared, loads = Shared(clock), Loads("a", "b", "c")
        for key in ("old", "shown"):
            shared.want(key, 3600, loads)
            await shared.wait([key], 5)
        clock.now += FORGOTTEN
        shared.want("new", 15, loads)
        await shared.wait(["new"], 5)
        assert shared.get("shown") is not None
        clock.now += 1
        shared.forget()
        assert shared.get("old") is None
        assert shared.get("shown").value == "b", "though it is not loaded again for an hour"  # type: ignore[union-attr]
        assert shared.get("new") == Seen("c", shared.get("new").at)  # type: ignore[union-attr]

    run(scene)


def test_closing_cancels_loads(clock: Any) -> None:
    async def scene() -> None:
        shared, loads = Shared(clock), Loads("a")
        loads.may_end.clear()
        shared.want("key", 15, loads)
        await asyncio.sleep(0)
        await shared.close()
        assert shared.get("key") is None
        assert len(asyncio.all_tasks()) == 1

    run(scene)
