from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.hooks.connection import read_connection
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.provider_info import get_provider_info
from airflow_provider_kaizala.triggers import accounts, pacing
from airflow_provider_kaizala.triggers.pacing import (
    DETAIL,
    LIST,
    SWEEP,
    Pacer,
    Sweeps,
    pacer_for,
)
from airflow_provider_kaizala.waiting.subjects import Responses
from tests.unit.triggers.conftest import VirtualLoop

RAVI = "+910000000002"


def play(scene):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene())


def now():
    return asyncio.get_running_loop().time()


def settings_of(conn_id="kaizala_default"):
    return KaizalaHook(conn_id).connection.settings


def most_in(moments, seconds):
    return max(sum(1 for at in moments if start <= at < start + seconds) for start in moments)


@given(st.floats(min_value=0.5, max_value=500), st.integers(min_value=1, max_value=150))
@settings(deadline=None)
def test_calls_never_exceed_the_budget_and_use_it_up(per_minute, calls):
    moments = []

    async def scene():
        pacer = Pacer(per_minute, now)

        async def one():
            await pacer.turn(LIST)
            moments.append(now())

        await asyncio.gather(*(one() for _ in range(calls)))

    play(scene)
    assert len(moments) == calls
    assert most_in(moments, 60) <= math.ceil(per_minute)
    assert most_in(moments, 10) <= math.ceil(per_minute / 6)
    assert moments[-1] - moments[0] <= max(0, calls - 1) * 60 / per_minute + 1e-3, "nor less"


def test_urgent_calls_go_first():
    order = []

    async def scene():
        pacer = Pacer(6, now)

        async def one(urgency):
            await pacer.turn(urgency)
            order.append(urgency)

        await asyncio.gather(*(one(each) for each in (LIST, SWEEP, LIST, DETAIL, SWEEP, DETAIL)))

    play(scene)
    assert order == [LIST, DETAIL, DETAIL, LIST, SWEEP, SWEEP], "the first had a free place"


def test_a_newcomer_does_not_overtake_those_who_wait():
    """Nor when places are free before the first of them has woken, as after the limit was raised."""
    order = []

    async def scene():
        pacer = Pacer(6, now)

        async def one(name):
            await pacer.turn(LIST)
            order.append(name)

        waiting = [asyncio.ensure_future(one(name)) for name in ("free place", "first", "second")]
        await asyncio.sleep(1)
        pacer.set(600)
        await asyncio.gather(one("newcomer"), *waiting)

    play(scene)
    assert order == ["free place", "first", "second", "newcomer"]


def test_a_wait_that_was_cancelled_takes_no_turn():
    async def scene():
        pacer = Pacer(6, now)
        await pacer.turn(LIST)
        gone = asyncio.ensure_future(pacer.turn(DETAIL))
        await asyncio.sleep(0)
        gone.cancel()
        began = now()
        await pacer.turn(LIST)
        return now() - began

    assert play(scene) == pytest.approx(10)


def test_without_a_limit_calls_do_not_wait():
    async def scene():
        pacer = Pacer(0, now)
        began = now()
        for _ in range(1000):
            await pacer.turn(LIST)
        return now() - began

    assert play(scene) == 0


def test_unused_sweeps_do_not_pile_up():
    async def scene():
        sweeps = Sweeps(Pacer(60, now))
        assert sweeps.take(5) == 0, "not at once"
        await asyncio.sleep(10)
        assert (sweeps.take(5), sweeps.take(5)) == (1, 0)
        await asyncio.sleep(3600)
        assert (sweeps.take(5), sweeps.take(5)) == (5, 0)
        assert sweeps.take(0) == 0

    play(scene)


def test_sweeps_are_divided_among_polls():
    async def scene():
        pacer = Pacer(60, now)
        one, other = Sweeps(pacer), Sweeps(pacer)
        await asyncio.sleep(20)
        assert (one.take(9), other.take(9)) == (1, 1)
        other.end()
        await asyncio.sleep(20)
        assert one.take(9) == 2

    play(scene)


