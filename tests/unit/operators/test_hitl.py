"""One question in Airflow and in the group: what is refused, what is asked where and how often, who is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    TaskDeferred,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS

from airflow_provider_kaizala import compat
from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.tasks import farewell
from airflow_provider_kaizala.waiting.wait import Wait

pytest.importorskip("airflow.sdk.execution_time.hitl", reason="Airflow below 3.1 has no HITL")
standard = pytest.importorskip("airflow.providers.standard.operators.hitl")

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
GO = {"task_id": "ask", "subject": "Go?", "options": ["Yes", "No"]}
PAY = {"task_id": "ask", "subject": "Pay?"}
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


class Store(dict):
    """What a task remembers, on Airflow 3.3; plain JSON goes in and comes out."""

    def get(self, key, default=None):
        return json.loads(super().get(key, "null"))

    def set(self, key, value):
        self[key] = json.dumps(value)


class Instance:
    """A try of the task."""

    def __init__(self, number=1, max_tries=0):
        self.id, self.max_tries, self.map_index, self.pushed = UUID(int=number), max_tries, -1, {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


def context(task, number=1, store=None, max_tries=0):
    ti = Instance(number, max_tries)
    return {
        "ti": ti,
        "task_instance": ti,
        "task": task,
        "params": {"sum": 5},
        "dag_run": SimpleNamespace(conf={}, run_id="manual__1"),
        "task_state_store": store,
    }


@pytest.fixture
def required(monkeypatch):
    """The Required Actions that were asked for."""
    asked = []
    monkeypatch.setattr(standard, "upsert_hitl_detail", lambda **given: asked.append(given))
    return asked


@pytest.fixture
def group_of(kaizala):
    """A Kaizala where what is posted stands in the group; returns the posts."""
    posts = []

    def answer(request):
        if request.method == "POST" and request.path.endswith("/actions"):
            posts.append(request.json)
            body, name = request.json["actionBody"], f"act-{len(posts)}"
            title = body.get("question") or body["title"]
            now = datetime.now(tz=UTC).isoformat()
            choices = [each["title"] for each in body.get("choices", ())] or ["Yes", "No"]
            kaizala.poll(options=choices, action_id=name, title=title, sent_at=now)
            return 200, {"referenceId": f"ref-{len(posts)}", "actionId": name}
        if request.path.endswith("/reminder"):
            return 200, {"referenceId": "ref-r"}
        return kaizala.default(request)

    kaizala.otherwise = answer
    return posts


def asks(task, **given):
    """One try: what it waits with."""
    given = context(task, **given)
    task.render_template_fields(given)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(given)
    return deferred.value


def texts(kaizala):
    return [post.json for post in kaizala.posts if post.path.endswith("/messages")]


def in_airflow(*chosen, user="Admin", **given):
    """What Airflow resumes a task with that was answered there, with no word of its trigger."""
    return {
        "chosen_options": list(chosen),
        "params_input": given,
        "responded_at": AT,
        "responded_by_user": {"id": user.lower(), "name": user},
        "timedout": False,
    }


def in_group(choice, carry, result=None):
    """What the trigger brings."""
    return {
        "chosen_options": [choice],
        "params_input": {},
        "responded_at": "2026-03-01T08:00:00Z",
        "responded_by_user": {"id": f"kaizala:{RAVI}", "name": "Ravi"},
        "timedout": False,
        "answered_in": "kaizala",
        "result": result,
        "carry": carry,
    }


# --- where it does not exist -----------------------------------------------------------------------------------------------


def test_an_airflow_without_it(monkeypatch):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_1_PLUS", False)
    assert not compat.has_hitl()
    with pytest.raises(
        AirflowOptionalProviderFeatureException,
        match=r"^KaizalaHITLOperator and KaizalaHITLApprovalOperator need Airflow 3.1 or newer .*; this is \d",
    ):
        compat.need_hitl()


def test_without_the_standard_provider(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "airflow.providers.standard.operators.hitl", None)
    with pytest.raises(
        AirflowOptionalProviderFeatureException, match="need apache-airflow-providers-standard"
    ):
        compat.need_hitl()


def test_the_package_says_what_it_has_not():
    with pytest.raises(AttributeError, match="has no attribute 'KaizalaNoOperator'"):
        _ = ops.KaizalaNoOperator


# --- arguments ---------------------------------------------------------------------------------------------------------------

BAD = [
    ("KaizalaHITLOperator", {"options": ["Yes"]}, "options must hold at least 2 options"),
    ("KaizalaHITLOperator", {"options": ["Yes", "Yes"]}, "'Yes'"),
    ("KaizalaHITLOperator", {"options": "Yes"}, "options"),
    ("KaizalaHITLOperator", {"subject": " "}, "subject is empty"),
    ("KaizalaHITLOperator", {"response_timeout": 0}, "response_timeout must be"),
    (
        "KaizalaHITLOperator",
        {"response_timeout": timedelta(days=100_000)},
        "response_timeout: 100000 days, 0:00:00 from now is later than Kaizala accepts",
    ),
    ("KaizalaHITLOperator", {"until": "most"}, "until: 'most' is not a rule"),
    (
        "KaizalaHITLOperator",
        {"until": {"kind": "quorum", "option": "Maybe", "count": 1}},
        "option 'Maybe' is not offered",
    ),
    (
        "KaizalaHITLOperator",
        {"timeout": 5},
        "timeout: KaizalaHITLOperator does not take it; give response_timeout",
    ),
    ("KaizalaHITLOperator", {"on_timeout": "skip"}, "on_timeout: .* the task continues with defaults"),
    ("KaizalaHITLOperator", {"deferrable": False}, "deferrable: .* always waits in the triggerer"),
    ("KaizalaHITLOperator", {"multiple": "some"}, "multiple must be True or False"),
    ("KaizalaHITLOperator", {"tell_group": 1}, "tell_group must be True or False"),
    ("KaizalaHITLOperator", {"group_id": "a b"}, "group_id: 'a b' is not a valid group id"),
    ("KaizalaHITLOperator", {"due": "tomorrow"}, "due"),
    ("KaizalaHITLOperator", {"subject": "x" * 4001}, "subject has 4001 characters"),
    ("KaizalaHITLOperator", {"body": "x" * 3996}, "subject with body has 4001 characters, and"),
    ("KaizalaHITLOperator", {"body": "x" * 4001, "multiple": True}, "body has 4001 characters"),
    ("KaizalaHITLOperator", {"body": 5}, "body must be a string, not 5"),
    ("KaizalaHITLApprovalOperator", {"body": ["x"]}, r"body must be a string, not \['x'\]"),
    (
        "KaizalaHITLOperator",
        {"notifiers": "x"},
        "notifiers must be a notifier, .* or a list of them, not 'x'",
    ),
    ("KaizalaHITLOperator", {"notifiers": [5]}, "notifiers must be a notifier, .* or a list of them, not 5"),
    ("KaizalaHITLApprovalOperator", {"notifiers": [print]}, "notifiers must be a notifier, .* not <built-in"),
    ("KaizalaHITLOperator", {"assigned_users": "x"}, "assigned_users: each user must be a dict .* not 'x'"),
    ("KaizalaHITLOperator", {"assigned_users": {"id": "1"}}, "assigned_users: .* not {'id': '1'}"),
    (
        "KaizalaHITLApprovalOperator",
        {"assigned_users": [{"id": 1, "name": "admin"}]},
        "assigned_users: .* not {'id': 1, 'name': 'admin'}",
    ),
    (
        "KaizalaHITLApprovalOperator",
        {"options": ["Yes", "No"]},
        "options: .* the options are Approve and Reject",
    ),
    ("KaizalaHITLApprovalOperator", {"until": "all"}, "until: .* give approvers and quorum instead"),
    ("KaizalaHITLApprovalOperator", {"multiple": True}, "multiple: .* people choose one"),
    (
        "KaizalaHITLApprovalOperator",
        {"ignore_downstream_trigger_rules": "x"},
        "ignore_downstream_trigger_rules must be True or False, not 'x'",
    ),
    ("KaizalaHITLApprovalOperator", {"quorum": 2, "approvers": [ASHA]}, "2 approvals can never come from 1"),
    ("KaizalaHITLApprovalOperator", {"approvers": ["x"]}, "approvers: 'x' is not a phone number"),
]


@pytest.mark.parametrize(("name", "change", "says"), BAD)
def test_what_is_refused_when_the_dag_is_parsed(name, change, says):
    right = GO if name == "KaizalaHITLOperator" else PAY
    with pytest.raises(KaizalaInputError, match=says):
        getattr(ops, name)(**{**right, **change})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{{ params.sum }}", "ask: body must be a string, not 5"),
        ("{{ 'x' * 4000 }}", "ask: subject with body has 4005 characters"),
    ],
)
def test_a_body_that_renders_wrong_is_refused_before_the_group_is_asked(
    kaizala, group_of, required, dag, body, says
):
    dag.render_template_as_native_obj = True
    task = ops.KaizalaHITLOperator(**GO, body=body, dag=dag)
    given = context(task)
    task.render_template_fields(given)
    with pytest.raises(AirflowFailException, match=says):
        task.execute(given)
    assert not group_of
    assert not required


@pytest.mark.parametrize(
    "given", [{"quorum": "{{ params.n }}"}, {"approvers": "{{ params.who }}", "quorum": 2}]
)
def test_who_decides_may_be_known_only_when_the_task_runs(given):
    assert ops.KaizalaHITLApprovalOperator(**{**PAY, **given}).quorum == given["quorum"]


@pytest.mark.parametrize("body", [None, "", "{{ params.sum }}"])
def test_a_body_may_be_left_out_or_a_template(body):
    assert ops.KaizalaHITLOperator(**GO, body=body, assigned_users=[]).body == body


@pytest.mark.parametrize("defaults", ["Maybe", ["Yes", "No"]])
def test_defaults_as_airflow_checks_them(defaults):
    with pytest.raises(ValueError, match="defaults"):
        ops.KaizalaHITLOperator(**GO, defaults=defaults)


def test_form_fields_need_defaults():
    from airflow.exceptions import ParamValidationError
    from airflow.sdk import Param

    # those of the DAG do not matter, since Airflow 3.2
    given = Param(type="integer") if AIRFLOW_V_3_2_PLUS else Param(5, type="integer")
    with DAG("d", schedule=None, params={"sum": given}):
        ops.KaizalaHITLOperator(**GO, params={"why": "?", "other": Param(None, type=["null", "string"])})
        error, says = KaizalaInputError, "params: 'why' needs a default that is valid"
        if not AIRFLOW_V_3_2_PLUS:  # it says so itself
            error, says = ParamValidationError, "Invalid input for param why"
        with pytest.raises(error, match=says):
            ops.KaizalaHITLOperator(**{**GO, "task_id": "b"}, params={"why": Param(type="string")})


def test_it_is_one_of_airflows():
    assert issubclass(ops.KaizalaHITLApprovalOperator, standard.HITLOperator)
    assert ops.KaizalaHITLApprovalOperator.inherits_from_skipmixin


# --- asking ------------------------------------------------------------------------------------------------------------------


def test_the_same_question_in_both_places(kaizala, group_of, required):
    task = ops.KaizalaHITLOperator(
        **{**GO, "subject": "Pay {{ params.sum }}?"},
        body="To **Ravi**",
        defaults="No",
        params={"why": "?"},
        assigned_users={"id": "admin", "name": "Admin"},
        response_timeout=7200,
        subscribers=[RAVI],
    )
    deferred = asks(task)
    (asked,) = required
    assert asked["ti_id"] == UUID(int=1)
    assert (asked["subject"], asked["body"], asked["options"]) == ("Pay 5?", "To **Ravi**", ["Yes", "No"])
    assert (asked["defaults"], asked["assigned_users"]) == (["No"], [{"id": "admin", "name": "Admin"}])
    (post,) = group_of
    assert post["actionType"] == "Poll"
    assert post["actionBody"] == {
        "question": "Pay 5?\n\nTo Ravi",
        "choices": [{"title": "Yes"}, {"title": "No"}],
        "expiryInHours": 2,
    }
    assert post["subscribers"] == [RAVI]
    trigger = deferred.trigger
    wait = Wait.from_wire(trigger.wait)
    assert (wait.subject.action_id, wait.subject.action_type) == ("act-1", "Poll")
    assert (trigger.ti_id, trigger.defaults, trigger.params_input) == (str(UUID(int=1)), ["No"], {"why": "?"})
    assert (wait.rule.to_wire(), wait.closes_at) == ({"kind": "any"}, None)
    left = wait.deadline - datetime.now(tz=UTC)
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)
    assert deferred.timeout > left, "the trigger is first"
    assert deferred.kwargs == {"carry": trigger.carry}
    assert deferred.method_name == "execute_complete"


def test_for_ever(group_of, required):
    deferred = asks(ops.KaizalaHITLOperator(**GO))
    assert (deferred.timeout, deferred.trigger.wait["deadline"], deferred.trigger.wake_at) == (
        None,
        None,
        None,
    )
    assert group_of[0]["actionBody"]["expiryInHours"] == 720


def test_several_options_are_a_survey(group_of, required):
    asks(ops.KaizalaHITLOperator(**GO, body="More", multiple=True, due=timedelta(hours=3)))
    assert group_of[0]["actionType"] == "Survey"
    body = group_of[0]["actionBody"]
    assert (body["title"], body["description"], body["dueDate"]) == ("Go?", "More", 3)
    (asked,) = body["questions"]
    assert (asked["title"], asked["type"]) == ("Go?", "MultiOption")
    assert [each["title"] for each in asked["options"]] == ["Yes", "No"]
    assert required[0]["multiple"] is True


def test_airflows_notifiers_are_told_once_both_stand(kaizala, group_of, required):
    from airflow.sdk import BaseNotifier

    class Notifier(BaseNotifier):
        def notify(self, context):
            told.append((len(group_of), len(required), context["task"].subject))

    told = []
    asks(ops.KaizalaHITLOperator(**GO, notifiers=Notifier()))
    assert told == [(1, 1, "Go?")]


def test_a_rule_that_does_not_fit_the_group_asks_nobody_in_airflow(group_of, required):
    task = ops.KaizalaHITLOperator(**GO, until=["+910000000099"])
    with pytest.raises(AirflowFailException, match=r"\+910000000099 cannot answer"):
        task.execute(context(task))
    assert required == []


def test_kaizala_that_cannot_be_read_after_the_post_does_not_keep_the_worker(kaizala, group_of, required):
    """The triggerer settles the wait then, and Airflow's Required Action can be answered meanwhile."""
    answer = kaizala.otherwise
    kaizala.otherwise = lambda request: answer(request) if request.method == "POST" else (500, {})
    deferred = asks(ops.KaizalaHITLOperator(**GO, until="all", response_timeout=60))
    assert deferred.trigger.wait["settled"] is False
    assert len([each for each in kaizala.calls("/act-1") if each.method == "GET"]) == 5, "one look"
    assert len(required) == 1


