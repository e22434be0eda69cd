"""Every form of the page without script: it posts, and is answered with a redirect; the people's API then tells what was done."""

from __future__ import annotations

import html
import re

import pytest

from airflow_provider_kaizala.server.page.strings import words
from tests.unit.server.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.server.page.conftest import HOME, photo

WRITE = f"{HOME}/messages"
EVERY = {
    "title": "Report",
    "questions": [
        {"title": "One", "type": "SingleOption", "options": [{"title": "A & B"}, {"title": "C"}]},
        {"title": "Some", "type": "MultiOption", "options": [{"title": "X"}, {"title": "Y"}]},
        {"title": "Count", "type": "Numeric"},
        {"title": "When", "type": "DateTime"},
        {"title": "Where", "type": "Location"},
        {"title": "Whom", "type": "PhoneNumber"},
        {"title": "Photo", "type": "Image"},
        {"title": "Papers", "type": "AttachmentList"},
        {"title": "Note", "type": "Text"},
    ],
}


def shown(person, reference_id):
    return next(one for one in person.feed()["items"] if one["referenceId"] == reference_id)


def texts(person):
    return [one["text"] for one in person.feed()["items"] if one["kind"] == "text"]


def went_to(reply, path):
    assert reply.status_code == 303, reply.text[:500]
    assert reply.headers["location"] == path


def test_a_text(reader, asha):
    reply = reader(RAVI).send(HOME, WRITE, {"text": "Shelf is up\r\nready"})
    assert reply.status_code == 303
    assert reply.headers["location"].startswith(f"{HOME}#post-")
    assert texts(asha)[-1].replace("\r\n", "\n") == "Shelf is up\nready"


def test_a_reply_with_a_photo(reader, asha):
    reader(RAVI).send(HOME, WRITE, {"text": "First"})
    first = asha.feed()["items"][-1]["referenceId"]
    meera = reader(MEERA)
    fields = {**meera.form(HOME, WRITE), "text": "Like this", "reply_to": first}
    sent = meera.http.post(WRITE, data=fields, files=[("files", ("a.jpg", photo(), "image/jpeg"))])
    assert sent.status_code == 303, sent.text[:500]
    item = asha.feed()["items"][-1]
    assert (item["kind"], item["mediaType"], item["text"]) == ("media", "Image", "Like this")
    assert item["replyToReferenceId"] == first


