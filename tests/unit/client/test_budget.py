"""The budget: never more than so many calls in any minute, however they come."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.budget import Budget


def test_calls_are_allowed_up_to_the_limit_and_then_a_minute_after_the_oldest():
    budget = Budget(3)
    assert [budget.reserve(now) for now in (0, 10, 20)] == [0, 0, 0]
    assert budget.reserve(30) == 30  # at 60
    assert budget.reserve(30) == 40  # at 70
    assert budget.reserve(81) == 0
    assert budget.reserve(81) == 39  # at 120


def test_zero_and_less_mean_no_limit():
    for limit in (0, -5):
        budget = Budget(limit)
        assert [budget.reserve(0) for _ in range(1000)] == [0] * 1000


def test_a_call_that_does_not_wait_reserves_nothing():
    budget = Budget(1)
    budget.reserve(0)
    assert [budget.reserve(0, patience=60) for _ in range(9)] == [60] * 9
    assert budget.reserve(0, patience=60.5) == 60
    assert budget.reserve(0) == 120


def test_a_changed_limit_applies_to_later_calls():
    budget = Budget(2)
    budget.reserve(0)
    budget.reserve(5)
    budget.limit = 1
    assert budget.reserve(10) == 55
    budget.limit = 100
    assert budget.reserve(10) == 0


@given(
    limit=st.integers(1, 7),
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 40)), max_size=60),
)
def test_no_window_contains_more_calls_than_the_limit(limit, gaps):
    budget, now, starts = Budget(limit), 0.0, []
    for gap in gaps:
        now += gap
        wait = budget.reserve(now)
        assert wait >= 0
        starts.append(now + wait)
    starts.sort()
    for at in range(len(starts) - limit):
        assert starts[at + limit] - starts[at] >= 60 - 1e-6


def test_threads_share_a_budget():
    budget, waits = Budget(50), []
    threads = [
        threading.Thread(target=lambda: waits.extend(budget.reserve(0) for _ in range(25))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0] * 50 + [60] * 50 + [120] * 50 + [180] * 50


def test_calls_older_than_the_window_are_forgotten():
    budget = Budget(10)
    for now in range(0, 100_000, 100):
        budget.reserve(now)
    assert len(budget._calls) <= 10
