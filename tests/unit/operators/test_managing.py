"""The operators that do not post: what they refuse and when, what they send, what they do when Kaizala says no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.client.calls import complete_job
from airflow_provider_kaizala.client.errors import (
    KaizalaForbiddenError,
    KaizalaInputError,
)
from airflow_provider_kaizala.operators.post import KaizalaPostOperator

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
URL = "https://me.example/kaizala"
#: an operator with arguments that are right
RIGHT = {
    ops.KaizalaCreateGroupOperator: {"name": "North", "welcome_message": "Hi"},
    ops.KaizalaAttachSubGroupsOperator: {"sub_groups": ["g2"]},
    ops.KaizalaDetachSubGroupsOperator: {"sub_groups": ["g2"]},
    ops.KaizalaAddMembersOperator: {"members": [ASHA]},
    ops.KaizalaRemoveMembersOperator: {"members": [ASHA]},
    ops.KaizalaSyncMembersOperator: {"members": [ASHA]},
    ops.KaizalaAddSubscribersOperator: {"subscribers": [ASHA]},
    ops.KaizalaRemoveSubscribersOperator: {"subscribers": [ASHA]},
    ops.KaizalaSyncSubscribersOperator: {"subscribers": [ASHA]},
    ops.KaizalaSendReminderOperator: {"action_id": "a1"},
    ops.KaizalaUpdateActionOperator: {"action_id": "a1", "properties": {"status": "Done"}},
    ops.KaizalaReactOperator: {"reference_id": "r1"},
    ops.KaizalaPostResponseOperator: {"action_id": "a1", "answers": ["Yes"]},
    ops.KaizalaCreateWebhookOperator: {"event_types": ["MemberAdded"], "callback_url": URL},
    ops.KaizalaUpdateWebhookOperator: {"webhook_id": "w1", "active": True},
    ops.KaizalaDeleteWebhookOperator: {"webhook_id": "w1"},
    ops.KaizalaApiOperator: {"operation": "listMembers", "parameters": {"groupId": "g1"}},
}
BAD = [
    (ops.KaizalaCreateGroupOperator, {"name": " "}, "name is empty"),
    (ops.KaizalaCreateGroupOperator, {"members": [ASHA, "12"]}, "members: '12' is not a phone number"),
    (
        ops.KaizalaCreateGroupOperator,
        {"group_type": "Hub"},
        "group_type must be one of Group, ConnectGroup",
    ),
    (
        ops.KaizalaCreateGroupOperator,
        {"parent_group_id": "a b"},
        "parent_group_id: 'a b' is not a valid group id",
    ),
    (ops.KaizalaAttachSubGroupsOperator, {"sub_groups": []}, "sub_groups is empty"),
    (ops.KaizalaDetachSubGroupsOperator, {"sub_groups": "g2"}, "sub_groups must be a list of group ids"),
    (ops.KaizalaAddMembersOperator, {"members": []}, "members is empty"),
    (ops.KaizalaSyncMembersOperator, {"members": []}, "members is empty"),
    (
        ops.KaizalaSyncMembersOperator,
        {"max_removals": -1},
        "max_removals: a whole number from 0 on is needed, not -1",
    ),
    (ops.KaizalaSyncMembersOperator, {"dry_run": "perhaps"}, "^dry_run must be True or False"),
    (
        ops.KaizalaSyncMembersOperator,
        {"members": [910000000001]},
        "such as .* as text: render_template_as_native_obj",
    ),
    (ops.KaizalaSyncMembersOperator, {"keep_admins": 1}, "keep_admins must be True or False"),
    (ops.KaizalaRemoveSubscribersOperator, {"subscribers": ["x"]}, "subscribers: 'x' is not a phone number"),
    (ops.KaizalaSendReminderOperator, {"action_id": ""}, "action_id is empty"),
    (ops.KaizalaSendReminderOperator, {"subscribers": [ASHA], "send_to_all_subscribers": True}, "not both"),
    (ops.KaizalaUpdateActionOperator, {"properties": {}}, "properties is empty"),
    (ops.KaizalaUpdateActionOperator, {"properties": {"a": [1]}}, "must be text or a number"),
    (ops.KaizalaReactOperator, {"comment": "x" * 4001}, "comment has 4001 characters"),
    (ops.KaizalaReactOperator, {"reference_id": None}, "reference_id is None"),
    (ops.KaizalaPostResponseOperator, {"answers": None}, "give either answers"),
    (ops.KaizalaPostResponseOperator, {"completed": True}, "give either answers"),
    (ops.KaizalaPostResponseOperator, {"answers": [None, None]}, "answers holds no answer"),
    (ops.KaizalaPostResponseOperator, {"answers": ["a", True]}, r"answers\[1\]: True is no answer"),
    (ops.KaizalaPostResponseOperator, {"answers": "Yes"}, "answers must be a list of answers"),
    (
        ops.KaizalaPostResponseOperator,
        {"location": {"latitude": 91, "longitude": 0}},
        "location: latitude must be within",
    ),
    (
        ops.KaizalaCreateWebhookOperator,
        {"event_types": []},
        "event_types is empty; give one or more of ActionCreated",
    ),
    (
        ops.KaizalaCreateWebhookOperator,
        {"event_types": ["Message"]},
        "event_types must be one of .*not 'Message'",
    ),
    (
        ops.KaizalaCreateWebhookOperator,
        {"callback_url": "me.example"},
        "callback_url must be an https:// address",
    ),
    (
        ops.KaizalaCreateWebhookOperator,
        {"callback_url": "https://u:pass-word@me.example"},
        "callback_url must be an https:// address",
    ),
    (
        ops.KaizalaCreateWebhookOperator,
        {"object_type": "Action"},
        "object_id is missing; a webhook on an Action needs it",
    ),
    (ops.KaizalaCreateWebhookOperator, {"object_id": "a1"}, "object_id: a webhook on a group takes group_id"),
    (ops.KaizalaCreateWebhookOperator, {"expires": timedelta(0)}, "expires must be .* above zero"),
    (ops.KaizalaUpdateWebhookOperator, {"active": "perhaps"}, "active must be True or False"),
    (ops.KaizalaDeleteWebhookOperator, {"webhook_id": ""}, "webhook_id is empty"),
    (
        ops.KaizalaApiOperator,
        {"operation": "listMember"},
        "operation: 'listMember' is not a known operationId; did you mean listMembers",
    ),
    (ops.KaizalaApiOperator, {"operation": "getAccessToken"}, "operation: getAccessToken exchanges secrets"),
    (ops.KaizalaApiOperator, {"operation": "getBotAccessToken"}, "exchanges secrets"),
    (ops.KaizalaApiOperator, {"parameters": {}}, "parameters: listMembers also needs groupId"),
    (
        ops.KaizalaApiOperator,
        {"parameters": {"groupId": "{{ x }}", "page": 2}},
        "parameters: listMembers has no page",
    ),
    (
        ops.KaizalaApiOperator,
        {"parameters": {"groupId": " "}},
        "parameters: groupId is empty",
    ),
    (ops.KaizalaApiOperator, {"parameters": ["g1"]}, "parameters: a dict of names and values is needed"),
    (ops.KaizalaApiOperator, {"body": {"a": 1}}, "body: listMembers has no JSON body"),
    (ops.KaizalaApiOperator, {"body": "{no json"}, "body: the text is no JSON"),
    (ops.KaizalaApiOperator, {"files": "a.png"}, "files: listMembers has no files"),
    (
        ops.KaizalaApiOperator,
        {"operation": "uploadMedia", "parameters": None},
        "files: uploadMedia needs at least one",
    ),
    (
        ops.KaizalaApiOperator,
        {"operation": "createWebhook", "parameters": None, "body": {"callBackToken": "s3cret-of-mine"}},
        "callBackToken would stand in the rendered template",
    ),
]


def test_all_are_here():
    posting = {name for name in ops.__all__ if issubclass(getattr(ops, name), KaizalaPostOperator)}
    assert {each.__name__ for each in RIGHT} == set(ops.__all__) - posting


@pytest.mark.parametrize(("operator", "change", "says"), BAD)
def test_what_is_refused_when_the_dag_is_parsed(operator, change, says):
    with pytest.raises(KaizalaInputError, match=says) as refused:
        operator(task_id="t", **{**RIGHT[operator], **change})
    assert "s3cret-of-mine" not in str(refused.value)
    assert "pass-word" not in str(refused.value)


@pytest.mark.parametrize("operator", RIGHT, ids=lambda each: each.__name__)
def test_templates_wait_for_the_run(operator, run_task, kaizala):
    """Each templated argument may hold a template, and what it renders to is checked before anything is sent."""
    for name in set(operator.template_fields) - {"kaizala_conn_id", "parameters", "files"}:
        given = {"dry_run" if name == "is_dry_run" else name: "{{ params.bad }}"}
        right = {key: value for key, value in RIGHT[operator].items() if key not in ("answers", "active")}
        if operator is ops.KaizalaPostResponseOperator and name != "answers":
            right["completed" if name == "completed" else "answers"] = "{{ params.bad }}"
        if name == "object_id":
            given["object_type"] = "Action"
        task = operator(task_id=f"t_{name}", **{**right, **given})
        with pytest.raises(AirflowFailException, match=f"t_{name}: "):
            run_task(task, params={"bad": " "})
    assert kaizala.requests == []


class TestMembers:
    def serve(self, kaizala, *numbers, **replies):
        members = [
            {"id": f"u{n[-1]}", "role": "Member", "mobileNumber": n, "isProvisioned": True} for n in numbers
        ]

        def answer(request):
            if request.path.endswith("/users/me"):
                return replies.get(
                    "me", (200, {"id": "me", "name": "Airflow", "mobileNumber": "+910000000099"})
                )
            if request.method == "GET":
                return 200, {"members": [*members, {"id": "bot", "role": "Member", "isProvisioned": True}]}
            return replies.get(request.method, (200, {"result": "true"}))

        kaizala.otherwise = answer

    def test_one_who_left_meanwhile_is_removed(self, kaizala, run_task, group):
        self.serve(kaizala, ASHA, RAVI, DELETE=kaizala.error(404))
        result = run_task(ops.KaizalaSyncMembersOperator(task_id="t", members=[ASHA]))
        assert result == {"group_id": group, "added": [], "removed": [RAVI], "kept": [], "dry_run": False}

    def test_a_no_is_a_failure_that_may_be_retried(self, kaizala, run_task):
        self.serve(kaizala, ASHA, PUT=(200, {"result": "false"}))
        with pytest.raises(AirflowException, match=rf"did not add \{MEERA}") as refused:
            run_task(ops.KaizalaSyncMembersOperator(task_id="t", members=[MEERA]))
        assert not isinstance(refused.value, AirflowFailException)

    def test_those_who_are_there_are_added_before_anybody_leaves(self, kaizala, run_task):
        self.serve(kaizala, ASHA)
        run_task(ops.KaizalaSyncMembersOperator(task_id="t", members=[MEERA]))
        assert [each.method for each in kaizala.calls() if each.method != "GET"] == ["PUT", "DELETE"]

    def test_a_dry_run_changes_nothing(self, kaizala, run_task):
        self.serve(kaizala, ASHA)
        run_task(ops.KaizalaSyncMembersOperator(task_id="t", members=[MEERA], dry_run=True))
        assert {each.method for each in kaizala.calls()} == {"GET"}

    def test_without_leave_to_ask_who_the_token_is_admins_stay_all_the_same(self, kaizala, run_task):
        self.serve(kaizala, ASHA, RAVI, me=kaizala.error(403))
        result = run_task(ops.KaizalaSyncMembersOperator(task_id="t", members=[ASHA]))
        assert result["removed"] == [RAVI]
        with pytest.raises(KaizalaForbiddenError, match="getMe"):
            run_task(ops.KaizalaSyncMembersOperator(task_id="t", members=[ASHA], keep_admins=False))

    def test_too_many_would_leave(self, kaizala, run_task):
        self.serve(kaizala, ASHA, RAVI, MEERA)
        task = ops.KaizalaSyncMembersOperator(task_id="t", members=["+910000000009"], max_removals="{{ 2 }}")
        with pytest.raises(
            AirflowFailException, match=r"3 of 3 members .* max_removals is 2: nothing was changed"
        ):
            run_task(task)
        assert {each.method for each in kaizala.calls()} == {"GET"}

    def test_a_subscriber_who_could_not_be_added_is_named(self, kaizala, run_task):
        result = {ASHA: {"isAdded": True}, RAVI: {"isAdded": False, "errorReason": "no such person"}}
        kaizala.otherwise = lambda request: (
            200,
            {"subscribers": []} if request.method == "POST" else {"result": result},
        )
        with pytest.raises(AirflowException, match=rf"not added to .*\{RAVI}: no such person"):
            run_task(ops.KaizalaAddSubscribersOperator(task_id="t", subscribers=[ASHA, RAVI]))


class TestGroups:
    def test_a_group_that_was_made_is_not_made_again(self, kaizala, run_task):
        numbers = [f"+9199{number:08}" for number in range(101)]
        kaizala.script = [(200, {"groupId": "g9", "groupName": "North"}), kaizala.error(403)]
        with pytest.raises(
            AirflowFailException, match="group g9 was created, but 1 of its members could not be added"
        ):
            run_task(
                ops.KaizalaCreateGroupOperator(
                    task_id="t", name="North", welcome_message="Hi", members=numbers
                )
            )

    def test_a_sub_group_goes_with_the_grant_of_its_parent(self, kaizala, run_task, group):
        kaizala.script = [(200, {"groupId": "g9", "groupName": "N"})]
        run_task(
            ops.KaizalaCreateGroupOperator(
                task_id="t", name="N", welcome_message="Hi", parent_group_id=group, join=False
            )
        )
        (call,) = kaizala.calls("subGroups")
        assert call.headers["accesstoken"] == "access-token-for-refresh-token-of-the-group"
        assert call.json["addUserToGroup"] is False


class TestFollowUp:
    def test_answers_in_the_form_they_are_sent_in(self, kaizala, run_task):
        kaizala.otherwise = lambda request: (200, {"responseId": "r7"})
        moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
        place = {"latitude": "17.4", "longitude": 78.3}
        task = ops.KaizalaPostResponseOperator(
            task_id="t",
            action_id="a1",
            answers=["A", 2, ["X", "Y"], moment, place, None],
            name="{{ 'As' ~ 'ha' }}",
        )
        assert run_task(task)["response_id"] == "r7"
        assert kaizala.posts[0].json["actionBody"] == {
            "Answers": ["A", 2, ["X", "Y"], 1772366400, {"lt": 17.4, "lg": 78.3, "n": ""}, None],
            "responseName": "Asha",
        }

    def test_an_unknown_outcome_is_not_retried(self, dropper, run_task):
        for task in (
            ops.KaizalaSendReminderOperator(task_id="remind", action_id="a1"),
            ops.KaizalaReactOperator(task_id="comment", reference_id="r1", comment="Hi"),
            ops.KaizalaPostResponseOperator(task_id="answer", action_id="a1", answers=["A"]),
        ):
            with pytest.raises(AirflowFailException, match="no readable answer came back"):
                run_task(task)
        assert len(dropper.posts) == 3

    def test_refused_by_kaizala(self, kaizala, run_task):
        kaizala.otherwise = lambda request: kaizala.error(403)
        with pytest.raises(KaizalaForbiddenError):
            run_task(ops.KaizalaReactOperator(task_id="t", reference_id="r1"))


class TestWebhooks:
    SECRET = "callback-token-of-the-connector"

    def test_the_callback_token_comes_from_the_connection(self, kaizala, run_task, group, caplog):
        kaizala.script = [(200, {"webhooks": []}), (200, {"webhookId": "w1"})]
        task = ops.KaizalaCreateWebhookOperator(task_id="t", event_types=["memberadded"], callback_url=URL)
        result = run_task(task)
        assert result == {"webhook_id": "w1", "object_id": group, "object_type": "Group", "created": True}
        assert kaizala.posts[0].json == {
            "objectId": group,
            "objectType": "Group",
            "eventTypes": ["MemberAdded"],
            "callBackUrl": URL,
            "callBackToken": self.SECRET,
        }
        assert self.SECRET not in caplog.text
        assert not any(self.SECRET in str(getattr(task, name)) for name in task.template_fields)

    def test_a_token_in_the_address_is_masked(self, kaizala, run_task, monkeypatch):
        masked = []
        monkeypatch.setattr("airflow_provider_kaizala.operators.webhook.mask_secret", masked.append)
        kaizala.script = [(200, {})] * 2
        for url in (None, URL + "?store=12&sig=Sig%2Fof12345"):
            run_task(ops.KaizalaUpdateWebhookOperator(task_id="t", webhook_id="w", callback_url=url))
        assert masked == ["Sig%2Fof12345", "Sig/of12345"]

    def test_one_that_is_there_is_brought_up_to_date(self, kaizala, run_task):
        there = {
            "id": "w0", "objectId": "x", "objectType": "Action", "events": [], "callbackUrl": URL, "active": False,
        }  # fmt: skip
        kaizala.script = [
            (200, {"webhooks": [{**there, "id": "other", "callbackUrl": URL + "/2"}, there]}),
            (200, {}),
        ]
        task = ops.KaizalaCreateWebhookOperator(
            task_id="t", event_types=["JobResponse"], callback_url=URL, object_type="Action", object_id="a1"
        )
        assert run_task(task)["webhook_id"] == "w0"
        (call,) = kaizala.calls("/webhook/w0")
        assert (call.method, call.json["Active"], call.json["eventTypes"]) == ("PUT", "true", ["JobResponse"])


NOTHING_CAME = [
    (ops.KaizalaSyncMembersOperator, "group_id"),
    (ops.KaizalaSyncMembersOperator, "max_removals"),
    (ops.KaizalaCreateGroupOperator, "parent_group_id"),
    (ops.KaizalaReactOperator, "comment"),
    (ops.KaizalaPostResponseOperator, "answers"),
    (ops.KaizalaPostResponseOperator, "response_id"),
    (ops.KaizalaApiOperator, "group_id"),
]


@pytest.mark.parametrize(("operator", "name"), NOTHING_CAME)
def test_what_was_to_come_and_is_none_is_not_taken_for_left_out(operator, name, kaizala, run_task):
    """Else a sync would empty the default group, a comment become a like, a sub-group one of its own."""
    task = operator(task_id="t", **{**RIGHT[operator], name: "{{ params.nothing }}"})
    setattr(task, name, None)  # as an XCom does, or a native template
    with pytest.raises(AirflowFailException, match=f"t: {name} is None: what was to bring it"):
        run_task(task)
    assert kaizala.calls() == []


def test_a_job_is_not_done_because_nothing_came(kaizala, run_task):
    task = ops.KaizalaPostResponseOperator(task_id="t", action_id="a1", completed="{{ params.nothing }}")
    task.completed = None
    with pytest.raises(AirflowFailException, match="completed is None"):
        run_task(task)
    with pytest.raises(KaizalaInputError, match="done must be True or False"):
        complete_job("g1", "a1", None)
    assert kaizala.calls() == []
