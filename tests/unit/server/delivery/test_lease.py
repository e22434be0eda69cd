"""Whose turn it is: several server processes on one database, and one of them at a time delivers for a webhook."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from airflow_provider_kaizala.server.delivery import outbox
from airflow_provider_kaizala.server.store.engine import WRITES
from airflow_provider_kaizala.server.store.tables import webhook_delivery

RETRIES = outbox.Retries(1000)


@pytest.fixture
def conn(server, api, subscribe):
    """A connection in a transaction of its own, so that the server's deliverer sees nothing of what happens here."""
    subscribe(api)
    with (
        server.state.database.engine.connect().execution_options(**WRITES) as opened,
        opened.begin() as whole,
    ):
        yield opened
        whole.rollback()


@pytest.fixture
def now_ms(server):
    return server.state.clock.now_ms()


@pytest.fixture
def hook(conn, now_ms):
    """A webhook for which two events wait."""
    webhook_id = conn.exec_driver_sql("SELECT id FROM webhook").scalar_one()
    for event_id in ("first", "second"):
        conn.execute(
            webhook_delivery.insert(),
            {
                "webhook_id": webhook_id,
                "event_id": event_id,
                "event_type": "TextMessageCreated",
                "payload_json": "{}",
                "state": outbox.PENDING,
                "attempts": 0,
                "next_attempt_ms": now_ms,
                "created_ms": now_ms,
            },
        )
    return webhook_id


@pytest.fixture
def take(conn, hook, now_ms):
    """Take turns, by the name of a process."""

    def turn(owner, done=None, *, more=True):
        return outbox.take_turn(conn, owner, hook, now_ms, RETRIES, done, more)

    return turn


@pytest.fixture
def due(conn, now_ms):
    return lambda: [webhook_id for webhook_id, _ in outbox.due_webhooks(conn, now_ms)]


@pytest.fixture
def wait(monkeypatch):
    """Let real time pass."""
    passed = 0
    wall_ms = outbox.wall_ms
    monkeypatch.setattr(outbox, "wall_ms", lambda: wall_ms() + passed)

    def go_on(by_ms):
        nonlocal passed
        passed += by_ms

    return go_on


def states(conn):
    return list(conn.execute(select(webhook_delivery.c.state).order_by(webhook_delivery.c.id)).scalars())


def test_while_one_process_delivers_no_other_does(take, due, hook) -> None:
    assert due() == [hook]
    assert take("one:1:a").event_id == "first"
    assert due() == []
    assert take("two:2:b") is None


def test_a_turn_goes_on_with_the_next_event_and_is_given_up_at_its_end(conn, take, due, hook) -> None:
    first = take("one:1:a")
    second = take("one:1:a", outbox.Outcome(first, 200))
    assert second.event_id == "second"
    assert take("two:2:b") is None
    assert take("one:1:a", outbox.Outcome(second, 200)) is None
    assert states(conn) == [outbox.DELIVERED] * 2
    assert due() == []


def test_a_turn_that_is_cut_short_leaves_the_rest_to_anybody(take, due, hook) -> None:
    first = take("one:1:a")
    assert take("one:1:a", outbox.Outcome(first, 200), more=False) is None
    assert due() == [hook]
    assert take("two:2:b").event_id == "second"


def test_each_delivery_renews_the_lease(take, wait) -> None:
    first = take("one:1:a")
    wait(outbox.LEASE_MS - 1000)
    assert take("one:1:a", outbox.Outcome(first, 200)).event_id == "second"
    wait(outbox.LEASE_MS - 1000)
    assert take("two:2:b") is None


def test_the_lease_of_a_process_that_is_not_heard_of_ends(conn, take, due, wait, hook) -> None:
    first = take("one:1:a")
    wait(outbox.LEASE_MS + 1000)
    assert due() == [hook]
    assert take("two:2:b").event_id == "first"
    # It comes back: what it did is written down, and it goes on with nothing.
    assert take("one:1:a", outbox.Outcome(first, 200)) is None
    assert states(conn) == [outbox.DELIVERED, outbox.PENDING]
    assert take("three:3:c") is None, "the second process holds it"


def test_a_turn_that_was_overtaken_is_over_even_if_nobody_holds_the_lease_now(take, wait, due, hook) -> None:
    first = take("one:1:a")
    wait(outbox.LEASE_MS + 1000)
    again = take("two:2:b")
    assert take("two:2:b", outbox.Outcome(again, 200), more=False) is None
    assert take("one:1:a", outbox.Outcome(first, 200)) is None
    assert due() == [hook], "the second event is for whoever begins a turn"


def test_a_failure_that_is_told_late_does_not_undo_the_delivery_by_another_process(conn, take, wait) -> None:
    conn.execute(update(webhook_delivery).values(attempts=outbox.RETRIES))
    first = take("one:1:a")
    wait(outbox.LEASE_MS + 1000)
    again = take("two:2:b")
    take("two:2:b", outbox.Outcome(again, 200), more=False)
    take("one:1:a", outbox.Outcome(first, 500))
    assert states(conn) == [outbox.DELIVERED, outbox.PENDING]
    assert conn.exec_driver_sql("SELECT active FROM webhook").scalar_one(), "its last try did not fail"


def test_only_processes_of_this_machine_are_taken_for_dead(conn, take, due, hook) -> None:
    gone, here, elsewhere = (
        2**22 + 1,
        outbox.process_name("b"),
        "elsewhere:{}:a",
    )  # no such process is possible
    assert take(elsewhere.format(gone)).event_id == "first"
    outbox.release_dead(conn, here)
    assert due() == [], "who knows what runs on the other machine"
    outbox.release(conn, elsewhere.format(gone))
    assert take(f"{here.partition(':')[0]}:{gone}:a").event_id == "first"
    outbox.release_dead(conn, here)
    assert due() == [hook]
