"""Mapped tasks: a rejection skips what is below in its own instance and nothing else, and a wrong value is not tried again."""

from __future__ import annotations

import itertools
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task, task_group

from airflow_provider_kaizala import operators as ops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow
_numbers = itertools.count()
PATIENCE: dict[str, Any] = {"poke_interval": 0.4, "timeout": 40}


def a_dag() -> DAG:
    """A DAG with a name of its own."""
    return DAG(f"mapped_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(params=[False, True], ids=["worker", "triggerer"])
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**PATIENCE, "deferrable": request.param}


@pytest.fixture
def states(run_dag: Callable[[Any], Any]) -> Callable[[DAG], dict[str, Any]]:
    """Run a DAG; returns task id to state, or for a mapped task to the state of each instance."""

    def run(dag: DAG) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in sorted(run_dag(dag).get_task_instances(), key=lambda each: each.map_index):
            state = str(getattr(each.state, "value", each.state))
            if each.map_index < 0:
                found[each.task_id] = state
            else:
                found.setdefault(each.task_id, []).append(state)
        return found

    return run


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What tasks have logged; Airflow 3 writes it out."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("airflow.task").addHandler(handler)
    yield lambda: "\n".join(lines) + "".join(capfd.readouterr())
    logging.getLogger("airflow.task").removeHandler(handler)


@task
def step() -> None:
    """Do nothing."""


@pytest.fixture
def a_rejection_between_approvals(kaizala_conn: Any, kaizala_people: People) -> list[str]:
    """The questions, of which the second is rejected."""
    questions = ["Pay rent?", "Pay fees?", "Pay wages?"]
    for question in questions:
        kaizala_people.ravi.votes("Reject" if question == "Pay fees?" else "Approve", title=question)
    return questions


def test_a_rejection_skips_the_task_below_in_its_own_instance(
    a_rejection_between_approvals: list[str], mode: dict[str, Any], states: Any
) -> None:
    """The instances are those that another task returns. Tasks further below would come to be too late under ``dag.test()``."""
    with a_dag() as dag:

        @task
        def due() -> list[str]:
            return a_rejection_between_approvals

        @task_group
        def each(question: str) -> None:
            ask = ops.KaizalaApprovalOperator(task_id="ask", question=question, **mode)
            ask >> step.override(task_id="pay")() >> step.override(task_id="book")()

        (each.expand(question=due()) >> step.override(task_id="close", trigger_rule="all_done")())
    below = ["success", "skipped", "success"]
    assert states(dag) == {
        "due": "success",
        "each.ask": ["success"] * 3,
        "each.pay": below,
        "each.book": below,
        "close": "success",
    }


def test_all_below_are_skipped_in_its_own_instance_whatever_their_trigger_rules(
    a_rejection_between_approvals: list[str], states: Any
) -> None:
    with a_dag() as dag:

        @task_group
        def each(question: str) -> None:
            ask = ops.KaizalaApprovalOperator(
                task_id="ask", question=question, ignore_downstream_trigger_rules=True, **PATIENCE
            )
            pay = step.override(task_id="pay")()
            ask >> pay >> step.override(task_id="book", trigger_rule="all_done")()

        (
            each.expand(question=a_rejection_between_approvals)
            >> step.override(task_id="close", trigger_rule="all_done")()
        )
    below = ["success", "skipped", "success"]
    assert states(dag) == {
        "each.ask": ["success"] * 3,
        "each.pay": below,
        "each.book": below,
        "close": "success",
    }


@pytest.mark.parametrize("deep", [False, True], ids=["direct", "all"])
def test_a_teardown_below_a_rejection_is_not_skipped(
    a_rejection_between_approvals: list[str], states: Any, deep: bool
) -> None:
    with a_dag() as dag:

        @task_group
        def each(question: str) -> None:
            begin = step.override(task_id="begin")()
            ask = ops.KaizalaApprovalOperator(
                task_id="ask", question=question, ignore_downstream_trigger_rules=deep, **PATIENCE
            )
            pay, clean = step.override(task_id="pay")(), step.override(task_id="clean")()
            begin >> ask >> pay >> clean
            ask >> clean.as_teardown(setups=begin)

        each.expand(question=a_rejection_between_approvals)
    assert states(dag) == {
        "each.begin": ["success"] * 3,
        "each.ask": ["success"] * 3,
        "each.pay": ["success", "skipped", "success"],
        "each.clean": ["success"] * 3,
    }


