"""Typed DAG code as users write it, for mypy --strict; nothing here runs.

Each line with ``type: ignore`` must be an error: mypy reports one that is not as an unused ignore.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, task

from airflow_provider_kaizala.client import KaizalaClient, Settings, calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaThrottledError
from airflow_provider_kaizala.client.models import EVENT_TYPES, ActionDetails, Group, Poll
from airflow_provider_kaizala.hooks import KaizalaHook
from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import (
    KaizalaApprovalOperator,
    KaizalaAskPollOperator,
    KaizalaSendMessageOperator,
    KaizalaSendPollOperator,
)
from airflow_provider_kaizala.push import kaizala_events
from airflow_provider_kaizala.sensors import KaizalaMessageSensor, KaizalaResponseSensor
from airflow_provider_kaizala.waiting.results import ResultDict
from airflow_provider_kaizala.waiting.rules import AllOf, AnyOf, AtLeast, People, Quorum, Rule

OPTIONS = ["Yes", "No"]
ASHA, RAVI = "+910000000001", "+910000000002"

with DAG(
    "typed",
    schedule=Asset("kaizala://kaizala_default/groups/11111111-1111-4111-8111-111111111111@1"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    on_failure_callback=KaizalaNotifier("Failed", subscribers=[ASHA]),
):
    # --- what Airflow takes beside our arguments -------------------------------------------------------------------------
    ask = KaizalaSendPollOperator(
        task_id="ask", question="Tea?", options=OPTIONS, due=timedelta(hours=2), retries=3, pool="small"
    )
    wait = KaizalaResponseSensor(
        task_id="wait",
        action_id=ask.output["action_id"],
        until=AtLeast(2) | "all",
        poke_interval=timedelta(seconds=10),
        timeout=3600,
        mode="reschedule",
    )
    approve = KaizalaApprovalOperator(
        task_id="approve",
        question="Pay?",
        approvers=[ASHA, RAVI],
        quorum=2,
        on_reject="fail",
        deferrable=True,
    )
    KaizalaAskPollOperator(
        task_id="quorum", question="Ship?", options=OPTIONS, until=Quorum("Yes", 2, (ASHA, RAVI))
    )
    KaizalaMessageSensor(task_id="listen", until="any", soft_fail=True)
    many = KaizalaSendMessageOperator.partial(task_id="many", group_id=None).expand(
        text=["Hello", "Good morning"]
    )

    # --- results ---------------------------------------------------------------------------------------------------------
    @task
    def names(result: ResultDict) -> list[str]:
        """Read what a wait returned."""
        first: str | None = result["answers"][0]["responder_name"]
        missing: list[str | None] = [person["name"] for person in result["missing"]]
        result["answer"]  # type: ignore[typeddict-item]
        result["complete"].upper()  # type: ignore[attr-defined]
        return [*result["answered_by"], first or "", *filter(None, missing)]

    ask >> wait >> names(wait.output) >> approve >> many

    # --- what is wrong ---------------------------------------------------------------------------------------------------
    from airflow_provider_kaizala.operators import KaizalaSendVoteOperator  # type: ignore[attr-defined]

    KaizalaSendVoteOperator(task_id="no_such_operator")
    KaizalaSendMessageOperator(task_id="no_text")  # type: ignore[call-arg]
    KaizalaSendMessageOperator(task_id="bytes", text=b"Hello")  # type: ignore[arg-type]
    KaizalaSendMessageOperator(task_id="typo", text="Hello", grup_id="g")  # type: ignore[call-arg]
    KaizalaSendPollOperator(task_id="one_option", question="Tea?", options=1)  # type: ignore[arg-type]
    KaizalaResponseSensor(task_id="until", action_id="a", until=2.5)  # type: ignore[arg-type]
    KaizalaResponseSensor(task_id="timeout", action_id="a", timeout="1 h")  # type: ignore[arg-type]
    KaizalaApprovalOperator(task_id="quorum", question="Pay?", quorum=None)  # type: ignore[arg-type]


# --- the hook and the client ---------------------------------------------------------------------------------------------


def with_the_hook(hook: KaizalaHook) -> str:
    """Call Kaizala from a task of one's own."""
    groups: tuple[Group, ...] = hook.list_groups()
    posted = hook.post_action(Poll("Lunch?", OPTIONS), groups[0].group_id)
    details: ActionDetails = hook.run(calls.get_action(groups[0].group_id, posted.action_id or ""))
    hook.send_message(text=1)  # type: ignore[arg-type]
    hook.list_groups().append(groups[0])  # type: ignore[attr-defined]
    groups[0].name = "Other"  # type: ignore[misc]
    return details.responses[0].responder.name  # type: ignore[return-value]


def with_the_client(settings: Settings) -> int:
    """Call Kaizala from any script."""
    with KaizalaClient(settings) as client:
        try:
            client.run(calls.get_me())
        except KaizalaThrottledError as error:
            return int(error.retry_after or 0)
        except KaizalaError as error:
            return int(error.is_transient)
    KaizalaClient("secret")  # type: ignore[arg-type]
    return EVENT_TYPES  # type: ignore[return-value]


def rules() -> list[Rule]:
    """Combine rules."""
    People("all")  # type: ignore[arg-type]
    AtLeast("two")  # type: ignore[arg-type]
    quorum = Quorum("Yes", 2, people=[ASHA, RAVI])
    return [
        AtLeast(2) & "all",
        People([ASHA]) | AtLeast(3),
        AnyOf([quorum, AtLeast(5)]),
        AllOf((quorum, AtLeast(5))),
    ]


def texts() -> list[str | None]:
    """Read events."""
    return [event.text for event in kaizala_events()]
