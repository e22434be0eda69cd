from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.notifications import KaizalaNotifier


class State(Enum):
    """As Airflow's enums of states: their text is that of an enum."""

    FAILED = "failed"
    SUCCESS = "success"


TI = SimpleNamespace(dag_id="opening", task_id="ask", run_id="manual__1", state="failed", try_number=2)
#: what a deadline gives, in the shape of the REST API: ``dag_run_id``, no ``run_id``; no ti, no dag
DEADLINE = {
    "dag_run": {"dag_id": "opening", "dag_run_id": "manual__1", "state": "running", "conf": {"store": "12"}},
    "deadline": {"id": "d1", "deadline_time": "2026-03-01T09:00:00Z"},
}


def call_it(notifier, context):
    notifier(context)


def await_it(notifier, context):
    async def run():
        notifier.context = context
        await notifier

    asyncio.run(run())


@pytest.fixture(params=[call_it, await_it], ids=["sync", "async"])
def tell(request):
    """Both ways in which Airflow makes a notifier speak: ``tell(notifier, context)``."""
    return request.param


def texts(kaizala):
    return [post.json["message"] for post in kaizala.posts]


# --- what is said ------------------------------------------------------------------------------------------------------------


def test_the_text_and_whom_it_goes_to_are_templated():
    assert set(KaizalaNotifier.template_fields) == {"text", "group_id", "subscribers", "kaizala_conn_id"}
    assert KaizalaNotifier.template_ext == (".j2", ".jinja")


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({"ti": TI, "dag": None}, "Task opening.ask is failed (run manual__1)"),
        (
            {"ti": SimpleNamespace(**{**vars(TI), "state": None})},
            "Task opening.ask is running (run manual__1)",
        ),
        (
            {"ti": TI, "exception": ValueError("no shutters")},
            "Task opening.ask is failed (run manual__1): no shutters",
        ),
        (
            {"ti": SimpleNamespace(**{**vars(TI), "state": State.FAILED})},
            "Task opening.ask is failed (run manual__1)",
        ),
        (
            {"dag_run": SimpleNamespace(dag_id="opening", run_id="r1", state=State.FAILED)},
            "DAG opening (run r1) is failed",
        ),
        (
            {
                "dag_run": SimpleNamespace(dag_id="opening", run_id="r1", state="failed"),
                "reason": "task_failure",
            },
            "DAG opening (run r1) is failed: task_failure",
        ),
        (
            {
                "ti": SimpleNamespace(**{**vars(TI), "state": None}),
                "dag_run": SimpleNamespace(dag_id="opening", run_id="r1", state="failed"),
                "reason": "timed_out",
            },
            "DAG opening (run r1) is failed: timed_out",
        ),
        (
            {
                "ti": TI,
                "dag_run": SimpleNamespace(dag_id="opening", run_id="r1", state=State.SUCCESS),
                "reason": "success",
            },
            "DAG opening (run r1) is success",
        ),
        (
            {"dag": DAG("opening", schedule=None), "run_id": "r1", "reason": "task_failure"},
            "DAG opening (run r1): task_failure",
        ),
        (DEADLINE, "DAG opening (run manual__1) missed its deadline"),
        ({"dag_run": {"dag_id": "opening", "dag_run_id": "r1"}}, "DAG opening (run r1)"),
        ({}, "DAG  (run )"),
    ],
    ids=[
        "task",
        "running task",
        "exception",
        "enum of a task",
        "enum of a run",
        "run",
        "run beside a task",
        "run that succeeded",
        "run of which little is known",
        "deadline",
        "bare run",
        "nothing",
    ],
)
def test_by_default_it_says_which_task_or_run_is_in_which_state(kaizala, tell, context, text, group, logs):
    tell(KaizalaNotifier(), dict(context))
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/messages"
    assert post.json == {"message": text}
    assert logs.of("warning") == []


@pytest.mark.parametrize("context", [{"ti": TI}, {}, {"dag_run": None}, DEADLINE], ids=len)
def test_what_the_context_lacks_is_a_gap(kaizala, tell, context):
    notifier = KaizalaNotifier(
        "[{{ dag.dag_id }}|{{ ti.a.b.c }}|{{ dag_run.conf.store }}|{{ nothing[1].x }}]"
    )
    tell(notifier, dict(context))
    assert texts(kaizala) == ["[||12|]" if context is DEADLINE else "[|||]"]


