"""Answers of people: surveys, polls, meetings and custom actions, in every documented variant."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.models import ActionDetails, Person, Response, UnreadableReplyError
from tests.unit.client.casings import CASINGS

ASHA = "+910000000001"
AT = datetime(2018, 3, 23, 10, 26, 22, tzinfo=UTC)
SECONDS = int(AT.timestamp())

#: the rows of an answer, as the contract's webhook payload gives them
ROWS = [
    {"title": "Site?", "type": "SingleOption", "options": [{"title": "A"}, {"title": "B"}], "answer": ["A"]},
    {"title": "Parts", "type": "MultiOption", "options": [{"title": "X"}, {"title": "Y"}], "answer": ["X", "Y"]},
    {"title": "Count", "type": "Numeric", "options": [], "answer": 2.0},
    {"title": "Photo", "type": "AttachmentList", "options": [],
     "answer": [{"mediaUrl": "https://cdn.example/c.jpg", "mediaFileName": "c.jpg"}]},
    {"title": "Phone", "type": "PhoneNumber", "options": [], "answer": {"cc": "+91", "pn": "0000000001"}},
]  # fmt: skip
SYSTEM = [
    {"title": "Responder Location", "type": "Location", "options": [], "isInvisible": True,
     "answer": {"lt": 17.4, "lg": 78.3, "n": "Hyderabad"}},
    {"title": "ResponseTime", "type": "DateTime", "options": [], "isInvisible": True, "answer": 1521800782956},
    {"title": "Responder Name", "type": "Text", "options": [], "isInvisible": True, "answer": "Asha"},
]  # fmt: skip
ANSWERS = {
    "Site?": "A",
    "Parts": ["X", "Y"],
    "Count": 2,
    "Photo": [{"url": "https://cdn.example/c.jpg", "file_name": "c.jpg"}],
    "Phone": "+910000000001",
}


def answer(row):
    return Response.read_form({"responseWithQuestions": [{"title": "q", "options": [], **row}]}).answers["q"]


class TestForms:
    def response(self, rows):
        return {"responseId": "r2", "responder": ASHA, "responderId": "u1", "responderName": "Asha",
                "responseWithQuestions": rows}  # fmt: skip

    @CASINGS
    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    def test_questions_that_kaizala_appends_are_recognised_in_any_order(self, order, spell):
        rows = ROWS + [SYSTEM[at] for at in order]
        found = Response.read_form(spell(self.response(rows)))
        assert found.answers == ANSWERS
        assert list(found.answers) == list(ANSWERS)
        assert found.responder == Person(ASHA, "Asha", "u1")
        assert found.response_id == "r2"
        assert found.responded_at == datetime(2018, 3, 23, 10, 26, 22, 956_000, tzinfo=UTC)
        assert found.completed is None
        assert found.counts

    @CASINGS
    def test_a_response_inside_response_details_is_read(self, spell):
        body = self.response(None)
        del body["responseWithQuestions"]
        wrapped = {**body, "responseDetails": {"responseWithQuestions": ROWS + SYSTEM}}
        assert Response.read_form(spell(wrapped)).answers == ANSWERS

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_fewer_appended_questions_are_recognised(self, count):
        assert Response.read_form(self.response(ROWS + SYSTEM[:count])).answers == ANSWERS

    def test_visible_questions_with_such_titles_are_kept(self):
        visible = {"title": "Responder Name", "type": "Text", "options": [], "answer": "my own"}
        early = {**SYSTEM[2], "answer": "early"}
        assert Response.read_form(self.response([visible])).answers == {"Responder Name": "my own"}
        found = Response.read_form(self.response([early, *ROWS, *SYSTEM])).answers
        assert found == {"Responder Name": "early", **ANSWERS}
        hidden = {"title": "Ticket", "type": "Text", "options": [], "isInvisible": True, "answer": "T-1"}
        assert Response.read_form(self.response([hidden])).answers == {"Ticket": "T-1"}

    @pytest.mark.parametrize(
        "who", [{}, {"responder": None, "responderId": "", "responderName": None}, {"isAnonymous": True}]
    )
    def test_an_anonymous_response_is_read(self, who):
        found = Response.read_form({"responseWithQuestions": ROWS, **who})
        assert found.responder == Person(None, None, None)
        assert found.response_id is None
        assert found.answers == ANSWERS

    @pytest.mark.parametrize("kind", ["Poll", "LetsMeet", "poll"])
    def test_a_vote_is_one_option(self, kind):
        row = {"title": "Lunch?", "type": "SingleOption", "options": [{"title": "Yes"}], "answer": ["Yes"]}
        body = {"actionType": kind, "actionDetails": {"question": "Lunch?", "startingTime": "2018-03-23T10:26:22Z",
                                                      "responses": [self.response([row])]}}  # fmt: skip
        found = ActionDetails.read(body)
        assert (found.title, found.due) == ("Lunch?", AT)
        assert [(each.responder.mobile_number, each.answers) for each in found.responses] == [
            (ASHA, {"Lunch?": "Yes"})
        ]

    def test_a_survey_without_details_is_read(self):
        details = {
            "title": "Daily",
            "acceptMultipleResponses": False,
            "expiryDate": "2018-03-23T15:56:22+05:30",
        }
        found = ActionDetails.read({"actionType": "Survey", "actionDetails": details})
        assert (found.title, found.due, found.responses) == ("Daily", AT, ())

    def test_questions_with_one_title_all_keep_their_answers(self):
        rows = [
            {"title": name, "type": "Text", "options": [], "answer": at}
            for at, name in enumerate(["A", "A", "B", "A", None, ""], 1)
        ]
        found = Response.read_form(self.response(rows)).answers
        assert found == {"A": 1, "A (2)": 2, "B": 3, "A (4)": 4, "Question 5": 5, "Question 6": 6}

    @given(
        st.lists(
            st.sampled_from(
                ["A", "A (2)", "A (3)", "A (2) (3)", "A (3) (4)", "", "Question 1", "Question 2"]
            ),
            max_size=7,
        )
    )
    def test_no_answer_is_ever_lost(self, titles):
        rows = [
            {"title": name, "type": "Numeric", "options": [], "answer": at} for at, name in enumerate(titles)
        ]
        found = Response.read_form(self.response(rows)).answers
        assert list(found.values()) == list(range(len(titles)))

    @pytest.mark.parametrize(
        "body", [None, [], "x", {"responseWithQuestions": "x"}, {"responseWithQuestions": ["x"]}]
    )
    def test_what_is_not_a_response_is_unreadable(self, body):
        with pytest.raises(UnreadableReplyError):
            Response.read_form(body)


class TestAnswers:
    @pytest.mark.parametrize(
        ("kind", "sent", "read"),
        [
            ("SingleOption", ["A"], "A"),
            ("SingleOption", "A", "A"),
            ("singleoption", [], None),
            ("SingleOption", None, None),
            ("MultiOption", ["A", "B"], ["A", "B"]),
            ("MultipleOption", "A", ["A"]),
            ("MultiOption", [], []),
            ("MultiOption", None, None),
            ("Text", "مرحبا 🎉", "مرحبا 🎉"),
            ("Text", "", ""),
            ("Text", None, None),
            ("Numeric", 2.0, 2),
            ("Numeric", 2.5, 2.5),
            ("Numeric", -3, -3),
            ("Numeric", "2.0", "2.0"),
            ("Numeric", 0, 0),
            ("Text", 2.0, 2.0),
            ("DateTime", SECONDS, "2018-03-23T10:26:22Z"),
            ("DateTime", SECONDS * 1000, "2018-03-23T10:26:22Z"),
            ("Date", "2018-03-23T10:26:22Z", "2018-03-23T10:26:22Z"),
            ("DateTime", str(SECONDS * 1000), "2018-03-23T10:26:22Z"),
            ("DateTime", "next week", "next week"),
            ("DateTime", None, None),
            (
                "Location",
                {"lt": 17.4, "lg": 0.0, "n": "H"},
                {"latitude": 17.4, "longitude": 0.0, "name": "H"},
            ),
            ("Location", {"latitude": 1, "longitude": 2}, {"latitude": 1, "longitude": 2, "name": None}),
            ("Location", "Hyderabad", "Hyderabad"),
            ("PhoneNumber", {"cc": "+91", "pn": "0000000001"}, ASHA),
            ("PhoneNumber", {"cc": "+91", "pn": 5}, "+915"),
            ("PhoneNumber", {}, None),
            ("PhoneNumber", ASHA, ASHA),
            ("Image", [{"url": "u", "fileName": "f"}], [{"url": "u", "file_name": "f"}]),
            ("AttachmentList", ["u1"], [{"url": "u1", "file_name": None}]),
            ("AttachmentList", [], []),
            ("Image", "opaque", "opaque"),
            ("SomethingNew", {"a": 1}, {"a": 1}),
            (None, "x", "x"),
        ],
    )
    def test_answers_are_read_by_the_type_of_their_question(self, kind, sent, read):
        found = answer({"type": kind, "answer": sent})
        assert found == read
        assert type(found) is type(read)
        json.dumps(found)

    def test_a_missing_answer_is_read_as_none(self):
        assert answer({"type": "Text"}) is None
