from __future__ import annotations

import json
import time

import pytest

from airflow_provider_kaizala.server.clock import HOUR

GROUP = "11111111-1111-4111-8111-111111111111@1"
ACTIONS = f"/groups/{GROUP}/actions"
ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
POLL = {"question": "Tea?", "Choices": [{"title": "Yes"}, {"title": "No"}]}


def list_of(api, kind, **query):
    return api.ok("GET", ACTIONS, params={"actionType": kind, **query})


def test_survey_round_trip(api, ravi, survey) -> None:
    before = int(time.time())
    posted = api.post_action("survey", survey)
    ravi.ok(
        "POST",
        f"/actions/{posted['actionId']}/responses",
        json={
            "answers": [
                "yes",
                ["Y", "X"],
                2,
                1521800782,
                {"latitude": 17.4, "longitude": 78.3, "name": "HYD"},
            ]
        },
    )
    details = api.details(posted["actionId"])
    assert (details["title"], details["responseCount"], details["acceptMultipleResponses"]) == (
        "Opening",
        1,
        False,
    )
    [response] = details["responses"]
    assert (response["responder"], response["responderName"], response["isUpdateResponse"]) == (
        RAVI,
        "Ravi",
        False,
    )
    answered = response["responseDetails"]["responseWithQuestions"]
    assert [(q["title"], q["type"], q["answer"]) for q in answered[:-3]] == [
        ("Open?", "SingleOption", ["Yes"]),
        ("Parts", "MultiOption", ["Y", "X"]),
        ("Count", "Numeric", 2.0),
        ("When", "DateTime", 1521800782000),
        ("Where", "Location", {"lt": 17.4, "lg": 78.3, "n": "HYD"}),
        ("Note", "Text", None),
    ]
    assert [q["title"] for q in answered[-3:]] == ["Responder Location", "ResponseTime", "Responder Name"]
    assert before <= answered[-2]["answer"] / 1000 <= time.time()
    assert answered[-1]["answer"] == "Ravi"
    [item] = list_of(api, "Survey")["actions"]
    assert item["actionBody"]["responseCount"] == 1
    assert item["creationTime"] == pytest.approx(before, abs=5)
    assert item["sender"] == ASHA


def test_answers_by_the_tokens_user_edits_and_repeats(api, survey) -> None:
    action_id = api.post_action("Survey", survey)["actionId"]
    path = f"{ACTIONS}/{action_id}/responses"
    body = {
        "actionType": "Survey",
        "actionBody": {
            "Answers": ["No"],
            "responseName": "Desk",
            "responseLocation": {"latitude": 1, "longitude": 2},
        },
    }
    first = api.ok("POST", path, json=body)["responseId"]
    api.refused(400, "POST", path, json=body)
    body["actionBody"]["Answers"] = ["Yes"]
    assert api.ok("POST", path, json={**body, "responseId": first})["responseId"] == first
    api.refused(404, "POST", path, json={**body, "responseId": "nothing"})
    [response] = api.details(action_id)["responses"]
    answered = response["responseWithQuestions"]
    assert (answered[0]["answer"], response["isUpdateResponse"]) == (["Yes"], True)
    assert (answered[-3]["answer"], answered[-1]["answer"]) == ({"lt": 1, "lg": 2, "n": ""}, "Desk")
    assert api.details(action_id)["responseCount"] == 1


def test_an_answer_is_not_edited_through_another_action(api, survey) -> None:
    answered, other = (api.post_action("Survey", survey)["actionId"] for _ in range(2))
    body = {"actionType": "Survey", "actionBody": {"Answers": ["No"]}}
    mine = api.ok("POST", f"{ACTIONS}/{answered}/responses", json=body)
    edit = {"actionType": "Survey", "actionBody": {"Answers": ["Yes"]}, **mine}
    api.refused(404, "POST", f"{ACTIONS}/{other}/responses", json=edit)
    [response] = api.details(answered)["responses"]
    assert (response["responseWithQuestions"][0]["answer"], response["isUpdateResponse"]) == (["No"], False)
    assert api.details(other)["responseCount"] == 0


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ({"lt": 1, "lg": "2.5", "n": "Pune"}, {"lt": 1, "lg": 2.5, "n": "Pune"}),
        ({}, {"lt": 0, "lg": 0, "n": ""}),
    ],
)
def test_places_as_answers_have_them_and_empty_ones(api, survey, place, shown) -> None:
    action_id = api.post_action("Survey", survey)["actionId"]
    body = {"actionType": "Survey", "actionBody": {"Answers": ["No"], "responseLocation": place}}
    api.ok("POST", f"{ACTIONS}/{action_id}/responses", json=body)
    [response] = api.details(action_id)["responses"]
    assert response["responseWithQuestions"][-3]["answer"] == shown


