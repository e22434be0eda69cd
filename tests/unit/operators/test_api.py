"""Any operation by its name: whose grant it uses, what it sends, what of the reply is kept out of XCom."""

from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.operators import KaizalaApiOperator
from airflow_provider_kaizala.operators.api import without_secrets


def api(**given):
    return KaizalaApiOperator(
        task_id="t", **{"operation": "listMembers", "parameters": {"groupId": "g1"}, **given}
    )


def test_a_reply_holds_no_token():
    reply = {
        "webhooks": [{"id": "w1", "callbackToken": "s3cret", "x": {"AccessToken": "s3cret", "tokens": 3}}]
    }
    assert without_secrets(reply) == {
        "webhooks": [{"id": "w1", "callbackToken": "***", "x": {"AccessToken": "***", "tokens": 3}}]
    }


def test_a_reply_holds_no_token_of_a_callback_address():
    reply = [
        {
            "callbackUrl": "https://me.example/k?store=12&key=s3cret-of-mine",
            "mediaUrl": "https://a/b?sig=abcdefgh",
        }
    ]
    assert without_secrets(reply) == [
        {"callbackUrl": "https://me.example/k?store=12&key=***", "mediaUrl": "https://a/b?sig=abcdefgh"}
    ]


@pytest.mark.parametrize("given", [{}, {"group_id": ""}, {"group_id": "{{ params.nothing }}"}])
def test_the_grant_is_that_of_the_group_in_the_parameters(kaizala, run_task, group, given):
    kaizala.script = [(200, {"members": []})]
    task = api(parameters={"groupId": f" {group}\n"}, **given)
    assert run_task(task, params={"nothing": ""}) == {"members": []}
    (call,) = kaizala.calls()
    assert call.path == f"/groups/{group}/members"
    assert call.headers["accesstoken"] == "access-token-for-refresh-token-of-the-group"


def test_the_grant_is_that_of_the_group_that_is_named(kaizala, run_task, group):
    kaizala.script = [(200, {"members": []})]
    run_task(api(group_id=f" {group} "))
    assert kaizala.calls()[0].path == "/groups/g1/members"
    assert kaizala.calls()[0].headers["accesstoken"] == "access-token-for-refresh-token-of-the-group"


def test_whitespace_around_parameters_of_the_query_is_removed(kaizala, run_task):
    kaizala.script = [(200, {})]
    run_task(
        api(
            operation="getReactions",
            parameters={
                "groupId": "g1",
                "referenceId": "{{ 'ref-1' }} ",
                "sourceGroupId": " g0\n",
                "reactionType": "Like",
                "cursor": 7,
            },
        )
    )
    (call,) = kaizala.calls()
    assert call.path == "/groups/g1/reaction/ref-1"
    assert call.query == {"sourceGroupId": "g0", "reactionType": "Like", "cursor": "7"}


def test_a_body_may_be_json_text(kaizala, run_task):
    kaizala.script = [(200, {"result": "true"})]
    task = api(
        operation="UpdateMember",
        parameters={"groupId": "g1", "memberId": "u1"},
        body='{"role": "{{ params.role }}"}',
    )
    assert run_task(task, params={"role": "Admin"}) == {"result": "true"}
    (call,) = kaizala.calls()
    assert (call.method, call.path, call.json) == ("PUT", "/groups/g1/members/u1", {"role": "Admin"})


def test_files_are_uploaded(kaizala, run_task, tmp_path):
    (tmp_path / "a.png").write_bytes(b"png")
    task = KaizalaApiOperator(task_id="t", operation="uploadMedia", files=str(tmp_path / "a.png"))
    assert run_task(task) == {"mediaResource": "media-1"}
    assert b'filename="a.png"' in kaizala.uploads[0].body


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"operation": "listMember"},
            "operation: 'listMember' is not a known operationId; did you mean 'listMembers'?",
        ),
        ({"operation": "getAccessToken"}, "operation: getAccessToken exchanges secrets"),
        ({"operation": "getBotAccessToken"}, "getBotAccessToken exchanges secrets"),
        ({"parameters": {}}, "parameters: listMembers also needs groupId"),
        ({"parameters": None}, "parameters: listMembers also needs groupId"),
        (
            {"parameters": {"groupId": "{{ x }}", "page": 2}},
            "parameters: listMembers has no page; it accepts groupId",
        ),
        ({"parameters": {"groupId": " "}}, "parameters: groupId is empty"),
        ({"parameters": ["g1"]}, "parameters must be a dict of names and values"),
        ({"body": {"a": 1}}, "body: listMembers has no JSON body"),
        ({"body": "{no json"}, "body is not valid JSON"),
        ({"body": "[1]"}, "body must be a dict, or JSON text of one"),
        ({"files": "a.png"}, "files: listMembers has no files"),
        ({"files": "a.exe"}, "files: .*exe"),
        ({"operation": "uploadMedia", "parameters": None}, "files: uploadMedia needs at least one"),
        (
            {"operation": "createWebhook", "parameters": None, "body": {"callBackToken": "s3cret-of-mine"}},
            "callBackToken would be visible in the rendered template",
        ),
        ({"group_id": "a b"}, "group_id: 'a b' is not a valid group id"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says) as refused:
        api(**given)
    assert "s3cret-of-mine" not in str(refused.value)
