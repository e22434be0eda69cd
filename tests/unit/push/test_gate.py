"""Whose requests pass, and what it costs to refuse the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.push.gate import FRESH, KEPT, Gate, RateLimit, Refusals, SecretUnavailableError
from airflow_provider_kaizala.push.subscriptions import Subscription, check_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MINE = Subscription("mine", "Group", "g1")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Backend:
    """A secrets backend that counts its calls, and may be slow or down."""

    def __init__(self) -> None:
        self.secret: str | None = "first"
        self.reads = 0
        self.open = asyncio.Event()
        self.open.set()
        self.is_down = False

    async def read(self, conn_id: str) -> str | None:
        self.reads += 1
        await self.open.wait()
        if self.is_down:
            raise ConnectionError("no route to the vault")
        return self.secret


def with_gate(scenario: Callable[[Gate, Backend, Clock], Awaitable[None]]) -> None:
    async def run() -> None:
        backend, clock = Backend(), Clock()
        await scenario(Gate({"mine"}, backend.read, clock), backend, clock)

    asyncio.run(run())


async def admit(
    gate: Gate, secret: str = "first", subscription: Subscription = MINE, **given: Any
) -> Subscription | None:
    token = given.get("token", subscription.token(secret))
    return await gate.admit(
        given.get("conn_id", subscription.conn_id), given.get("on", subscription.on), token
    )


def test_the_token_of_a_subscription_opens_that_one() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        assert await admit(gate) == MINE
        other = Subscription("mine", "Action", "g1")
        assert await admit(gate, subscription=other) == other
        assert await admit(gate, on=other.on, token=MINE.token("first")) is None
        assert await admit(gate, token="") is None
        assert await admit(gate, token="wörng") is None
        assert await admit(gate, token=MINE.token("first") + "=") is None
        assert await admit(gate, on="Group/") is None

    with_gate(scenario)


def test_a_connection_that_has_not_opted_in_is_not_looked_up() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        for number in range(1000):
            assert await admit(gate, subscription=Subscription(f"other{number}", "Group", "g1")) is None
        assert backend.reads == 0
        assert not gate._known

    with_gate(scenario)


def test_a_flood_of_checks_costs_one_lookup_in_a_while() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        tokens = [check_token("first" if number % 2 else "wrong", "mine", "5") for number in range(1000)]
        admitted = await asyncio.gather(*(gate.admits_check("mine", "5", token) for token in tokens))
        assert admitted == [False, True] * 500
        assert not await gate.admits_check("other", "5", check_token("first", "other", "5"))
        assert backend.reads == 1

    with_gate(scenario)


def test_a_flood_of_wrong_tokens_costs_one_lookup_in_a_while() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        await asyncio.gather(*(admit(gate, "wrong") for _ in range(1000)))
        assert backend.reads == 1
        clock.now += FRESH - 0.1
        assert await admit(gate, "wrong") is None
        assert backend.reads == 1
        clock.now += 0.2
        await asyncio.gather(*(admit(gate, "wrong") for _ in range(1000)))
        assert backend.reads == 2

    with_gate(scenario)


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nobody_passes(secret: str | None) -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        backend.secret = secret
        assert await admit(gate, "anything") is None
        assert await admit(gate, "anything") is None
        assert backend.reads == 1

    with_gate(scenario)


def test_a_changed_secret_is_noticed() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        assert await admit(gate, "first") == MINE
        backend.secret = "second"
        clock.now += FRESH
        assert await admit(gate, "second") == MINE, "at the first token that does not fit"
        assert await admit(gate, "first") is None

    with_gate(scenario)


def test_an_old_secret_opens_no_longer_than_it_takes_to_read_the_new_one() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        assert await admit(gate, "first") == MINE
        backend.secret = "second"
        clock.now += KEPT
        assert await admit(gate, "first") is None

    with_gate(scenario)


def test_a_slow_backend_delays_no_verified_event() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        assert await admit(gate) == MINE
        clock.now += FRESH
        backend.open.clear()
        waiting = asyncio.create_task(admit(gate, "wrong"))
        await asyncio.sleep(0)
        assert await admit(gate) == MINE
        assert not waiting.done()
        backend.open.set()
        assert await waiting is None
        assert backend.reads == 2

    with_gate(scenario)


def test_a_request_that_is_cancelled_does_not_cancel_the_lookup_of_others() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        backend.open.clear()
        first, second = asyncio.create_task(admit(gate)), asyncio.create_task(admit(gate))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        backend.open.set()
        assert await second == MINE

    with_gate(scenario)


def test_a_backend_that_is_down_is_asked_once_in_a_while() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        backend.is_down = True
        for _ in range(10):
            with pytest.raises(SecretUnavailableError):
                await admit(gate)
        assert backend.reads == 1
        backend.is_down = False
        clock.now += FRESH
        assert await admit(gate) == MINE

    with_gate(scenario)


def test_a_backend_that_goes_down_does_not_lock_out_who_is_known() -> None:
    async def scenario(gate: Gate, backend: Backend, clock: Clock) -> None:
        assert await admit(gate) == MINE
        backend.is_down = True
        clock.now += FRESH
        for _ in range(5):
            assert await admit(gate) == MINE
            await asyncio.sleep(0)
        assert backend.reads == 2
        clock.now += KEPT
        with pytest.raises(SecretUnavailableError):
            await admit(gate)

    with_gate(scenario)


def test_a_rate_limit_of_each_webhook() -> None:
    clock = Clock()
    limit = RateLimit(3, clock)
    one, another = (Subscription("kaizala_default", "Group", each) for each in "ab")
    assert [limit.take(one) for _ in range(5)] == [True, True, True, False, False]
    assert limit.take(another)
    clock.now += 0.5
    assert [limit.take(one) for _ in range(2)] == [True, False]
    clock.now += 100
    assert [limit.take(one) for _ in range(4)] == [True, True, True, False]


def test_refusals_are_logged_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(1000):
        refusals.add("no token")
    assert [record.message for record in caplog.records] == ["Refused a webhook request: no token"]
    clock.now += 1
    refusals.flush()
    refusals.flush()
    assert len(caplog.records) == 2
    assert "(and 998 more requests since the last such line)" in caplog.records[1].message