# --- whose share it is -------------------------------------------------------------------------------------------------------


def test_waits_get_their_share_divided_among_triggerers(connect, monkeypatch):
    connect(extra={"calls_per_minute": 100})
    assert pacer_for(settings_of()).per_minute == pytest.approx(70)
    monkeypatch.setenv("AIRFLOW__KAIZALA__TRIGGERERS", "2")
    assert pacer_for(settings_of()).per_minute == pytest.approx(35)
    monkeypatch.setenv("AIRFLOW__KAIZALA__SHARE_OF_WAITS", "0.5")
    assert pacer_for(settings_of()).per_minute == pytest.approx(25)
    connect(extra={"calls_per_minute": 0})
    assert pacer_for(settings_of()).per_minute == 0


@pytest.mark.parametrize(("share", "calls"), [("0", 1), ("-1", 1), ("7", 100)])
def test_a_share_out_of_range_is_cut_to_it(connect, monkeypatch, share, calls):
    connect(extra={"calls_per_minute": 100})
    monkeypatch.setenv("AIRFLOW__KAIZALA__SHARE_OF_WAITS", share)
    monkeypatch.setenv("AIRFLOW__KAIZALA__TRIGGERERS", "0")
    assert pacer_for(settings_of()).per_minute == pytest.approx(calls)


def test_what_airflow_shows_is_what_counts(connect):
    """Where Airflow does not know the section, the fallbacks must say the same."""
    connect(extra={"calls_per_minute": 100})
    options = get_provider_info()["config"][pacing.SECTION]["options"]
    assert {name: options[name]["default"] for name in ("triggerers", "share_of_waits")} == {
        "triggerers": "1",
        "share_of_waits": "0.7",
    }
    assert pacer_for(settings_of()).per_minute == pytest.approx(100 * 0.7 / 1)


def test_one_pacer_for_all_connections_to_a_connector(connect, monkeypatch):
    monkeypatch.setattr(pacing, "_pacers", {})
    connect(extra={"calls_per_minute": 100})
    connect("again", extra={"calls_per_minute": 100, "timeout": 7})
    connect("other", login="connector-2")
    first, again, other = (pacer_for(settings_of(name)) for name in ("kaizala_default", "again", "other"))
    assert first is again
    assert other is not first
    connect(extra={"calls_per_minute": 50})
    assert pacer_for(settings_of()).per_minute == pytest.approx(35), "a change of the connection is seen"


def test_all_waits_of_a_connector_stay_within_its_budget(stage, kaizala, group, connect):
    """Two Airflow connections to one connector, 120 actions that are read by themselves, 20 calls a minute."""
    connect(extra={"calls_per_minute": 30})
    connect("again", extra={"calls_per_minute": 30, "timeout": 7})
    for at in range(60):
        kaizala.survey(RAVI, action_id=f"a{at}", kind="MyCompany.Check")
    subjects = [Responses(group, f"a{at}", "MyCompany.Check", datetime.now(tz=UTC)) for at in range(60)]

    async def scene():
        async with (
            stage.waits(*subjects, interval=10) as told,
            stage.waits(*subjects, interval=10, conn_id="again") as too,
        ):
            await asyncio.sleep(420)
            return told, too

    told, too = stage.play(scene)
    assert most_in([at for at, _ in stage.calls], 60) <= 21
    assert all(told)
    assert all(too), "the one does not starve the other"


def test_the_hook_reads_connections_as_the_tests_above_assume(connect):
    """What the tests above take for granted."""
    connect(extra={"calls_per_minute": 30})
    hook = KaizalaHook()
    conn = hook.get_connection("kaizala_default")
    assert read_connection(conn, conn.extra_dejson).settings.calls_per_minute == 30


