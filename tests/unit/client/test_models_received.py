"""What comes back, in every documented variant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from airflow_provider_kaizala.client.models import (
    AccessToken,
    ActionDetails,
    ActionPage,
    CreatedGroup,
    Group,
    ListedAction,
    Member,
    Person,
    Posted,
    Response,
    UnreadableReplyError,
)
from tests.unit.client.casings import CASINGS, same

ASHA, RAVI = "+910000000001", "+910000000002"
AT = datetime(2018, 3, 23, 10, 26, 22, tzinfo=UTC)
SECONDS = int(AT.timestamp())

#: the capture of a job's detail, as the contract gives it; ``notes`` is a string that holds JSON
NOTE = {"UPDATE_TYPE": "STATUS_UPDATED", "UPDATE_TEXT": "In Progress", "UPDATE_TIME": "Tue 3 Nov, 10:40",
        "UPDATE_TIME_EPOCH": 1604396444045, "ATTACHMENT": ""}  # fmt: skip
JOB = json.loads(
    """
{"actionType":"Job","actionId":"a1","creatorId":"u1","creatorName":"Asha",
 "actionDetails":{"dueDate":"2020-11-04T20:59:59Z","title":"Check pump","responseCount":1,"assigneeCount":1,
  "assignee":[{"mobileNumber":"+910000000001","name":"Ravi"}],
  "responses":[{"assignee":"+910000000001","response":"InProgress",
    "notes":NOTES,
    "attachments":[]}]}}