def test_a_response_id_within_the_action_body_edits_too(api, survey) -> None:
    action_id = api.post_action("Survey", {**survey, "acceptMultipleResponses": True})["actionId"]
    path = f"{ACTIONS}/{action_id}/responses"
    first = api.ok("POST", path, json={"actionType": "Survey", "actionBody": {"Answers": ["No"]}})
    edit = {"actionType": "Survey", "actionBody": {"Answers": ["Yes"], **first}}
    assert api.ok("POST", path, json=edit) == first
    assert api.details(action_id)["responseCount"] == 1


def test_several_answers_where_the_survey_allows_them(api, survey) -> None:
    action_id = api.post_action("Survey", {**survey, "acceptMultipleResponses": "true"})["actionId"]
    for count in (1, 2, 3):
        api.ok(
            "POST",
            f"{ACTIONS}/{action_id}/responses",
            json={"actionType": "Survey", "actionBody": {"Answers": ["No"]}},
        )
        assert api.details(action_id)["responseCount"] == count


@pytest.mark.parametrize(
    "answers",
    [
        ["Perhaps"],
        [["Yes", "No"]],
        ["Yes", ["Z"]],
        ["Yes", None, "many"],
        ["Yes", None, None, "soon"],
        ["Yes", None, None, None, "here"],
        [None],
        [],
        ["Yes"] * 7,
    ],
)
def test_answers_that_do_not_fit(api, survey, answers) -> None:
    action_id = api.post_action("Survey", survey)["actionId"]
    path = f"{ACTIONS}/{action_id}/responses"
    refusal = api.refused(
        400, "POST", path, json={"actionType": "Survey", "actionBody": {"Answers": answers}}
    )
    assert "Answers" in refusal["message"]
    assert api.details(action_id)["responses"] == []


def test_an_anonymous_survey_hides_who_answered(api, ravi, survey) -> None:
    action_id = api.post_action("Survey", {**survey, "isAnonymous": True})["actionId"]
    ravi.ok(
        "POST",
        f"/actions/{action_id}/responses",
        json={"answers": ["Yes"], "location": {"latitude": 1, "longitude": 1}},
    )
    shown = json.dumps(api.details(action_id))
    assert "Ravi" not in shown
    assert RAVI not in shown
    assert api.details(action_id)["responses"][0]["isAnonymous"] is True
    ravi.refused(400, "POST", f"/actions/{action_id}/responses", json={"answers": ["No"]})


def test_results_for_the_sender_only(server, call_with, api, ravi, user_api) -> None:
    action_id = api.post_action("Poll", {**POLL, "isSenderOnly": True})["actionId"]
    ravi.ok("POST", f"/actions/{action_id}/votes", json={"choice": 0})
    assert len(api.details(action_id)["responses"]) == 1
    [item] = ravi.feed()["items"]
    assert (item["choices"][0], item["myAnswer"]) == ({"title": "Yes"}, "Yes")


def test_job(api, ravi, meera, asha) -> None:
    action_id = api.post_action("Job", {"title": "Pump", "assignedTo": [RAVI, MEERA], "dueDate": "2"})[
        "actionId"
    ]
    before = api.details(action_id)
    assert before["assignee"] == [
        {"mobileNumber": RAVI, "name": "Ravi"},
        {"mobileNumber": MEERA, "name": "Meera"},
    ]
    assert (before["responses"], before["responseCount"], before["status"]) == ([], 0, False)
    response_id = ravi.ok("POST", f"/actions/{action_id}/completion", json={"isCompleted": True})[
        "responseId"
    ]
    assert (
        ravi.ok("POST", f"/actions/{action_id}/completion", json={"isCompleted": True})["responseId"]
        == response_id
    )
    asha.refused(403, "POST", f"/actions/{action_id}/completion", json={"isCompleted": True})
    [done] = api.details(action_id)["responses"]
    assert (done["assignee"], done["response"]) == (RAVI, "Completed")
    [note] = json.loads(done["notes"])
    assert abs(note["UPDATE_TIME_EPOCH"] - time.time() * 1000) < 10_000
    assert list_of(api, "Job")["actions"][0]["actionBody"]["isCompleted"] is False
    meera.ok("POST", f"/actions/{action_id}/completion", json={})
    body = list_of(api, "Job")["actions"][0]["actionBody"]
    assert (body["isCompleted"], body["responseCount"], body["assigneeCount"]) == (True, 2, 2)
    meera.ok("POST", f"/actions/{action_id}/completion", json={"isCompleted": False})
    after = api.details(action_id)
    assert (after["status"], after["responseCount"]) == (False, 1)
    assert after["responses"][1]["response"] == "NotCompleted"