def test_subject_and_options_may_come_from_another_task(group_of, required):
    with DAG("d", schedule=None) as dag:
        up = ops.KaizalaSendMessageOperator(task_id="up", text="x")
        task = ops.KaizalaHITLOperator(
            task_id="ask", subject=up.output["subject"], options=up.output["options"]
        )
        branch = ops.KaizalaHITLOperator(
            task_id="b", subject="{{ params.sum }}?", options="{{ params.options }}"
        )
    assert task.upstream_task_ids == {"up"}
    assert dag.get_task("b") is branch
    task.subject, task.options = "Go?", ["Left", "Right"]  # as Airflow resolves them
    deferred = asks(task)
    assert required[0]["options"] == deferred.trigger.options == ["Left", "Right"]
    assert [each["title"] for each in group_of[0]["actionBody"]["choices"]] == ["Left", "Right"]
    task.options, task.defaults = ["Left", "Right"], ["Up"]
    with pytest.raises(ValueError, match="should be a subset"):
        task.execute(context(task))


def test_a_retry_asks_airflow_again_but_not_the_group(group_of, required):
    store, given = Store(), {**GO, "response_timeout": 3600}
    first = asks(ops.KaizalaHITLOperator(**given), store=store)
    second = asks(ops.KaizalaHITLOperator(**given), number=2, store=store)
    assert len(group_of) == 1
    assert [each["ti_id"].int for each in required] == [1, 2]
    assert second.trigger.ti_id == str(UUID(int=2))
    assert second.trigger.wait["deadline"] == first.trigger.wait["deadline"]


