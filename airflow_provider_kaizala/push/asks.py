"""What a task says when it asks the receiver for events."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.events import MAX_EVENT_TYPE
from airflow_provider_kaizala.push.pages import MOST_EVENTS
from airflow_provider_kaizala.push.subscriptions import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

#: the largest value of each number
MOST = {"map_index": 2**31 - 1, "reached": 2**62, "limit": MOST_EVENTS}


class Ask(Value):
    """A try of a task asks for events.

    :param try_id: Airflow's id of the try
    :param group_id: of the asset
    :param event_type: of the asset; empty if it is for all types
    :param reached: the cursor up to which this try has taken events; 0 if it has not begun
    :param limit: the number of events to return at most; 0 to say only what was reached
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    try_id: str
    group_id: str
    event_type: str = ""
    reached: int = 0
    limit: int = MOST_EVENTS

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Ask:
        """Read what :meth:`to_wire` returns.

        :raises UnreadableReplyError: if it is anything else
        """
        wire = Wire(body, "the request")
        texts = {name: wire.need(name) for name in ("dag_id", "task_id", "run_id", "try_id", "group_id")}
        texts["group_id"] = texts["group_id"].lower()
        texts["event_type"] = wire.text("event_type") or ""
        for name, value in texts.items():
            if len(value) > (MAX_EVENT_TYPE if name == "event_type" else MAX_ID):
                raise UnreadableReplyError(f"{wire.what}: {name} is too long")
        try:
            texts["try_id"] = str(UUID(texts["try_id"]))
        except ValueError:
            raise UnreadableReplyError(f"{wire.what}: try_id is not the id of a try") from None
        numbers = {name: wire.integer(name) for name in MOST}
        for name, number in numbers.items():
            if number is None or not -(name == "map_index") <= number <= MOST[name]:
                raise UnreadableReplyError(f"{wire.what}: {name} must be a whole number up to {MOST[name]}")
        return cls(**texts, **numbers)  # type: ignore[arg-type] # none of them is None

    def to_wire(self) -> dict[str, Any]:
        """Return it as a plain dict."""
        return dict(vars(self))

    def reader_id(self, conn_id: str) -> str:
        """Return what identifies the task, in all runs of its DAG, with this asset."""
        parts = (conn_id, self.group_id, self.event_type, self.dag_id, self.task_id)
        return hashlib.sha256("".join(f"{len(each)}:{each}" for each in parts).encode()).hexdigest()
