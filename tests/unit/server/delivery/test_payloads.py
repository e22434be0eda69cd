"""Every payload of the contract: what the server posts has its shape, and fits the schema of the API description."""

from __future__ import annotations

import json

import jsonschema
import pytest

from tests.contract.description import contract

GROUP = "11111111-1111-4111-8111-111111111111@1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100

ENVELOPE = json.loads("""
{"subscriptionId":"wh1","objectId":"g1@2","objectType":"Group","eventType":"TextMessageCreated","eventId":"e1",
 "data":{"text":"Hello"},"context":"ctx","fromUser":"+910000000001","fromUserId":"u1@2","fromUserName":"Asha","fromUserProfilePic":""}
""")
SAMPLES = json.loads("""
{"AttachmentCreated":{"media":[{"mediaUrl":"https://cdn.example/a.jpg","mediaFileName":"a.jpg"}],"actionType":"Image","caption":"Site"},
 "Announcement":{"title":"Notice","text":"Shift moved","media":[{"url":"https://cdn.example/b.jpg","fileName":"b.jpg"}]},
 "JobCreated":{"actionId":"a1","groupId":"g1","title":"Check pump","dueDate":"2024-03-22T18:29:59Z","assignedTo":["+910000000001"]},
 "JobResponse":{"actionId":"a1","groupId":"g1","title":"Check pump","responseId":"r1","responseDetails":
  {"response":{"assignee":"+910000000001","assigneeName":"Ravi","assigneeProfilePic":"","isCompleted":true}}},
 "SurveyCreated":{"actionId":"a2","groupId":"g1","title":"Daily","questions":[{"title":"Site?","type":"SingleOption","options":[{"title":"A"},{"title":"B"}]}],"properties":[]},
 "ActionCreated":{"actionId":"a3","groupId":"g1","actionPackageId":"com.example.card","packageId":"com.example.card.2","title":"Card","questions":[],"properties":[{"name":"status","type":"Text","value":"Open"}]},
 "MemberAdded":{"member":"+910000000002","memberId":"u2","memberName":"Meera","memberProfilePic":"","type":"Member"},
 "MemberRemoved":{"member":"+910000000002","memberId":"u2","memberName":"Meera","memberProfilePic":"","type":"Member"},
 "GroupAdded":{"groupId":"g9","groupName":"North","groupType":"Group"},
 "GroupRemoved":{"groupId":"g9","groupName":"North","groupType":"Group"}}
""")
RESPONSE = json.loads("""
{"actionId":"a2","actionPackageId":"com.example.card","packageId":"com.example.card.2","groupId":"g1","responseId":"r2","isUpdateResponse":false,
 "responder":"+910000000001","responderId":"u1","responderName":"Asha","responderProfilePic":"","isAnonymous":false,
 "responseDetails":{"responseWithQuestions":[
  {"title":"Site?","type":"SingleOption","options":[{"title":"A"},{"title":"B"}],"answer":["A"]},
  {"title":"Parts","type":"MultiOption","options":[{"title":"X"},{"title":"Y"}],"answer":["X","Y"]},
  {"title":"Count","type":"Numeric","options":[],"answer":2.0},
  {"title":"Photo","type":"AttachmentList","options":[],"answer":[{"mediaUrl":"https://cdn.example/c.jpg","mediaFileName":"c.jpg"}]},
  {"title":"Phone","type":"PhoneNumber","options":[],"answer":{"cc":"+91","pn":"0000000001"}},
  {"title":"Responder Location","type":"Location","options":[],"isInvisible":true,"answer":{"lt":17.4,"lg":78.3,"n":"Hyderabad"}},
  {"title":"ResponseTime","type":"DateTime","options":[],"isInvisible":true,"answer":1521800782956},
  {"title":"Responder Name","type":"Text","options":[],"isInvisible":true,"answer":"Asha"}]}}
""")
PACKAGE_KEYS = {"actionPackageId", "packageId"}


def fits(body, name):
    """Check a value against a schema of the API description, its references resolved within it."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": contract()["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(body)


def shape(value):
    """Return the keys of a value at every depth; of a list, the shape of each distinct item."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


