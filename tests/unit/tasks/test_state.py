from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_kaizala.tasks.state import TaskState, deadline
from tests.unit.tasks.store import Store


def context(store=None, max_tries=2, first_reschedule=None):
    ti = SimpleNamespace(max_tries=max_tries, get_first_reschedule_date=lambda context: first_reschedule)
    return {"ti": ti} | ({} if store is None else {"task_state_store": store})


def test_a_retry_finds_what_an_earlier_try_has_set():
    store = Store()
    TaskState(context(store)).set("posted", {"action_id": "a"})
    assert TaskState(context(store)).get("posted") == {"action_id": "a"}
    assert TaskState(context(store)).get("intent") is None
    assert TaskState(context(store)).is_kept


def test_each_value_has_a_key_of_ours():
    """Other code of the task may keep values too."""
    store = Store()
    TaskState(context(store)).set("posted", 1)
    assert store.keys() == {"kaizala_posted"}


def test_setting_none_removes_a_value():
    """Airflow's store itself refuses None."""
    state = TaskState(context(Store()))
    state.set("intent", 1)
    state.set("intent", None)
    assert state.get("intent") is None
    assert state.get_ever("intent") is None


def test_a_task_that_was_cleared_by_hand_begins_a_new_life():
    """Airflow then allows more tries."""
    store = Store()
    TaskState(context(store, max_tries=2)).set("posted", 1)
    cleared = TaskState(context(store, max_tries=5))
    assert cleared.get("posted") is None
    assert cleared.get_ever("posted") == 1
    cleared.set("posted", 2)
    assert cleared.get("posted") == cleared.get_ever("posted") == 2
    assert TaskState(context(store, max_tries=2)).get("posted") is None


@pytest.mark.parametrize("before", [context(), {}, None])
def test_without_a_store_nothing_is_kept(before):
    state = TaskState(before)
    state.set("posted", 1)
    assert state.get("posted") is None
    assert state.get_ever("posted") is None
    assert not state.is_kept


@pytest.mark.parametrize("strange", ["text", {"value": 1}, {"life": "2"}, [], 0])
def test_a_value_that_other_code_has_put_there_is_ignored(strange):
    store = Store()
    store.set("kaizala_posted", strange)
    assert TaskState(context(store)).get("posted") is None
    assert TaskState(context(store)).get_ever("posted") is None


# --- the deadline --------------------------------------------------------------------------------------------------------


def test_the_deadline_stays_over_tries_but_not_over_clearing():
    store = Store()
    first = deadline(context(store), 60, TaskState(context(store)))
    assert timedelta(seconds=59) < first - datetime.now(tz=UTC) <= timedelta(seconds=60)
    assert deadline(context(store), 600, TaskState(context(store))) == first
    cleared = context(store, max_tries=9)
    assert deadline(cleared, 600, TaskState(cleared)) > first


@pytest.mark.parametrize(
    "given",
    [datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00Z"],
    ids=["", "dag.test() of Airflow 3.0"],
)
def test_where_no_state_is_kept_a_rescheduled_task_keeps_the_deadline(given):
    later = context(first_reschedule=given)
    assert deadline(later, 60, TaskState(later)) == datetime(2026, 3, 1, 8, 1, tzinfo=UTC)
    assert deadline(context(), 60, TaskState(context())) > datetime.now(tz=UTC)
    assert deadline(None, 60, TaskState(None)) > datetime.now(tz=UTC)
