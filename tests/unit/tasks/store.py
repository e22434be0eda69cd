"""What a task remembers, as Airflow 3.3 keeps it."""

from __future__ import annotations

import json
from types import SimpleNamespace

from airflow_provider_kaizala.tasks.state import TaskState


class Store(dict):
    """As ``task_state_store`` is used: plain JSON goes in and comes out, and None is refused."""

    def get(self, key, default=None):
        return json.loads(super().get(key, json.dumps(default)))

    def set(self, key, value):
        assert value is not None
        self[key] = json.dumps(value)


def state_of(store, max_tries=0):
    """What a task remembers; None stands for an Airflow that keeps nothing."""
    context = {"ti": SimpleNamespace(max_tries=max_tries)}
    return TaskState(context if store is None else {**context, "task_state_store": store})
