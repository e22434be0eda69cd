from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Property
from airflow_provider_kaizala.operators import KaizalaUpdateActionOperator

ASHA = "+910000000001"


def update(**given):
    return KaizalaUpdateActionOperator(
        task_id="t", **{"action_id": "a1", "properties": {"status": "Done"}, **given}
    )


def test_properties_of_a_card_are_changed_and_others_stay(kaizala, run_task, group):
    kaizala.script = [(200, {})]
    result = run_task(update(properties={"status": "{{ params.to }}", "count": 3}), params={"to": "Done"})
    assert result == {
        "group_id": group,
        "action_id": "a1",
        "properties": {"status": "Done", "count": "3"},
    }
    (call,) = kaizala.calls("/actions/a1")
    assert call.method == "PUT"
    assert call.json == {
        "version": -1,
        "updateProperties": [
            {"name": "status", "type": "Text", "value": "Done"},
            {"name": "count", "type": "Numeric", "value": "3"},
        ],
    }


@pytest.mark.parametrize(
    ("audience", "body"),
    [
        ({"subscribers": [ASHA]}, {"subscribers": [ASHA]}),
        ({"send_to_all_subscribers": True}, {"sendToAllSubscribers": True}),
    ],
)
def test_subscribers_are_told_of_a_change(kaizala, run_task, audience, body):
    kaizala.script = [(200, {})]
    run_task(update(properties=[Property("status", "Text", "Done")], notify=True, **audience))
    sent = kaizala.calls("/actions/a1")[0].json
    assert sent == {
        "version": -1,
        "updateProperties": [{"name": "status", "type": "Text", "value": "Done"}],
        "sendNotificationToSubscribers": True,
        **body,
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"properties": {}}, "properties is empty; give at least one to change"),
        ({"properties": {"a": [1]}}, "must be text or a number"),
        ({"notify": "yes"}, "notify must be True or False"),
        ({"subscribers": [ASHA], "send_to_all_subscribers": True}, "not both"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says):
        update(**given)


def test_properties_that_another_task_hands_on_are_checked_when_the_task_runs(kaizala, run_task, dag):
    with dag:
        up = KaizalaUpdateActionOperator(task_id="up", action_id="a1", properties={"a": 1})
        task = update(properties=up.output)
    with pytest.raises(AirflowFailException, match="t: properties is empty"):
        run_task(task, {"up": {}})
    assert kaizala.calls() == []
