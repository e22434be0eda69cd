"""The operators that ask and wait, inside real Airflow, against the real server."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskGroup, task

from airflow_provider_kaizala import operators as ops
from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP
from tests.airflow.dag_bag import callbacks_know_the_exception

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow
_numbers = itertools.count()


def a_dag(**kwargs: Any) -> DAG:
    """A DAG with a name of its own."""
    return DAG(f"ask_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **kwargs)


@pytest.fixture(params=[False, True], ids=["worker", "triggerer"])
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"poke_interval": 0.4, "timeout": 40, "deferrable": request.param}


def posted(server: KaizalaServer, operation: str = "postAction") -> list[dict[str, Any]]:
    """What was posted, as the server's journal has it."""
    return [entry for entry in server.journal(operation=operation) if entry["status"] == 200]


def test_a_poll(
    mode: dict[str, Any],
    kaizala_conn: Any,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    outcome: Any,
) -> None:
    kaizala_people.ravi.votes("Yes")
    kaizala_people.meera.votes("No", after_polls=1)
    kaizala_people.asha.votes("Yes", after_polls=1)
    with a_dag() as dag:
        ask = ops.KaizalaAskPollOperator(
            task_id="ask", question="Open?", options=["Yes", "No", "Later"], until=3, **mode
        )
        ops.KaizalaSendMessageOperator(task_id="tell", text="{{ ti.xcom_pull('ask', key='winner') }}") << ask
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    result = values["ask"]
    assert result["tally"] == {"Yes": 2, "No": 1, "Later": 0}
    assert (result["winner"], result["complete"], result["met"]) == ("Yes", True, True)
    assert {each["responder"] for each in result["answers"]} == {ASHA, RAVI, MEERA}
    assert [item["text"] for item in kaizala_server.feed() if item["kind"] == "text"] == ["Yes"]
    assert len(posted(kaizala_server)) == 1


def test_a_survey_for_all_members_but_the_sender(
    mode: dict[str, Any], kaizala_conn: Any, kaizala_people: People, outcome: Any
) -> None:
    kaizala_people.ravi.answers(["Yes", 3])
    kaizala_people.meera.answers(["No", 4], after_polls=2)
    with a_dag() as dag:
        ops.KaizalaAskSurveyOperator(
            task_id="ask",
            title="Ready?",
            questions=[
                {"title": "Till?", "type": "SingleOption", "options": ["Yes", "No"]},
                {"title": "How many?", "type": "Numeric"},
            ],
            **mode,
        )
    states, values = outcome(dag)
    assert states == {"ask": "success"}
    assert {each["responder"] for each in values["ask"]["answers"]} == {RAVI, MEERA}
    assert values["ask"]["tally"] == {"Till?": {"Yes": 1, "No": 1}}
    assert values["ask"]["winner"] == {"Till?": None}


def test_a_job_that_not_all_do_in_time(
    mode: dict[str, Any],
    kaizala_conn: Any,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    outcome: Any,
) -> None:
    kaizala_people.ravi.completes()
    with a_dag() as dag:
        ops.KaizalaAskJobOperator(
            task_id="ask",
            title="Unlock",
            assigned_to=[RAVI, MEERA],
            on_timeout="return",
            **{**mode, "timeout": 4.0, "remind_every": 1.5},
        )
    states, values = outcome(dag)
    assert states == {"ask": "success"}
    assert (values["ask"]["complete"], values["ask"]["met"]) == (False, False)
    assert [each["responder"] for each in values["ask"]["answers"]] == [RAVI]
    assert values["ask"]["missing"] == [{"mobile_number": MEERA, "name": "Meera"}]
    # after 3/8 and 6/8 of the time; one that is late is left out
    assert len(posted(kaizala_server, "sendActionReminder")) == 2


@pytest.mark.parametrize(("on_timeout", "state"), [("fail", "failed"), ("skip", "skipped")])
def test_nobody_answers(
    mode: dict[str, Any], on_timeout: str, state: str, kaizala_conn: Any, outcome: Any
) -> None:
    with a_dag() as dag:
        ops.KaizalaAskPollOperator(
            task_id="ask", question="?", options=["A", "B"], on_timeout=on_timeout, **{**mode, "timeout": 1.5}
        )
    states, values = outcome(dag)
    assert states == {"ask": state}
    assert values == {"ask": None}


