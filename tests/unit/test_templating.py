from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_kaizala.operators import KaizalaSendMessageOperator
from airflow_provider_kaizala.tasks.arguments import TEMPLATE_EXT, KeepLiterals, is_literal
from airflow_provider_kaizala.waiting.rules import AtLeast


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
        AtLeast(3),
        [],
        ["a", {"b": ("c", {"d"})}],
    ],
)
def test_known_when_the_dag_is_parsed(value):
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
        lambda context, jinja_env: "later",
    ],
)
def test_known_when_the_task_runs(value):
    assert not is_literal(value)


def test_what_another_task_hands_on_is_no_literal(dag):
    with dag:
        up = KaizalaSendMessageOperator(task_id="up", text="Hi")
    assert not is_literal(up.output)
    assert not is_literal(up.output["reference_id"])
    assert not is_literal([up.output])


def test_a_parameter_of_the_dag_is_no_literal(dag):
    from airflow.providers.common.compat.sdk import Param

    dag.params = {"text": Param("Hi")}
    with dag:
        assert not is_literal(dag.param("text"))


def test_the_endings():
    assert TEMPLATE_EXT == (".j2", ".jinja")


def test_only_what_holds_a_template_is_rendered():
    class Renders:
        def render_template(self, content, context, jinja_env=None):
            return (content, context, jinja_env)

    class Subject(KeepLiterals, Renders):
        pass

    assert Subject().render_template("+910000000001", {}) == "+910000000001"
    assert Subject().render_template("{{ a }}", {"a": 1}, jinja_env="env") == ("{{ a }}", {"a": 1}, "env")
    assert Subject().render_template(["a"], {}) == (["a"], {}, None)