@pytest.fixture
def heard(api, listener, subscribe):
    """Subscribe to one event and return what the next post says."""

    def start(*events, caller=api, **fields):
        subscribe(caller, *events, callBackContext="ctx", **fields)

        def read(count=1):
            bodies = listener.wait(count)
            for body in bodies:
                fits(body, "Event")
                assert body["eventType"] in events
                assert set(body) == set(ENVELOPE)
                assert body["context"] == "ctx"
            return [body["data"] for body in bodies]

        return read

    return start


def test_the_samples_fit_the_schema_themselves() -> None:
    fits(ENVELOPE, "Event")
    names = {
        "AttachmentCreated": "AttachmentData",
        "Announcement": "AnnouncementData",
        "JobResponse": "JobResponseData",
        "MemberAdded": "MemberData",
    }
    for event, name in names.items():
        data = SAMPLES[event]
        fits(json.loads(json.dumps(data).replace('"g1"', f'"{GROUP}"')), name)


def test_text_message_created(api, listener, subscribe, say) -> None:
    hook = subscribe(api, "TextMessageCreated", callBackContext="ctx")
    say(api, "Hello")
    [body] = listener.wait(1)
    fits(body, "Event")
    assert shape(body) == shape(ENVELOPE)
    expected = {
        "subscriptionId": hook,
        "objectId": GROUP,
        "objectType": "Group",
        "data": {"text": "Hello"},
        "fromUser": "+910000000001",
        "fromUserName": "Asha",
    }
    assert {name: body[name] for name in expected} == expected


def test_a_reply_says_what_it_replies_to_which_the_contract_does_not_know(api, listener, subscribe) -> None:
    subscribe(api)
    first = api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Hello"})["referenceId"]
    reply = {"message": "Good morning", "replyToReferenceId": first}
    api.ok("POST", f"/groups/{GROUP}/messages", json=reply)
    data = [body["data"] for body in listener.wait(2)]
    assert data == [{"text": "Hello"}, {"text": "Good morning", "replyToReferenceId": first}]


@pytest.mark.parametrize(
    ("kind", "name", "mime"),
    [
        ("Image", "a.jpg", "image/jpeg"),
        ("Document", "a.pdf", "application/pdf"),
        ("Audio", "a.mp3", "audio/mpeg"),
        ("Video", "a.mp4", "video/mp4"),
    ],
)
def test_attachment_created(api, heard, kind, name, mime) -> None:
    read = heard("AttachmentCreated")
    resource = api.ok("POST", "/media", files={"f": (name, PNG, mime)})["mediaResource"]
    api.post_action(kind, {"mediaResource": resource, "caption": "Site"})
    [data] = read()
    assert shape(data) == shape(SAMPLES["AttachmentCreated"])
    assert (data["actionType"], data["caption"], data["media"][0]["mediaFileName"]) == (kind, "Site", name)
    fits(data, "AttachmentData")


def test_announcement(api, heard) -> None:
    read = heard("Announcement")
    resource = api.ok("POST", "/media", files={"f": ("b.jpg", PNG, "image/jpeg")})["mediaResource"]
    api.post_action(
        "Announcement", {"title": "Notice", "message": "Shift moved", "mediaResources": [resource]}
    )
    [data] = read()
    assert set(data) == set(SAMPLES["Announcement"])
    # C12: both pairs of names together.
    assert set(data["media"][0]) == {"url", "fileName", "mediaUrl", "mediaFileName"}
    assert (data["title"], data["text"], data["media"][0]["fileName"]) == ("Notice", "Shift moved", "b.jpg")


def test_job_created_and_response(api, ravi, heard) -> None:
    read = heard("JobCreated", "JobResponse")
    job = api.post_action("Job", {"title": "Check pump", "assignedTo": ["+910000000002"], "dueDate": 2})
    ravi.ok("POST", f"/actions/{job['actionId']}/completion", json={"isCompleted": True})
    created, response = read(2)
    assert shape(created) == shape(SAMPLES["JobCreated"])
    fits(created, "JobCreatedData")
    assert shape(response) == shape(SAMPLES["JobResponse"])
    fits(response, "JobResponseData")
    assert response["responseDetails"]["response"]["assigneeName"] == "Ravi"


def test_a_job_names_only_whom_it_was_given_to(api, heard) -> None:
    read = heard("JobCreated")
    posted = api.post_action("Job", {"title": "Check pump", "assignedTo": ["+919876543210", "+910000000002"]})
    assert [one["subscriber"] for one in posted["failedResult"]] == ["+919876543210"]
    assert read(1)[0]["assignedTo"] == ["+910000000002"]