@pytest.mark.parametrize(("given", "posts"), [({}, 1), ({"when_cleared": "ask_again"}, 2)])
def test_a_task_that_was_cleared(group_of, required, given, posts):
    store = Store()
    asks(ops.KaizalaHITLOperator(**GO, **given), store=store)
    asks(ops.KaizalaHITLOperator(**GO, **given), number=2, store=store, max_tries=1)
    assert len(group_of) == posts


def test_no_secret_is_left_anywhere(group_of, required, secrets_of_the_connection):
    store = Store()
    deferred = asks(ops.KaizalaHITLOperator(**GO), store=store)
    left = json.dumps([store, deferred.trigger.serialize(), deferred.kwargs, required], default=str)
    assert [secret for secret in secrets_of_the_connection if secret in left] == []


# --- going on ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def carry(group_of, required, kaizala):
    """What a task that waits has with it."""
    return asks(ops.KaizalaHITLOperator(**GO)).kwargs["carry"]


def goes_on(event, carry=None, task=None, **given):
    task = task or ops.KaizalaHITLOperator(**GO)
    return task.execute_complete(context(task, **given), event=event, carry=carry)


def test_answered_in_airflow(carry, kaizala, group):
    result = goes_on(in_airflow("No"), carry)
    assert result == {
        "chosen_options": ["No"],
        "params_input": {},
        "responded_at": "2026-03-01T08:00:00Z",
        "responded_by_user": {"id": "admin", "name": "Admin"},
        "timedout": False,
        "answered_in": "airflow",
        "group_id": group,
        "action_id": "act-1",
        "reference_id": "ref-1",
    }
    assert json.loads(json.dumps(result)) == result
    assert texts(kaizala) == [{"message": "Answered in Airflow by Admin: No", "replyToReferenceId": "ref-1"}]


