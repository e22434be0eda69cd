"""Posts whose outcome is lost, or whose worker dies; and tasks that are cleared by hand."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, get_current_context

from airflow_provider_kaizala.operators import (
    KaizalaAskPollOperator,
    KaizalaSendMessageOperator,
    KaizalaSendPollOperator,
)
from airflow_provider_kaizala.tasks.state import TaskState


def die():
    "Go as a worker goes that runs out of memory; the first time."
    if get_current_context()["ti"].try_number == 1:
        os.kill(os.getpid(), signal.SIGKILL)


class DiesAfterNoting(KaizalaSendMessageOperator):
    def post(self, context, **given):
        posted = super().post(context, **given)
        die()
        return posted


class DiesBeforeNoting:
    def post(self, context, **given):
        note = TaskState.set
        TaskState.set = lambda state, name, value: die() if name == "posted" else note(state, name, value)
        return super().post(context, **given)


class PollThatIsNotNoted(DiesBeforeNoting, KaizalaSendPollOperator):
    "It is in the group, and the task does not know."


class TextThatIsNotNoted(DiesBeforeNoting, KaizalaSendMessageOperator):
    "Likewise, and nobody can look it up."


often = {"retries": 2, "retry_delay": timedelta(seconds=1)}
choices = ["Yes", "No"]
with DAG("posts_once", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args=often):
    lost = KaizalaSendPollOperator(task_id="lost", question="Lost?", options=choices)
    lost >> [
        DiesAfterNoting(task_id="noted", text="Noted"),
        PollThatIsNotNoted(task_id="poll", question="Not noted?", options=choices),
        TextThatIsNotNoted(task_id="text", text="Not noted"),
    ]

with DAG("cleared", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    waits = {"options": choices, "until": "any", "deferrable": True, "poke_interval": 1, "timeout": 600}
    KaizalaAskPollOperator(task_id="resume", question="Resume?", when_cleared="resume", **waits)
    KaizalaAskPollOperator(task_id="again", question="Again?", when_cleared="ask_again", **waits)
    KaizalaSendMessageOperator(task_id="tell", text="Told")

with DAG("forgotten", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    KaizalaAskPollOperator(task_id="ask", question="Forgotten?", **waits)

with DAG("stopped", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    for name in ("parked", "working", "cleared"):
        asks = {**waits, "deferrable": name == "parked"}
        KaizalaAskPollOperator(task_id=name, question=f"{name}?", **asks)
