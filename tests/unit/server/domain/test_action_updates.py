from __future__ import annotations

import pytest

GROUP = "11111111-1111-4111-8111-111111111111@1"


@pytest.fixture
def card(api) -> str:
    body = {
        "id": "com.example.card.2",
        "actionBody": {"title": "T", "properties": [{"name": "status", "type": 0, "value": "Open"}]},
    }
    return f"/groups/{GROUP}/actions/" + api.ok("POST", f"/groups/{GROUP}/actions", json=body)["actionId"]


def properties(api, card):
    return {p["name"]: p["value"] for p in api.ok("GET", card)["actionDetails"]["properties"]}


def test_properties_change_in_place(api, card) -> None:
    change = [
        {"name": "status", "type": "Text", "value": "Closed"},
        {"name": "by", "type": 0, "value": "Ravi"},
    ]
    assert api.ok("PUT", card, json={"version": -1, "updateProperties": change}) == {}
    assert properties(api, card) == {"status": "Closed", "by": "Ravi"}
    earlier = {"actionProperties": [{"propertyType": "Custom", "name": "by", "type": 0, "value": "Meera"}]}
    assert api.ok("PUT", card + "/properties", json=earlier) == {}
    assert properties(api, card)["by"] == "Meera"


@pytest.mark.parametrize(
    ("end", "name"),
    [("", "actionProperties"), ("/properties", "updateProperties"), ("/properties", "UPDATEPROPERTIES")],
)
def test_each_form_takes_the_name_of_the_other(api, card, end, name) -> None:
    change = [{"name": "status", "type": "Text", "value": "Closed"}]
    assert api.ok("PUT", card + end, json={"version": -1, name: change}) == {}
    assert properties(api, card) == {"status": "Closed"}


def test_values_that_are_no_strings(api, card) -> None:
    values = {"parts": ["a", "é"], "place": {"lt": 1.5, "lg": 2}, "count": 5, "done": True}
    change = [{"name": name, "type": "Text", "value": value} for name, value in values.items()]
    api.ok("PUT", card, json={"version": -1, "updateProperties": change})
    shown = properties(api, card)
    assert (shown["parts"], shown["place"]) == ('["a", "é"]', '{"lt": 1.5, "lg": 2}')
    assert (shown["count"], shown["done"]) == ("5", "true")


def test_versions(api, card) -> None:
    change = {"updateProperties": [{"name": "status", "type": 0, "value": "x"}]}
    api.ok("PUT", card, json={**change, "version": 1})
    api.refused(400, "PUT", card, json={**change, "version": 1})
    api.ok("PUT", card, json={**change, "version": 2})


@pytest.mark.parametrize("kind", [8, -1, "8", "²", "9" * 5000, "Colour"])
def test_the_type_of_a_property_is_a_known_name_or_number(api, card, kind) -> None:
    given = [{"name": "by", "type": kind, "value": "Ravi"}]
    refused = api.refused(400, "PUT", card, json={"updateProperties": given})
    assert refused["message"].startswith("updateProperties[0].type must be ")
    assert properties(api, card) == {"status": "Open"}


def test_only_cards_have_properties(api, survey) -> None:
    action_id = api.post_action("Survey", survey)["actionId"]
    body = {"updateProperties": [{"name": "a", "type": 0, "value": "x"}]}
    api.refused(400, "PUT", f"/groups/{GROUP}/actions/{action_id}", json=body)


def test_a_reminder_brings_the_action_up_again(api, ravi, survey) -> None:
    posted = api.post_action("Survey", survey)
    reply = api.ok("POST", f"/groups/{GROUP}/actions/{posted['actionId']}/reminder")
    assert reply["actionId"] == posted["actionId"]
    first, again = ravi.feed()["items"]
    assert (again["kind"], again["actionType"], again["actionId"]) == (
        "reminder",
        "Survey",
        posted["actionId"],
    )
    assert (again["replyToReferenceId"], again["mayAnswer"]) == (first["referenceId"], True)
    ravi.ok("POST", f"/actions/{posted['actionId']}/responses", json={"answers": ["Yes"]})
    assert [item["mayAnswer"] for item in ravi.feed()["items"]] == [False, False]
    assert api.details(posted["actionId"])["responseCount"] == 1
