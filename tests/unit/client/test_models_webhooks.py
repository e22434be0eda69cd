"""Webhooks and bots: every documented variant of what comes back, and bad input for what goes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaInputError
from airflow_provider_kaizala.client.models import (
    Bot,
    NewWebhook,
    UnreadableReplyError,
    Webhook,
    WebhookChange,
)
from tests.unit.client.casings import CASINGS, same

G = "11111111-1111-4111-8111-111111111111@1"
ASHA = "+910000000001"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = datetime(2018, 3, 23, 10, 26, 22, 956_000, tzinfo=UTC)
MS = 1521800782956
TOKEN = "t0ken-of-the-callback"


WEBHOOK = {"id": "w1", "objectId": G, "objectType": "Group", "events": ["TextMessageCreated", "JobResponse"], "filters": [],
           "callbackUrl": "https://me.example/k?x=1", "callbackToken": TOKEN, "callbackContext": "ctx", "ts": MS,
           "validity": MS, "active": True}  # fmt: skip


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
