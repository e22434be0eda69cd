"""The client against the contract: all operations on one journey with a live server, each request and each reply checked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import pytest
import requests

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.calls import groups as group_calls
from airflow_provider_kaizala.client.effects import Reply, Send
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaError, KaizalaNotFoundError
from airflow_provider_kaizala.client.models import (
    Announcement,
    Audience,
    Job,
    Media,
    Meeting,
    Message,
    NewWebhook,
    Package,
    Poll,
    Property,
    SubscriberOutcome,
    Survey,
    WebhookChange,
)
from airflow_provider_kaizala.client.operations import OPERATIONS
from tests.contract.checker import check_reply, fits
from tests.contract.given import PLACE, QUESTIONS, WHEN, png
from tests.contract.journey import Journey, WatchedAsync, journey_in
from tests.contract.shop import ASHA, HUB, MEERA, NORTH, PNG, RAVI, REDIRECT, STORE, STRANGER

SOON = timedelta(hours=2)


def test_the_whole_journey(session_shop, monkeypatch):
    """Every operation there is, by the real client with the real server, each exchange as described."""
    with journey_in(session_shop) as journey:
        sign_in(journey)
        groups(journey, monkeypatch)
        members(journey)
        subscribers(journey)
        media(journey)
        actions(journey)
        responses(journey)
        reactions(journey)
        webhooks(journey)
        bots(journey)
        refusals(journey)
        assert journey.seen.operations == set(OPERATIONS)


class Form(HTMLParser):
    """The hidden fields of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("type") == "hidden":
            self.fields[str(found["name"])] = found["value"] or ""


def sign_in(journey: Journey) -> None:
    anybody = journey.client(refresh_token="none")
    assert anybody.run(calls.generate_pin(STRANGER, "app")) is True
    signed = anybody.run(calls.login_with_pin(STRANGER, "app", "secret", "1234"))
    assert signed.expires_at is not None
    assert timedelta(days=364) < signed.expires_at - datetime.now(UTC) <= timedelta(days=365)
    assert str(signed.endpoint_url).rstrip("/") == journey.shop.url
    assert journey.client(refresh_token=signed.refresh_token).run(calls.get_me()).name == "Stranger"

    url = calls.authorize_url(anybody.settings.oauth_root, "app", REDIRECT)
    page = requests.get(url, timeout=20)
    send = Send("GET", url, {}, None, 1, 1, 1)
    journey.seen.check(
        send, Reply(page.status_code, {k.lower(): v for k, v in page.headers.items()}, page.content)
    )
    given = {**Form(page.text).fields, "mobileNumber": MEERA, "pin": "1234"}
    back = requests.post(url, given, allow_redirects=False, timeout=20)
    check_reply(
        "oauthAuthorize", back.status_code, {k.lower(): v for k, v in back.headers.items()}, back.content
    )
    address, _, query = back.headers["Location"].partition("?")
    assert (back.status_code, address) == (302, REDIRECT)
    code = dict(parse_qsl(query))["code"]
    redeemed = anybody.run(calls.oauth_token("app", "secret", code))
    assert redeemed.refresh_token is not None
    assert redeemed.endpoint_url.rstrip("/") == journey.shop.url
    assert journey.client(refresh_token=redeemed.refresh_token).run(calls.get_me()).mobile_number == MEERA
    with pytest.raises(KaizalaBadRequestError) as caught:
        anybody.run(calls.oauth_token("app", "secret", code))
    assert code not in str(caught.value)