def test_survey_created(api, heard) -> None:
    read = heard("SurveyCreated")
    question = SAMPLES["SurveyCreated"]["questions"][0]
    api.post_action("Survey", {"title": "Daily", "questions": [question]})
    [data] = read()
    assert shape(data) == shape(SAMPLES["SurveyCreated"])
    assert data["questions"] == [question]
    fits(data, "FormCreatedData")


def test_action_created(api, heard) -> None:
    read = heard("ActionCreated")
    sample = SAMPLES["ActionCreated"]
    card = {"title": "Card", "properties": sample["properties"]}
    api.ok("POST", f"/groups/{GROUP}/actions", json={"id": sample["packageId"], "actionBody": card})
    [data] = read()
    assert shape(data) == shape(sample)
    for name in ("actionPackageId", "packageId", "properties"):
        assert data[name] == sample[name]
    fits(data, "FormCreatedData")


def questions():
    return [
        {name: entry[name] for name in ("title", "type", "options")}
        for entry in RESPONSE["responseDetails"]["responseWithQuestions"][:-3]
    ]


@pytest.mark.parametrize("package", [False, True])
def test_survey_and_action_response(api, user_api, heard, package) -> None:
    event = "ActionResponse" if package else "SurveyResponse"
    read = heard(event)
    kind = {"id": RESPONSE["packageId"]} if package else {"actionType": "Survey"}
    form = {"title": "Daily", "questions": questions()}
    action = api.ok("POST", f"/groups/{GROUP}/actions", json={**kind, "actionBody": form})["actionId"]
    photo = api.ok("POST", "/media", files={"f": ("c.jpg", PNG, "image/jpeg")})["mediaResource"]
    answers = ["A", ["X", "Y"], 2, [photo], {"cc": "+91", "pn": "0000000001"}]
    place = {"latitude": 17.4, "longitude": 78.3, "name": "Hyderabad"}
    given = {**kind, "actionBody": {"Answers": answers, "responseLocation": place}}
    path = f"/groups/{GROUP}/actions/{action}/responses"
    posted = user_api.ok("POST", path, json=given)["responseId"]
    user_api.ok("POST", path, json={**given, "responseId": posted})
    first, edited = read(2)
    expected = RESPONSE if package else {k: v for k, v in RESPONSE.items() if k not in PACKAGE_KEYS}
    assert set(first) == set(expected)
    assert (first["isUpdateResponse"], edited["isUpdateResponse"]) == (False, True)
    assert first["responseId"] == edited["responseId"] == posted
    fits(first, "FormResponseData")
    shown = first["responseDetails"]["responseWithQuestions"]
    wanted = RESPONSE["responseDetails"]["responseWithQuestions"]
    assert [{k: v for k, v in one.items() if k != "answer"} for one in shown] == [
        {k: v for k, v in one.items() if k != "answer"} for one in wanted
    ]
    for got, sample in zip(shown, wanted, strict=True):
        assert shape(got["answer"]) == shape(sample["answer"]), got["title"]
        if sample["title"] not in ("Photo", "ResponseTime"):
            assert got["answer"] == sample["answer"]


@pytest.mark.parametrize("level", ["Action", "ActionPackage", "versioned"])
def test_levels(api, ravi, heard, level) -> None:
    form = {"title": "Daily", "questions": [{"title": "Q", "type": "Text"}]}
    card = {"id": "com.example.card.2", "actionBody": form}
    action, other = (api.ok("POST", f"/groups/{GROUP}/actions", json=card)["actionId"] for _ in range(2))
    objects = {
        "Action": ("Action", action),
        "ActionPackage": ("ActionPackage", "com.example.card"),
        "versioned": ("ActionPackage", "com.example.card.2"),
    }
    object_type, object_id = objects[level]
    read = heard("ActionResponse", objectType=object_type, objectId=object_id)
    for one in (action, other):
        ravi.ok("POST", f"/actions/{one}/responses", json={"answers": ["x"]})
    found = [data["actionId"] for data in read(1 if level == "Action" else 2)]
    assert found == ([action] if level == "Action" else [action, other])


