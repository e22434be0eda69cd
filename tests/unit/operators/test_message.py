from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaForbiddenError
from airflow_provider_kaizala.operators import KaizalaCreateGroupOperator, KaizalaSendMessageOperator


@pytest.mark.parametrize("text", ["Hello", "see notes.md", "50 % off {not a template}", "नमस्ते 👋\nline two"])
def test_a_text_goes_out_as_it_is(kaizala, run_task, text, group):
    run_task(KaizalaSendMessageOperator(task_id="t", text=text))
    (post,) = kaizala.posts
    assert (post.method, post.path) == ("POST", f"/groups/{group}/messages")
    assert post.json == {"message": text}
    assert post.headers["content-type"] == "application/json"


def test_the_text_is_templated(kaizala, run_task):
    operator = KaizalaSendMessageOperator(
        task_id="t",
        text="{% for each in params.stores %}{{ each }} {% endfor %}",
        reply_to_reference_id="{{ params.before }}",
        subscribers=["{{ params.who }}"],
    )
    run_task(operator, params={"stores": ["A", "B"], "before": "ref-1", "who": "+910000000001"})
    assert kaizala.posts[0].json == {
        "message": "A B ",
        "replyToReferenceId": "ref-1",
        "subscribers": ["+910000000001"],
    }


def test_what_another_task_posted_is_replied_to(kaizala, run_task, dag):
    with dag:
        first = KaizalaSendMessageOperator(task_id="first", text="One")
        second = KaizalaSendMessageOperator(
            task_id="second", text="Two", reply_to_reference_id=first.output["reference_id"]
        )
    assert second.upstream_task_ids == {"first"}
    posted = run_task(first)
    run_task(second, {"first": posted})
    assert kaizala.posts[1].json["replyToReferenceId"] == posted["reference_id"]


def test_a_refusal_says_that_a_group_with_sub_groups_takes_no_plain_messages(
    kaizala_server, kaizala_conn, variables, run_task, group
):
    run_task(
        KaizalaCreateGroupOperator(task_id="g", name="North", welcome_message="Hi", parent_group_id=group)
    )
    with pytest.raises(KaizalaForbiddenError) as refused:
        run_task(KaizalaSendMessageOperator(task_id="t", text="Hello"))
    says = (
        "if the group has sub-groups, Kaizala accepts no plain messages in it: use KaizalaSendAnnouncementOp"
    )
    assert says in str(refused.value)
    assert "otherwise the connector may lack a permission" in str(refused.value)
