from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator, Param

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.wire import read_due
from airflow_provider_kaizala.tasks.arguments import TEMPLATE_EXT, CheckedArguments, KeepLiterals, is_literal
from airflow_provider_kaizala.waiting.rules import AtLeast

IST = timezone(timedelta(hours=5, minutes=30))


class Asks(CheckedArguments, BaseOperator):
    """As an operator of ours is built."""

    template_fields = ("question", "group_id", "due", "slots")
    arguments: ClassVar = {"question": checks.title, "due": read_due}
    required_if_given: ClassVar = ("group_id",)
    times: ClassVar = ("due", "slots")

    def __init__(
        self, *, question, group_id=None, due=None, slots=None, options=None, poke_interval=60, **kwargs
    ):
        super().__init__(**kwargs)
        self.question, self.group_id, self.due, self.slots = question, group_id, due, slots
        self.options, self.poke_interval = options, poke_interval


class Approves(Asks):
    """A subclass with a constructor of its own, that sets an argument itself."""

    refused: ClassVar = {"options": "give approve and reject instead"}

    def __init__(self, *, approve="Approve", on_reject="skip", defaults=None, **kwargs):
        super().__init__(**kwargs)
        self.approve, self.on_reject, self.defaults = approve, on_reject, defaults


class Counts(Asks):
    """A subclass without a constructor, that checks more."""

    def check_arguments(self):
        super().check_arguments()
        checks.whole_number(1)("poke_interval", self.poke_interval)


# --- what is literal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Hello",
        "see notes.md",
        "page.html",
        "j2",
        "a {single} brace, 50 % off",
        5,
        None,
        True,
        b"raw",
        datetime(2026, 1, 1, tzinfo=UTC),
        timedelta(hours=1),
        Path("report.pdf"),
        Path("report.j2"),
        AtLeast(3),
        [],
        ["a", {"b": ("c", {"d"})}],
        frozenset({"a"}),
    ],
)
def test_a_value_without_a_template_is_known_when_the_dag_is_parsed(value):
    assert is_literal(value)


@pytest.mark.parametrize(
    "value",
    [
        "{{ ds }}",
        "a {% if b %}c{% endif %}",
        "{# nothing #}",
        "text.j2",
        "text.jinja",
        ["a", "{{ b }}"],
        {"a": {"b": ["{{ c }}"]}},
        {"{{ key }}": 1},
        ("a", "b.j2"),
        {"{{ a }}"},
        frozenset({"{{ a }}"}),
        lambda context, jinja_env: "later",
    ],
)
def test_a_template_is_known_when_the_task_runs(value):
    assert not is_literal(value)


def test_the_output_of_another_task_is_known_when_the_task_runs(dag):
    with dag:
        up = BaseOperator(task_id="up")
    assert not is_literal(up.output)
    assert not is_literal(up.output["reference_id"])
    assert not is_literal([up.output])


def test_a_parameter_of_the_dag_is_known_when_the_task_runs(dag):
    dag.params = {"text": Param("Hi")}
    with dag:
        assert not is_literal(dag.param("text"))


def test_texts_that_end_in_md_or_html_are_not_template_files():
    assert TEMPLATE_EXT == (".j2", ".jinja")


def test_only_text_that_holds_a_template_is_rendered():
    class Renders:
        def render_template(self, content, context, jinja_env=None):
            return (content, context, jinja_env)

    class Subject(KeepLiterals, Renders):
        pass

    assert Subject().render_template("+910000000001", {}) == "+910000000001"
    assert Subject().render_template("{{ a }}", {"a": 1}, jinja_env="env") == ("{{ a }}", {"a": 1}, "env")
    assert Subject().render_template(["a"], {}) == (["a"], {}, None)


# --- checks when a task is built -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Asks, Approves, Counts])
def test_literal_arguments_are_checked_when_the_task_is_built_without_any_call_by_its_class(kind):
    kind(task_id="t", question="Tea?")
    with pytest.raises(KaizalaInputError, match="question is empty"):
        kind(task_id="t", question=" ")


def test_a_subclass_adds_checks_of_its_own():
    with pytest.raises(KaizalaInputError, match="poke_interval must be a whole number of at least 1, not 0"):
        Counts(task_id="t", question="Tea?", poke_interval=0)
    Asks(task_id="t", question="Tea?", poke_interval=0)