@pytest.mark.parametrize("kind", ["Poll", "LetsMeet"])
def test_polls_and_meetings(api, ravi, heard, kind) -> None:
    read = heard(f"{kind}Created", f"{kind}Response")
    bodies = {
        "Poll": {"title": "Tea?", "question": "Tea?", "choices": [{"title": "Yes"}, {"title": "No"}]},
        "LetsMeet": {"title": "Talk", "startingTime": "2030-01-01T10:00:00Z", "duration": 30},
    }
    action = api.post_action(kind, bodies[kind])["actionId"]
    ravi.ok("POST", f"/actions/{action}/votes", json={"choice": "Yes"})
    created, response = read(2)
    fits(created, "FormCreatedData")
    assert [question["type"] for question in created["questions"]] == ["SingleOption"]
    fits(response, "FormResponseData")
    assert set(response) == set(RESPONSE) - PACKAGE_KEYS
    shown = response["responseDetails"]["responseWithQuestions"]
    assert [entry["title"] for entry in shown[-3:]] == [
        "Responder Location",
        "ResponseTime",
        "Responder Name",
    ]
    assert shown[0]["answer"] == ["Yes"]


def test_members(api, heard) -> None:
    read = heard("MemberAdded", "MemberRemoved", "UserJoined")
    api.ok("DELETE", f"/groups/{GROUP}/members/+910000000003")
    api.ok("PUT", f"/groups/{GROUP}/members", json={"members": ["+910000000003"]})
    for data in read(3):
        assert shape(data) == shape(SAMPLES["MemberAdded"])
        assert (data["memberName"], data["type"]) == ("Meera", "Member")
        fits(data, "MemberData")


def test_groups(user_api, heard) -> None:
    read = heard("GroupAdded", "GroupRemoved", caller=user_api)
    made = user_api.ok(
        "POST", f"/groups/{GROUP}/subGroups", json={"groupName": "North", "welcomeMessage": "Hi"}
    )
    user_api.ok("DELETE", f"/groups/{GROUP}/subGroups/{made['groupId']}")
    for data in read(2):
        assert data == {"groupId": made["groupId"], "groupName": "North", "groupType": "Group"}
        assert shape(data) == shape(SAMPLES["GroupAdded"])
        fits(data, "GroupData")


def test_an_event_of_a_bot_fits_too(api, user_api, server, listener, subscribe, call_with) -> None:
    subscribe(api)
    bot = user_api.ok("POST", "/bot", json={"name": "Robo"})["botUserId"]
    user_api.ok("POST", f"/groups/{GROUP}/bot", json={"botUserId": bot})
    token = user_api.ok("GET", f"/bot/accessToken/{bot}")["accessToken"]
    headers = {"accessToken": token}
    user_api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "beep"}, headers=headers)
    [body] = listener.wait(1)
    fits(body, "Event")
    assert body["fromUserName"] == "Robo"
    assert body["fromUser"] == ""


def test_an_unanswered_question_of_an_event_has_no_answer(api, ravi, heard, survey) -> None:
    """C33; in details it is null."""
    read = heard("SurveyResponse")
    made = api.post_action("Survey", survey)["actionId"]
    ravi.ok("POST", f"/actions/{made}/responses", json={"answers": ["Yes"]})
    [data] = read()
    fits(data, "FormResponseData")
    first, *others = data["responseDetails"]["responseWithQuestions"]
    assert first["answer"] == ["Yes"]
    assert ["answer" in one for one in others] == [False] * 5 + [True] * 3
    [response] = api.details(made)["responses"]
    assert [one["answer"] for one in response["responseWithQuestions"][1:-3]] == [None] * 5


def test_answers_to_a_card_that_do_not_fit_are_told_as_given(api, heard) -> None:
    """C27."""
    read = heard("ActionResponse")
    question = {"title": "N", "type": "Numeric"}
    body = {"id": "com.example.card.2", "actionBody": {"title": "C", "questions": [question]}}
    made = api.ok("POST", f"/groups/{GROUP}/actions", json=body)["actionId"]
    answer = {"actionType": "Survey", "actionBody": {"Answers": ["many", ["more"]]}}
    api.ok("POST", f"/groups/{GROUP}/actions/{made}/responses", json=answer)
    [data] = read()
    told = [(one["title"], one["answer"]) for one in data["responseDetails"]["responseWithQuestions"][:-3]]
    assert told == [("N", "many"), ("", ["more"])]
