"""Every sample of the contract on the live server: requests are taken as they stand, replies have the shape.

The payloads of webhooks, which are samples too, are in ``tests/unit/server/delivery/test_payloads.py``.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.description import contract
from tests.contract.shop import ASHA, HUB, RAVI, STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from tests.contract.shop import Shop

RESPONSES, SCHEMAS = "components/responses/", "components/schemas/"


@functools.cache
def examples() -> dict[str, Any]:
    """Return each example of the description by its place."""

    def walk(value: Any, place: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key in ("example", "examples"):
                if key in value:
                    yield place, value[key]
            for key, item in value.items():
                yield from walk(item, f"{place}/{key}" if place else str(key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from walk(item, f"{place}/{index}")

    return dict(walk(contract(), ""))


def shape(value: Any) -> Any:
    """Return what a value is made of: names and types, at every depth."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def holds(reply: Any, sample: Any, place: str = "") -> None:
    """Check that a reply has all that a sample has, of the same types."""
    if isinstance(sample, dict):
        assert isinstance(reply, dict), place
        for name, item in sample.items():
            assert name in reply, f"{place}.{name}"
            holds(reply[name], item, f"{place}.{name}")
    elif isinstance(sample, list):
        assert isinstance(reply, list), place
        assert len(reply) >= len(sample), place
        for index, item in enumerate(sample):
            holds(reply[index], item, f"{place}[{index}]")
    else:
        assert type(reply) is type(sample), place


def of(operation_path: str, method: str) -> str:
    return f"paths/{operation_path}/{method}/responses/200/content/application/json"


def fails(shop: Shop, method: str, path: str, **headers: str) -> requests.Response:
    return shop.http.request(method, shop.url + "/v1" + path, headers=headers)


GROUP = f"/groups/{STORE}"
SURVEY = {
    "title": "Daily",
    "questions": [{"title": "Site?", "type": "Text"}],
    "acceptMultipleResponses": True,
}
REPLIES: dict[str, Callable[[Shop], Any]] = {
    of("/generatePin", "post"): lambda shop: shop.call(
        "POST", "/generatePin", {"mobileNumber": RAVI, "applicationId": "app"}
    ),
    of("/groups", "post"): lambda shop: shop.call(
        "POST", "/groups", {"name": "Night shift", "welcomeMessage": "Hi", "members": [RAVI]}
    ),
    of("/groups/{groupId}/members", "put"): lambda shop: shop.call(
        "PUT", GROUP + "/members", {"members": [RAVI]}
    ),
    of("/groups/{groupId}/members/{memberId}", "delete"): lambda shop: shop.call(
        "DELETE", f"{GROUP}/members/{shop.filled('the-real-member')}"
    ),
    of("/groups/{groupId}/subscribers/add", "put"): lambda shop: shop.call(
        "PUT", f"/groups/{HUB}/subscribers/add", {"subscribers": [ASHA]}
    ),
    of("/groups/{groupId}/subscribers/remove", "put"): lambda shop: shop.call(
        "PUT", f"/groups/{HUB}/subscribers/remove", {"subscribers": [ASHA]}
    ),
    of("/groups/{groupId}/messages", "post"): lambda shop: shop.call(
        "POST", GROUP + "/messages", {"message": "Hello"}
    ),
    of("/groups/{groupId}/actions", "post"): lambda shop: shop.call(
        "POST", GROUP + "/actions", {"actionType": "Survey", "actionBody": SURVEY}
    ),
    of("/groups/{groupId}/actions/{actionId}/responses", "post"): lambda shop: shop.call(
        "POST",
        f"{GROUP}/actions/{shop.filled('the-real-survey')}/responses",
        {"actionType": "Survey", "actionBody": {"Answers": ["A"]}},
    ),
}
REFUSALS: dict[str, Callable[[Shop], requests.Response]] = {
    RESPONSES + "Unauthorized/content/application/json": lambda shop: fails(
        shop, "GET", GROUP, accessToken="x"
    ),
    RESPONSES + "BadConnectorCredentials/content/application/json": lambda shop: fails(
        shop, "GET", "/accessToken", applicationId="app", applicationSecret="x", refreshToken="tenant-token"
    ),
    RESPONSES + "MethodNotAllowed/content/application/json": lambda shop: fails(shop, "PATCH", GROUP),
}
ERROR = SCHEMAS + "Error/properties/"


