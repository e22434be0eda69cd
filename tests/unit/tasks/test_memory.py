from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_kaizala.tasks.state import TaskState, deadline


class Store(dict):
    """As ``task_state_store`` of Airflow 3.3 is used."""

    def set(self, key, value):
        assert value is not None
        self[key] = value


def context(store=None, max_tries=2, first_reschedule=None):
    ti = SimpleNamespace(max_tries=max_tries, get_first_reschedule_date=lambda context: first_reschedule)
    return {"ti": ti} | ({} if store is None else {"task_state_store": store})


def test_a_retry_finds_what_was_noted():
    store = Store()
    TaskState(context(store)).set("posted", {"action_id": "a"})
    assert TaskState(context(store)).get("posted") == {"action_id": "a"}
    assert TaskState(context(store)).lasts


def test_clearing_by_hand_begins_a_new_life():
    """Airflow then allows more tries."""
    store = Store()
    TaskState(context(store, max_tries=2)).set("posted", 1)
    cleared = TaskState(context(store, max_tries=5))
    assert cleared.get("posted") is None
    assert cleared.get_ever("posted") == {"life": "2", "value": 1}


@pytest.mark.parametrize("before", [context(), {}, None])
def test_without_a_store_nothing_is_kept(before):
    memory = TaskState(before)
    memory.set("posted", 1)
    assert memory.get("posted") is None
    assert not memory.lasts


@pytest.mark.parametrize("strange", ["text", {"value": 1}, [], 0])
def test_what_somebody_else_has_put_there_is_nothing(strange):
    assert TaskState(context(Store(kaizala_posted=strange))).get("posted") is None


def test_the_deadline_stays_over_tries():
    store = Store()
    first = deadline(context(store), 60, TaskState(context(store)))
    assert timedelta(seconds=59) < first - datetime.now(tz=UTC) <= timedelta(seconds=60)
    assert deadline(context(store), 600, TaskState(context(store))) == first
    cleared = context(store, max_tries=9)
    assert deadline(cleared, 600, TaskState(cleared)) > first


def test_before_airflow_keeps_notes_a_reschedule_keeps_the_deadline():
    began = datetime(2026, 3, 1, 8, tzinfo=UTC)
    later = context(first_reschedule=began)
    assert deadline(later, 60, TaskState(later)) == began + timedelta(seconds=60)
    assert deadline(context(), 60, TaskState(context())) > datetime.now(tz=UTC)