@pytest.mark.parametrize("approvers", [None, [ASHA, RAVI, MEERA]], ids=["anybody", "named"])
@pytest.mark.parametrize("approved", [True, False])
def test_an_approval(
    mode: dict[str, Any],
    approvers: list[str] | None,
    approved: bool,
    kaizala_conn: Any,
    kaizala_people: People,
    outcome: Any,
) -> None:
    kaizala_people.ravi.votes("Approve" if approved else "Reject")
    kaizala_people.meera.votes("Approve" if approved else "Reject", after_polls=1)
    with a_dag() as dag:
        ask = ops.KaizalaApprovalOperator(
            task_id="ask", question="Pay {{ params.sum }}?", approvers=approvers, quorum=2, **mode
        )
        dag.params["sum"] = 100

        @task
        def pay() -> str:
            return "paid"

        ask >> pay()
    states, values = outcome(dag)
    assert states == {"ask": "success", "pay": "success" if approved else "skipped"}
    assert values["ask"]["approved"] is approved
    assert values["ask"]["title"] == "Pay 100?"
    assert values["ask"]["complete"] is True
    if approved:
        assert sorted(values["ask"]["approved_by"]) == ["Meera", "Ravi"]
    else:
        assert "Ravi" in values["ask"]["rejected_by"]


def test_a_rejection_that_fails(
    mode: dict[str, Any], kaizala_conn: Any, kaizala_people: People, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Nein")
    with a_dag() as dag:
        ops.KaizalaApprovalOperator(
            task_id="ask",
            question="Zahlen?",
            approve="Ja",
            reject="Nein",
            on_reject="fail",
            retries=3,
            **mode,
        )
    states, _ = outcome(dag)
    assert states == {"ask": "failed"}


def test_a_branch(mode: dict[str, Any], kaizala_conn: Any, kaizala_people: People, outcome: Any) -> None:
    kaizala_people.ravi.votes("Wait")
    with a_dag() as dag:
        ask = ops.KaizalaBranchOperator(
            task_id="ask", question="Ship?", options={"Ship": "ship", "Wait": ["hold", "tell"]}, **mode
        )

        @task
        def step() -> None:
            """Do nothing."""

        ask >> [step.override(task_id=name)() for name in ("ship", "hold", "tell")]
    states, values = outcome(dag)
    assert states == {"ask": "success", "ship": "skipped", "hold": "success", "tell": "success"}
    assert values["ask"]["branch"] == ["hold", "tell"]
    assert values["ask"]["winner"] == "Wait"


def test_a_branch_without_a_winner(
    mode: dict[str, Any], kaizala_conn: Any, kaizala_people: People, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Ship")
    kaizala_people.meera.votes("Wait")
    given = {"question": "Ship?", "options": {"Ship": "ship", "Wait": "hold"}, "until": 2, **mode}

    @task
    def step() -> None:
        """Do nothing."""

    found = {}
    for otherwise in ("Wait", None):
        with a_dag() as dag:
            ask = ops.KaizalaBranchOperator(task_id="ask", defaults=otherwise, **given)
            ask >> [step.override(task_id=name)() for name in ("ship", "hold")]
        found[otherwise] = outcome(dag)
    assert found["Wait"][0] == {"ask": "success", "ship": "skipped", "hold": "success"}
    assert found["Wait"][1]["ask"]["branch"] == ["hold"]
    assert found[None][0]["ask"] == "failed"


@callbacks_know_the_exception
def test_a_branch_that_leads_nowhere_is_refused_before_anybody_is_asked(
    mode: dict[str, Any], kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    told: list[str] = []

    @task
    def step() -> None:
        """Do nothing."""

    with a_dag() as dag:
        ask = ops.KaizalaBranchOperator(
            task_id="ask",
            question="Ship?",
            options={"Ship": "ship", "Wait": ["hold", "group"]},
            retries=3,
            on_failure_callback=lambda context: told.append(str(context["exception"])),
            **mode,
        )
        with TaskGroup("group"):
            ask >> step.override(task_id="inside")()
        ask >> step.override(task_id="ship")()
    states, _ = outcome(dag)
    assert states["ask"] == "failed"
    assert "options: 'Wait' leads to 'hold', which is neither a task nor a task group of" in told[0]
    assert posted(kaizala_server) == []


def test_group_and_end_follow_the_wait(
    kaizala_conn: Any, kaizala_people: People, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    kaizala_people.ravi.votes("A")
    with a_dag() as dag:
        ops.KaizalaAskPollOperator(
            task_id="ask",
            group_id=GROUP,
            question="?",
            options=["A", "B"],
            until="any",
            timeout=timedelta(hours=3),
            poke_interval=0.4,
        )
    outcome(dag)
    (post,) = posted(kaizala_server)
    assert post["body"]["actionBody"]["expiryInHours"] == 3