def test_the_same_form_twice_is_one_text(reader, asha):
    ravi = reader(RAVI)
    fields = {**ravi.form(HOME, WRITE), "text": "Only once"}
    first, second = (ravi.http.post(WRITE, data=fields) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    assert texts(asha).count("Only once") == 1
    ravi.http.post(WRITE, data={**fields, "text": "Another"})
    assert "Another" in texts(asha), "an old form with new content is another act"


def test_like_and_comment(reader, api, asha):
    reference = api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Look"})["referenceId"]
    ravi = reader(RAVI)
    went_to(ravi.act(reference, "like"), f"{HOME}/posts/{reference}")
    ravi.act(reference, "comment", text="<b>Nice</b>")
    item = shown(asha, reference)
    assert (item["likes"], item["comments"]) == (1, 1)
    assert "&lt;b&gt;Nice&lt;/b&gt;" in ravi.page(f"{HOME}/posts/{reference}")


def test_a_vote_and_a_changed_one(reader, api, asha):
    poll = api.post_action("Poll", {"question": "Tea?", "choices": [{"title": "Yes"}, {"title": "No"}]})
    ravi = reader(RAVI)
    ravi.act(poll["referenceId"], "vote", choice="Yes")
    ravi.act(poll["referenceId"], "vote", choice="No")
    assert [one["count"] for one in shown(asha, poll["referenceId"])["choices"]] == [0, 1]


@pytest.mark.parametrize("choice", ["Yes", "No", "Maybe"])
def test_a_meeting(reader, api, ravi, choice):
    body = {"title": "Round", "startingTime": "2030-01-01T09:00:00Z", "duration": 30}
    meeting = api.post_action("LetsMeet", body)
    reader(RAVI).act(meeting["referenceId"], "vote", choice=choice)
    assert shown(ravi, meeting["referenceId"])["myAnswer"] == choice


def test_a_job_is_done_and_taken_back(reader, api, ravi):
    job = api.post_action("Job", {"title": "Door", "assignedTo": [RAVI, MEERA], "dueDate": 2})
    page = reader(RAVI)
    page.act(job["referenceId"], "complete", done="yes")
    assert shown(ravi, job["referenceId"])["myAnswer"] == {"isCompleted": True}
    page.act(job["referenceId"], "complete", done="no")
    assert shown(ravi, job["referenceId"])["myAnswer"] == {"isCompleted": False}


def test_a_survey_of_every_question_and_a_change(reader, api, ravi):
    survey = api.post_action("Survey", EVERY)
    page = reader(RAVI)
    given = {
        "q0": "A & B",
        "q1": ["X", "Y"],
        "q2": "1,234.5",
        "q3": "2026-03-01T10:30",
        "q4.latitude": "17.4",
        "q4.longitude": "78.3",
        "q4.name": "Yard",
        "q5": "+91 00000 00001",
        "q8": "Späti 🛒 مرحبا",
    }
    files = [
        ("q6", ("a.jpg", photo(), "image/jpeg")),
        ("q7", ("Plan.pdf", b"%PDF-1.4 x", "application/pdf")),
    ]
    path = f"{HOME}/posts/{survey['referenceId']}"
    went_to(page.send(path, f"{path}/answer", given, files), path)
    mine = shown(ravi, survey["referenceId"])["myAnswer"]
    answers = mine["answers"]
    assert answers[:3] == [["A & B"], ["X", "Y"], 1234.5]
    assert answers[3] == 1772361000000
    assert answers[4] == {"lt": 17.4, "lg": 78.3, "n": "Yard"}
    assert answers[5] == {"cc": "", "pn": "+91 00000 00001"}
    assert [one["mediaFileName"] for one in answers[6]] == ["a.jpg"]
    assert [one["mediaFileName"] for one in answers[7]] == ["Plan.pdf"]
    assert answers[8] == "Späti 🛒 مرحبا"

    kept = page.page(path)
    assert "Plan.pdf" in kept
    resources = dict(re.findall(r'name="(q\d\.kept)" value="([^"]+)"', kept))
    changed = {**given, **resources, "q0": "C", "response_id": mine["responseId"]}
    went_to(
        page.send(path, f"{path}/answer", changed, [("nothing", ("", b"", "application/octet-stream"))]), path
    )
    now = shown(ravi, survey["referenceId"])
    assert now["responseCount"] == 1
    assert now["myAnswer"]["answers"][0] == ["C"]
    assert now["myAnswer"]["answers"][1:6] == answers[1:6]
    assert [one["mediaFileName"] for one in now["myAnswer"]["answers"][7]] == ["Plan.pdf"]


def test_an_admin_adds_people(reader, api):
    people = f"{HOME}/people"
    went_to(reader(ASHA).send(people, people, {"phones": "+33 1234-56789\n+4915112345678"}), people)
    numbers = [one["mobileNumber"] for one in api.ok("GET", f"/groups/{GROUP}/members")["members"]]
    assert {"+33123456789", "+4915112345678"} <= set(numbers)


def test_a_member_does_not_add_people(reader, api):
    ravi = reader(RAVI)
    people = f"{HOME}/people"
    assert 'name="phones"' not in ravi.page(people)
    csrf = ravi.form(HOME, WRITE)
    reply = ravi.http.post(people, data={**csrf, "phones": "+33123456789"})
    assert reply.status_code == 403
    numbers = [one["mobileNumber"] for one in api.ok("GET", f"/groups/{GROUP}/members")["members"]]
    assert "+33123456789" not in numbers


def test_who_did_not_tell_where_is_shown_without_a_place(reader, api, ravi):
    survey = api.post_action("Survey", EVERY)
    path = f"{HOME}/posts/{survey['referenceId']}"
    went_to(reader(RAVI).send(path, f"{path}/answer", {"q0": "C"}), path)
    page = reader(ASHA).page(path)
    assert "Ravi" in page
    assert "Place:" not in page


@pytest.mark.parametrize("written", ["0091 00000-00002", "+91 0000000002", "00910000000002"])
def test_a_number_with_00_is_one_with_a_plus(reader, written):
    assert reader().sign_in(written).status_code == 303


@pytest.mark.parametrize(
    ("written", "key"), [("9876543210", "error.phone_prefix"), ("nobody", "error.phone")]
)
def test_a_number_without_a_country_code_is_told_what_is_missing(reader, written, key):
    reply = reader().sign_in(written)
    assert reply.status_code == 400
    assert words("en")(key, given=written) in html.unescape(reply.text)
    assert f'value="{written}"' in reply.text, "it stays to be mended"