def codes(shop: Shop, name: str) -> set[str]:
    broken = shop.http.post(
        f"{shop.url}/v1{GROUP}/messages", data="{", headers={"accessToken": shop.token("tenant")}
    )
    return {reply.json()[name] for reply in (broken, *(refusal(shop) for refusal in REFUSALS.values()))}


def test_replies_to_the_examples(shop: Shop) -> None:
    for place, call in REPLIES.items():
        reply, example = call(shop), examples()[place]
        holds(reply, example)
        assert "message" not in reply
        assert "errorCode" not in reply
        if "result" in example:
            assert reply == example


def test_refusals_are_the_examples_word_for_word(shop: Shop) -> None:
    for place, call in REFUSALS.items():
        assert call(shop).json() == examples()[place]


def test_values_of_fields(shop: Shop) -> None:
    assert codes(shop, "errorCode") >= set(examples()[ERROR + "errorCode"])
    assert codes(shop, "errorCategoryKey") >= set(examples()[ERROR + "errorCategoryKey"])
    [phone] = examples()[SCHEMAS + "PhoneNumber"]
    assert shop.call("PUT", GROUP + "/members", {"members": [phone]}) == {"result": "true"}
    # An id of that form is understood, though nobody has this one.
    [group] = examples()[SCHEMAS + "GroupId"]
    reply = fails(shop, "GET", f"/groups/{group}", accessToken=shop.token("tenant"))
    assert reply.json()["message"] == "The group was not found"


def test_properties_of_the_kind_custom(shop: Shop) -> None:
    place = (
        SCHEMAS + "UpdateActionPropertiesRequest/properties/actionProperties/items/properties/propertyType"
    )
    [kind] = examples()[place]
    card = shop.filled("the-real-card")
    changed = {"propertyType": kind, "name": "status", "type": 0, "value": "Closed"}
    body = {"version": -1, "notificationTargetGroup": STORE, "actionProperties": [changed]}
    assert shop.call("PUT", f"{GROUP}/actions/{card}/properties", body) == {}
    details = shop.call("GET", f"{GROUP}/actions/{card}")["actionDetails"]
    assert {"name": "status", "type": "Text", "value": "Closed"} in details["properties"]


def test_no_example_is_left_out() -> None:
    elsewhere = {SCHEMAS + "AttachmentData/properties/actionType"}  # a payload
    fields = {
        SCHEMAS + "GroupId",
        SCHEMAS + "PhoneNumber",
        ERROR + "errorCode",
        ERROR + "errorCategoryKey",
        SCHEMAS + "UpdateActionPropertiesRequest/properties/actionProperties/items/properties/propertyType",
    }
    assert set(examples()) == {*REPLIES, *REFUSALS, *fields, *elsewhere}


JOB = json.loads(r"""
{"actionType":"Job","actionId":"a1","creatorId":"u1","creatorName":"Asha",
 "actionDetails":{"dueDate":"2020-11-04T20:59:59Z","title":"Check pump","responseCount":1,"assigneeCount":1,
  "assignee":[{"mobileNumber":"+910000000001","name":"Ravi"}],
  "responses":[{"assignee":"+910000000001","response":"InProgress",
    "notes":"[]","attachments":[]}]}}
""")
# The notes of the capture: a string that holds JSON.
NOTE = {
    "UPDATE_TYPE": "STATUS_UPDATED",
    "UPDATE_TEXT": "In Progress",
    "UPDATE_TIME": "Tue 3 Nov, 10:40",
    "UPDATE_TIME_EPOCH": 1604396444045,
    "ATTACHMENT": "",
}


def test_the_captured_job(shop: Shop) -> None:
    body = {"title": "Check pump", "assignedTo": [RAVI], "dueDate": 24}
    made = shop.call("POST", GROUP + "/actions", {"actionType": "Job", "actionBody": body})
    path = f"{GROUP}/actions/{made['actionId']}"
    done = '{actionType:"Job",actionBody:{isCompleted:true}}'
    headers = {"accessToken": shop.token("user")}
    assert shop.http.post(f"{shop.url}/v1{path}/responses", data=done, headers=headers).json()["responseId"]
    found = shop.call("GET", path, params={"getDetails": "true"})
    holds(found, JOB)
    assert found["actionDetails"]["assignee"] == [{"mobileNumber": RAVI, "name": "Ravi"}]
    [response] = found["actionDetails"]["responses"]
    assert shape(response) == shape(JOB["actionDetails"]["responses"][0])
    [note] = json.loads(response["notes"])
    assert shape(note) == shape(NOTE)
    assert note["UPDATE_TYPE"] == "STATUS_UPDATED"