def test_templates_are_rendered(kaizala, tell, connect):
    connect("other", login="connector-2")
    notifier = KaizalaNotifier(
        text="Late: {{ dag_run.dag_run_id }}",
        group_id="group-{{ dag_run.conf.store }}",
        subscribers=["+9100000000{{ dag_run.conf.store }}"],
        kaizala_conn_id="{{ 'other' }}",
    )
    tell(notifier, dict(DEADLINE))
    assert kaizala.posts[0].path == "/groups/group-12/messages"
    assert kaizala.posts[0].json == {"message": "Late: manual__1", "subscribers": ["+910000000012"]}
    assert kaizala.token_calls[0].headers["applicationid"] == "connector-2"


def test_it_goes_to_all_subscribers(kaizala, tell):
    tell(KaizalaNotifier("Hi", send_to_all_subscribers=True), {})
    assert kaizala.posts[0].json == {"message": "Hi", "sendToAllSubscribers": True}


@pytest.mark.parametrize(("length", "end"), [(4000, "x"), (4001, "…"), (9000, "…")])
def test_a_long_text_is_cut(kaizala, tell, length, end):
    tell(KaizalaNotifier("{{ 'x' * " + str(length) + " }}"), {})
    (text,) = texts(kaizala)
    assert len(text) == 4000
    assert text == "x" * 3999 + end


def test_a_long_literal_is_cut_too(kaizala, tell):
    tell(KaizalaNotifier("x" * 5000), {})
    assert len(texts(kaizala)[0]) == 4000


def test_each_callback_speaks_for_itself(kaizala, tell):
    """One notifier is given to many tasks, and what it rendered for the first must not stick."""
    notifier = KaizalaNotifier("{{ ti.task_id }}", subscribers=["{{ who }}"])
    for task_id, who in (("one", "+910000000001"), ("two", "+910000000002")):
        tell(notifier, {"ti": SimpleNamespace(task_id=task_id), "who": who})
    assert texts(kaizala) == ["one", "two"]
    assert kaizala.posts[1].json["subscribers"] == ["+910000000002"]


@pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="deadlines came with Airflow 3.1")
def test_a_context_that_was_given_at_the_start_is_used(kaizala):
    """How the triggerer calls it for a deadline."""

    async def run():
        await KaizalaNotifier(text="{{ dag_run.dag_id }} is late", context=dict(DEADLINE))

    asyncio.run(run())
    assert texts(kaizala) == ["opening is late"]


def test_arguments_of_a_deadline_are_plain(kaizala):
    """They are written down as JSON."""
    kwargs = {"text": "Late", "group_id": "g", "subscribers": ["+910000000001"], "total_timeout": 5.0}
    KaizalaNotifier(**json.loads(json.dumps(kwargs)))({})
    assert kaizala.posts[0].json == {"message": "Late", "subscribers": ["+910000000001"]}


def test_the_arguments_of_older_callbacks_are_accepted(kaizala, dag):
    KaizalaNotifier("{{ dag.dag_id }} {{ task_list }}")(dag, "tasks", [], [], [])
    assert texts(kaizala) == ["a_dag tasks"]


def test_only_j2_and_jinja_name_a_file(kaizala, tell, tmp_path):
    (tmp_path / "late.j2").write_text("{{ dag.dag_id }} is late")
    with DAG(
        "opening",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        template_searchpath=str(tmp_path),
    ) as dag:
        notifier = KaizalaNotifier("late.j2")
    tell(notifier, {"dag": dag})
    tell(KaizalaNotifier("see late.md"), {"dag": dag})
    assert texts(kaizala) == ["opening is late", "see late.md"]


@pytest.mark.parametrize("text", ["{{ ti.try_number }}", "007", "+91", "[1, 2]"])
def test_a_native_dag_leaves_texts_alone_that_look_like_numbers(kaizala, tell, text):
    native = DAG(
        "native",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        render_template_as_native_obj=True,
    )
    tell(KaizalaNotifier(text, subscribers=["+910000000001"]), {"ti": TI, "dag": native})
    assert texts(kaizala) == ["2" if "{" in text else text]


def test_a_call_lasts_no_longer_than_total_timeout(kaizala, tell, monkeypatch):
    from airflow_provider_kaizala.client.policy import Policy

    bounds, sends = [], []
    policy, request = Policy.__init__, Policy._request

    def noted(self, settings, **kwargs):
        bounds.append(settings.timeouts)
        policy(self, settings, **kwargs)

    def sent(self, *args):
        sends.append(request(self, *args))
        return sends[-1]

    monkeypatch.setattr(Policy, "__init__", noted)
    monkeypatch.setattr(Policy, "_request", sent)
    for notifier, total in ((KaizalaNotifier("Hi"), 30), (KaizalaNotifier("Hi", total_timeout=3), 3)):
        sends.clear()
        tell(notifier, {})
        assert sends
        for each in sends:
            for seconds in (each.connect_timeout, each.read_timeout, each.total_timeout):
                assert total - 2 < seconds <= total
    assert [each.total for each in bounds] == [30, 3]


