"""What a decision inside a mapped task skips: tasks of its own instance, and nothing else. Runs on Airflow 3."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("airflow.sdk", reason="before Airflow 3 skipping needs a database")

from airflow.providers.common.compat.sdk import DAG, DownstreamTasksSkipped, task, task_group

from airflow_provider_kaizala import compat
from airflow_provider_kaizala import operators as ops

GO = {"action_id": "act-1", "missing": [], "answers": []}
REJECTED = {
    **GO,
    "title": "Pay?",
    "tally": {"Approve": 0, "Reject": 1},
    "chosen_by": {"Approve": [], "Reject": ["Ravi"]},
}
SHIP = {**GO, "title": "Ship?", "tally": {"Ship": 1, "Wait": 0}, "winner": "Ship"}
WAYS = {"Ship": "each.ship", "Wait": ["each.hold", "each.tell"]}
IN_AIRFLOW = {
    "chosen_options": ["Reject"],
    "params_input": {},
    "responded_at": "2026-03-01T08:00:00+00:00",
    "responded_by_user": {"id": "admin", "name": "Admin"},
}


@task
def step():
    """Do nothing."""


class Instance(SimpleNamespace):
    """An instance of a task."""

    def xcom_push(self, key, value):
        self.pushed[key] = value


def in_a_mapped_group(make, *below):
    """Return the tasks of a DAG where a task group is mapped: what *make* makes, the tasks below it, and outside of it ``close``."""
    with DAG("d", schedule=None) as dag:

        @task_group
        def each(question):
            made = make(question)
            for name in below:
                made >> step.override(task_id=name)()

        close = step.override(task_id="close")()
        each.expand(question=["Pay rent?", "Pay fees?"]) >> close
    return dag


def skips(decider, result, map_index):
    """Return what a task that has decided skips, and what it has handed on before."""
    ti = Instance(map_index=map_index, pushed={}, task=decider)
    context = {"ti": ti, "task": decider}
    try:
        decider.finish(result, context)
    except DownstreamTasksSkipped as skipped:
        return list(skipped.tasks), ti.pushed
    return [], ti.pushed


def approval(**given):
    return lambda question: ops.KaizalaApprovalOperator(task_id="ask", question=question, **given)


@pytest.mark.parametrize("map_index", [0, 1])
def test_a_rejection_skips_the_tasks_below_in_its_own_instance(map_index):
    dag = in_a_mapped_group(approval(), "pay", "tell")
    skipped, pushed = skips(dag.get_task("each.ask"), REJECTED, map_index)
    assert sorted(skipped) == [("each.pay", map_index), ("each.tell", map_index)]
    assert pushed["return_value"]["approved"] is False, (
        "skipping ends the task, so the result is there before"
    )


def test_all_tasks_below_in_its_own_instance_if_that_is_wanted(logs):
    def make(question):
        ask = approval(ignore_downstream_trigger_rules=True)(question)
        ask >> step.override(task_id="pay")() >> step.override(task_id="book")()
        return ask

    skipped, _ = skips(in_a_mapped_group(make).get_task("each.ask"), REJECTED, 1)
    assert sorted(skipped) == [("each.book", 1), ("each.pay", 1)]
    assert "Skipping each.book, each.pay" in logs.text
    assert "close" not in logs.text, "it is outside"


def test_tasks_outside_alone_are_not_skipped(logs):
    dag = in_a_mapped_group(approval())
    dag.get_task("each.ask") >> dag.get_task("close")
    skipped, _ = skips(dag.get_task("each.ask"), REJECTED, 1)
    assert skipped == []
    assert "Skipping" not in logs.text


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("map_index", [-1, 1])
def test_teardowns_are_not_skipped(deep, map_index):
    def make(question):
        ask = approval(ignore_downstream_trigger_rules=deep)(question)
        clean = step.override(task_id="clean")()
        ask >> clean.as_teardown()
        return ask

    if map_index >= 0:
        dag, group = in_a_mapped_group(make, "pay"), "each."
    else:
        with DAG("d", schedule=None) as dag:
            make("Pay?") >> step.override(task_id="pay")()
        group = ""
    skipped, _ = skips(dag.get_task(f"{group}ask"), REJECTED, map_index)
    assert skipped == ([("each.pay", 1)] if group else ["pay"])


@pytest.mark.parametrize("map_index", [0, 1])
def test_each_instance_takes_its_own_branch(map_index):
    def make(question):
        return ops.KaizalaBranchOperator(task_id="ask", question=question, options=WAYS)

    dag = in_a_mapped_group(make, "ship", "hold", "tell")
    skipped, pushed = skips(dag.get_task("each.ask"), {**SHIP, "chosen_by": {}}, map_index)
    assert sorted(skipped) == [("each.hold", map_index), ("each.tell", map_index)]
    assert pushed["return_value"]["branch"] == ["each.ship"]


@pytest.mark.parametrize(
    ("operator", "given", "result"),
    [
        (ops.KaizalaApprovalOperator, {}, REJECTED),
        (ops.KaizalaBranchOperator, {"options": {"Ship": "ship", "Wait": "hold"}}, {**SHIP, "chosen_by": {}}),
    ],
)
def test_a_task_mapped_by_itself_skips_nothing(operator, given, result, logs):
    """The tasks below wait for all of its instances."""
    with DAG("d", schedule=None) as dag:
        asks = operator.partial(task_id="ask", **given).expand(question=["Pay rent?", "Pay fees?"])
        asks >> [step.override(task_id=name)() for name in ("ship", "hold")]
    skipped, _ = skips(dag.get_task("ask").unmap({"question": "Pay rent?"}), result, 1)
    assert skipped == []
    assert "one instance cannot skip them" in logs.of("warning")[0]
    assert "Skipping" not in logs.text


@pytest.mark.skipif(not compat.has_hitl(), reason="Airflow below 3.1 has no HITL")
def test_a_rejection_in_airflow_skips_the_tasks_below_in_its_own_instance():
    def make(question):
        return ops.KaizalaHITLApprovalOperator(task_id="ask", subject=question, tell_group=False)

    ask = in_a_mapped_group(make, "pay").get_task("each.ask")
    asked = {
        "group_id": "g",
        "reference_id": "ref-1",
        "action_id": "act-1",
        "at": "2026-03-01T08:00:00+00:00",
    }
    context = {"ti": Instance(map_index=1, pushed={}, task=ask), "task": ask}
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        ask.execute_complete(context, event=IN_AIRFLOW, carry={"asked": asked})
    assert skipped.value.tasks == [("each.pay", 1)]
