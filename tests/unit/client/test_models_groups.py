"""Groups and their subscribers: every documented variant of what comes back."""

from __future__ import annotations

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import (
    Group,
    GroupTree,
    Subscriber,
    SubscriberOutcome,
    UnreadableReplyError,
)
from tests.unit.client.casings import CASINGS, same

G = "11111111-1111-4111-8111-111111111111@1"
ASHA, RAVI = "+910000000001", "+910000000002"


GROUP = {"groupId": "g1", "groupName": "North", "groupType": "Group", "callerRole": "Admin", "userCount": 3,
         "hasSubGroups": True, "hasParentGroups": False, "welcomeMessage": "Hi"}  # fmt: skip
BELOW = {"groupId": "g2", "groupName": "Night", "groupType": "ConnectGroup", "hasParentGroups": "True"}


class TestGroupTree:
    READ = GroupTree(
        Group("g1", "North", "Group", "Admin", 3, True, False, "Hi"),
        (Group("g2", "Night", "ConnectGroup", None, None, False, True, None),),
    )

    @CASINGS
    @pytest.mark.parametrize(
        "wrap", [same, lambda tree: {"groups": [tree]}, lambda tree: {**tree, "groups": [tree]}]
    )
    def test_a_group_is_read_bare_and_wrapped(self, wrap, spell):
        assert GroupTree.read(spell(wrap({**GROUP, "subGroups": [BELOW]}))) == self.READ

    @pytest.mark.parametrize("more", [{}, {"subGroups": None}, {"subGroups": []}])
    def test_a_group_without_sub_groups_is_read(self, more):
        for body in ({**GROUP, **more}, {"groups": [{**GROUP, **more}]}):
            assert GroupTree.read(body) == GroupTree(self.READ.group, ())

    @pytest.mark.parametrize(
        "body", [None, [], {}, {"groups": []}, {"subGroups": [BELOW]}, {**GROUP, "subGroups": "g2"}, {**GROUP, "subGroups": [{}]}]
    )  # fmt: skip
    def test_other_replies_are_unreadable(self, body):
        with pytest.raises(UnreadableReplyError):
            GroupTree.read(body)


class TestSubscribers:
    @CASINGS
    def test_a_page_is_read(self, spell):
        rows = [{"id": "u1", "mobileNumber": ASHA, "name": "Asha", "profilePic": "", "isProvisioned": True},
                {"mobileNumber": RAVI, "isProvisioned": "false"}]  # fmt: skip
        page = calls.first_subscribers(G).parse(spell({"subscribers": rows, "cursor": "c1"}))
        assert page.items == (Subscriber("u1", ASHA, "Asha", True), Subscriber(None, RAVI, None, False))
        assert page.next == "c1"

    @pytest.mark.parametrize(
        ("more", "read"), [({}, None), ({"cursor": None}, None), ({"cursor": ""}, None), ({"cursor": 7}, "7")]
    )
    def test_the_last_page_has_no_cursor_to_follow(self, more, read):
        assert calls.list_subscribers(G).call(None).parse({"subscribers": [], **more}).next == read

    @pytest.mark.parametrize(
        "body", [{}, {"subscribers": None}, {"subscribers": {}}, {"subscribers": ["u1"]}]
    )
    def test_what_is_not_a_page_is_unreadable(self, body):
        with pytest.raises(UnreadableReplyError):
            calls.first_subscribers(G).parse(body)

    @CASINGS
    @pytest.mark.parametrize(
        ("said", "done", "reason", "code"),
        [({"isAdded": True}, True, None, None),
         ({"isAdded": "true"}, True, None, None),
         ({"isRemoved": True}, True, None, None),
         ({"isRemoved": False}, False, None, None),
         ({"isAdded": None, "isRemoved": False}, False, None, None),
         ({"isAdded": False, "errorReason": "Not registered", "errorCode": "UserNotFound"}, False, "Not registered", "UserNotFound"),
         ({"errorReason": "Not registered"}, False, "Not registered", None),
         ({"errorCode": 7}, False, None, "7"),
         ({"isAdded": True, "errorReason": "", "errorCode": None}, True, None, None),
         ({}, True, None, None)],
    )  # fmt: skip
    def test_the_outcome_for_each_number_is_read(self, said, done, reason, code, spell):
        found = calls.add_subscribers(G, [ASHA]).parse(spell({"result": {ASHA: said}}))
        assert found == (SubscriberOutcome(ASHA, done, reason, code),)

    @pytest.mark.parametrize(
        ("said", "done"), [(True, True), ("true", True), (False, False), ("False", False)]
    )
    def test_an_outcome_may_be_a_bare_value(self, said, done):
        assert SubscriberOutcome.read_all({"result": {ASHA: said}}) == (SubscriberOutcome(ASHA, done),)

    def test_each_number_keeps_its_own_outcome(self):
        body = {"result": {RAVI: {"isRemoved": False}, ASHA: {"isRemoved": True}}}
        found = calls.remove_subscribers(G, [ASHA, RAVI]).parse(body)
        assert {each.mobile_number: each.done for each in found} == {ASHA: True, RAVI: False}

    @pytest.mark.parametrize("body", [{}, {"result": None}, {"result": "true"}, {"result": []}, []])
    def test_what_is_not_an_outcome_is_unreadable(self, body):
        with pytest.raises(UnreadableReplyError):
            SubscriberOutcome.read_all(body)