def groups(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    asha = journey.asha
    made = asha.run(calls.create_group("Süd 🏬", "Willkommen", [RAVI]))
    assert (made.name, made.members_added, made.is_added_as_sub_group) == ("Süd 🏬", True, False)
    found = asha.run(calls.get_group(made.group_id))
    assert (found.name, found.welcome_message, found.caller_role, found.user_count) == (
        "Süd 🏬",
        "Willkommen",
        "Admin",
        2,
    )
    listed = {group.group_id: group for group in asha.run(calls.list_groups())}
    assert listed[made.group_id].name == "Süd 🏬"
    assert made.group_id in {group.group_id for group in journey.ravi.run(calls.list_groups())}

    assert asha.run(calls.add_sub_groups(NORTH, [made.group_id])) is True
    below = asha.run(calls.create_sub_group(made.group_id, "Nacht", "Hi", [MEERA], join=False))
    assert below.is_added_as_sub_group
    assert {one.mobile_number for one in asha.run(calls.list_members(below.group_id))} == {MEERA}
    tree = asha.run(calls.list_sub_groups(NORTH))
    assert tree.group.name == "North"
    assert tree.group.has_sub_groups
    assert {group.name for group in tree.sub_groups} == {"Lower", "Süd 🏬"}
    assert {group.name for group in asha.run(calls.list_sub_groups(NORTH, all_levels=True)).sub_groups} == {
        "Lower",
        "Süd 🏬",
        "Nacht",
    }
    assert asha.run(calls.remove_sub_group(NORTH, made.group_id)) is True
    assert {group.name for group in asha.run(calls.list_sub_groups(NORTH)).sub_groups} == {"Lower"}

    by_store = journey.store.run(calls.create_group("Kasse", "Hi", parent=STORE))
    assert by_store.is_added_as_sub_group
    assert [group.name for group in asha.run(calls.list_sub_groups(STORE)).sub_groups] == ["Kasse"]
    assert [group.group_id for group in journey.store.run(calls.list_groups(STORE))] == [STORE]
    assert [group.name for group in journey.store.run(calls.list_groups(STORE, all_groups=True))] == [
        "Store 12",
        "Kasse",
    ]

    journey.store.run(
        calls.remove_sub_group(STORE, by_store.group_id)
    )  # a group with some takes no plain messages

    for number in range(5):
        asha.run(calls.create_group(f"Lager 100% {number}", "Hi"))
    monkeypatch.setattr(group_calls, "FOUND_PER_PAGE", 2)
    names = [group.name for group in asha.iterate(calls.find_tenant_groups("lager 100%"))]
    assert names == [f"Lager 100% {number}" for number in range(5)]


def members(journey: Journey) -> None:
    asha = journey.asha
    group = asha.run(calls.create_group("Team", "Hi")).group_id
    new = "+910000000777"
    assert asha.run(calls.add_members(group, [RAVI, new])) is True
    found = {one.mobile_number: one for one in asha.run(calls.list_members(group))}
    assert {number: (one.role, one.is_provisioned) for number, one in found.items()} == {
        ASHA: ("Admin", True), RAVI: ("Member", True), new: ("Member", False)}  # fmt: skip
    assert found[RAVI].name == "Ravi"
    assert asha.run(calls.update_member(group, found[RAVI].id, "Admin")) is True
    assert {one.name: one.role for one in asha.run(calls.list_members(group))}["Ravi"] == "Admin"
    assert journey.ravi.run(calls.get_group(group)).caller_role == "Admin"
    assert asha.run(calls.remove_member(group, found[new].id)) is True
    assert {one.mobile_number for one in asha.run(calls.list_members(group))} == {ASHA, RAVI}


def subscribers(journey: Journey) -> None:
    asha = journey.asha
    hub = asha.run(calls.create_group("News", "Hi", group_type="ConnectGroup")).group_id
    numbers = [f"+91000000080{number}" for number in range(5)]
    assert asha.run(calls.add_subscribers(hub, numbers)) == tuple(
        SubscriberOutcome(one, True) for one in numbers
    )
    found = list(asha.iterate(calls.list_subscribers(hub, count=2)))
    assert [one.mobile_number for one in found] == numbers
    assert not any(one.is_provisioned for one in found)
    first = asha.run(calls.list_subscribers(hub, count=2).call(None))
    assert (len(first.items), first.next is None) == (2, False)
    assert [one.mobile_number for one in asha.run(calls.first_subscribers(hub)).items] == numbers
    posted = asha.run(calls.send_message(hub, Message("Hello"), Audience([numbers[0], STRANGER])))
    assert [one.subscriber for one in posted.failed] == [STRANGER]
    removed = asha.run(calls.remove_subscribers(hub, [numbers[0], STRANGER]))
    assert (removed[0].mobile_number, removed[0].done) == (numbers[0], True)
    assert [one.mobile_number for one in asha.iterate(calls.list_subscribers(hub))] == numbers[1:]


def media(journey: Journey) -> None:
    asha = journey.asha
    content = {"$content-type": "image/png", "$content": "iVBORw0KGgo="}
    resources = [
        asha.run(calls.upload_media(STORE, [png()])),
        asha.run(calls.upload_media_from_url(None, journey.listener.url + "/a.png")),
        asha.run(calls.upload_media_from_attachment(STORE, content)),
    ]
    album = asha.run(calls.upload_media(None, [png(), png("b.png")]))
    since = datetime.now(UTC) - timedelta(seconds=2)
    posted = [
        asha.run(calls.post_action(STORE, Media("Image", one, "Site"))).reference_id for one in resources
    ]
    assert asha.run(calls.post_action(STORE, Media("Album", album))).action_id is None
    asha.run(calls.post_action(STORE, Announcement("Shift moved", "Notice", (resources[0],))))
    listed = list(asha.iterate(calls.list_actions(STORE, "Image", since, count=2)))
    assert [one.reference_id for one in listed] == posted
    assert {requests.get(one.raw["imageUrl"], timeout=20).status_code for one in listed} == {200}
    assert requests.get(listed[0].raw["imageUrl"], timeout=20).content == PNG


def actions(journey: Journey) -> None:
    asha = journey.asha
    told = asha.run(calls.send_message(STORE, Message("Hello")))
    answer = asha.run(
        calls.send_message(STORE, Message("Hello too"), Audience(reply_to_reference_id=told.reference_id))
    )
    assert told.action_id is None
    assert answer.reference_id != told.reference_id

    job = asha.run(calls.post_action(STORE, Job("Check pump", [RAVI, MEERA, STRANGER], SOON)))
    assert [one.subscriber for one in job.failed] == [STRANGER]
    found = asha.run(calls.get_action(STORE, str(job.action_id)))
    assert (found.title, found.creator_name, [one.mobile_number for one in found.assignees]) == (
        "Check pump",
        "Asha",
        [RAVI, MEERA],
    )
    assert found.due is not None
    assert abs(found.due - datetime.now(UTC) - SOON) < timedelta(minutes=1)
    listed = [one for one in asha.iterate(calls.list_actions(STORE, "job")) if one.action_id == job.action_id]
    assert [(one.title, one.is_completed, one.response_count, one.sender) for one in listed] == [
        ("Check pump", False, 0, ASHA)
    ]

    meeting = asha.run(calls.post_action(STORE, Meeting("Review", WHEN, 45, PLACE, "All of it")))
    (shown,) = list(asha.iterate(calls.list_actions(STORE, "LetsMeet")))
    assert (shown.action_id, shown.title, shown.raw["duration"]) == (meeting.action_id, "Review", 45)
    assert shown.raw["place"] == {"latitude": 17.4, "longitude": 78.3, "name": "Hyderabad"}
    assert asha.run(calls.get_action(STORE, str(meeting.action_id))).due == WHEN.replace(microsecond=0)

    card = str(
        asha.run(
            calls.post_action(
                STORE, Package("com.example.card.2", "Card", properties={"status": "Open", "n": 1})
            )
        ).action_id
    )
    asha.run(
        calls.update_action(
            STORE, card, [Property("status", "Text", "Löst 🎉")], version=journey.raw(STORE, card)["version"]
        )
    )
    asha.run(calls.update_action_properties(STORE, card, [Property("n", "Numeric", "2")]))
    values = {each["name"]: (each["type"], each["value"]) for each in journey.raw(STORE, card)["properties"]}
    assert values == {"status": ("Text", "Löst 🎉"), "n": ("Numeric", "2")}

    reminded = asha.run(calls.send_reminder(STORE, str(job.action_id)))
    assert reminded.reference_id not in (None, job.reference_id)


def responses(journey: Journey) -> None:
    asha, ravi = journey.asha, journey.ravi
    survey = str(
        asha.run(calls.post_action(STORE, Survey("Daily", QUESTIONS[-2:] + QUESTIONS[:1]))).action_id
    )
    first = ravi.run(calls.post_response(STORE, survey, ["A", ["X", "Z"], "gut"], name="R.", location=PLACE))
    (response,) = asha.run(calls.get_action(STORE, survey)).responses
    assert response.response_id == first
    assert (response.responder.mobile_number, response.responder.name) == (RAVI, "Ravi")
    assert response.answers == {"One": "A", "Many": ["X", "Z"], "Text": "gut"}
    assert response.responded_at is not None
    assert abs(response.responded_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert ravi.run(calls.post_response(STORE, survey, ["B"], response_id=first)) == first
    (response,) = asha.run(calls.get_action(STORE, survey)).responses
    assert response.answers == {"One": "B", "Many": None, "Text": None}

    job = str(asha.run(calls.post_action(STORE, Job("Check pump", [RAVI, MEERA]))).action_id)
    for done in (True, False, True):
        ravi.run(calls.complete_job(STORE, job, done=done))
        (response,) = asha.run(calls.get_action(STORE, job)).responses
        assert (response.responder.mobile_number, response.completed, response.counts) == (RAVI, done, done)

    poll = str(asha.run(calls.post_action(STORE, Poll("Lunch?", ["Yes", "No"]))).action_id)
    session = {"mobileNumber": RAVI, "pin": "1234"}
    token = requests.post(journey.shop.url + "/people/session", json=session, timeout=20).json()["token"]
    people = {"Authorization": f"Bearer {token}"}
    voted = requests.post(
        f"{journey.shop.url}/people/actions/{poll}/votes", json={"choice": "No"}, headers=people, timeout=20
    )
    assert voted.status_code == 200, voted.text
    found = asha.run(calls.get_action(STORE, poll))
    assert (found.title, found.response_count) == ("Lunch?", 1)
    assert [(one.responder.name, one.answers) for one in found.responses] == [("Ravi", {"Lunch?": "No"})]


def reactions(journey: Journey) -> None:
    asha, ravi = journey.asha, journey.ravi
    group = asha.run(calls.create_group("Talk", "Hi", [RAVI])).group_id
    one, other = (
        asha.run(calls.send_message(group, Message(text))).reference_id for text in ("one", "other")
    )
    like = ravi.run(calls.post_reaction(group, one))
    assert ravi.run(calls.post_reaction(group, one, "like")) == like
    asha.run(calls.post_reaction(group, one))
    texts = ["Gut", "شكرا 🎉", "👍"]
    for text in texts:
        ravi.run(calls.post_reaction(group, one, "Comment", text))
    counts = asha.run(calls.count_reactions(group, one))
    assert (counts.reference_id, counts.likes, counts.comments) == (one, 2, 3)
    likes = list(asha.iterate(calls.list_reactions(group, one, "Like")))
    assert likes[0].reaction_id == like
    assert {each.user_id for each in likes} == {asha.run(calls.get_me()).id, ravi.run(calls.get_me()).id}
    assert [each.comment for each in likes] == [None, None]
    page = asha.run(calls.list_reactions(group, one, "Comment").call(None))
    assert [each.comment for each in page.items] == texts
    assert asha.run(calls.list_reactions(group, one, "Comment").call(page.next)).items == ()
    ravi.run(calls.post_reaction(group, one, "Comment", "late"))
    assert [
        each.comment for each in asha.iterate(calls.list_reactions(group, one, "Comment", cursor=page.next))
    ] == ["late"]

    summary = asha.run(calls.list_reaction_counts(group).call(None))
    assert [(each.reference_id, each.likes, each.comments) for each in summary.items] == [(one, 2, 4)]
    ravi.run(calls.post_reaction(group, other))
    changed = list(asha.iterate(calls.list_reaction_counts(group, cursor=summary.next)))
    assert [(each.reference_id, each.likes, each.comments) for each in changed] == [(other, 1, 0)]


def webhooks(journey: Journey) -> None:
    asha, listener = journey.asha, journey.listener
    group = asha.run(calls.create_group("Hooked", "Hi")).group_id
    new = NewWebhook(
        group,
        "Group",
        ["TextMessageCreated", "MemberAdded"],
        listener.url + "/k?x=1",
        "t0ken",
        "Kontext ü",
        timedelta(days=1),
    )
    hook = asha.run(calls.create_webhook(new))
    (kept,) = asha.run(calls.list_webhooks(group))
    assert (kept.id, kept.object_id, kept.object_type, kept.event_types) == (
        hook,
        group,
        "Group",
        ("TextMessageCreated", "MemberAdded"),
    )
    assert (kept.callback_url, kept.callback_token, kept.context, kept.active) == (
        new.callback_url,
        "t0ken",
        "Kontext ü",
        True,
    )
    assert kept.expires_at is not None
    assert abs(kept.expires_at - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
    asha.run(calls.send_message(group, Message("Hallo 🎉")))
    headers, event = listener.events.get(timeout=20)
    fits(event, {"$ref": "#/components/schemas/Event"})
    assert headers["kz-callback-token"] == "t0ken"
    assert (event["subscriptionId"], event["context"], event["data"]["text"]) == (
        hook,
        "Kontext ü",
        "Hallo 🎉",
    )

    asha.run(
        calls.update_webhook(hook, WebhookChange(event_types=["JobResponse"], context="neu", active=False))
    )
    (changed,) = asha.run(calls.list_webhooks(group))
    assert (changed.event_types, changed.context, changed.active) == (("JobResponse",), "neu", False)
    assert (changed.callback_url, changed.callback_token, changed.expires_at) == (
        kept.callback_url,
        "t0ken",
        kept.expires_at,
    )
    asha.run(calls.update_webhook(hook, WebhookChange(active=True)))
    assert [one.active for one in asha.run(calls.list_webhooks(group))] == [True]
    flow = asha.run(calls.flow_subscribe("Group", "MemberRemoved", group, listener.url))
    assert {one.event_types for one in asha.run(calls.list_webhooks(group))} == {
        ("JobResponse",),
        ("MemberRemoved",),
    }
    for one in asha.run(calls.list_webhooks(group)):
        assert asha.run(calls.delete_webhook(one.id)) is True
    assert flow is None or flow != hook
    assert asha.run(calls.list_webhooks(group)) == ()


def bots(journey: Journey) -> None:
    asha = journey.asha
    group = asha.run(calls.create_group("With a bot", "Hi")).group_id
    bot = asha.run(calls.create_bot("Clerk"))
    assert asha.run(calls.update_bot(bot, name="Schreiber 🤖")) is True
    (kept,) = asha.run(calls.list_bots())
    assert (kept.bot_user_id, kept.name, kept.creator_name) == (bot, "Schreiber 🤖", "Asha")
    assert asha.run(calls.add_bot_to_group(group, bot)) is True
    assert bot in {one.id for one in asha.run(calls.list_members(group))}
    granted = asha.run(calls.bot_access_token(bot))
    assert timedelta(hours=23) < granted.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    me = requests.get(
        journey.shop.url + "/v1/users/me", headers={"accessToken": granted.access_token}, timeout=20
    ).json()
    assert (me["id"], me["name"]) == (bot, "Schreiber 🤖")
    assert asha.run(calls.delete_bot(bot)) is True
    assert asha.run(calls.list_bots()) == ()


def refusals(journey: Journey) -> None:
    """Errors are as described too, and arrive as what they are."""
    asha = journey.asha
    for call, kind in (
        (calls.get_group("22222222-0000-4222-8222-222222222222"), KaizalaNotFoundError),
        (calls.create_group("x" * 300, "Hi"), KaizalaBadRequestError),
        (
            calls.create_webhook(NewWebhook(STORE, "Group", ["MemberAdded"], "http://nowhere.invalid/")),
            KaizalaBadRequestError,
        ),
        (calls.list_subscribers(STORE).call("not a cursor"), KaizalaError),
    ):
        with pytest.raises(kind) as caught:
            asha.run(call)
        assert str(caught.value).startswith(call.operation)


def test_the_async_client_on_the_same_road(session_shop):
    with journey_in(session_shop) as journey:
        asyncio.run(walk(journey))
        assert {
            "getAccessToken",
            "getMe",
            "uploadMedia",
            "listSubscribers",
            "listActions",
            "getReactions",
        } < journey.seen.operations


async def walk(journey: Journey) -> None:
    async with WatchedAsync(journey.settings(refresh_token="tenant-token")) as asha:
        asha.seen = journey.seen
        assert (await asha.run(calls.get_me())).name == "Asha"
        group = (await asha.run(calls.create_group("Süd 🏬", "Hi", [RAVI]))).group_id
        assert group in {one.group_id for one in await asha.run(calls.list_groups())}
        assert {one.mobile_number for one in await asha.run(calls.list_members(group))} == {ASHA, RAVI}
        numbers = [f"+91000000090{number}" for number in range(5)]
        await asha.run(calls.add_subscribers(HUB, numbers))
        paged = calls.list_subscribers(HUB, count=2)
        assert [one.mobile_number async for one in asha.iterate(paged)] == [RAVI, *numbers]
        resource = await asha.run(calls.upload_media(group, [png("ü.png")]))
        await asha.run(calls.post_action(group, Media("Image", resource)))
        polls = [
            await asha.run(calls.post_action(group, Poll(f"P{number}", ["a", "b"]))) for number in range(3)
        ]
        listed = [one.title async for one in asha.iterate(calls.list_actions(group, "Poll", count=2))]
        assert listed == ["P0", "P1", "P2"]
        said = await asyncio.gather(
            *(
                asha.run(calls.post_reaction(group, polls[0].reference_id, "Comment", text))
                for text in ("ein", "zwei", "drei")
            )
        )
        found = [
            one async for one in asha.iterate(calls.list_reactions(group, polls[0].reference_id, "Comment"))
        ]
        assert {one.reaction_id for one in found} == set(said)
        assert {one.comment for one in found} == {"ein", "zwei", "drei"}
        with pytest.raises(KaizalaNotFoundError):
            await asha.run(calls.get_action(group, "nothing"))