def test_templates_are_checked_when_the_task_runs(dag):
    with dag:
        task = Asks(task_id="t", question="{{ params.q }}")
    task.render_template_fields({"params": {"q": " "}})
    with pytest.raises(KaizalaInputError, match="question is empty"):
        task.checked("question")
    task.question = " Tea? "
    assert task.checked("question") == " Tea? "


@pytest.fixture
def upstream(dag):
    """The output of another task."""
    return BaseOperator(task_id="upstream", dag=dag).output


def test_a_mapped_task_is_checked_once_its_arguments_are_known(dag, upstream):
    with dag:
        mapped = Asks.partial(task_id="t").expand(question=upstream)
    mapped.unmap({"question": "Tea?"})
    # a retry would fail in the same way
    with pytest.raises(AirflowFailException, match="t: question is empty"):
        mapped.unmap({"question": ""})
    with pytest.raises(
        AirflowFailException, match="t: choices: Asks does not take it; did you mean 'options'"
    ):
        mapped.unmap({"question": "Tea?", "choices": 1})


@pytest.mark.parametrize(
    ("partial", "expand", "says"),
    [
        ({}, {"question": ["Tea?", ""]}, "question is empty"),
        ({"question": ""}, {"poke_interval": [1, 2]}, "question is empty"),
        (
            {},
            {"question": ["Tea?", "Coffee?"], "poke_interval": [1, 0]},
            "poke_interval must be a whole number",
        ),
        ({}, [{"question": "Tea?"}, {"question": " "}], "question is empty"),
        ({"question": "Tea?"}, [{"poke_intervall": 1}], "did you mean 'poke_interval'"),
    ],
)
def test_literal_arguments_of_a_mapped_task_are_checked_when_the_dag_is_parsed(dag, partial, expand, says):
    with dag:
        mapped = Counts.partial(task_id="t", **partial)
    with pytest.raises(KaizalaInputError, match=says):
        mapped.expand_kwargs(expand) if isinstance(expand, list) else mapped.expand(**expand)


def test_what_other_tasks_return_is_not_checked_when_a_mapped_task_is_parsed(dag, upstream):
    with dag:
        Counts.partial(task_id="lists").expand(question=upstream, poke_interval=[1, 2])
        Counts.partial(task_id="one", question=upstream).expand(poke_interval=[1, 2])
        Counts.partial(task_id="dicts", question="Tea?").expand_kwargs(upstream)
        Counts.partial(task_id="in_dicts").expand_kwargs([{"question": upstream}])
    assert dag.task_ids == ["upstream", "lists", "one", "dicts", "in_dicts"]


# --- arguments that a task does not take ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "meant"),
    [
        (Asks, "poll_interval", "poke_interval"),
        (Asks, "expires", "due"),
        (Asks, "choices", "options"),
        (Approves, "fail_on_reject", "on_reject"),
        (Approves, "otherwise", "defaults"),
        (Asks, "title", "question"),
        (Asks, "chat_id", "group_id"),
        (Asks, "quesion", "question"),
        (Asks, "group_ids", "group_id"),
        (Asks, "retry", "retries"),
        (Approves, "aprove", "approve"),
    ],
)
def test_an_unknown_argument_is_refused_with_what_was_probably_meant(kind, name, meant):
    with pytest.raises(KaizalaInputError) as refused:
        kind(task_id="t", question="Tea?", **{name: 1})
    assert str(refused.value) == f"t: {name}: {kind.__name__} does not take it; did you mean {meant!r}?"


@pytest.mark.parametrize(
    "name",
    ["zzz", "attachments", "otherwise"],
)
def test_where_nothing_is_near_nothing_is_guessed(name):
    """A synonym of an argument that other operators have is none here."""
    with pytest.raises(KaizalaInputError) as refused:
        Asks(task_id="t", question="Tea?", **{name: 1})
    assert str(refused.value) == f"t: {name}: Asks does not take it"


def test_an_argument_that_a_class_sets_itself_is_refused_with_what_to_give_instead():
    with pytest.raises(KaizalaInputError) as refused:
        Approves(task_id="t", question="Tea?", options=["Yes", "No"])
    assert str(refused.value) == "t: options: Approves does not take it; give approve and reject instead"
    Asks(task_id="t", question="Tea?", options=["Yes", "No"])


@pytest.mark.parametrize("name", ["choices", "optoins"])
def test_an_argument_that_would_be_refused_is_not_what_was_meant(name):
    with pytest.raises(KaizalaInputError) as refused:
        Approves(task_id="t", question="Tea?", **{name: ["Yes", "No"]})
    assert str(refused.value) == f"t: {name}: Approves does not take it"