# --- all triggerers together -------------------------------------------------------------------------------------------------


class Counted:
    """Counts calls for several triggerers, as a Redis does; ``away`` if it cannot be reached."""

    def __init__(self):
        self.budgets, self.away = {}, False

    def reserve(self, name, windows, patience):
        if self.away:
            return None
        budgets = [self.budgets.setdefault((name, window), Budget(*window)) for window in windows]
        wait = max(budget.reserve(now(), patience=0) for budget in budgets)
        if wait < patience:
            for budget in budgets:
                budget.note(now(), now())
        return wait


@pytest.fixture
def two_triggerers(stage, connect, monkeypatch):
    """The pacers of two triggerers, and what counts for both."""
    connect(extra={"calls_per_minute": 60})
    monkeypatch.setenv("AIRFLOW__KAIZALA__SHARE_OF_WAITS", "0.5")
    monkeypatch.setenv("AIRFLOW__KAIZALA__TRIGGERERS", "2")
    counted = Counted()
    monkeypatch.setattr(pacing, "shared_counter", lambda: counted)
    pacers = [pacer_for(settings_of())]
    pacing._pacers.clear()
    return [*pacers, pacer_for(settings_of())], counted


def turns(pacers, calls, urgency=LIST):
    moments = [[] for _ in pacers]

    async def one(at):
        await pacers[at].turn(urgency)
        moments[at].append(now())

    async def scene():
        await asyncio.gather(*(one(at) for at in range(len(pacers)) for _ in range(calls[at])))

    return scene, moments


def test_triggerers_share_what_waits_may_use(stage, two_triggerers):
    pacers, _ = two_triggerers
    scene, (first, second) = turns(pacers, (40, 40))
    stage.play(scene)
    moments = sorted([*first, *second])
    assert most_in(moments, 60) <= 30
    assert most_in(moments, 10) <= 5
    assert moments[-1] - moments[0] <= 79 * 2 + 1e-3, "nor less"
    assert all(each[-1] - each[0] > 30 for each in (first, second)), "neither starves"


def test_a_triggerer_uses_what_the_other_one_leaves(stage, two_triggerers):
    pacers, _ = two_triggerers
    scene, (first, _) = turns(pacers, (30, 0))
    stage.play(scene)
    assert most_in(first, 60) == 30


def test_while_nothing_is_shared_each_triggerer_has_its_part(stage, two_triggerers):
    pacers, counted = two_triggerers
    counted.away = True
    scene, (first, second) = turns(pacers, (30, 30))
    stage.play(scene)
    for each in (first, second):
        assert most_in(each, 60) <= 15
        assert each[-1] - each[0] <= 29 * 4 + 1e-3


def test_what_was_shared_counts_when_it_is_so_no_more(stage, two_triggerers):
    pacers, counted = two_triggerers

    async def scene():
        for _ in range(3):
            await pacers[0].turn(LIST)
        counted.away = True
        began = now()
        await pacers[0].turn(LIST)
        return now() - began

    assert stage.play(scene) > 1


def test_an_invalid_budget_url_ends_the_waits_with_its_name(stage, connect, monkeypatch):
    connect()
    monkeypatch.setenv("AIRFLOW__KAIZALA__BUDGET_URL", "amqp://guest:very-secret@rabbit/")

    async def scene():
        async with accounts.accounts().account("kaizala_default"):
            pass

    with pytest.raises(KaizalaInputError, match="budget_url") as caught:
        stage.play(scene)
    assert "very-secret" not in str(caught.value)


def test_without_a_limit_nobody_is_asked(stage, connect, monkeypatch):
    connect(extra={"calls_per_minute": 0})
    nobody = Counted()
    nobody.reserve = None
    monkeypatch.setattr(pacing, "shared_counter", lambda: nobody)
    scene, (moments,) = turns([pacer_for(settings_of())], (100,))
    stage.play(scene)
    assert len(set(moments)) == 1