def test_assignees_outside_the_group(api) -> None:
    reply = api.post_action("Job", {"title": "x", "assignedTo": [RAVI, "+910000000099"]})
    assert [one["subscriber"] for one in reply["failedResult"]] == ["+910000000099"]
    assert api.details(reply["actionId"])["assigneeCount"] == 1
    body = {"actionType": "Job", "actionBody": {"title": "x", "assignedTo": ["+910000000099"]}}
    assert "assignedTo" in api.refused(400, "POST", ACTIONS, json=body)["message"]


def test_poll_votes_are_one_per_person_and_may_change(api, ravi, meera) -> None:
    action_id = api.post_action("Poll", POLL)["actionId"]
    vote = f"/actions/{action_id}/votes"
    ravi.ok("POST", vote, json={"choice": "Yes"})
    meera.ok("POST", vote, json={"choice": "Yes"})
    ravi.ok("POST", vote, json={"choice": "no"})
    details = api.details(action_id)
    assert [c["count"] for c in details["choices"]] == [1, 1]
    assert details["responseCount"] == 2
    assert {r["responder"]: r["responseWithQuestions"][0]["answer"] for r in details["responses"]} == {
        RAVI: ["No"],
        MEERA: ["Yes"],
    }
    for choice in ("Perhaps", 2, -1, True, ["Yes"], None):
        ravi.refused(400, "POST", vote, json={"choice": choice})
    assert list_of(api, "Poll")["actions"][0]["actionBody"]["responseCount"] == 2


def test_lets_meet(api, ravi) -> None:
    body = {
        "title": "Audit",
        "startingTime": "2030-01-01T10:00:00+05:30",
        "DurationInMins": 45,
        "place": {"latitude": 1.5, "longitude": 2, "name": "Here"},
    }
    action_id = api.post_action("letsmeet", body)["actionId"]
    ravi.ok("POST", f"/actions/{action_id}/votes", json={"choice": "Maybe"})
    details = api.details(action_id)
    assert (details["startingTime"], details["duration"], details["place"]["name"]) == (
        "2030-01-01T04:30:00Z",
        45,
        "Here",
    )
    assert details["responses"][0]["responseWithQuestions"][0]["answer"] == ["Maybe"]


def test_custom_package(api, ravi) -> None:
    body = {
        "actionType": "",
        "id": "com.example.card.2",
        "actionBody": {
            "title": "Ticket",
            "properties": [{"Name": "status", "Type": 0, "Value": "Open"}],
            "questions": [{"title": "Fix?", "type": "text"}],
        },
    }
    action_id = api.ok("POST", ACTIONS, json=body)["actionId"]
    details = api.details(action_id)
    assert details["properties"] == [{"name": "status", "type": "Text", "value": "Open"}]
    answer = {"actionType": "", "id": "com.example.card.2", "actionBody": {"Answers": ["done"]}}
    api.ok("POST", f"{ACTIONS}/{action_id}/responses", json=answer)
    [response] = api.details(action_id)["responses"]
    assert (response["actionPackageId"], response["packageId"]) == ("com.example.card", "com.example.card.2")
    assert [
        a["actionBody"]["actionId"]
        for a in api.ok("GET", ACTIONS, params={"id": "com.example.card"})["actions"]
    ] == [action_id]