def test_where_plain_messages_are_refused_it_is_an_announcement(kaizala, tell, group, logs):
    """As in a group that has sub-groups."""
    kaizala.script.append(kaizala.error(403))
    tell(KaizalaNotifier("{{ 'x' * 4001 }}", subscribers=["+910000000001"]), {})
    refused, post = kaizala.posts
    assert (refused.path, post.path) == (f"/groups/{group}/messages", f"/groups/{group}/actions")
    assert post.json == {
        "actionType": "Announcement",
        "actionBody": {"Message": "x" * 3999 + "…"},
        "subscribers": ["+910000000001"],
    }
    assert logs.of("warning") == []


# --- what is wrong when the DAG is parsed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"text": "  "}, "text is empty"),
        ({"text": 5}, "text must be a string, not 5"),
        ({"text": "Hi", "group_id": "no group"}, "group_id: 'no group' is not a valid group id"),
        ({"text": "Hi", "subscribers": ["0123"]}, "subscribers: '0123' is not a phone number"),
        ({"text": "Hi", "subscribers": "+910000000001"}, "subscribers must be a list of phone numbers"),
        ({"send_to_all_subscribers": "x"}, "send_to_all_subscribers must be True or False, not 'x'"),
        (
            {"subscribers": ["+910000000001"], "send_to_all_subscribers": True},
            "give either subscribers or send_to_all_subscribers=True, not both",
        ),
        ({"kaizala_conn_id": ""}, "kaizala_conn_id is empty"),
        ({"kaizala_conn_id": None}, "kaizala_conn_id must be a string, not None"),
        ({"total_timeout": 0}, "total_timeout must be a number of seconds above 0 or a timedelta, not 0"),
        ({"total_timeout": -1}, "total_timeout must be a number of seconds above 0 or a timedelta, not -1"),
        ({"total_timeout": "x"}, "total_timeout must be a number of seconds above 0 or a timedelta, not 'x'"),
    ],
)
def test_literals_are_checked_at_once(given, says):
    with pytest.raises(KaizalaInputError) as refused:
        KaizalaNotifier(**given)
    assert says in str(refused.value)


def test_a_template_is_checked_when_it_is_rendered():
    given = {"kaizala_conn_id": "{{ var.value.conn }}", "subscribers": "{{ params.who }}"}
    assert KaizalaNotifier(**given, send_to_all_subscribers=True).subscribers == "{{ params.who }}"


# --- what goes wrong later -------------------------------------------------------------------------------------------------------


def boom(*args, **kwargs):
    raise RuntimeError("anything at all")


FAILURES = {
    "no connection": (lambda k, c, m: m.delenv("AIRFLOW_CONN_KAIZALA_DEFAULT"), {}, "kaizala_default"),
    "wrong connection": (lambda k, c, m: c(extra={"no_such": 1}), {}, "unknown extra 'no_such'"),
    "no group": (lambda k, c, m: c(extra={"default_group": None}), {}, "group_id is missing"),
    "500": (lambda k, c, m: k.script.append((500, {})), {}, "was sent, but no readable answer"),
    "403": (
        lambda k, c, m: k.script.extend([k.error(403)] * 2),
        {},
        "KaizalaForbiddenError: sendMessage failed",
    ),
    "wrong secret": (lambda k, c, m: k.tokens.extend([k.error(401)] * 3), {}, "KaizalaAuthError"),
    "network": (
        lambda k, c, m: k.tokens.extend([ConnectionRefusedError("down")] * 9),
        {},
        "no connection to ",
    ),
    "template": (lambda k, c, m: None, {"text": "{{ broken"}, "TemplateSyntaxError"),
    "error in a template": (lambda k, c, m: None, {"text": "{{ 1 / 0 }}"}, "ZeroDivisionError"),
    "nothing to say": (lambda k, c, m: None, {"text": "{{ nothing }}"}, "text is empty"),
    "no file": (
        lambda k, c, m: None,
        {"text": "nowhere.j2"},
        "The message to the Kaizala group was not sent",
    ),
    "not a phone": (
        lambda k, c, m: None,
        {"subscribers": ["{{ x }}"]},
        "subscribers: '' is not a phone number",
    ),
    "chosen, but nobody": (lambda k, c, m: None, {"subscribers": "{{ nobody }}"}, "subscribers"),
    "text for a list": (
        lambda k, c, m: None,
        {"subscribers": "{{ 'Asha' }}"},
        "must be a list of phone numbers",
    ),
    "a bug": (
        lambda k, c, m: m.setattr("airflow_provider_kaizala.hooks.VariableTokenStore", boom),
        {},
        "RuntimeError: anything at all",
    ),
}


