from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaForbiddenError, KaizalaInputError
from airflow_provider_kaizala.operators import KaizalaReactOperator

REPLY = (200, {"reactionId": "re-9"})


def react(**given):
    return KaizalaReactOperator(task_id="t", **{"reference_id": "ref-1", **given})


def test_without_a_comment_it_is_a_like(kaizala, run_task, group):
    kaizala.script = [REPLY]
    assert run_task(react()) == {"group_id": group, "reference_id": "ref-1", "reaction_id": "re-9"}
    assert kaizala.posts[0].json == {
        "referenceId": "ref-1",
        "sourceGroupId": group,
        "reactionType": "Like",
    }


def test_a_comment_and_the_group_above_are_templates(kaizala, run_task, group):
    kaizala.script = [REPLY]
    task = react(comment="Well done, {{ params.who }}", source_group_id=" {{ params.above }}\n")
    run_task(task, params={"who": "Asha", "above": "g-above"})
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/reaction"
    assert post.json == {
        "referenceId": "ref-1",
        "sourceGroupId": "g-above",
        "reactionType": "Comment",
        "comment": "Well done, Asha",
    }


def test_a_refusal_of_kaizala_is_raised(kaizala, run_task):
    kaizala.script = [kaizala.error(403)]
    with pytest.raises(KaizalaForbiddenError):
        run_task(react())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"comment": "x" * 4001}, "comment has 4001 characters"),
        ({"comment": " "}, "comment is empty"),
        ({"reference_id": None}, "reference_id is None"),
        ({"source_group_id": "a b"}, "source_group_id: 'a b' is not a valid group id"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says):
        react(**given)