def test_answered_in_the_group(carry, kaizala):
    result = goes_on(in_group("Yes", carry, {"tally": {"Yes": 1, "No": 0}, "answers": []}))
    assert result["responded_by_user"] == {"id": f"kaizala:{RAVI}", "name": "Ravi"}
    assert (result["answered_in"], result["tally"]) == ("kaizala", {"Yes": 1, "No": 0})
    assert json.loads(json.dumps(result)) == result
    assert texts(kaizala) == []


def test_time_was_up(carry, kaizala):
    event = {**in_group("No", carry), "responded_by_user": None, "timedout": True, "answered_in": None}
    result = goes_on(event)
    assert (result["timedout"], result["responded_by_user"], result["answered_in"]) == (True, None, None)
    assert texts(kaizala)[0]["message"] == "No one answered in time. Continuing with: No"


def test_time_was_up_without_defaults(carry, kaizala):
    from airflow.providers.standard.exceptions import HITLTimeoutError

    with pytest.raises(HITLTimeoutError, match=r"^Nobody has answered in time$") as failed:
        goes_on({"error": "Nobody has answered in time", "error_type": "timeout", "carry": carry})
    assert isinstance(failed.value, AirflowFailException), "a retry would have the same deadline"
    assert [each["message"] for each in texts(kaizala)] == [farewell.TIME_IS_UP]


