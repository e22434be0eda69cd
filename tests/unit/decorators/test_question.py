"""``@task.kaizala_ask`` and ``@task.kaizala_approval``: what the function returns is asked, once, and nothing else changes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, TaskDeferred, task

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.decorators.question import kaizala_approval_task, kaizala_ask_task
from airflow_provider_kaizala.provider_info import get_provider_info

ASHA, RAVI = "+910000000001", "+910000000002"


@pytest.fixture
def a_dag():
    with DAG("decorated", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        yield dag


@pytest.fixture
def answered(kaizala):
    """Kaizala, where Ravi has voted for the first option as soon as something is asked."""

    def answer(request):
        if request.method == "POST" and request.path.endswith("/actions"):
            asked = request.json["actionBody"]
            options = [each["title"] for each in asked["choices"]]
            kaizala.poll({RAVI: options[0]}, options, "act-1", asked["question"])
            return 200, {"referenceId": "ref-1", "actionId": "act-1"}
        return kaizala.default(request)

    kaizala.otherwise = answer
    return kaizala


def question_of(kaizala):
    (posted,) = kaizala.posts
    return posted.json["actionBody"]["question"]


def test_what_the_function_returns_is_the_question(a_dag, answered, run_task):
    @task.kaizala_ask(options=["Yes", "No"], until="any")
    def ask(day, where="here", ds=None):
        return f"Open on {day} {where} ({ds})?"

    asked = ask("{{ params.day }}", where="there")
    result = run_task(asked.operator, params={"day": "Monday"}, ds="2026-01-01")
    assert question_of(answered) == "Open on Monday there (2026-01-01)?"
    assert (result["winner"], result["reference_id"]) == ("Yes", "ref-1")


def test_an_approval(a_dag, answered, run_task, logs):
    @task.kaizala_approval(approvers=[RAVI], on_reject="return", approve="Ship", reject="Hold")
    def ship():
        return "Ship it?"

    result = run_task(ship().operator)
    assert question_of(answered) == "Ship it?"
    assert (result["approved"], result["approved_by"]) == (True, ["Name of 2"])


def test_a_rejection_names_the_question_after_a_deferral(a_dag, answered, run_task):
    """The task is resumed in another process, in which the function is not called."""

    @task.kaizala_approval(approvers=[ASHA], on_reject="fail", deferrable=True)
    def pay():
        return "Pay?"

    operator = pay().operator
    with pytest.raises(TaskDeferred) as deferred:
        run_task(operator)
    answered.poll({ASHA: "Reject"}, ["Approve", "Reject"], "act-1", "Pay?")
    fresh = pay.override(task_id="fresh")().operator
    event = {"status": "timeout", "wait": deferred.value.trigger.wait, "carry": deferred.value.trigger.carry}
    event["wait"]["deadline"] = datetime.now(tz=UTC).isoformat()
    with pytest.raises(AirflowFailException, match=r"'Pay\?' was rejected by Name of 1"):
        fresh.execute_complete({"task": fresh}, event)


def test_the_text_is_posted_as_it_is(a_dag, answered, run_task):
    """It may come from data, so Jinja in it must not run."""

    @task.kaizala_ask(options=["Yes", "No"], until="any")
    def ask():
        return "{{ var.value.secret }}?"

    run_task(ask().operator)
    assert question_of(answered) == "{{ var.value.secret }}?"


@pytest.mark.parametrize("returned", [None, "", "  ", 3, ["Open?"]])
def test_a_function_that_returns_no_question_fails_without_a_retry(a_dag, kaizala, run_task, returned):
    @task.kaizala_ask(options=["Yes", "No"])
    def ask():
        return returned

    with pytest.raises(
        AirflowFailException, match=r"ask: ask\(\) must return the question, a text that is not empty"
    ):
        run_task(ask().operator)
    assert kaizala.posts == []


async def coroutine():
    return "Open?"


def generator():
    yield "Open?"


async def async_generator():
    yield "Open?"


@pytest.mark.parametrize("function", [coroutine, generator, async_generator, partial(coroutine)])
@pytest.mark.parametrize(
    "decorate", [task.kaizala_ask(options=["Yes", "No"]), task.kaizala_approval(), task.kaizala_approval]
)
def test_a_function_that_cannot_return_a_text_is_refused_when_it_is_decorated(function, decorate):
    with pytest.raises(
        KaizalaInputError, match=r"must return the question, .* neither async nor a generator"
    ):
        decorate(function)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"options": ["Yes"]}, "^tea: options"),
        ({"options": ["Yes"], "task_id": "ask"}, "^ask: options"),
        ({"options": ["Yes", "No"], "question": "?"}, "question: .* it is what the function returns"),
        ({"options": ["Yes", "No"], "chioces": 1}, "chioces: KaizalaAskDecoratedOperator does not take it"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(a_dag, given, says):
    """Also if the task is mapped, since the function is decorated in any case."""

    def tea():
        return "Tea?"

    with pytest.raises(KaizalaInputError, match=says):
        task.kaizala_ask(**given)(tea)
    assert a_dag.task_ids == []


def test_each_field_of_the_result_is_an_output_whatever_the_function_says_it_returns(a_dag):
    @task.kaizala_ask(options=["Yes", "No"])
    def ask() -> str:
        return "Open?"

    assert ask().operator.multiple_outputs is True
    assert ask()["winner"].key == "winner"


def test_airflow_finds_the_decorators_by_the_metadata():
    listed = {
        each["name"]: each["class-name"].rpartition(".")[2] for each in get_provider_info()["task-decorators"]
    }
    assert listed == {
        "kaizala_ask": kaizala_ask_task.__name__,
        "kaizala_approval": kaizala_approval_task.__name__,
    }
