"""One budget for processes on several machines, with a real Redis."""

from __future__ import annotations

import asyncio
import math
import secrets
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("redis", reason="package redis is not installed")

from redis import Redis

from airflow_provider_kaizala.client import calls, redis_budget
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.redis_budget import RedisBudget, RedisCounter
from tests.own_redis import PASSWORD, own_redis, running_redis

__all__ = ["own_redis"]
NAMES = [PASSWORD, PASSWORD.replace("/", "%2F")]


@pytest.fixture
def name():
    """A name under which nothing is counted yet."""
    return secrets.token_hex(8)


@pytest.fixture
def counters(own_redis):
    """Two processes, as far as Redis can tell."""
    return RedisCounter(own_redis.url), RedisCounter(own_redis.url)


@pytest.fixture
def clock(monkeypatch):
    """The clock that says when a process asks again."""
    now = [1000.0]
    monkeypatch.setattr(redis_budget.time, "monotonic", lambda: now[0])
    return now


def waits(counter, name, windows, times, patience=math.inf):
    return [counter.reserve(name, windows, patience) for _ in range(times)]


def rounded(seconds):
    """Minutes: the tests' own seconds do not count."""
    return [math.ceil(each / 60 - 0.5) for each in seconds]


# --- counting ----------------------------------------------------------------------------------------------------------------


def test_all_processes_share_one_window(counters, name):
    first, second = counters
    windows = [(3, 60.0)]
    assert waits(first, name, windows, 2) == [0, 0]
    assert rounded(waits(second, name, windows, 5)) == [0, 1, 1, 1, 2]
    assert rounded(waits(first, name, windows, 3)) == [2, 2, 3]


def test_connectors_are_counted_apart(counters, name):
    counter, _ = counters
    assert waits(counter, name, [(1, 60.0)], 1) == waits(counter, f"{name}2", [(1, 60.0)], 1) == [0]


def test_what_has_no_patience_reserves_nothing(counters, name):
    counter, _ = counters
    assert waits(counter, name, [(1, 60.0)], 1, patience=1e-6) == [0]
    assert rounded(waits(counter, name, [(1, 60.0)], 9, patience=1e-6)) == [1] * 9
    assert rounded(waits(counter, name, [(1, 60.0)], 9, patience=30)) == [1] * 9
    assert rounded(waits(counter, name, [(1, 60.0)], 2)) == [1, 2]


def test_a_call_has_to_fit_all_windows(counters, name):
    counter, _ = counters
    windows = [(4, 600.0), (2, 60.0)]
    assert rounded(waits(counter, name, windows, 6)) == [0, 0, 1, 1, 10, 10]


def test_a_place_is_free_again_when_its_window_has_passed(counters, name):
    counter, _ = counters
    windows = [(2, 0.3)]
    until = time.monotonic() + 20
    assert waits(counter, name, windows, 2, patience=1e-6) == [0, 0]
    wait = counter.reserve(name, windows, 1e-6)
    assert 0 < wait <= 0.3
    while counter.reserve(name, windows, 1e-6) > 0:
        assert time.monotonic() < until
        time.sleep(wait)


def test_a_changed_limit_applies_to_later_calls(counters, name):
    first, second = counters
    waits(first, name, [(2, 60.0)], 2)
    assert rounded(waits(second, name, [(1, 60.0)], 1)) == [1]
    assert waits(first, name, [(9, 60.0)], 1) == [0]