@pytest.mark.parametrize(
    "body", ['{message:"x"}', "{'message': 'x'}", "{'message': \"x\"}", '{"Message": "x"}']
)
def test_messages_as_production_took_them(shop: Shop, body: str) -> None:
    headers = {"accessToken": shop.token("tenant")}
    reply = shop.http.post(f"{shop.url}/v1{GROUP}/messages", data=body, headers=headers)
    holds(reply.json(), {"referenceId": "r1"})


def test_known_errors(shop: Shop) -> None:
    known = {
        "Token missing. Header should have token as value of ACCESSTOKEN": fails(shop, "GET", GROUP),
        "Invalid token. Failure reason:Token validation failed due to unknown reason!": fails(
            shop, "GET", GROUP, accessToken="x"
        ),
    }
    for text, reply in known.items():
        assert reply.status_code == 401
        assert reply.json() == {
            "message": text,
            "errorCode": "InvalidToken",
            "errorCategoryKey": "AuthException",
        }


def test_a_card_is_changed_in_place(shop: Shop) -> None:
    body = {"title": "Card", "properties": [{"name": "status", "type": "Text", "value": "Open"}]}
    made = shop.call("POST", GROUP + "/actions", {"id": "com.example.card.2", "actionBody": body})
    changed = {"version": -1, "updateProperties": [{"name": "status", "type": "Text", "value": "Closed"}]}
    path = f"{GROUP}/actions/{made['actionId']}"
    assert (
        shop.call(
            "PUT", path, {**changed, "sendNotificationToSubscribers": True, "sendToAllSubscribers": True}
        )
        == {}
    )
    assert shop.call("GET", path)["actionDetails"]["properties"] == changed["updateProperties"]
    reminder = shop.call("POST", path + "/reminder")
    assert reminder["referenceId"] != made["referenceId"]


def test_a_webhook_is_made_active_again(shop: Shop) -> None:
    webhook = shop.filled("the-real-webhook")
    assert shop.call("PUT", f"/webhook/{webhook}", {"Active": "false"}) == {}
    assert shop.call("PUT", f"/webhook/{webhook}", {"Active": "true"}) == {}
    found = shop.call("GET", "/webhook", params={"objectId": STORE, "objectType": "Group"})["webhooks"]
    assert next(one for one in found if one["id"] == webhook)["active"] is True


@pytest.mark.parametrize("kind", ["Poll", "LetsMeet"])
def test_who_voted(shop: Shop, kind: str) -> None:
    """C17 and C25: counts, responses as the webhook's objects, and a count in the list."""
    body: dict[str, Any] = {"question": "Open?", "choices": [{"title": "Yes"}, {"title": "No"}]}
    if kind == "LetsMeet":
        body = {"title": "Stock", "startingTime": "2030-01-01T10:00:00Z", "DurationInMins": 45}
    action = shop.call("POST", GROUP + "/actions", {"actionType": kind, "actionBody": body})["actionId"]
    person = shop.http.post(shop.url + "/people/session", json={"mobileNumber": RAVI, "pin": "1234"}).json()[
        "token"
    ]
    headers = {"Authorization": f"Bearer {person}"}
    voted = shop.http.post(
        f"{shop.url}/people/actions/{action}/votes", json={"choice": "Yes"}, headers=headers
    )
    assert voted.status_code == 200, voted.text
    details = shop.call("GET", f"{GROUP}/actions/{action}", params={"getDetails": "true"})["actionDetails"]
    assert [choice["count"] for choice in details["choices"]][:2] == [1, 0]
    [response] = details["responses"]
    [answer, *system] = response["responseDetails"]["responseWithQuestions"]
    assert (answer["type"], answer["answer"], response["responder"]) == ("SingleOption", ["Yes"], RAVI)
    assert [entry["isInvisible"] for entry in system] == [True] * 3
    found = shop.call("GET", GROUP + "/actions", params={"actionType": kind})["actions"]
    [listed] = [item["actionBody"] for item in found if item["actionBody"]["actionId"] == action]
    assert listed["responseCount"] == 1