def test_arguments_of_every_airflow_task_are_known():
    task = Approves(task_id="t", question="Tea?", retries=2, pool="p", trigger_rule="all_done", doc_md="?")
    assert (task.retries, task.pool) == (2, "p")


def test_default_arguments_of_a_dag_may_hold_what_a_task_does_not_take():
    defaults = {"retries": 3, "chat_id": "x", "question": "Tea?"}
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args=defaults):
        task = Asks(task_id="t")
    assert (task.retries, task.question) == (3, "Tea?")


# --- arguments that become None ------------------------------------------------------------------------------------------


def test_an_argument_that_was_given_must_not_become_none(dag):
    with dag:
        task = Asks(task_id="t", question="Tea?", group_id="{{ params.group }}")
    task.group_id = None
    with pytest.raises(KaizalaInputError) as refused:
        task.resolved("group_id")
    assert str(refused.value).startswith("group_id rendered to None: its template or upstream task produced")


def test_an_argument_that_was_not_given_may_be_none():
    assert Asks(task_id="t", question="Tea?").resolved("group_id") is None
    assert Asks(task_id="t", question="Tea?", group_id="g").resolved("group_id") == "g"


def test_other_arguments_may_become_none():
    task = Asks(task_id="t", question="Tea?", due="{{ params.due }}")
    task.due = None
    assert task.checked("due") is None


# --- times ---------------------------------------------------------------------------------------------------------------

NINE = datetime(2026, 3, 1, 9)  # noqa: DTZ001


def in_india(**given):
    with DAG("a_dag", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kolkata")):
        return Asks(task_id="t", question="Tea?", **given)


@pytest.mark.parametrize("nine", [NINE, "2026-03-01T09:00:00", " 2026-03-01 09:00 "])
def test_a_time_without_a_zone_is_in_the_timezone_of_the_dag(nine):
    assert in_india(due=nine).checked("due") == NINE.replace(tzinfo=IST)
    assert Asks(task_id="t", question="Tea?", due=nine).checked("due") == NINE.replace(tzinfo=UTC)


@pytest.mark.parametrize("nine", [NINE.replace(tzinfo=UTC), "2026-03-01T09:00:00+00:00", "2026-03-01T09:00Z"])
def test_a_time_with_a_zone_keeps_it(nine):
    assert in_india(due=nine).checked("due") == NINE.replace(tzinfo=UTC)


@pytest.mark.parametrize("due", [None, timedelta(hours=1)])
def test_what_is_not_a_time_of_day_stays(due):
    assert in_india(due=due).checked("due") == due


def test_text_that_is_not_a_time_is_left_to_the_check():
    with pytest.raises(KaizalaInputError, match=r"due must be a datetime, .* not 'tomorrow'"):
        in_india(due="tomorrow")


@pytest.mark.parametrize("make", [list, tuple])
def test_times_in_a_list_get_the_timezone_too_but_text_stays_text(make):
    task = in_india(slots=make([NINE, NINE.replace(tzinfo=UTC), "2026-03-01", 5, None]))
    assert task.resolved("slots") == [
        NINE.replace(tzinfo=IST),
        NINE.replace(tzinfo=UTC),
        "2026-03-01",
        5,
        None,
    ]


def test_only_arguments_that_are_times_get_a_timezone():
    assert in_india(options=[NINE]).resolved("options") == [NINE]


def test_a_wrong_argument_is_shown_with_its_task_and_the_line_of_the_dag_file():
    """As Airflow shows it among the import errors: it cuts a traceback down to its last calls."""
    with pytest.raises(KaizalaInputError, match=r"^t: question must be") as refused:
        Asks(task_id="t", question=1)
    calls = traceback.extract_tb(refused.tb)
    assert [call.filename for call in calls][-2] == __file__
    with pytest.raises(KaizalaInputError, match=r"^t: question must be"):
        Asks.partial(task_id="t").expand(question=["Tea?", 1])


@pytest.mark.parametrize("nothing", [[], (), {}])
def test_a_task_may_be_mapped_over_nothing(nothing):
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        Asks.partial(task_id="t").expand(question=nothing, group_id=["a"])
    assert dag.task_ids == ["t"]


def test_a_task_that_is_mapped_over_a_dict_is_checked_with_its_pairs():
    with pytest.raises(KaizalaInputError, match=r"^t: question must be a string, not \('Tea', 'now'\)"):
        Asks.partial(task_id="t").expand(question={"Tea": "now"})