def test_threads_and_processes_never_get_more_than_the_limit(own_redis, counters, name):
    script = (
        "import sys; from airflow_provider_kaizala.client.redis_budget import RedisCounter as C; c = C(sys.stdin.read());"
        f"print([c.reserve({name!r}, [(50, 60.0)], 1e-6) for _ in range(25)].count(0.0))"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", script], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.extend(waits(counters[0], name, [(50, 60.0)], 10, patience=1e-6))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    elsewhere = sum(int(other.communicate(own_redis.url, timeout=60)[0]) for other in others)
    for thread in threads:
        thread.join()
    assert found.count(0.0) + elsewhere == 50


def test_keys_are_few_and_expire(own_redis, counters, name):
    counter, _ = counters
    longest = waits(counter, name, [(5, 60.0), (2, 10.0)], 40)[-1]
    redis = Redis.from_url(own_redis.url)
    keys = redis.keys(f"*{name}*")
    assert len(keys) == 2
    for key, seconds in zip(sorted(keys), (60, 10), strict=True):
        assert redis.zcard(key) == 40
        assert 0 < redis.pttl(key) <= (longest + seconds + 1) * 1000
    windows = [(1, 0.05)]
    waits(counter, f"{name}-short", windows, 3)
    time.sleep(0.3)
    counter.reserve(f"{name}-short", windows, 1e-6)
    assert redis.zcard(redis.keys(f"*{name}-short*")[0]) == 1, "what has passed is removed"


# --- without Redis -----------------------------------------------------------------------------------------------------------


def test_while_redis_is_away_a_process_counts_alone_and_says_so_once(tmp_path, own_redis, clock, logs):
    with running_redis(tmp_path) as redis:
        counter = RedisCounter(redis.url)
        budget = RedisBudget(counter, "connector", 2)
        assert budget.reserve(0) == 0
        redis.stop()
        assert [budget.reserve(now) for now in (1, 2, 3)] == [0, 58, 58], "what was allowed before counts"
        clock[0] += redis_budget.PAUSE
        budget.reserve(100)
        (told,) = (each for each in logs.lines if "Redis" in each)
        assert told.startswith("WARNING")
        assert "this process counts its calls alone" in told
        redis.start()
        assert counter.reserve("connector", [(1, 60.0)], math.inf) is None, "it asks again after a pause"
        clock[0] += redis_budget.PAUSE
        assert counter.reserve("connector", [(1, 60.0)], math.inf) == 0
        counter.reserve("connector", [(1, 60.0)], math.inf)
        assert [each.split()[0] for each in logs.lines if "Redis" in each] == ["WARNING", "INFO"]
    assert not any(password in logs.text for password in NAMES)


def test_a_redis_that_hangs_delays_one_call_only(tmp_path, own_redis, monkeypatch):
    with running_redis(tmp_path) as redis:
        budget = RedisBudget(RedisCounter(redis.url), "connector", 100)
        assert budget.reserve(0) == 0
        redis.pause()
        asked = []
        monkeypatch.setattr(
            budget._counter,
            "_reserve",
            lambda *args, ask=budget._counter._reserve: (asked.append(args), ask(*args))[1],
        )
        assert [budget.reserve(0) for _ in range(20)] == [0] * 20
        assert len(asked) == 1


def test_a_wrong_password_is_told_without_the_password(own_redis, logs):
    counter = RedisCounter(own_redis.url.replace(":pass", ":wrong-pass"))
    assert counter.reserve("connector", [(1, 60.0)], 1) is None
    assert "AuthenticationError" in logs.text
    assert "wrong-pass" not in logs.text


@pytest.mark.parametrize(
    "url",
    ["amqp://guest:pass%2Fword-of-redis@rabbit/", "redis:pass/word-of-redis", "pass/word-of-redis", "sentinel://:pass/word-of-redis@a",
     "redis://:pass/word-of-redis@host:port/0", "redis://[:pass/word-of-redis@host"],
)  # fmt: skip
def test_another_url_is_refused_without_the_password(url):
    with pytest.raises(KaizalaInputError, match="budget_url") as caught:
        RedisCounter(url)
    assert not any(password in str(caught.value) for password in NAMES)


# --- in the clients ----------------------------------------------------------------------------------------------------------


def test_no_limit_asks_nobody(monkeypatch, counters, name):
    budget = RedisBudget(counters[0], name)
    monkeypatch.setattr(counters[0], "reserve", None)
    assert budget.reserve(0) == 0


def test_the_async_client_does_not_block_its_loop(drive, server, group, counters, name):
    budget = RedisBudget(counters[0], name, 100)
    turned = threading.Event()
    reserve = budget.reserve

    def slow_reserve(now, patience):
        assert turned.wait(30), "the event loop stood still"
        return reserve(now, patience)

    budget.reserve = slow_reserve
    server.otherwise = server.answer(200, {"members": []})
    driver = drive(server)
    driver.client.policy.budget = budget

    async def call():
        asyncio.get_running_loop().call_later(0.01, turned.set)
        return await driver.client.run(calls.list_members(group))

    if drive.kind == "sync":
        turned.set()
        assert driver.run(calls.list_members(group)) == ()
    else:
        assert asyncio.Runner.run(driver._runner, call()) == ()
    assert counters[1].reserve(name, [(2, 60.0)], 1e-6) > 0, "the token call and this one were counted"