def test_a_teardown_below_a_rejection_that_is_not_mapped_is_not_skipped(
    kaizala_conn: Any, kaizala_people: People, states: Any
) -> None:
    kaizala_people.ravi.votes("Reject")
    with a_dag() as dag:
        begin, pay, clean = (step.override(task_id=name)() for name in ("begin", "pay", "clean"))
        ask = ops.KaizalaApprovalOperator(task_id="ask", question="Pay?", **PATIENCE)
        begin >> ask >> pay >> clean
        ask >> clean.as_teardown(setups=begin)
    assert states(dag) == {"begin": "success", "ask": "success", "pay": "skipped", "clean": "success"}


def test_each_instance_takes_its_own_branch(
    kaizala_conn: Any, kaizala_people: People, mode: dict[str, Any], states: Any
) -> None:
    for question, way in {"Ship A?": "Ship", "Ship B?": "Wait", "Ship C?": "Wait"}.items():
        kaizala_people.ravi.votes(way, title=question)
    with a_dag() as dag:

        @task_group
        def each(question: str) -> None:
            ask = ops.KaizalaBranchOperator(
                task_id="ask",
                question=question,
                options={"Ship": "each.ship", "Wait": ["each.hold", "each.tell"]},
                **mode,
            )
            ways = [step.override(task_id=name)() for name in ("ship", "hold", "tell")]
            ask >> ways
            ways >> step.override(task_id="join", trigger_rule="none_failed_min_one_success")()

        each.expand(question=["Ship A?", "Ship B?", "Ship C?"])
    wait = ["skipped", "success", "success"]
    assert states(dag) == {
        "each.ask": ["success"] * 3,
        "each.ship": ["success", "skipped", "skipped"],
        "each.hold": wait,
        "each.tell": wait,
        "each.join": ["success"] * 3,
    }


def test_an_approval_mapped_by_itself_skips_nothing(
    a_rejection_between_approvals: list[str],
    states: Any,
    logged: Callable[[], str],
) -> None:
    """The task below waits for all instances, so one of them cannot skip it."""
    with a_dag() as dag:
        ask = ops.KaizalaApprovalOperator.partial(task_id="ask", **PATIENCE)
        ask.expand(question=a_rejection_between_approvals) >> step.override(task_id="pay")()
    assert states(dag) == {"ask": ["success"] * 3, "pay": "success"}
    text = logged()
    assert "one instance cannot skip them" in text
    assert "Skipping" not in text


def test_a_branch_mapped_by_itself_skips_nothing(
    kaizala_conn: Any,
    kaizala_people: People,
    states: Any,
    logged: Callable[[], str],
) -> None:
    for question, way in {"Ship A?": "Ship", "Ship B?": "Wait"}.items():
        kaizala_people.ravi.votes(way, title=question)
    with a_dag() as dag:
        ask = ops.KaizalaBranchOperator.partial(
            task_id="ask", options={"Ship": "ship", "Wait": "hold"}, **PATIENCE
        )
        ways = [step.override(task_id=name)() for name in ("ship", "hold")]
        ask.expand(question=["Ship A?", "Ship B?"]) >> ways
    assert states(dag) == {"ask": ["success"] * 2, "ship": "success", "hold": "success"}
    text = logged()
    assert "one instance cannot skip them" in text
    assert "Skipping" not in text


def test_a_wrong_value_from_another_task_fails_its_instance_without_a_retry(
    kaizala_conn: Any, kaizala_server: KaizalaServer, run_dag: Callable[[Any], Any]
) -> None:
    @task
    def texts() -> list[Any]:
        return ["Open", "", 5]

    with a_dag() as dag:
        ops.KaizalaSendMessageOperator.partial(
            task_id="tell", retries=2, retry_delay=timedelta(seconds=0.1)
        ).expand(text=texts())
    found = {each.map_index: each for each in run_dag(dag).get_task_instances() if each.task_id == "tell"}
    states = [str(getattr(found[index].state, "value", found[index].state)) for index in range(3)]
    assert states == ["success", "failed", "failed"]
    assert [found[index].try_number for index in range(3)] == [1, 1, 1]
    assert [item["text"] for item in kaizala_server.feed()] == ["Open"]