@pytest.mark.parametrize("event", [None, "success", {}])
def test_an_event_of_somebody_else(carry, event):
    with pytest.raises(AirflowFailException, match="unexpected event"):
        goes_on(event, carry)


def test_airflow_may_not_choose_what_is_not_there(carry):
    with pytest.raises(ValueError, match="Perhaps"):
        goes_on(in_airflow("Perhaps"), carry)


class TestTelling:
    def test_the_subscribers_who_were_asked(self, carry, kaizala):
        goes_on(in_airflow("No"), carry, ops.KaizalaHITLOperator(**GO, subscribers=[RAVI]))
        assert texts(kaizala)[0]["subscribers"] == [RAVI]

    def test_not_if_that_is_not_wanted(self, carry, kaizala):
        goes_on(in_airflow("No"), carry, ops.KaizalaHITLOperator(**GO, tell_group=False))
        assert texts(kaizala) == []

    def test_not_twice(self, carry, kaizala):
        store = Store()
        for _ in range(2):
            goes_on(in_airflow("No"), carry, store=store)
        assert len(texts(kaizala)) == 1

    @pytest.mark.parametrize("status", [403, 500])
    def test_it_cannot_fail_the_task_and_is_not_repeated(self, carry, kaizala, logs, status):
        kaizala.otherwise = lambda request: kaizala.error(status)
        assert goes_on(in_airflow("No"), carry)["chosen_options"] == ["No"]
        assert len(texts(kaizala)) == 1
        assert "The reply to the group may not have been posted" in logs.text

    def test_a_connection_that_has_gone(self, carry, kaizala, logs):
        task = ops.KaizalaHITLOperator(**GO, kaizala_conn_id="gone")
        assert goes_on(in_airflow("No"), carry, task)["chosen_options"] == ["No"]
        assert "The reply to the group may not have been posted" in logs.text


