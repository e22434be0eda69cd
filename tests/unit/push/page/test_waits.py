"""Which open waits the page finds in Airflow's database."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.trigger import Trigger
from sqlalchemy import event

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push.page.waits import PAGE, TRIGGERS, Waits, read_waits
from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger
from demo.airflow_ui import wire
from demo.stack import GROUP

if TYPE_CHECKING:
    from demo.airflow_ui import Rows

WIRE = wire({"actionId": "act-1"}, "all")
DAGS = frozenset({"shop", "pay"})
as_3_3_writes = pytest.mark.skipif(
    not compat.AIRFLOW_V_3_3_PLUS, reason="the rows are as Airflow 3.3 writes them"
)


def read(session: Any, dag_ids: frozenset[str] = DAGS, page: int = 1) -> Waits:
    session.expire_all()
    return read_waits(session, dag_ids, page)


@as_3_3_writes
def test_a_deferred_task_with_its_question(rows: Rows, session: Any) -> None:
    rows.wait("shop", "ask", WIRE, map_index=3, arguments={"question": "Tea?", "title": "no"})
    found = read(session)
    assert found.total == 1
    (only,) = found.open
    assert (only.dag_id, only.run_id, only.task_id, only.map_index) == (
        "shop",
        "manual__2026-01-01",
        "ask",
        3,
    )
    assert (only.conn_id, only.wire, only.asked) == ("kaizala_default", WIRE, "Tea?")
    assert only.wait is not None
    assert only.wait.to_wire() == WIRE
    assert only.since is not None


def test_dags_that_a_user_may_not_read_are_not_read(rows: Rows, session: Any) -> None:
    rows.wait("shop", "ask", WIRE)
    rows.wait("secret", "ask", WIRE)
    assert [each.dag_id for each in read(session).open] == ["shop"]
    assert read(session).total == 1
    assert read(session, frozenset()) == Waits((), 0)


def test_what_airflow_itself_writes_is_read(rows: Rows, session: Any) -> None:
    trigger = KaizalaWaitTrigger(WIRE, "kaizala_other")
    assert trigger.serialize()[0].startswith(TRIGGERS)
    rows.wait("shop", "ask", WIRE)
    kwargs = Trigger.encrypt_kwargs(trigger.serialize()[1])
    assert not kwargs.startswith("{")
    with rows.engine.begin() as connection:
        connection.execute(Trigger.__table__.update().values(kwargs=kwargs))
    (only,) = read(session).open
    assert (only.conn_id, only.wire) == ("kaizala_other", WIRE)


def test_triggers_of_others_are_left_out(rows: Rows, session: Any) -> None:
    rows.wait("shop", "ask", WIRE)
    with rows.engine.begin() as connection:
        connection.execute(Trigger.__table__.update().values(classpath="airflow_provider_kaizalaXtriggers.x"))
    assert read(session).open == ()


def test_arguments_that_cannot_be_read_leave_the_task(rows: Rows, session: Any) -> None:
    rows.wait("shop", "ask", WIRE, arguments={"question": "Tea?"})
    with rows.engine.begin() as connection:
        connection.execute(Trigger.__table__.update().values(kwargs="gAAAAA"))
    (only,) = read(session).open
    assert (only.conn_id, only.wire, only.wait, only.asked) == ("kaizala_default", None, None, "Tea?")


@as_3_3_writes
def test_a_wait_of_a_newer_version_leaves_the_task(rows: Rows, session: Any) -> None:
    rows.wait("shop", "ask", {**WIRE, "subject": {"kind": "moods", "group_id": GROUP}})
    (only,) = read(session).open
    assert only.wire is not None
    assert only.wait is None


@as_3_3_writes
def test_tasks_that_wait_in_a_worker_are_known_by_what_they_keep(
    rows: Rows, session: Any, store: Any
) -> None:
    for state in ("running", "up_for_reschedule", "success", "queued"):
        rows.wait("shop", f"is_{state}", WIRE, state=state)
    assert [each.task_id for each in read(session).open] == ["is_running", "is_up_for_reschedule"]
    assert {each.conn_id for each in read(session).open} == {"kaizala_default"}
    TaskState({"task_state_store": store}).set("wait", WIRE)  # type: ignore[typeddict-item]
    ((key, kept),) = store.items()
    assert (key, json.loads(kept)["value"]) == ("kaizala_wait", WIRE), "what tasks write"


@as_3_3_writes
def test_what_a_task_keeps_of_an_earlier_life_is_over(rows: Rows, session: Any) -> None:
    rows.wait("shop", "ask", WIRE, state="running")
    store = compat.task_state_model().__table__
    with rows.engine.begin() as connection:
        connection.execute(store.update().values(value=json.dumps({"life": "1", "value": WIRE})))
    assert read(session).open == ()


@as_3_3_writes
def test_before_airflow_3_3_only_deferred_tasks_are_known(
    rows: Rows, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "task_state_model", lambda: None)
    rows.wait("shop", "deferred", WIRE)
    rows.wait("shop", "running", WIRE, state="running")
    assert [each.task_id for each in read(session).open] == ["deferred"]


def test_pages_of_the_oldest_first(rows: Rows, session: Any) -> None:
    rows.run("shop")
    for number in range(PAGE + 2):
        rows.wait("shop", f"ask_{number}", WIRE, since=timedelta(minutes=100 - number))
    first, second, third = (read(session, page=page) for page in (1, 2, 3))
    assert [each.task_id for each in first.open] == [f"ask_{number}" for number in range(PAGE)]
    assert [each.task_id for each in second.open] == [f"ask_{PAGE}", f"ask_{PAGE + 1}"]
    assert (first.total, second.total, third) == (PAGE + 2, PAGE + 2, Waits((), 0))


def test_one_query_for_a_page(rows: Rows, session: Any) -> None:
    for number in range(5):
        rows.wait("shop", f"ask_{number}", WIRE)
    statements: list[str] = []

    def note(*given: Any) -> None:
        statements.append(given[2])

    event.listen(rows.engine, "before_cursor_execute", note)
    try:
        assert len(read(session).open) == 5
    finally:
        event.remove(rows.engine, "before_cursor_execute", note)
    assert len([each for each in statements if each.startswith("SELECT")]) == 1
