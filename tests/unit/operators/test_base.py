"""What all operators that post have in common."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_kaizala import compat, operators
from airflow_provider_kaizala.client.errors import (
    KaizalaAuthError,
    KaizalaBadRequestError,
    KaizalaForbiddenError,
    KaizalaGrantError,
    KaizalaInputError,
    KaizalaNotFoundError,
    KaizalaThrottledError,
    KaizalaUnreachableError,
)
from airflow_provider_kaizala.operators import KaizalaSendMessageOperator
from airflow_provider_kaizala.operators.post import KaizalaPostOperator

COMMON = ("group_id", "subscribers", "send_to_all_subscribers", "reply_to_reference_id", "kaizala_conn_id")


def test_the_package_names_them_all():
    assert len(operators.__all__) == 30 + 2 * compat.has_hitl()
    for name in operators.__all__:
        operator = getattr(operators, name)
        assert set(COMMON if issubclass(operator, KaizalaPostOperator) else ["kaizala_conn_id"]) <= set(
            operator.template_fields
        ), name
        assert operator.template_ext == (".j2", ".jinja"), name


# --- what is posted ------------------------------------------------------------------------------------------------------


def test_the_least(least, kaizala, run_task, group):
    result = run_task(least.make())
    (post,) = kaizala.posts
    assert post.json == least.body
    is_text = "message" in least.body
    assert post.path == f"/groups/{group}/{'messages' if is_text else 'actions'}"
    assert result == {
        "group_id": group,
        "reference_id": "ref-2",
        "action_id": None if is_text else "act-2",
    }
    assert json.loads(json.dumps(result)) == result
    assert type(result) is dict


def test_everything(full, kaizala, run_task):
    audience = {"subscribers": ["+910000000003"], "reply_to_reference_id": "ref-of-before"}
    run_task(full.make(**audience))
    (post,) = kaizala.posts
    assert post.json == {
        **full.body,
        "subscribers": ["+910000000003"],
        "replyToReferenceId": "ref-of-before",
    }


def test_all_subscribers(least, kaizala, run_task):
    run_task(least.make(send_to_all_subscribers=True))
    assert kaizala.posts[0].json == {**least.body, "sendToAllSubscribers": True}


def test_all_subscribers_as_a_template_says_it(kaizala, run_task):
    operator = KaizalaSendMessageOperator(task_id="t", text="Hi", send_to_all_subscribers="{{ params.all }}")
    run_task(operator, params={"all": True})
    assert kaizala.posts[0].json == {"message": "Hi", "sendToAllSubscribers": True}


def test_the_group_that_is_named(least, kaizala, run_task):
    result = run_task(least.make(group_id=" another-group "))
    assert result["group_id"] == "another-group"
    assert kaizala.posts[0].path.startswith("/groups/another-group/")


def test_no_group_anywhere(least, kaizala, connect, run_task):
    connect(extra={"default_group": None})
    with pytest.raises(AirflowFailException, match=r"post: group_id is missing: .* extra default_group"):
        run_task(least.make())
    assert kaizala.requests == []


def test_another_connection(least, kaizala, connect, run_task):
    connect("other", login="connector-2")
    run_task(least.make(kaizala_conn_id="{{ params.conn }}"), params={"conn": "other"})
    assert kaizala.token_calls[0].headers["applicationid"] == "connector-2"


# --- mapping ---------------------------------------------------------------------------------------------------------------


def test_mapped(least, kaizala, run_task, dag):
    groups = ["group-1", "{{ params.of_the_run }}", "group-3"]
    dag.params = {"of_the_run": "group-2"}
    with dag:
        least.operator.partial(task_id="each", **least.given).expand(group_id=groups)
    results = [run_task(dag.get_task("each"), map_index=at) for at in range(3)]
    assert [each["group_id"] for each in results] == ["group-1", "group-2", "group-3"]
    assert [post.json for post in kaizala.posts] == [least.body] * 3


def test_mapped_over_what_another_task_found(kaizala, run_task, dag):
    with dag:
        first = KaizalaSendMessageOperator(task_id="first", text="Hello")
        KaizalaSendMessageOperator.partial(task_id="each").expand(text=first.output)
    texts = ["one", "{{ no template }}", "three.md"]
    for at in range(3):
        run_task(dag.get_task("each"), {"first": texts}, map_index=at)
    assert [post.json["message"] for post in kaizala.posts] == texts


def test_an_argument_that_is_none_is_refused_by_name(least, dag):
    with dag, pytest.raises(TypeError, match="no_such_argument"):
        least.operator.partial(task_id="each", no_such_argument=1, **least.given)


# --- arguments that all have ---------------------------------------------------------------------------------------------

BAD_COMMON = [
    ("group_id", "not a group", "group_id: 'not a group' is not a valid group id; give the GUID"),
    ("group_id", "", "group_id is empty"),
    ("group_id", "a/b", "group_id: 'a/b' is not a valid group id"),
    (
        "subscribers",
        ["0123"],
        "subscribers: '0123' is not a phone number in E.164 format; give + and 6 to 15",
    ),
    ("subscribers", "+910000000001", "subscribers must be a list of phone numbers"),
    ("subscribers", [], "subscribers is empty; give at least one"),
    ("send_to_all_subscribers", "yes", "send_to_all_subscribers must be True or False, not 'yes'"),
    ("reply_to_reference_id", " ", "reply_to_reference_id is empty"),
    ("reply_to_reference_id", 5, "reply_to_reference_id must be a string, not 5"),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD_COMMON)
def test_what_all_refuse_when_the_dag_is_parsed(least, name, value, says):
    with pytest.raises(KaizalaInputError) as refused:
        least.make(**{name: value})
    assert says in str(refused.value)


def test_chosen_and_all_subscribers_at_once(least):
    with pytest.raises(
        KaizalaInputError, match="either subscribers or send_to_all_subscribers=True, not both"
    ):
        least.make(subscribers=["+910000000001"], send_to_all_subscribers=True)


def test_an_xcom_that_is_no_group(least, kaizala, run_task, dag):
    with dag:
        up = KaizalaSendMessageOperator(task_id="up", text="Hi")
        operator = least.make(group_id=up.output["group_id"])
    with pytest.raises(AirflowFailException, match="post: group_id: 'no group' is not a valid group id"):
        run_task(operator, {"up": {"group_id": "no group"}})
    assert kaizala.requests == []


@pytest.mark.parametrize("name", ["group_id", "subscribers", "reply_to_reference_id"])
def test_what_was_to_come_and_is_none_is_not_taken_for_left_out(least, name, kaizala, run_task):
    task = least.make(**{name: "{{ params.nothing }}"})
    setattr(task, name, None)  # as an XCom does, or a native template
    with pytest.raises(AirflowFailException, match=f"post: {name} is None: what was to bring it"):
        run_task(task)
    assert kaizala.posts == []


def test_a_default_group_that_is_none(least, kaizala, connect, run_task):
    connect(extra={"default_group": "no group"})
    with pytest.raises(AirflowFailException, match="'no group' is not a valid group id"):
        run_task(least.make())
    assert kaizala.requests == []


def test_jinja_is_no_literal(least):
    for name in COMMON:
        least.make(**{name: "{{ params.later }}"})
        least.make(**{name: "{% if params.later %}a{% endif %}"})


# --- files with templates ----------------------------------------------------------------------------------------------------


def test_only_j2_and_jinja_name_a_file(kaizala, run_task, tmp_path, variables):
    (tmp_path / "text.j2").write_text("Hello {{ params.who }}")
    (tmp_path / "text.jinja").write_text("Bye {{ params.who }}")
    from datetime import UTC, datetime

    with DAG(
        "texts",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        template_searchpath=str(tmp_path),
    ):
        tasks = [
            KaizalaSendMessageOperator(task_id=f"t{at}", text=text)
            for at, text in enumerate(["text.j2", "text.jinja", "see notes.md", "page.html", "run.sh"])
        ]
    for task in tasks:
        task.resolve_template_files()
        run_task(task, params={"who": "Asha"})
    texts = [post.json["message"] for post in kaizala.posts]
    assert texts == ["Hello Asha", "Bye Asha", "see notes.md", "page.html", "run.sh"]


# --- outcomes --------------------------------------------------------------------------------------------------------------


PARTIAL = {
    "referenceId": "ref-9",
    "failedResult": [
        {"subscriber": "+910000000002", "errorReason": "not on Kaizala"},
        {"subscriberId": "u3", "errorCode": "Blocked"},
    ],
}


def test_somebody_was_not_reached(least, kaizala, run_task, logs):
    kaizala.script.append((200, PARTIAL))
    assert run_task(least.make())["reference_id"] == "ref-9"
    (line,) = logs.of("warning")
    assert "but not to all: +910000000002: not on Kaizala; u3: Blocked" in line


def test_somebody_was_not_reached_and_that_is_a_failure(least, kaizala, run_task):
    kaizala.script.append((200, PARTIAL))
    with pytest.raises(
        AirflowFailException, match=r"as ref-9, but not to all \(\+910000000002: not on Kaizala"
    ):
        run_task(least.make(fail_on_partial=True))
    assert len(kaizala.posts) == 1


def test_all_were_reached(least, kaizala, run_task, logs):
    kaizala.script.append((200, {"referenceId": "ref-9", "failedResult": []}))
    run_task(least.make(fail_on_partial=True))
    assert logs.of("warning") == []
    assert "Posted to group" in logs.of("info")[0]


@pytest.mark.parametrize(
    "reply",
    [
        (500, {"message": "boom", "errorCode": "Internal"}),
        (502, {}),
        (503, {}),
        (408, {}),
        (200, {"unreadable": True}),
        (200, []),
    ],
    ids=["500", "502", "503", "408", "no reference", "no object"],
)
def test_an_unknown_outcome_is_not_repeated(least, kaizala, run_task, reply):
    kaizala.script.append(reply)
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer came back") as failed:
        run_task(least.make())
    assert "check the group before sending it again" in str(failed.value)
    assert len(kaizala.posts) == 1
    assert kaizala.sleeps == []


def test_a_connection_that_is_dropped_after_the_post(least, dropper, run_task):
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer came back"):
        run_task(least.make())
    assert len(dropper.posts) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttle_is_waited_out(least, kaizala, run_task, status):
    kaizala.script += [kaizala.error(status, "TooManyRequests", Retry_After="7")] * 2
    assert run_task(least.make())["reference_id"]
    assert kaizala.sleeps == [7.0, 7.0]
    assert len(kaizala.posts) == 3


def test_a_throttle_longer_than_the_whole_call_may_last(least, kaizala, run_task):
    kaizala.script.append(kaizala.error(429, "TooManyRequests", Retry_After="86400"))
    with pytest.raises(
        KaizalaThrottledError, match="429, TooManyRequests"
    ):  # nothing was posted: Airflow may retry
        run_task(least.make())
    assert (len(kaizala.posts), kaizala.sleeps) == (1, [])


def test_never_connected_is_repeated(least, kaizala, run_task):
    kaizala.script += [ConnectionRefusedError("refused")] * 2
    assert run_task(least.make())["reference_id"]
    assert len(kaizala.posts) == 3


def test_never_connected_at_all(least, kaizala, run_task):
    kaizala.script += [ConnectionRefusedError("refused")] * 9
    with pytest.raises(KaizalaUnreachableError, match="nothing was sent"):
        run_task(least.make())


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, KaizalaBadRequestError), (403, KaizalaForbiddenError), (404, KaizalaNotFoundError)],
)
def test_a_refused_post_is_raised_once(least, kaizala, run_task, status, kind):
    kaizala.script.append(kaizala.error(status, "Refused", "because"))
    with pytest.raises(kind, match=rf"\({status}, Refused\): because"):
        run_task(least.make())
    assert len(kaizala.posts) == 1


def test_a_token_that_has_ended_is_renewed(least, kaizala, run_task):
    kaizala.script.append(kaizala.error(401, "InvalidToken", "expired"))
    assert run_task(least.make())["reference_id"]
    assert (len(kaizala.posts), len(kaizala.token_calls)) == (2, 2)


def test_a_token_is_renewed_no_more_than_once(least, kaizala, run_task):
    kaizala.script += [kaizala.error(401, "InvalidToken", "expired")] * 9
    with pytest.raises(KaizalaAuthError, match="expired"):
        run_task(least.make())
    assert (len(kaizala.posts), len(kaizala.token_calls)) == (2, 2)


def test_a_group_that_was_not_granted(least, kaizala, connect, run_task):
    connect(extra={"refresh_token": None})
    with pytest.raises(KaizalaGrantError, match="no refresh token for group another-group: have an admin"):
        run_task(least.make(group_id="another-group"))
    assert kaizala.requests == []


def test_the_client_is_closed_whatever_happens(kaizala, run_task):
    good = KaizalaSendMessageOperator(task_id="good", text="Hi")
    run_task(good)
    assert good.hook._client is None
    bad = KaizalaSendMessageOperator(task_id="bad", text="Hi")
    kaizala.script.append((500, {}))
    with pytest.raises(AirflowFailException):
        run_task(bad)
    assert bad.hook._client is None
