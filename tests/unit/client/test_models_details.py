"""The details of actions: every documented variant of what comes back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_kaizala.client.models import ActionDetails, ListedAction, Person
from tests.unit.client.casings import CASINGS

ASHA = "+910000000001"
AT = datetime(2018, 3, 23, 10, 26, 22, 956_000, tzinfo=UTC)
MS = 1521800782956


#: the object webhooks deliver, as ``getDetails`` repeats it (choice C16), and its variants
ROW = {"title": "Site?", "type": "SingleOption", "options": [{"title": "A"}, {"title": "B"}], "answer": ["A"]}
WHO = {"responseId": "r2", "responder": ASHA, "responderId": "u1", "responderName": "Asha"}


class TestActionDetails:
    """Jobs, polls and the forms themselves are tested in test_models_received and test_models_answers."""

    @CASINGS
    @pytest.mark.parametrize(
        "form",
        [{"responseWithQuestions": [ROW]}, {"responseDetails": {"responseWithQuestions": [ROW]}},
         {"responseWithQuestions": [ROW], "responseDetails": {"responseWithQuestions": [ROW]}}],
    )  # fmt: skip
    @pytest.mark.parametrize(
        ("kind", "name"),
        [("Survey", "title"), ("com.example.card", "title"), ("Poll", "question"), ("LetsMeet", "title")],
    )
    def test_responses_are_read_with_their_respondents(self, kind, name, form, spell):
        details = {
            name: "Site?",
            "responseCount": 1,
            "choices": [{"title": "A", "count": 1}],
            "responses": [{**WHO, **form}],
        }
        found = ActionDetails.read(spell({"actionType": kind, "actionId": "a2", "actionDetails": details}))
        assert (found.action_type, found.title, found.response_count) == (kind, "Site?", 1)
        (response,) = found.responses
        assert (response.responder, response.answers) == (Person(ASHA, "Asha", "u1"), {"Site?": "A"})

    @pytest.mark.parametrize("name", ["dueDate", "expiryDate", "startingTime"])
    def test_due_or_start_time_is_read(self, name):
        assert (
            ActionDetails.read({"actionType": "x", "actionDetails": {name: "2018-03-23T10:26:22.956Z"}}).due
            == AT
        )

    def test_listed_actions_of_both_documented_forms_are_read(self):
        new = {
            "referenceId": "r",
            "actionType": "LetsMeet",
            "sentAt": "2018-03-23T10:26:22.956Z",
            "actionBody": {},
        }
        old = {"referenceId": "r", "actionType": "Job", "creationTime": MS // 1000, "actionBody": {}}
        assert ListedAction.read(new).sent_at == AT
        assert ListedAction.read(old).sent_at == AT.replace(microsecond=0)
