"""What operators have in common: arguments, posting, and creating something once."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_kaizala import operators as ops
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

ASHA, GROUP = "+910000000001", "11111111-1111-4111-8111-111111111111@1"
URL = "https://me.example/kaizala"

#: operators that do not post, with arguments that are right
RIGHT = {
    "KaizalaCreateGroupOperator": {"name": "North", "welcome_message": "Hi"},
    "KaizalaAttachSubGroupsOperator": {"sub_groups": ["g2"]},
    "KaizalaDetachSubGroupsOperator": {"sub_groups": ["g2"]},
    "KaizalaAddMembersOperator": {"members": [ASHA]},
    "KaizalaRemoveMembersOperator": {"members": [ASHA]},
    "KaizalaSyncMembersOperator": {"members": [ASHA]},
    "KaizalaAddSubscribersOperator": {"subscribers": [ASHA]},
    "KaizalaRemoveSubscribersOperator": {"subscribers": [ASHA]},
    "KaizalaSyncSubscribersOperator": {"subscribers": [ASHA]},
    "KaizalaSendReminderOperator": {"action_id": "a1"},
    "KaizalaUpdateActionOperator": {"action_id": "a1", "properties": {"status": "Done"}},
    "KaizalaReactOperator": {"reference_id": "r1"},
    "KaizalaPostResponseOperator": {"action_id": "a1", "answers": ["Yes"]},
    "KaizalaCreateWebhookOperator": {"event_types": ["MemberAdded"], "callback_url": URL},
    "KaizalaUpdateWebhookOperator": {"webhook_id": "w1"},
    "KaizalaDeleteWebhookOperator": {"webhook_id": "w1"},
    "KaizalaApiOperator": {"operation": "listMembers", "parameters": {"groupId": "g1"}},
}
not_posting = pytest.mark.parametrize("name", RIGHT)


def make(name, task_id="t", /, **changes):
    return getattr(ops, name)(task_id=task_id, **{**RIGHT[name], **changes})


# --- what is posted ------------------------------------------------------------------------------------------------------


def test_an_operator_posts_with_no_more_than_it_must_have(least, kaizala, run_task, group):
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


def test_an_operator_posts_everything_it_takes(full, kaizala, run_task):
    run_task(full.make(subscribers=["+910000000003"], reply_to_reference_id=" ref-of-before\n"))
    (post,) = kaizala.posts
    assert post.json == {
        **full.body,
        "subscribers": ["+910000000003"],
        "replyToReferenceId": "ref-of-before",
    }


def test_a_post_goes_to_all_subscribers(least, kaizala, run_task):
    run_task(least.make(send_to_all_subscribers=True))
    assert kaizala.posts[0].json == {**least.body, "sendToAllSubscribers": True}


def test_a_template_says_whether_a_post_goes_to_all_subscribers(kaizala, run_task):
    operator = KaizalaSendMessageOperator(task_id="t", text="Hi", send_to_all_subscribers="{{ params.all }}")
    run_task(operator, params={"all": True})
    assert kaizala.posts[0].json == {"message": "Hi", "sendToAllSubscribers": True}


def test_a_post_goes_to_the_group_that_is_named(least, kaizala, run_task):
    result = run_task(least.make(group_id=" another-group "))
    assert result["group_id"] == "another-group"
    assert kaizala.posts[0].path.startswith("/groups/another-group/")


def test_an_empty_group_stands_for_the_default_one(least, kaizala, run_task, group):
    """As the param of a DAG may be."""
    assert run_task(least.make(group_id=""))["group_id"] == group
    assert run_task(least.make(group_id="{{ params.group }}"), params={"group": ""})["group_id"] == group


def test_a_task_without_any_group_fails(least, kaizala, connect, run_task):
    connect(extra={"default_group": None})
    with pytest.raises(AirflowFailException, match=r"post: group_id is missing: .* extra default_group"):
        run_task(least.make())
    assert kaizala.requests == []


def test_the_connection_may_be_another(least, kaizala, connect, run_task):
    connect("other", login="connector-2")
    run_task(least.make(kaizala_conn_id="{{ params.conn }}"), params={"conn": "other"})
    assert kaizala.token_calls[0].headers["applicationid"] == "connector-2"


# --- mapping -------------------------------------------------------------------------------------------------------------


def test_a_task_is_mapped_over_groups(least, kaizala, run_task, dag):
    groups = ["group-1", "{{ params.of_the_run }}", "group-3"]
    dag.params = {"of_the_run": "group-2"}
    with dag:
        least.operator.partial(task_id="each", **least.given).expand(group_id=groups)
    results = [run_task(dag.get_task("each"), map_index=at) for at in range(3)]
    assert [each["group_id"] for each in results] == ["group-1", "group-2", "group-3"]
    assert [post.json for post in kaizala.posts] == [least.body] * 3


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 reads its database for that")
def test_a_task_is_mapped_over_what_another_task_found(kaizala, run_task, dag):
    with dag:
        first = KaizalaSendMessageOperator(task_id="first", text="Hello")
        KaizalaSendMessageOperator.partial(task_id="each").expand(text=first.output)
    texts = ["one", "{{ no template }}", "three.md"]
    for at in range(3):
        run_task(dag.get_task("each"), {"first": texts}, map_index=at)
    assert [post.json["message"] for post in kaizala.posts] == texts


def test_mapping_an_unknown_argument_is_refused_by_name(least, dag):
    with dag, pytest.raises(TypeError, match="no_such_argument"):
        least.operator.partial(task_id="each", no_such_argument=1, **least.given)


# --- arguments -----------------------------------------------------------------------------------------------------------

BAD_COMMON = [
    ("group_id", "not a group", "group_id: 'not a group' is not a valid group id; give the GUID"),
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
    ("fail_on_partial", "yes", "fail_on_partial must be True or False, not 'yes'"),
    ("on_unknown_outcome", "retry", "on_unknown_outcome must be one of fail, resend, not 'retry'"),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD_COMMON)
def test_a_wrong_common_argument_is_refused_when_the_dag_is_parsed(least, name, value, says):
    with pytest.raises(KaizalaInputError) as refused:
        least.make(**{name: value})
    assert says in str(refused.value)


def test_chosen_and_all_subscribers_at_once_are_refused(least):
    with pytest.raises(
        KaizalaInputError, match="either subscribers or send_to_all_subscribers=True, not both"
    ):
        least.make(subscribers=["+910000000001"], send_to_all_subscribers=True)


def test_an_xcom_that_is_no_group_fails_the_task(least, kaizala, run_task, dag):
    with dag:
        up = KaizalaSendMessageOperator(task_id="up", text="Hi")
        operator = least.make(group_id=up.output["group_id"])
    with pytest.raises(AirflowFailException, match="post: group_id: 'no group' is not a valid group id"):
        run_task(operator, {"up": {"group_id": "no group"}})
    assert kaizala.requests == []


def test_a_default_group_that_is_no_group_fails_the_task(least, kaizala, connect, run_task):
    connect(extra={"default_group": "no group"})
    with pytest.raises(AirflowFailException, match="'no group' is not a valid group id"):
        run_task(least.make())
    assert kaizala.requests == []


@pytest.mark.parametrize("template", ["{{ params.later }}", "{% if params.later %}a{% endif %}"])
def test_templates_are_not_checked_when_the_dag_is_parsed(least, template):
    for name in ("group_id", "subscribers", "send_to_all_subscribers", "reply_to_reference_id"):
        least.make(**{name: template})


@not_posting
def test_what_a_template_renders_is_checked_before_anything_is_sent(name, run_task, kaizala):
    operator = getattr(ops, name)
    for field in set(operator.template_fields) - {"kaizala_conn_id", "files", "parameters"}:
        given = {"dry_run" if field == "is_dry_run" else field: "{{ params.bad }}"}
        if field == "completed":
            given["answers"] = None
        if field == "object_id":
            given["object_type"] = "Action"
        task = make(name, f"t_{field}", **given)
        with pytest.raises(AirflowFailException, match=f"t_{field}: "):
            run_task(task, params={"bad": " "})
    assert kaizala.requests == []


LOST = [
    *[(name, "group_id") for name in RIGHT if name != "KaizalaCreateGroupOperator"],
    ("KaizalaSyncMembersOperator", "max_removals"),
    ("KaizalaSyncSubscribersOperator", "max_removals"),
    ("KaizalaCreateGroupOperator", "parent_group_id"),
    ("KaizalaReactOperator", "comment"),
    ("KaizalaReactOperator", "source_group_id"),
    ("KaizalaSendReminderOperator", "subscribers"),
    ("KaizalaUpdateActionOperator", "subscribers"),
    ("KaizalaPostResponseOperator", "answers"),
    ("KaizalaPostResponseOperator", "completed"),
    ("KaizalaPostResponseOperator", "response_id"),
    ("KaizalaPostResponseOperator", "package_id"),
    ("KaizalaUpdateWebhookOperator", "active"),
    ("KaizalaUpdateWebhookOperator", "callback_url"),
    ("KaizalaCreateWebhookOperator", "expires"),
    ("KaizalaApiOperator", "body"),
    ("KaizalaApiOperator", "parameters"),
]


@pytest.mark.parametrize(("name", "argument"), LOST)
def test_an_argument_that_rendered_to_none_is_not_taken_for_left_out(name, argument, kaizala, run_task):
    """Else a sync would empty the default group, a comment become a like, a sub-group one of its own."""
    given = {argument: "{{ params.nothing }}"} | ({"answers": None} if argument == "completed" else {})
    task = make(name, **given)
    setattr(task, argument, None)  # as an XCom does, or a native template
    with pytest.raises(AirflowFailException, match=f"t: {argument} rendered to None: its template or up"):
        run_task(task)
    assert kaizala.calls() == []


@pytest.mark.parametrize("name", ["group_id", "subscribers", "reply_to_reference_id"])
def test_what_a_post_needs_is_not_taken_for_left_out_either(least, name, kaizala, run_task):
    task = least.make(**{name: "{{ params.nothing }}"})
    setattr(task, name, None)
    with pytest.raises(AirflowFailException, match=f"post: {name} rendered to None: its template or up"):
        run_task(task)
    assert kaizala.posts == []


IDS = [
    ("KaizalaSendReminderOperator", "action_id", "/groups/g1/actions/x1/reminder"),
    ("KaizalaUpdateActionOperator", "action_id", "/groups/g1/actions/x1"),
    ("KaizalaPostResponseOperator", "action_id", "/groups/g1/actions/x1/responses"),
    ("KaizalaUpdateWebhookOperator", "webhook_id", "/webhook/x1"),
    ("KaizalaDeleteWebhookOperator", "webhook_id", "/webhook/x1"),
    ("KaizalaCreateGroupOperator", "parent_group_id", "/groups/x1/subGroups"),
]


@pytest.mark.parametrize(("name", "argument", "path"), IDS)
def test_whitespace_around_an_id_is_removed(name, argument, path, kaizala, run_task):
    """A template in a file often ends with a line break."""
    kaizala.otherwise = lambda request: (200, {"referenceId": "r", "groupId": "g", "groupName": "North"})
    group = {} if argument == "parent_group_id" else {"group_id": "\tg1 "}
    run_task(make(name, **group, **{argument: " {{ 'x1' }}\n"}))
    assert kaizala.calls()[-1].path == path


# --- files with templates ------------------------------------------------------------------------------------------------


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


# --- outcomes ------------------------------------------------------------------------------------------------------------


PARTIAL = {
    "referenceId": "ref-9",
    "failedResult": [
        {"subscriber": "+910000000002", "errorReason": "not on Kaizala"},
        {"subscriberId": "u3", "errorCode": "Blocked"},
    ],
}


def test_people_who_were_not_reached_are_logged(least, kaizala, run_task, logs):
    kaizala.script.append((200, PARTIAL))
    assert run_task(least.make())["reference_id"] == "ref-9"
    (line,) = logs.of("warning")
    assert "but not to everyone: +910000000002: not on Kaizala; u3: Blocked" in line


def test_people_who_were_not_reached_fail_the_task_if_wanted(least, kaizala, run_task):
    kaizala.script.append((200, PARTIAL))
    with pytest.raises(
        AirflowFailException, match=r"as ref-9, but not to everyone \(\+910000000002: not on Kaizala"
    ):
        run_task(least.make(fail_on_partial=True))
    assert len(kaizala.posts) == 1


def test_nothing_is_warned_of_when_all_were_reached(least, kaizala, run_task, logs):
    kaizala.script.append((200, {"referenceId": "ref-9", "failedResult": []}))
    run_task(least.make(fail_on_partial=True))
    assert logs.of("warning") == []
    assert "Finished posting" in logs.of("info")[0]


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


def test_a_connection_that_is_dropped_after_the_post_is_an_unknown_outcome(least, dropper, run_task):
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer came back"):
        run_task(least.make())
    assert len(dropper.posts) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttle_is_waited_out(least, kaizala, run_task, status):
    kaizala.script += [kaizala.error(status, "TooManyRequests", Retry_After="7")] * 2
    assert run_task(least.make())["reference_id"]
    assert kaizala.sleeps == [7.0, 7.0]
    assert len(kaizala.posts) == 3


def test_a_throttle_longer_than_the_whole_call_may_last_is_raised(least, kaizala, run_task):
    kaizala.script.append(kaizala.error(429, "TooManyRequests", Retry_After="86400"))
    with pytest.raises(
        KaizalaThrottledError, match="429, TooManyRequests"
    ):  # nothing was posted: Airflow may retry
        run_task(least.make())
    assert (len(kaizala.posts), kaizala.sleeps) == (1, [])


def test_a_post_that_never_got_a_connection_is_repeated(least, kaizala, run_task):
    kaizala.script += [ConnectionRefusedError("refused")] * 2
    assert run_task(least.make())["reference_id"]
    assert len(kaizala.posts) == 3


def test_a_server_that_cannot_be_reached_at_all_is_raised(least, kaizala, run_task):
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


def test_a_token_that_has_expired_is_renewed(least, kaizala, run_task):
    kaizala.script.append(kaizala.error(401, "InvalidToken", "expired"))
    assert run_task(least.make())["reference_id"]
    assert (len(kaizala.posts), len(kaizala.token_calls)) == (2, 2)


def test_a_token_is_renewed_no_more_than_once(least, kaizala, run_task):
    kaizala.script += [kaizala.error(401, "InvalidToken", "expired")] * 9
    with pytest.raises(KaizalaAuthError, match="expired"):
        run_task(least.make())
    assert (len(kaizala.posts), len(kaizala.token_calls)) == (2, 2)


def test_a_group_that_was_not_granted_is_refused(least, kaizala, connect, run_task):
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


# --- creating once: what Kaizala cannot look up --------------------------------------------------------------------------


class Killed(BaseException):
    """The worker dies."""


def die(request):
    """The worker dies after the request went out."""
    raise Killed


#: operator, arguments, what Kaizala replies, what the task returns of that
UNLISTED = [
    ("KaizalaSendReminderOperator", {}, {"referenceId": "n1"}, ("reference_id", "n1")),
    ("KaizalaReactOperator", {"comment": "Well done"}, {"reactionId": "n1"}, ("reaction_id", "n1")),
    ("KaizalaPostResponseOperator", {}, {"responseId": "n1"}, ("response_id", "n1")),
    (
        "KaizalaApiOperator",
        {"operation": "createBot", "parameters": None, "body": {"name": "Bot"}},
        {"botUserId": "n1", "callbackToken": "s3cret-of-mine"},
        ("botUserId", "n1"),
    ),
]
unlisted = pytest.mark.parametrize(
    ("name", "given", "reply", "returns"), UNLISTED, ids=lambda each: str(each)[7:20]
)


@pytest.fixture
def a_try(kaizala, run_task):
    """One try of a task: ``a_try(name, given, reply, store)``; the reply may be a function that raises."""

    def run(name, given, reply, store=None, **changes):
        kaizala.script = [reply if callable(reply) else (200, reply)]
        context = {} if store is None else {"task_state_store": store}
        return run_task(make(name, **given, **changes), **context)

    return run


def sent(kaizala):
    return [call for call in kaizala.calls() if call.method == "POST"]


@unlisted
def test_a_retry_returns_what_an_earlier_try_has_created(kaizala, a_try, store, name, given, reply, returns):
    first = a_try(name, given, reply, store)
    assert a_try(name, given, {"another": "reply"}, store) == first
    assert first[returns[0]] == returns[1]
    assert len(sent(kaizala)) == 1
    assert "s3cret-of-mine" not in json.dumps([first, store])


@unlisted
def test_a_retry_after_the_worker_died_makes_no_second_call(
    kaizala, a_try, store, name, given, reply, returns
):
    with pytest.raises(Killed):
        a_try(name, given, die, store)
    with pytest.raises(AirflowFailException, match=r"an earlier try began .* clear the task to do it again"):
        a_try(name, given, reply, store)
    assert len(sent(kaizala)) == 1


@unlisted
def test_a_retry_after_the_worker_died_makes_the_call_again_if_wanted(
    kaizala, a_try, store, logs, name, given, reply, returns
):
    with pytest.raises(Killed):
        a_try(name, given, die, store)
    assert a_try(name, given, reply, store, on_unknown_outcome="Resend")[returns[0]] == returns[1]
    assert len(sent(kaizala)) == 2
    assert "people may see it twice" in logs.of("warning")[0]


@unlisted
def test_before_airflow_keeps_anything_a_retry_creates_again(kaizala, a_try, name, given, reply, returns):
    with pytest.raises(Killed):
        a_try(name, given, die)
    assert a_try(name, given, reply)[returns[0]] == returns[1]
    assert len(sent(kaizala)) == 2


@unlisted
def test_an_unknown_outcome_fails_without_a_retry_or_is_sent_once_more(
    kaizala, a_try, store, name, given, reply, returns
):
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer came back"):
        a_try(name, given, lambda request: (500, {}), store)
    assert len(sent(kaizala)) == 1
    replies = iter([(500, {}), (200, reply)])
    kaizala.otherwise = lambda request: next(replies)
    result = a_try(name, given, lambda request: next(replies), on_unknown_outcome="resend")
    assert result[returns[0]] == returns[1]
    assert len(sent(kaizala)) == 3


REPEATABLE = [
    ("KaizalaReactOperator", {}, {"reactionId": "n1"}),
    ("KaizalaPostResponseOperator", {"response_id": "r1"}, {"responseId": "r1"}),
    ("KaizalaPostResponseOperator", {"answers": None, "completed": True}, {}),
    ("KaizalaApiOperator", {}, {"members": []}),
]


@pytest.mark.parametrize(("name", "given", "reply"), REPEATABLE)
def test_a_call_that_is_safe_to_repeat_is_repeated(kaizala, a_try, store, name, given, reply):
    with pytest.raises(Killed):
        a_try(name, given, die, store)
    a_try(name, given, reply, store)
    a_try(name, given, reply, store)
    assert len(kaizala.calls()) == 3
    assert store == {}