""".replace("NOTES", json.dumps(json.dumps([NOTE])))
)


class TestTokens:
    BODY: ClassVar = {"accessToken": "jwt", "endpointUrl": "https://kms.kaiza.la/", "accessTokenExpiry": SECONDS * 1000,
            "refreshToken": None, "scope": "token.write"}  # fmt: skip

    @CASINGS
    def test_a_token_reply_is_read(self, spell):
        found = AccessToken.read(spell(self.BODY))
        assert found == AccessToken("jwt", "https://kms.kaiza.la/", AT, None, "token.write")

    @pytest.mark.parametrize(("sent", "read"), [("new", "new"), ("", None), (None, None), (..., None)])
    def test_a_rotated_refresh_token_is_read(self, sent, read):
        body = dict(self.BODY, refreshToken=sent)
        if sent is ...:
            del body["refreshToken"]
        assert AccessToken.read(body).refresh_token == read

    @pytest.mark.parametrize("lacking", ["accessToken", "endpointUrl", "accessTokenExpiry"])
    @pytest.mark.parametrize("value", [None, "", {}])
    def test_a_missing_required_field_is_unreadable(self, lacking, value):
        with pytest.raises(UnreadableReplyError, match=lacking):
            AccessToken.read({**self.BODY, lacking: value})


class TestGroups:
    GROUP: ClassVar = {"groupId": "g1@2", "groupName": "North", "groupType": "ConnectGroup", "callerRole": "Admin",
             "userCount": 12, "hasSubGroups": True, "hasParentGroups": "false", "welcomeMessage": "Hi"}  # fmt: skip
    READ = Group("g1@2", "North", "ConnectGroup", "Admin", 12, True, False, "Hi")

    @CASINGS
    @pytest.mark.parametrize(
        "wrap",
        [
            same,
            lambda g: {"groups": [g]},
            lambda g: {**g, "groups": [g]},
            lambda g: {**g, "subGroups": [{"groupId": "other"}]},
        ],
    )
    def test_a_group_is_read_bare_and_wrapped(self, wrap, spell):
        assert Group.read(spell(wrap(self.GROUP))) == self.READ

    def test_optional_fields_may_be_missing(self):
        assert Group.read({"groupId": "g", "name": "N"}) == Group(
            "g", "N", "Group", None, None, False, False, None
        )

    @pytest.mark.parametrize(
        "body", [{}, {"groups": []}, {"groups": {}}, {"groupName": "N"}, [], None, {"groups": ["g1"]}]
    )
    def test_other_replies_are_unreadable(self, body):
        with pytest.raises(UnreadableReplyError):
            Group.read(body)

    def test_a_created_group_is_read(self):
        body = {"groupName": "Night shift", "groupId": "g@1", "membersAdded": True}
        assert CreatedGroup.read(body) == CreatedGroup("g@1", "Night shift", True, False)
        sub = CreatedGroup.read({"groupId": "g", "isAddedAsSubGroup": "True"})
        assert (sub.is_added_as_sub_group, sub.members_added) == (True, None)

    def test_members_are_read(self):
        body = {"id": "u1", "role": "Admin", "mobileNumber": ASHA, "name": "Asha", "isProvisioned": True}
        assert Member.read(body) == Member("u1", "Admin", ASHA, "Asha", True)
        assert Member.read({"id": "u2", "isProvisioned": "false"}) == Member(
            "u2", "Member", None, None, False
        )


class TestPosted:
    @CASINGS
    def test_subscribers_that_a_post_did_not_reach_are_read(self, spell):
        failed = [
            {"subscriberId": "u9", "errorReason": "not a subscriber"},
            {"subscriber": RAVI, "errorCode": 7},
        ]
        found = Posted.read(spell({"referenceId": "r1", "actionId": "a1", "failedResult": failed}))
        assert (found.reference_id, found.action_id) == ("r1", "a1")
        assert [str(each) for each in found.failed] == ["u9: not a subscriber", f"{RAVI}: 7"]

    @pytest.mark.parametrize("body", [{"referenceId": "r1"}, {"referenceId": "r1", "failedResult": [], "actionId": ""},
                                      {"referenceId": "r1", "failedResult": None}])  # fmt: skip
    def test_texts_and_media_have_no_action_id(self, body):
        assert Posted.read(body) == Posted("r1", None, ())


class TestLists:
    def item(self, **changes):
        body = {"actionId": "a1", "title": "Daily", "responseCount": 3, "isCompleted": "true"}
        return {"referenceId": "r1", "actionType": "Job", "sender": ASHA, "actionBody": body, **changes}

    @CASINGS
    @pytest.mark.parametrize(
        "when", [{"creationTime": SECONDS}, {"sentAt": "2018-03-23T10:26:22Z"}, {"sentAt": "", "creationTime": SECONDS},
                 {"sentAt": "2018-03-23T10:26:22Z", "creationTime": SECONDS - 1}, {"creationTime": str(SECONDS)}]
    )  # fmt: skip
    def test_a_listed_action_is_read(self, when, spell):
        found = ListedAction.read(spell(self.item(**when)))
        assert (found.reference_id, found.action_type, found.sender, found.sent_at) == ("r1", "Job", ASHA, AT)
        assert (found.action_id, found.title, found.response_count, found.is_completed) == (
            "a1",
            "Daily",
            3,
            True,
        )

    def test_a_listed_poll_has_its_question_as_title_and_its_body_unchanged(self):
        body = {"actionId": "a1", "question": "Lunch?", "choices": [{"title": "Yes"}]}
        found = ListedAction.read(self.item(actionBody=body))
        assert (found.title, found.raw, found.response_count, found.is_completed) == (
            "Lunch?",
            body,
            None,
            None,
        )

    @CASINGS
    def test_options_and_start_time_are_read_from_a_listed_action(self, spell):
        body = {"choices": [{"title": "Yes"}, {"title": "No"}], "startingTime": "2018-03-23T10:26:22Z"}
        found = ListedAction.read(spell(self.item(actionBody=body)))
        assert (found.options, found.starts_at) == (("Yes", "No"), AT)

    @pytest.mark.parametrize("choices", [None, "Yes", ["Yes", "No"], {"title": "Yes"}])
    def test_options_that_cannot_be_read_are_empty(self, choices):
        found = ListedAction.read(self.item(actionBody={"choices": choices, "startingTime": "soon"}))
        assert (found.options, found.starts_at) == ((), None)

    @pytest.mark.parametrize("body", [None, {}, "text"])
    def test_an_empty_action_body_is_read(self, body):
        found = ListedAction.read(self.item(actionBody=body))
        assert (found.action_id, found.raw, found.sent_at) == (None, {}, None)

    @pytest.mark.parametrize(
        ("more", "read"),
        [({}, False), ({"hasMore": True}, True), ({"hasMore": "true"}, True), ({"hasMore": None}, False)],
    )
    def test_a_page_is_read(self, more, read):
        page = ActionPage.read({"actions": [self.item(), self.item(referenceId="r2")], **more})
        assert ([each.reference_id for each in page.actions], page.has_more) == (["r1", "r2"], read)

    @pytest.mark.parametrize(
        "body", [{}, {"actions": None}, {"actions": {}}, {"actions": "x"}, {"actions": [{}]}, []]
    )
    def test_what_is_not_a_page_is_unreadable(self, body):
        with pytest.raises(UnreadableReplyError):
            ActionPage.read(body)


class TestJobs:
    @CASINGS
    def test_a_captured_job_is_read(self, spell):
        body = spell(JOB)
        found = ActionDetails.read(body)
        assert (found.action_type, found.action_id, found.title, found.creator_name) == (
            "Job",
            "a1",
            "Check pump",
            "Asha",
        )
        assert found.due == datetime(2020, 11, 4, 20, 59, 59, tzinfo=UTC)
        assert found.assignees == (Person(ASHA, "Ravi"),)
        (response,) = found.responses
        assert response.responder == Person(ASHA, "Ravi")
        assert response.responded_at == datetime(2020, 11, 3, 9, 40, 44, 45_000, tzinfo=UTC)
        assert response.answers == {"Check pump": "InProgress"}
        assert (response.completed, response.counts, response.response_id) == (False, False, None)

    @pytest.mark.parametrize(
        ("state", "done"),
        [("Completed", True), ("completed", True), ("COMPLETE", True), ("Done", True), ("Closed", True), ("true", True),
         ("NotCompleted", False), ("Not Completed", False), ("InProgress", False), ("In Progress", False), ("Open", False),
         ("", False), (None, False)],
    )  # fmt: skip
    def test_the_state_of_each_assignee_is_read(self, state, done):
        found = Response.read_job({"assignee": ASHA, "response": state}, "t", {})
        assert (found.completed, found.counts) == (done, done)

    @pytest.mark.parametrize(
        ("flag", "done"), [(True, True), ("true", True), (False, False), ("False", False)]
    )
    def test_a_boolean_wins_over_the_state_text(self, flag, done):
        assert (
            Response.read_job({"assignee": ASHA, "isCompleted": flag, "response": "?"}, "t", {}).completed
            is done
        )

    def test_a_respondent_who_is_not_an_assignee_is_read(self):
        found = Response.read_job({"assignee": RAVI, "assigneeName": "Ravi"}, "t", {ASHA: Person(ASHA)})
        assert found.responder == Person(RAVI, "Ravi")

    def test_the_time_of_the_last_note_is_used(self):
        notes = json.dumps(
            [{"UPDATE_TIME_EPOCH": 1604396444045}, {"update_time_epoch": (SECONDS + 10**9) * 1000}, {}]
        )
        assert Response.read_job({"notes": notes}, "t", {}).responded_at.timestamp() == SECONDS + 10**9

    @pytest.mark.parametrize(
        "notes",
        ["[]", "", None, "no json", "7", "{}", '["x"]', '[{"UPDATE_TIME_EPOCH": "soon"}]', 7, "[" * 99_999],
    )
    def test_notes_without_a_time_are_ignored(self, notes):
        assert Response.read_job({"assignee": ASHA, "notes": notes}, "t", {}).responded_at is None

    def test_notes_may_be_a_list(self):
        assert (
            Response.read_job({"notes": [{"UPDATE_TIME_EPOCH": SECONDS * 1000}]}, "t", {}).responded_at == AT
        )

    def test_a_job_without_details_is_read(self):
        found = ActionDetails.read({"actionType": "Job", "actionDetails": {"title": "t"}})
        assert (found.assignees, found.responses, found.response_count, found.due) == ((), (), None, None)
