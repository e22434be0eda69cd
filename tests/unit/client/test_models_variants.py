"""Groups, tokens, reactions, webhooks and bots: every documented variant of what comes back, and bad input for what goes out."""

from __future__ import annotations

import json
import pickle
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaInputError
from airflow_provider_kaizala.client.models import (
    AccessToken,
    ActionDetails,
    Audience,
    Bot,
    BotToken,
    Group,
    GroupTree,
    ListedAction,
    Location,
    Message,
    NewWebhook,
    Person,
    Property,
    Reaction,
    ReactionCounts,
    RefreshToken,
    Subscriber,
    SubscriberOutcome,
    UnreadableReplyError,
    Webhook,
    WebhookChange,
)
from airflow_provider_kaizala.client.multipart import Part

G = "11111111-1111-4111-8111-111111111111@1"
ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = datetime(2018, 3, 23, 10, 26, 22, 956_000, tzinfo=UTC)
MS = 1521800782956
TOKEN = "t0ken-of-the-callback"
HALF = "half a pair \ud83d"


def pascal(value):
    """Spell all names with a capital, as production did now and then; phone numbers are no names."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal(item) for key, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def upper(value):
    if isinstance(value, dict):
        return {key.upper(): upper(item) for key, item in value.items()}
    return [upper(item) for item in value] if isinstance(value, list) else value


def lower(value):
    if isinstance(value, dict):
        return {key.lower(): lower(item) for key, item in value.items()}
    return [lower(item) for item in value] if isinstance(value, list) else value


def same(value):
    return value


CASINGS = pytest.mark.parametrize("spell", [same, pascal, lower, upper])
GROUP = {"groupId": "g1", "groupName": "North", "groupType": "Group", "callerRole": "Admin", "userCount": 3,
         "hasSubGroups": True, "hasParentGroups": False, "welcomeMessage": "Hi"}  # fmt: skip
BELOW = {"groupId": "g2", "groupName": "Night", "groupType": "ConnectGroup", "hasParentGroups": "True"}
WEBHOOK = {"id": "w1", "objectId": G, "objectType": "Group", "events": ["TextMessageCreated", "JobResponse"], "filters": [],
           "callbackUrl": "https://me.example/k?x=1", "callbackToken": TOKEN, "callbackContext": "ctx", "ts": MS,
           "validity": MS, "active": True}  # fmt: skip


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


class TestTokens:
    @CASINGS
    @pytest.mark.parametrize("endpoint", ["https://kms.kaiza.la/", "https://kms.kaiza.la", None])
    def test_the_reply_of_a_pin_sign_in_is_read(self, endpoint, spell):
        body = {"refreshToken": "r3fresh", "grantedScope": "groupinfo.read", "refreshTokenExpiry": MS}
        found = RefreshToken.read(spell(body | {"endpointUrl": endpoint} if endpoint else body))
        assert found == RefreshToken("r3fresh", AT, endpoint, "groupinfo.read")
        assert "r3fresh" not in repr(found)

    def test_a_sign_in_reply_with_required_fields_only_is_read(self):
        assert RefreshToken.read({"refreshToken": "r"}) == RefreshToken("r", None, None, None)

    @CASINGS
    def test_a_bots_token_is_read(self, spell):
        found = BotToken.read(
            spell({"accessToken": "b0t", "accessTokenExpiry": str(MS), "scope": "token.write"})
        )
        assert found == BotToken("b0t", AT, "token.write")
        assert "b0t" not in repr(found)

    @pytest.mark.parametrize(
        ("model", "body", "lacking"),
        [(RefreshToken, {}, "refreshToken"), (RefreshToken, {"refreshToken": ""}, "refreshToken"),
         (BotToken, {"accessTokenExpiry": MS}, "accessToken"), (BotToken, {"accessToken": "b"}, "accessTokenExpiry"),
         (BotToken, {"accessToken": "b", "accessTokenExpiry": "soon"}, "accessTokenExpiry")],
    )  # fmt: skip
    def test_a_missing_required_field_is_unreadable(self, model, body, lacking):
        with pytest.raises(UnreadableReplyError, match=lacking):
            model.read(body)

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://kms.kaiza.la/",
            "https://kms.kaiza.la",
            "https://kms.kaiza.la//",
            "https://kms.kaiza.la/v1/",
        ],
    )
    def test_calls_go_to_the_endpoint_with_or_without_trailing_slash(self, world, endpoint):
        world.endpoint = endpoint
        world.replies = [world.reply(200, {"id": "u1"})]
        assert world.run(calls.get_me()) == Person(None, None, "u1")
        assert [send.url for send in world.calls] == ["https://kms.kaiza.la/v1/users/me"]

    @pytest.mark.parametrize("more", [{"refreshToken": None}, {"refreshToken": ""}, {}])
    def test_an_oauth_sign_in_may_return_no_refresh_token(self, more):
        body = {"accessToken": "a", "endpointUrl": "https://kms.kaiza.la", "accessTokenExpiry": MS, **more}
        assert calls.oauth_token("c", "s", "x").parse(body) == AccessToken(
            "a", "https://kms.kaiza.la", AT, None, None
        )


class TestReactions:
    @CASINGS
    def test_reaction_counts_are_read(self, spell):
        body = {"summary": [{"referenceId": "r1", "reactionsCountMap": {"like": 2, "comment": "1"}}]}
        assert calls.count_reactions(G, "r1").parse(spell(body)) == ReactionCounts("r1", 2, 1)

    @pytest.mark.parametrize("counts", [{}, None, {"like": None}])
    def test_a_reaction_type_that_is_left_out_counts_as_zero(self, counts):
        assert ReactionCounts.read({"referenceId": "r", "reactionsCountMap": counts}) == ReactionCounts(
            "r", 0, 0
        )
        assert calls.count_reactions(G, "r").parse({"summary": []}) == ReactionCounts("r", 0, 0)

    @CASINGS
    @pytest.mark.parametrize(
        ("more", "comment"),
        [({}, None), ({"comment": None}, None), ({"comment": ""}, None), ({"comment": "شكرا 🎉"}, "شكرا 🎉")],
    )
    def test_a_reaction_is_read(self, more, comment, spell):
        body = {"reactionId": "x1", "userId": "u1", "lastModifiedTime": MS, **more}
        page = (
            calls.list_reactions(G, "r1", "Comment")
            .call(None)
            .parse(spell({"cursor": 636529296000000001, "reactionDetails": [body]}))
        )
        assert page.items == (Reaction("x1", "u1", AT, comment),)
        assert page.next == 636529296000000001  # .NET ticks, to the last digit

    @pytest.mark.parametrize("lacking", ["reactionId", "userId"])
    def test_a_missing_required_field_is_unreadable(self, lacking):
        with pytest.raises(UnreadableReplyError, match=lacking):
            Reaction.read({"reactionId": "x", "userId": "u", lacking: ""})

    @pytest.mark.parametrize(
        ("make", "message"),
        [(lambda: calls.post_reaction(G, "r", "Love"), "reaction_type must be one of Like, Comment"),
         (lambda: calls.post_reaction(G, "", "Like"), "reference_id is empty"),
         (lambda: calls.post_reaction(G, "r", "Comment"), "comment must be a string, not None"),
         (lambda: calls.post_reaction(G, "r", "Comment", "x" * 4001), "comment has 4001 characters"),
         (lambda: calls.post_reaction(G, "r", "Like", "nice"), "comment: a Like has no text"),
         (lambda: calls.list_reactions(G, "r", "Dislike"), "reaction_type must be one of .*not 'Dislike'"),
         (lambda: calls.count_reactions(G, ""), "is not a valid id|If a template was to render it")],
    )  # fmt: skip
    def test_bad_arguments_are_refused_by_name(self, make, message):
        with pytest.raises(KaizalaInputError, match=message):
            make()


class TestWebhooks:
    READ = Webhook(
        "w1",
        G,
        "Group",
        ("TextMessageCreated", "JobResponse"),
        "https://me.example/k?x=1",
        TOKEN,
        "ctx",
        AT,
        AT,
        True,
    )

    @CASINGS
    @pytest.mark.parametrize(
        "change",
        [same,
         lambda w: {**{k: v for k, v in w.items() if k != "callbackUrl"}, "callBackUrl": w["callbackUrl"]},
         lambda w: {**{k: v for k, v in w.items() if k != "callbackToken"}, "callBackToken": w["callbackToken"]},
         lambda w: {**{k: v for k, v in w.items() if k != "events"}, "eventTypes": w["events"]},
         lambda w: {**w, "active": "true", "validity": str(MS)}],
    )  # fmt: skip
    def test_the_documented_sample_is_read(self, change, spell):
        assert calls.list_webhooks(G).parse(spell({"webhooks": [change(WEBHOOK)]})) == (self.READ,)

    @pytest.mark.parametrize(
        ("active", "read"), [(False, False), ("false", False), ("False", False), (None, True), ("true", True)]
    )
    def test_a_disabled_webhook_is_read(self, active, read):
        assert Webhook.read({**WEBHOOK, "active": active}).active is read

    def test_optional_fields_may_be_missing(self):
        few = {key: WEBHOOK[key] for key in ("id", "objectId", "objectType", "callbackUrl")}
        assert Webhook.read(few) == replace(
            self.READ, event_types=(), callback_token=None, context=None, expires_at=None, changed_at=None
        )

    @pytest.mark.parametrize("lacking", ["id", "objectId", "objectType", "callbackUrl"])
    def test_a_missing_required_field_is_unreadable(self, lacking):
        with pytest.raises(UnreadableReplyError, match=lacking):
            Webhook.read({**WEBHOOK, lacking: None})

    @pytest.mark.parametrize(
        ("body", "read"), [({}, None), (None, None), ({"webhookId": "w"}, "w"), ({"Id": "w"}, "w")]
    )
    def test_a_flow_subscription_may_return_no_id(self, body, read):
        assert calls.flow_subscribe("Group", "JobResponse", G, "https://a/b").parse(body) == read

    def new(self, **changes):
        return NewWebhook(**{"object_id": G, "object_type": "Group", "event_types": ["JobResponse"],
                             "callback_url": "https://me.example/k", **changes})  # fmt: skip

    @pytest.mark.parametrize(
        ("changes", "message"),
        [({"object_id": None}, "object_id is missing; a new webhook needs it"),
         ({"object_id": " "}, "object_id is empty"),
         ({"object_type": "Person"}, "object_type must be one of Group, Action, ActionPackage"),
         ({"object_type": None}, "object_type is missing"),
         ({"event_types": None}, "event_types is missing"),
         ({"event_types": []}, "event_types is empty; give one or more of ActionCreated"),
         ({"event_types": "JobResponse"}, "event_types must be a list of event names, not 'JobResponse'"),
         ({"event_types": ["JobResponse", "Response"]}, "event_types must be one of .*not 'Response'"),
         ({"callback_url": None}, "callback_url is missing"),
         ({"callback_url": 7}, "callback_url must be a string, not 7"),
         ({"context": ""}, "context is empty"),
         ({"expires": "soon"}, "expires must be a datetime, .*not 'soon'"),
         ({"expires": timedelta(0)}, "expires must be .* a timedelta above zero"),
         ({"active": "perhaps"}, "active must be True or False, not 'perhaps'")],
    )  # fmt: skip
    def test_bad_arguments_are_refused_by_name(self, changes, message):
        with pytest.raises(KaizalaInputError, match=message):
            self.new(**changes)

    @pytest.mark.parametrize("expires", [NOW, NOW - timedelta(seconds=1), "2026-03-01T11:59:59"])
    def test_an_expiry_that_has_passed_is_refused_when_it_is_sent(self, expires):
        with pytest.raises(KaizalaInputError, match=r"expires: .* has passed; give a time in the future"):
            calls.create_webhook(self.new(expires=expires)).body(NOW)

    @pytest.mark.parametrize(
        "url", ["me.example/k", "ftp://me.example", "https:///k", "https://me:s3cret@me.example/", "https://[me", "javascript:x"]
    )  # fmt: skip
    def test_an_invalid_address_is_refused_without_showing_it(self, url):
        with pytest.raises(KaizalaInputError, match="callback_url must be an https:// address") as caught:
            self.new(callback_url=url)
        assert url not in str(caught.value)

    @pytest.mark.parametrize("token", [TOKEN.encode(), [TOKEN], {"a": TOKEN}, "", " ", TOKEN + "\ud83d"])
    def test_an_invalid_token_is_refused_without_showing_it(self, token):
        for make in (self.new, WebhookChange):
            with pytest.raises(KaizalaInputError, match="callback_token") as caught:
                make(callback_token=token)
            assert TOKEN not in str(caught.value)

    def test_the_callback_token_appears_in_no_text(self, make_world):
        new, change = self.new(callback_token=TOKEN), WebhookChange(callback_token=TOKEN)
        shown = [
            new,
            change,
            Webhook.read(WEBHOOK),
            calls.create_webhook(new),
            calls.update_webhook("w1", change),
        ]
        assert not [each for each in shown if TOKEN in repr(each) or TOKEN in str(each)]
        for call in shown[-2:]:
            assert call.body(NOW)["callBackToken"] == TOKEN
            world = make_world()
            world.replies = [world.error(400, message=f"callBackToken {TOKEN} is odd")]
            with pytest.raises(KaizalaBadRequestError) as caught:
                world.run(call)
            assert TOKEN not in f"{caught.value} {caught.value!r}"

    @pytest.mark.parametrize("written", ["Sig%2Fof+12345", "Sig/of 12345", "Sig/of+12345"])
    def test_a_token_in_the_address_appears_in_no_text(self, make_world, written):
        url = "https://me.example/k?store=12&sig=Sig%2Fof+12345"
        new, change = self.new(callback_url=url), WebhookChange(callback_url=url)
        flow = calls.flow_subscribe("Group", "JobResponse", G, url)
        webhook = Webhook.read({**WEBHOOK, "callbackUrl": url})
        made = [calls.create_webhook(new), calls.update_webhook("w1", change), flow]
        assert not [each for each in (new, change, webhook, *made) if "Sig" in f"{each!r} {each}"]
        assert webhook.callback_url == new.callback_url == url
        for call in made:
            world = make_world()
            world.replies = [world.error(400, message=f"no echo from ?store=12&sig={written}")]
            with pytest.raises(KaizalaBadRequestError) as caught:
                world.run(call)
            assert "store=12&sig=***" in str(caught.value), "a short value is no secret"
            assert "Sig" not in f"{caught.value} {caught.value!r}"

    def test_a_token_that_equals_an_error_code_does_not_hide_the_error(self, world):
        """A refused access token is renewed, whatever the callback token is."""
        world.replies = [world.error(400, code="InvalidToken"), world.reply(200, {"webhookId": "w1"})]
        assert world.run(calls.create_webhook(self.new(callback_token="Token"))) == "w1"
        assert len(world.token_calls) == 2

    def test_a_change_without_fields_is_refused(self):
        with pytest.raises(KaizalaInputError, match="change: nothing to change"):
            calls.update_webhook("w1", WebhookChange())
        assert calls.update_webhook("w1", WebhookChange(active="false")).body(NOW) == {"Active": "false"}


class TestBots:
    BODY: ClassVar = {"botUserId": "b1", "name": "Clerk", "profilePic": "m1", "tenantId": "t", "creatorId": "u1", "creator": ASHA,
            "creatorName": "Asha", "status": "Active"}  # fmt: skip

    @CASINGS
    def test_a_bot_is_read(self, spell):
        found = calls.list_bots().parse(spell({"bots": [self.BODY, {"botUserId": "b2"}]}))
        assert found == (
            Bot("b1", "Clerk", "m1", "u1", "Asha", "Active"),
            Bot("b2", None, None, None, None, None),
        )

    @pytest.mark.parametrize("body", [{}, {"bots": None}, {"bots": [{"name": "Clerk"}]}, {"bots": ["b1"]}])
    def test_other_replies_are_unreadable(self, body):
        with pytest.raises(UnreadableReplyError):
            calls.list_bots().parse(body)

    @pytest.mark.parametrize(
        ("make", "message"),
        [(lambda: calls.create_bot(""), "name is empty"), (lambda: calls.create_bot(None), "name must be a string, not None"),
         (lambda: calls.update_bot("b1"), "nothing to change: give name or profile_pic"),
         (lambda: calls.update_bot("b1", name=" "), "name is empty"),
         (lambda: calls.delete_bot(".."), "is not a valid id"),
         (lambda: calls.add_bot_to_group(G, ""), "bot_user_id is empty")],
    )  # fmt: skip
    def test_bad_arguments_are_refused_by_name(self, make, message):
        with pytest.raises(KaizalaInputError, match=message):
            make()


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


BAD_CALLS = [
    (lambda: calls.list_subscribers(G, 0), "count must be a whole number of at least 1, not 0"),
    (lambda: calls.list_subscribers(G, "7.5"), "count must be a whole number of at least 1, not '7.5'"),
    (lambda: calls.list_actions(G, "Job", count=True), "count must be a whole number of at least 1, not True"),
    (lambda: calls.list_actions(G, "Job", "yesterday"), "since must be a datetime .*not 'yesterday'"),
    (lambda: calls.list_actions(G, "Job", timedelta(hours=1)), "since must be a datetime or an ISO 8601 string"),
    (lambda: calls.list_actions(G, " "), "action_type is empty"),
    (lambda: calls.update_member(G, "u1", "Owner"), "role must be one of Admin, Member"),
    (lambda: calls.add_subscribers(G, []), "subscribers is empty"),
    (lambda: calls.add_subscribers(G, ASHA), "subscribers must be a list of phone numbers"),
    (lambda: calls.add_sub_groups(G, []), "sub_groups is empty"),
    (lambda: calls.add_sub_groups(G, "g2"), "sub_groups must be a list of group ids"),
    (lambda: calls.add_sub_groups(G, ["g 2"]), "sub_groups: 'g 2' is not a valid group id"),
    (lambda: calls.create_sub_group(G, "N", "Hi", group_type="Hub"), "group_type must be one of .*not 'Hub'"),
    (lambda: calls.find_tenant_groups(""), "query is empty"),
    (lambda: calls.generate_pin("910000000001", "c"), "mobile_number: '910000000001' is not a phone number"),
    (lambda: calls.login_with_pin(ASHA, "c", "s", None), "pin must be a string, not NoneType"),
    (lambda: calls.login_with_pin(ASHA, "c", "s", b"4711"), "pin must be a string, not bytes"),
    (lambda: calls.update_action(G, "a1", []), "properties is empty"),
    (lambda: calls.update_action(G, "a1", [Property("n", "Text", "v")], audience=Audience(reply_to_reference_id="r")),
     "reply_to_reference_id: only a message or a new action can reply to another"),
    (lambda: calls.send_reminder(G, "a1", Audience(reply_to_reference_id="r")), "reply_to_reference_id: only"),
    (lambda: calls.post_response(G, "a1", "A"), "answers must be a list of answers, not 'A'"),
    (lambda: calls.post_response(G, "a1", ["A", {1, 2}]), "answer 2: {1, 2} cannot be written as JSON"),
    (lambda: calls.post_response(G, "a1", [float("nan")]), "answer 1: nan cannot be written as JSON"),
    (lambda: calls.any_operation("sendMessage", {"groupId": G}, {"message": object}), "body: .* cannot be written as JSON"),
    (lambda: calls.flow_subscribe("ActionPackage", "JobResponse", "p", "https://a"),
     "object_type must be one of Group, Action, not"),
    (lambda: calls.flow_subscribe("Group", "Response", G, "https://a"), "event_type must be one of .*not 'Response'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD_CALLS)
def test_bad_arguments_are_refused_before_anything_is_sent(make, message):
    with pytest.raises(KaizalaInputError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [lambda: Message(HALF), lambda: calls.find_tenant_groups(HALF), lambda: calls.get_group(HALF), lambda: calls.create_bot(HALF),
     lambda: calls.oauth_token("c", "s", HALF), lambda: calls.list_actions(G, HALF), lambda: calls.delete_webhook(HALF),
     lambda: calls.any_operation("listActions", {"groupId": G, "actionType": "Job", "id": HALF})],
)  # fmt: skip
def test_half_a_surrogate_pair_is_refused_by_name(make):
    with pytest.raises(KaizalaInputError, match="character 13 is half of a surrogate pair"):
        make()


def test_answers_are_sent_in_the_form_that_kaizala_expects():
    given_ = [
        "A",
        2,
        1.5,
        ["X", "Y"],
        None,
        AT,
        Location(17.4, 78.0, "H"),
        Location(1, 2),
        {"cc": "+91", "pn": "1"},
    ]
    body = calls.post_response(G, "a1", given_).body(NOW)["actionBody"]["Answers"]
    assert body == ["A", 2, 1.5, ["X", "Y"], None, MS // 1000, {"lt": 17.4, "lg": 78.0, "n": "H"}, {"lt": 1, "lg": 2},
                    {"cc": "+91", "pn": "1"}]  # fmt: skip
    assert json.loads(json.dumps(body)) == body


@pytest.fixture
def in_india(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    "since", ["2026-03-01T12:00:00", "2026-03-01T17:30:00+05:30", NOW.replace(tzinfo=None), NOW]
)
@pytest.mark.usefixtures("in_india")
def test_a_time_without_a_zone_is_utc_whatever_the_local_zone(since):
    assert calls.list_actions(G, "Job", since).call(None).query["fromDate"] == str(int(NOW.timestamp()))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["groupId", "groups", "subGroups", "id", "objectId", "objectType", "callbackUrl", "events", "validity",
                             "refreshToken", "accessToken", "accessTokenExpiry", "referenceId", "reactionsCountMap", "reactionId",
                             "userId", "lastModifiedTime", "botUserId", "result", "isAdded"]),
            inner, max_size=4),
    ),
    max_leaves=15,
)  # fmt: skip


READERS = (GroupTree.read, Subscriber.read, SubscriberOutcome.read_all, RefreshToken.read, BotToken.read, ReactionCounts.read,
           Reaction.read, Webhook.read, Bot.read)  # fmt: skip


@given(body=JSON)
def test_any_reply_is_read_or_reported_as_unreadable(body):
    for read in READERS:
        with suppress(UnreadableReplyError):
            found = read(body)
            assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


def test_a_file_name_that_is_not_utf8_is_refused_by_name():
    part = Part("a\udcff.png", "image/png", lambda: pytest.fail("opened"))
    with pytest.raises(KaizalaInputError, match="file_name: character 2 is half of a surrogate pair"):
        calls.upload_media(G, [part])
