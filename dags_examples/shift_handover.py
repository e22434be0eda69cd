"""A shift lead writes "handover …" in the group, which starts a run: the next lead is asked to take over, and the group reads who has.

Needs a connection ``kaizala_default`` that reaches the group :data:`GROUP`, with the extra ``webhook_secret``; and Airflow 3, with
``kaizala_default`` in ``[kaizala] webhook_connections``. Kaizala tells Airflow of messages through a webhook, which is made once::

    airflow-kaizala webhooks ensure --public-url https://airflow.example.com --group <id of the group>

A run gets the oldest message that no run has dealt with. Until ``read_handover`` has succeeded, its retries and later runs get the same
message, so none is lost. If ``ask`` fails for good after that, no other run asks: the group reads so, and clearing ``ask`` asks again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, Asset, task

from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import KaizalaAskPollOperator, KaizalaSendMessageOperator
from airflow_provider_kaizala.push import kaizala_events

#: the group of the shift leads; here that of the demo
GROUP = os.environ.get("SHIFT_GROUP", "11111111-1111-4111-8111-111111111111@1")
#: the leads, in the order of their shifts
LEADS = ["+910000000002", "+910000000003"]

with DAG(
    "shift_handover",
    schedule=[Asset(f"kaizala://kaizala_default/groups/{GROUP}/TextMessageCreated")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["kaizala"],
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
) as dag:

    @task(multiple_outputs=True)
    def read_handover() -> dict[str, Any]:
        """Return what to ask whom. Messages after the first handover are left to the next run, which then starts at once."""
        for event in kaizala_events():
            word, _, notes = (event.text or "").strip().partition(" ")
            lead = event.person.mobile_number
            if word.lower().rstrip(":") == "handover" and lead in LEADS:
                return {
                    "question": f"{event.person.name or lead} hands over: {notes or 'nothing special'}",
                    "next": [LEADS[(LEADS.index(lead) + 1) % len(LEADS)]],
                }
        raise AirflowSkipException("no message hands a shift over")

    @task
    def report(poll: dict[str, Any]) -> str:
        """Return what the group reads."""
        if poll["winner"] == "I take over":
            return f"{', '.join(poll['chosen_by']['I take over'])} has taken over. {poll['title']}"
        return f"Nobody has taken over, please phone {', '.join(poll['missing_names']) or 'each other'}. {poll['title']}"

    handover = read_handover()
    ask = KaizalaAskPollOperator(
        task_id="ask",
        group_id=GROUP,
        question=handover["question"],
        options=["I take over", "I cannot"],
        voters=handover["next"],
        timeout=timedelta(minutes=30),
        remind_every=timedelta(minutes=10),
        on_timeout="return",
        deferrable=True,
        on_failure_callback=KaizalaNotifier(
            "A shift is handed over, but nobody could be asked to take over. Please phone each other.",
            group_id=GROUP,
        ),
    )
    KaizalaSendMessageOperator(task_id="tell", group_id=GROUP, text=report(ask.output))