def test_expired_actions_take_no_answers(server, api, ravi, survey) -> None:
    survey_id = api.post_action("Survey", {**survey, "dueDate": 1})["actionId"]
    poll_id = api.post_action("Poll", {**POLL, "expiryInHours": 1})["actionId"]
    job_id = api.post_action("Job", {"title": "x", "assignedTo": [RAVI], "dueDate": 1})["actionId"]
    server.state.clock.advance(HOUR + 1)
    assert (
        "expired"
        in ravi.refused(400, "POST", f"/actions/{survey_id}/responses", json={"answers": ["Yes"]})["message"]
    )
    ravi.refused(400, "POST", f"/actions/{poll_id}/votes", json={"choice": 0})
    ravi.ok("POST", f"/actions/{job_id}/completion", json={})


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("Survey", {"title": "x", "questions": []}, "questions"),
        ("Survey", {"questions": [{"title": "q", "type": "Text"}]}, "title"),
        (
            "Survey",
            {"title": "x", "questions": [{"title": "q", "type": "SingleOption"}]},
            "questions[0].options",
        ),
        ("Survey", {"title": "x", "questions": [{"title": "q", "type": "Guess"}]}, "questions[0].type"),
        ("Survey", {"title": "x", "questions": ["q"]}, "questions[0]"),
        ("Survey", {"title": "x", "dueDate": -1, "questions": [{"title": "q", "type": "Text"}]}, "dueDate"),
        (
            "Survey",
            {"title": "x", "dueDate": 10**30, "questions": [{"title": "q", "type": "Text"}]},
            "dueDate",
        ),
        ("Poll", {"question": "q", "choices": [{"title": "one"}]}, "choices"),
        ("Poll", {"question": "q", "choices": [{"title": "a"}, {"title": "a"}]}, "choices"),
        ("Job", {"title": "x", "assignedTo": []}, "assignedTo"),
        ("Job", {"title": "x", "assignedTo": ["0000000001"]}, "assignedTo"),
        ("LetsMeet", {"title": "x", "startingTime": "tomorrow"}, "startingTime"),
        ("Announcement", {"Title": "x"}, "Message"),
        ("Image", {"mediaResource": "nothing"}, "mediaResource"),
        ("Dance", {}, "actionType"),
    ],
)
def test_bad_bodies_name_the_field_and_store_nothing(api, ravi, kind, body, field) -> None:
    refusal = api.refused(400, "POST", ACTIONS, json={"actionType": kind, "actionBody": body})
    assert (field in refusal["message"], refusal["errorCode"]) == (True, "InvalidParameters")
    assert ravi.feed()["items"] == []


def test_paging_over_items_of_one_second(server, api, survey) -> None:
    server.state.clock.freeze()
    posted = [api.post_action("Survey", survey)["referenceId"] for _ in range(7)]
    server.state.clock.advance(5000)
    posted += [api.post_action("Survey", survey)["referenceId"] for _ in range(2)]
    page = list_of(api, "Survey", count=8)
    assert [a["referenceId"] for a in page["actions"]] == posted[:8]
    assert page["hasMore"] is True
    rest = list_of(api, "Survey", count=8, fromDate=page["actions"][-1]["creationTime"])
    assert [a["referenceId"] for a in rest["actions"]] == posted[7:]
    assert rest["hasMore"] is False
    assert list_of(api, "Survey", count=9)["hasMore"] is False
    assert len(list_of(api, "Survey", count=7, fromDate=page["actions"][0]["creationTime"])["actions"]) == 7


@pytest.mark.parametrize(
    ("kind", "name"), [("Survey", "DueDate"), ("Job", "dueDate"), ("Poll", "expiryInHours")]
)
def test_0_hours_are_the_default_as_where_nothing_is_said(server, api, survey, kind, name) -> None:
    server.state.clock.freeze()
    body = {"Survey": survey, "Job": {"title": "x", "assignedTo": [RAVI]}, "Poll": POLL}[kind]
    body = {key: value for key, value in body.items() if key.lower() != name.lower()}
    posted = [api.post_action(kind, {**body, **more})["actionId"] for more in ({}, {name: 0})]
    first, second = (api.details(action_id)["expiryDate"] for action_id in posted)
    assert first == second
    api.refused(400, "POST", ACTIONS, json={"actionType": kind, "actionBody": {**body, name: -1}})


def test_from_date_in_milliseconds(server, api, survey) -> None:
    server.state.clock.freeze()
    api.post_action("Survey", survey)
    server.state.clock.advance(5000)
    later = api.post_action("Survey", survey)["referenceId"]
    from_ms = server.state.clock.now_ms() - 1000
    assert [a["referenceId"] for a in list_of(api, "Survey", fromDate=from_ms)["actions"]] == [later]


def test_thirty_by_default_and_types_that_are_not_listed(api) -> None:
    for _ in range(31):
        api.post_action("Poll", POLL)
    page = list_of(api, "poll")
    assert (len(page["actions"]), page["hasMore"]) == (30, True)
    for kind in ("Announcement", "Audio", "Nothing"):
        api.refused(400, "GET", ACTIONS, params={"actionType": kind})
    api.refused(400, "GET", ACTIONS)
    api.refused(400, "GET", ACTIONS, params={"actionType": "Poll", "count": "0"})
    api.refused(400, "GET", ACTIONS, params={"actionType": "Poll", "fromDate": "soon"})


def test_a_response_of_another_type(api, survey) -> None:
    action_id = api.post_action("Poll", POLL)["actionId"]
    path = f"{ACTIONS}/{action_id}/responses"
    api.refused(400, "POST", path, json={"actionType": "Survey", "actionBody": {"Answers": ["Yes"]}})
    api.refused(400, "POST", path, json={"actionType": "Poll", "actionBody": {"Answers": ["Yes"]}})
    api.refused(404, "POST", f"{ACTIONS}/nothing/responses", json={"actionType": "Job", "actionBody": {}})
