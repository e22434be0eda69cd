"""A store opens: the crew answers a survey, two people do a job, and the group reads the result.

Needs a connection ``kaizala_default`` whose ``default_group`` is the store's group.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kaizala.operators import (
    KaizalaSendAnnouncementOperator,
    KaizalaSendJobOperator,
    KaizalaSendMessageOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.sensors import KaizalaResponseSensor

RAVI, MEERA = "+910000000002", "+910000000003"

with DAG(
    "store_opening",
    schedule="0 7 * * 1-6",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["kaizala"],
    default_args={"deferrable": True, "poke_interval": 10, "timeout": timedelta(hours=2)},  # of the sensors
):
    announce = KaizalaSendAnnouncementOperator(
        task_id="announce",
        title="Opening check",
        text="Good morning! Please answer the survey below before the doors open.",
    )
    ask = KaizalaSendSurveyOperator(
        task_id="ask",
        title="Is the store ready?",
        questions=[
            {"title": "Is the till counted?", "type": "SingleOption", "options": ["Yes", "No"]},
            {"title": "How many of us are here?", "type": "Numeric"},
            {"title": "Anything missing?", "type": "Text"},
        ],
        due=timedelta(hours=2),
    )
    assign = KaizalaSendJobOperator(
        task_id="assign", title="Unlock the front door", assigned_to=[RAVI, MEERA], due=timedelta(hours=2)
    )
    answers = KaizalaResponseSensor(task_id="wait_for_answers", action_id=ask.output["action_id"], until=3)
    unlocked = KaizalaResponseSensor(
        task_id="wait_for_job", action_id=assign.output["action_id"], until="all"
    )

    @task
    def decide(answers: list[dict], unlocked_by: list[str]) -> str:
        """Turn the answers into the message that the group reads."""
        given = [answer["answers"] for answer in answers]
        counted = all(each["Is the till counted?"] == "Yes" for each in given)
        crew = max(each["How many of us are here?"] or 0 for each in given)
        missing = [each["Anything missing?"] for each in given]
        missing = [thing for thing in missing if thing not in (None, "", "No")]
        verdict = "We open" if counted and crew >= 3 else "We stay closed for now"
        return (
            f"{verdict}: {crew} of us, door unlocked by {', '.join(unlocked_by)}. "
            f"Missing: {', '.join(missing) or 'nothing'}."
        )

    report = KaizalaSendMessageOperator(
        task_id="report",
        text=decide(answers.output["answers"], unlocked.output["answered_by"]),
        reply_to_reference_id=ask.output["reference_id"],
    )

    announce >> [ask, assign]
