from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaForbiddenError
from airflow_provider_kaizala.client.models import Audience
from airflow_provider_kaizala.client.tell import tell
from airflow_provider_kaizala.hooks import KaizalaHook
from airflow_provider_kaizala.operators import KaizalaCreateGroupOperator

REPLY = Audience(reply_to_reference_id="ref-1")


def test_a_group_with_sub_groups_is_told_by_an_announcement(
    kaizala_server, kaizala_conn, variables, run_task, group
):
    run_task(
        KaizalaCreateGroupOperator(task_id="g", name="North", welcome_message="Hi", parent_group_id=group)
    )
    posted = KaizalaHook().read(tell(group, "Hello", Audience()))
    (item,) = kaizala_server.feed(group)
    assert item["referenceId"] == posted.reference_id
    assert [len(kaizala_server.journal(operation=name)) for name in ("sendMessage", "postAction")] == [1, 1]


def test_a_group_is_told_by_a_message_where_that_is_accepted(kaizala, group):
    KaizalaHook().read(tell(group, "Hello", REPLY))
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/messages"
    assert post.json == {"message": "Hello", "replyToReferenceId": "ref-1"}


def test_the_announcement_is_a_reply_too(kaizala, group):
    kaizala.script.append(kaizala.error(403))
    KaizalaHook().read(tell(group, "Hello", REPLY))
    assert kaizala.posts[1].json == {
        "actionType": "Announcement",
        "actionBody": {"Message": "Hello"},
        "replyToReferenceId": "ref-1",
    }


def test_if_both_are_refused_the_refusal_of_the_message_is_raised(kaizala, group):
    kaizala.script += [kaizala.error(403), kaizala.error(403)]
    with pytest.raises(KaizalaForbiddenError, match="sendMessage failed"):
        KaizalaHook().read(tell(group, "Hello", Audience()))


def test_another_refusal_is_raised_at_once(kaizala, group):
    kaizala.script.append(kaizala.error(400))
    with pytest.raises(KaizalaBadRequestError, match="sendMessage failed"):
        KaizalaHook().read(tell(group, "Hello", Audience()))
    assert len(kaizala.posts) == 1
