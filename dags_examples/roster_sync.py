"""A store's group follows HR's roster: each night people are added and removed, and the group reads who.

Needs a connection ``kaizala_default`` whose token is that of an admin of the group, and the roster as a CSV file with the columns
``phone``, ``name`` and ``status`` (``active`` or ``left``), where the workers can read it: a path, or a URL such as
``s3://hr/roster.csv``. People who are in the group but not active are removed, except admins. If that would be more people than
``max_removals``, nothing is changed and the group reads why, so that an incomplete roster does not empty the group.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, Param, task

from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import KaizalaSendMessageOperator, KaizalaSyncMembersOperator

with DAG(
    "roster_sync",
    schedule="30 1 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["kaizala"],
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params={
        "roster": Param("/data/hr/roster.csv", type="string", minLength=1),
        "group": Param("", type="string", description="group id; empty for the connection's default_group"),
        "max_removals": Param(5, type="integer", minimum=0),
    },
) as dag:

    @task
    def read_roster(path: str) -> dict:
        """Return the phone numbers of all active people, and the name for each number."""
        lines = ObjectStoragePath(path).read_text(encoding="utf-8-sig").splitlines()
        rows = [{name: value.strip() for name, value in row.items()} for row in csv.DictReader(lines)]
        active = [row["phone"] for row in rows if row["status"].lower() == "active"]
        if not active:
            raise ValueError(f"{path} lists no active people")
        return {"active": active, "names": {row["phone"]: row["name"] for row in rows}}

    roster = read_roster("{{ params.roster }}")

    @task.short_circuit
    def has_changes(plan: dict) -> bool:
        """Stop here if nothing would change."""
        return bool(plan["added"] or plan["removed"])

    @task
    def describe(plan: dict, names: dict) -> str:
        """Announce who will join and who will leave, by name."""

        def listed(numbers: list[str]) -> str:
            return ", ".join(names.get(number, number) for number in numbers) or "no one"

        return f"HR's roster has changed. Joining us: {listed(plan['added'])}. Leaving: {listed(plan['removed'])}."

    group = {"group_id": "{{ params.group }}"}
    given = {"members": roster["active"], "max_removals": "{{ params.max_removals }}", **group}
    plan = KaizalaSyncMembersOperator(
        task_id="plan",
        dry_run=True,
        on_failure_callback=KaizalaNotifier("HR's roster was not applied: {{ exception }}", **group),
        **given,
    )
    text = describe(plan.output, roster["names"])
    tell = KaizalaSendMessageOperator(task_id="tell", text=text, **group)
    change = KaizalaSyncMembersOperator(task_id="change", **given)
    report = KaizalaSendMessageOperator(
        task_id="report",
        text="{% set done = ti.xcom_pull('change') %}Done: {{ done.added | length }} joined, {{ done.removed | length }} left"
        "{{ ', %d stayed as admins' % done.kept | length if done.kept }}.",
        **group,
    )

    has_changes(plan.output) >> text >> tell >> change >> report