@pytest.mark.parametrize(("spoil", "given", "says"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_only_logged(
    kaizala, connect, monkeypatch, tell, logs, secrets_of_the_connection, spoil, given, says
):
    spoil(kaizala, connect, monkeypatch)
    tell(KaizalaNotifier(**{"text": "Hi", **given}), {})
    said = [line for line in logs.of("warning") if "The message to the Kaizala group was not sent" in line]
    if not AIRFLOW_V_3_1_PLUS:  # the base class may come first there
        said += [line for line in logs.of("error") if "Failed to send notification" in line]
    (line,) = said
    assert says in line
    assert [post.path.rpartition("/")[2] for post in kaizala.posts] in (
        [],
        ["messages"],
        ["messages", "actions"],
    )
    assert [secret for secret in secrets_of_the_connection if secret in logs.text] == []


def test_a_missing_context_is_only_logged(kaizala, logs):
    KaizalaNotifier("Hi")(None)
    assert "The message to the Kaizala group was not sent" in logs.text
    assert kaizala.requests == []


def test_a_task_that_is_killed_stays_killed(kaizala, monkeypatch):
    """Only failures are swallowed: what ends a process must end it."""
    monkeypatch.setattr(KaizalaNotifier, "notify", lambda self, context: (_ for _ in ()).throw(SystemExit(1)))
    with pytest.raises(SystemExit):
        KaizalaNotifier("Hi")({})


# --- a question of Airflow's own -----------------------------------------------------------------------------------------------


class Question:
    """As much of an ``HITLOperator`` as its notifiers use."""

    subject, options = "Pay?", ["Approve", "Reject"]

    def generate_link_to_ui(self, *, task_instance, base_url):
        """Airflow keeps the host of the base URL, but not its path."""
        scheme, _, host = base_url.partition("://")
        return (
            f"{scheme}://{host.partition('/')[0]}/dags/{task_instance.dag_id}/required_actions?map_index=-1"
        )


def asking(state=None):
    return {"ti": SimpleNamespace(**{**vars(TI), "state": state}), "task": Question()}


@pytest.mark.parametrize(
    ("base", "link"),
    [
        ("https://airflow.example", "https://airflow.example/dags/opening/required_actions?map_index=-1"),
        (
            "https://x.example/airflow/",
            "https://x.example/airflow/dags/opening/required_actions?map_index=-1",
        ),
    ],
)
def test_a_question_says_where_to_answer(kaizala, tell, monkeypatch, base, link):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    tell(KaizalaNotifier(), asking())
    tell(KaizalaNotifier("Go to {{ required_action }}"), asking())
    assert texts(kaizala) == [f"Pay? (Approve / Reject)\nAnswer in Airflow: {link}", f"Go to {link}"]


def test_a_question_that_has_failed_is_a_failed_task(kaizala, tell, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    tell(KaizalaNotifier(), asking("failed"))
    assert texts(kaizala) == ["Task opening.ask is failed (run manual__1)"]


def test_a_dag_that_has_ended_asks_nothing_though_its_last_task_was_a_question(kaizala, tell, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    run = SimpleNamespace(dag_id="opening", run_id="r1", state="success")
    tell(KaizalaNotifier(), {**asking(), "dag_run": run, "reason": "success"})
    assert texts(kaizala) == ["DAG opening (run r1) is success"]


def test_other_tasks_have_no_required_action(kaizala, tell, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    tell(
        KaizalaNotifier("[{{ required_action }}]"),
        {"ti": SimpleNamespace(**{**vars(TI), "state": "running"})},
    )
    tell(KaizalaNotifier("[{{ required_action }}]"), dict(DEADLINE))
    assert texts(kaizala) == ["[]", "[]"]


@pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Human-in-the-loop came with Airflow 3.1")
def test_airflows_own_question_has_what_the_notifier_uses(kaizala, monkeypatch):
    from airflow.providers.standard.operators.hitl import HITLOperator

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    task = HITLOperator(task_id="ask", subject="Pay?", options=["Yes", "No"], notifiers=[KaizalaNotifier()])
    ti = SimpleNamespace(**{**vars(TI), "state": None, "map_index": -1})
    for notifier in task.notifiers:
        notifier({"ti": ti, "task": task})
    (text,) = texts(kaizala)
    assert text.startswith(
        "Pay? (Yes / No)\nAnswer in Airflow: https://airflow.example/dags/opening/runs/manual__1/"
    )