def test_a_retry_after_the_answer_asks_nobody(group_of, required, kaizala):
    store = Store()
    carry = asks(ops.KaizalaHITLOperator(**GO), store=store).kwargs["carry"]
    first = goes_on(in_airflow("No"), carry, store=store)
    task = ops.KaizalaHITLOperator(**GO)
    assert task.execute(context(task, number=2, store=store)) == first
    assert (len(group_of), len(required), len(texts(kaizala))) == (1, 1, 1)


def test_it_reminds_and_waits_on(group_of, required, kaizala, monkeypatch):
    store, task = Store(), ops.KaizalaHITLOperator(**GO, remind_every=100)
    deferred = asks(task, store=store)
    begin = datetime.fromisoformat(deferred.trigger.carry["asked"]["at"])
    assert datetime.fromisoformat(deferred.trigger.wake_at) == begin + timedelta(seconds=100)
    monkeypatch.setattr(Wait, "now", staticmethod(lambda: begin + timedelta(seconds=101)))
    with pytest.raises(TaskDeferred) as again:
        goes_on(
            {"status": "wake", "wait": deferred.trigger.wait, "carry": deferred.trigger.carry},
            task=task,
            store=store,
        )
    assert len([post for post in kaizala.posts if post.path.endswith("/reminder")]) == 1
    assert datetime.fromisoformat(again.value.trigger.wake_at) == begin + timedelta(seconds=200)
    assert len(required) == 1, "asking Airflow again would take an answer away that came meanwhile"


# --- approvals -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def approval(kaizala, group_of, required):
    """An approval with a task below."""

    def make(**given):
        with DAG("d", schedule=None):
            task = ops.KaizalaHITLApprovalOperator(**PAY, **given)
            task >> ops.KaizalaSendMessageOperator(task_id="pay", text="Paid")
        return task

    return make


def test_the_rule_of_an_approval(approval):
    assert asks(approval(approvers=[ASHA, RAVI], quorum=2)).trigger.wait["until"] == {
        "kind": "quorum",
        "option": "Approve",
        "count": 2,
        "people": [ASHA, RAVI],
        "names": {ASHA: "Name of 1", RAVI: "Name of 2"},
    }
    assert asks(approval()).trigger.wait["until"]["kind"] == "any_of"


def test_approved_in_airflow(approval):
    task = approval(quorum=2)
    result = goes_on(in_airflow("Approve"), asks(task).kwargs["carry"], task)
    assert (result["approved"], result["approved_by"], result["rejected_by"]) == (True, ["Admin"], [])


def test_approved_in_the_group(approval):
    task = approval(quorum=2)
    event = in_group(
        "Approve",
        asks(task).kwargs["carry"],
        {"chosen_by": {"Approve": ["Asha", "Ravi"], "Reject": ["Meera"]}},
    )
    result = goes_on(event, task=task)
    assert (result["approved"], result["approved_by"], result["rejected_by"]) == (
        True,
        ["Asha", "Ravi"],
        ["Meera"],
    )


def test_rejected(approval, monkeypatch):
    task, skipped = approval(), []
    monkeypatch.setattr(compat.SkipBelow, "skip_below", lambda task, context, tasks: skipped.extend(tasks))
    given = context(task)
    carry = asks(task).kwargs["carry"]
    result = task.execute_complete(given, event=in_airflow("Reject"), carry=carry)
    assert (result["approved"], result["rejected_by"]) == (False, ["Admin"])
    assert [each.task_id for each in skipped] == ["pay"]
    assert given["ti"].pushed["return_value"] == result, (
        "skipping ends the task, so the result is there before"
    )


def test_rejected_and_failed(approval):
    task = approval(on_reject="fail")
    carry = asks(task).kwargs["carry"]
    with pytest.raises(AirflowFailException, match=r"'Pay\?' was rejected by Admin"):
        goes_on(in_airflow("Reject"), carry, task)
