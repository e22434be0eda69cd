"""Something is broken in the field: a crew gets the job, with reminders; if it is not done in time, the next crew gets it.

Needs a connection ``kaizala_default`` that reaches the groups of all crews, with a user's token or with one for each group. The
monitoring system triggers it, with the groups and people on duty; an empty group stands for the connection's ``default_group``::

    airflow dags trigger field_incident --conf '{"incident": "No power at pump 7", "field_group": "…@1", "field_crew": ["+91…"], …}'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import KaizalaAskJobOperator, KaizalaSendMessageOperator

#: the crews that get the job, one after the other, and how long each has
LEVELS = {"field": timedelta(hours=2), "area": timedelta(hours=4), "head_office": timedelta(days=1)}
LAST = list(LEVELS)[-1]
CREW = ["+910000000002", "+910000000003"]
PEOPLE = {"type": "array", "items": {"type": "string", "pattern": r"^\+[0-9]{6,15}$"}, "minItems": 1}

with DAG(
    "field_incident",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["kaizala"],
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={
        "incident": Param("No power at pump 7", type="string", minLength=1),
        **{f"{level}_group": Param("", type="string") for level in LEVELS},
        **{f"{level}_crew": Param(CREW, **PEOPLE) for level in LEVELS},
    },
) as dag:

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def is_open(is_done: bool) -> bool:
        """Continue with the next crew if the job has not been done."""
        return not is_done

    @task(trigger_rule="none_failed_min_one_success")
    def who_solved_it(done_by: list[list[str] | None]) -> str:
        """Return the names; a crew that was not needed has None."""
        return " and ".join(name for names in done_by if names for name in names)

    jobs, title = [], "{{ params.incident }}"
    for level, time_to_solve in LEVELS.items():
        job = KaizalaAskJobOperator(
            task_id=level,
            title=title,
            group_id=f"{{{{ params.{level}_group }}}}",
            assigned_to=dag.param(f"{level}_crew", CREW),  # the default is for Airflow 3.0 and 3.1
            until="any",
            timeout=time_to_solve,
            on_timeout="fail" if level == LAST else "return",
            remind_every=time_to_solve / 4,
            on_failure_callback=KaizalaNotifier(
                "{{ params.incident }}: no crew has reported it done. Please phone the control room.",
                group_id="{{ params.field_group }}",
            ),
        )
        if jobs:
            is_open.override(task_id=f"is_open_after_{jobs[-1].task_id}")(jobs[-1].output["complete"]) >> job
        jobs.append(job)
        late = f"ti.xcom_pull('{level}').missing_names | join(', ')"
        title = f"{{{{ params.incident }}}} (not done in time by {{{{ {late} }}}})"

    KaizalaSendMessageOperator(
        task_id="announce",
        group_id="{{ params.field_group }}",
        text="Solved by {{ ti.xcom_pull('who_solved_it') }}: {{ params.incident }}",
    ) << who_solved_it([job.output["answered_by"] for job in jobs])
