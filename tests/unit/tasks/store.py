"""What a task remembers, as Airflow 3.3 keeps it."""

from __future__ import annotations

import json


class Store(dict):
    """As ``task_state_store`` is used: plain JSON goes in and comes out, and None is refused."""

    def get(self, key, default=None):
        return json.loads(super().get(key, json.dumps(default)))

    def set(self, key, value):
        assert value is not None
        self[key] = json.dumps(value)
