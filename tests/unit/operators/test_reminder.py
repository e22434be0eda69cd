from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.operators import KaizalaSendReminderOperator

ASHA, RAVI = "+910000000001", "+910000000002"
REPLY = (200, {"referenceId": "ref-9"})


def remind(**given):
    return KaizalaSendReminderOperator(task_id="t", **{"action_id": "a1", **given})


def test_a_reminder_goes_to_the_group(kaizala, run_task, group):
    kaizala.script = [REPLY]
    assert run_task(remind()) == {"group_id": group, "reference_id": "ref-9", "action_id": "a1"}
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/actions/a1/reminder"
    assert post.json == {}


def test_a_reminder_goes_to_chosen_or_all_subscribers(kaizala, run_task):
    kaizala.script = [REPLY, REPLY]
    run_task(remind(subscribers=["{{ params.who }}"]), params={"who": ASHA})
    run_task(remind(send_to_all_subscribers="{{ params.all }}"), params={"all": True})
    assert [post.json for post in kaizala.posts] == [{"subscribers": [ASHA]}, {"sendToAllSubscribers": True}]


def test_people_who_were_not_reminded_are_logged(kaizala, run_task, logs):
    failed = [{"subscriber": RAVI, "errorReason": "not on Kaizala"}]
    kaizala.script = [(200, {"referenceId": "ref-9", "failedResult": failed})]
    run_task(remind())
    assert f"Not everyone was reminded: {RAVI}: not on Kaizala" in logs.of("warning")[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"action_id": ""}, "action_id is empty"),
        ({"subscribers": [ASHA], "send_to_all_subscribers": True}, "either subscribers or .*, not both"),
        ({"subscribers": ["12"]}, "subscribers: '12' is not a phone number"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says):
        remind(**given)
