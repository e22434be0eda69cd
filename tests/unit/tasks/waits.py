"""A task that waits, as operators and sensors do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.tasks.wait_for_people import TimeoutMixin
from airflow_provider_kaizala.waiting.rules import read_rule
from airflow_provider_kaizala.waiting.subjects import Responses
from airflow_provider_kaizala.waiting.wait import Wait


def ago(seconds):
    return datetime.now(tz=UTC) - timedelta(seconds=seconds)


class Waits(TimeoutMixin, BaseOperator):
    """Waits for the action of the in-memory Kaizala."""

    def __init__(
        self,
        *,
        until="any",
        left=60,
        timeout=60.0,
        on_timeout="fail",
        deferrable=False,
        subject=None,
        waking=None,
        kaizala_conn_id="kaizala_default",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.until, self.left, self.timeout, self.on_timeout = until, left, timeout, on_timeout
        self.deferrable, self.subject, self.waking = deferrable, subject, waking
        self.kaizala_conn_id, self.group_id = kaizala_conn_id, None
        self.woken, self.carried_over = [], None

    def run_task(self, context):
        return self.wait_for_people(self.new_wait(), context)

    def new_wait(self):
        deadline = None if self.left is None else datetime.now(tz=UTC) + timedelta(seconds=self.left)
        subject = self.subject or Responses(self.group(), "act-1")
        return Wait(subject, read_rule(self.until), deadline, 30.0)

    def kept_wait(self, context):
        kept = TaskState(context).get("wait")
        return Wait.from_wire(kept) if kept else None

    def next_waking(self, wait):
        return self.waking

    def wake(self, wait, context):
        self.woken.append(wait)
        self.waking = None

    def carried(self):
        return {"asked": "a"}

    def take_up(self, carried, context):
        self.carried_over = carried
