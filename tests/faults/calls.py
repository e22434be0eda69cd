"""What clients of a server call in the storm of :mod:`test_two_processes`: each call is plain data, so that it can be made again elsewhere.

Ids differ from server to server, so a call names them: ``<poll-3-7>`` in a path or body stands for what the call that made it returned.
Clients 2k and 2k+1 act for the same person, who so does the same thing in two places at once.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import threading

GROUP, HUB, PARENT = (f"{digit * 8}-1111-4111-8111-111111111111@1" for digit in "123")
CHILDREN = tuple(f"{digit * 8}-1111-4111-8111-111111111111@1" for digit in "456")
PEOPLE = tuple(f"+91000000000{number}" for number in range(1, 9))
SHARED = tuple(f"+92000000000{number}" for number in range(1, 5))
GROUP_TOKEN, HUB_TOKEN, USER_TOKEN, TENANT_TOKEN = "group-token", "hub-token", "user-token", "tenant-token"
PIN = "1234"


def seed() -> dict[str, Any]:
    """Return the seed of the storm."""
    asha = PEOPLE[0]
    grants = [
        {"kind": "group", "group": GROUP, "refreshToken": GROUP_TOKEN},
        {"kind": "group", "group": HUB, "refreshToken": HUB_TOKEN},
        {"kind": "user", "refreshToken": USER_TOKEN},
        {"kind": "tenant", "refreshToken": TENANT_TOKEN},
    ]
    return {
        "people": [
            {"mobileNumber": one, "name": f"Person {one[-1]}", "pin": PIN, "id": f"person-{one[-1]}@1"}
            for one in PEOPLE
        ],
        "connectors": [{"id": "storm", "secret": "storm-secret"}],
        "groups": [
            {"id": GROUP, "name": "Store", "admins": [asha], "members": list(PEOPLE[1:])},
            {
                "id": HUB,
                "name": "News",
                "type": "ConnectGroup",
                "admins": [asha],
                "subscribers": list(PEOPLE[1:]),
            },
            {"id": PARENT, "name": "Region", "admins": [asha], "members": list(PEOPLE[1:])},
            *(
                {
                    "id": one,
                    "name": f"Team {one[0]}",
                    "parent": PARENT,
                    "admins": [asha],
                    "members": list(PEOPLE[1:]),
                }
                for one in CHILDREN
            ),
        ],
        "grants": [{"connector": "storm", "person": asha, **one} for one in grants],
    }


@dataclass
class Call:
    """One call.

    :param actor: a refresh token, whose access token is sent; or a phone number, whose session is
    :param binds: the field of the reply by the name that stands for it afterwards
    :param again: whether doing it twice is like doing it once
    :param mark: a text that is in the state if and only if it was done
    """

    actor: str
    method: str
    path: str
    body: Any = None
    binds: dict[str, str] = field(default_factory=dict)
    again: bool = False
    mark: str = ""
    photo: bool = False


def photo() -> bytes:
    """Return a small picture."""
    content = io.BytesIO()
    Image.new("RGB", (16, 12), "#28536b").save(content, "JPEG")
    return content.getvalue()


class Client:
    """Makes calls up, from what all clients have made so far."""

    def __init__(self, number: int, made: dict[str, list[str]], lock: threading.Lock, hook: str) -> None:
        self.number = number
        self.person = PEOPLE[number // 2]
        self._rng = random.Random(f"two processes {number}")
        self._made = made
        self._lock = lock
        self._hook = hook
        self._own: dict[str, list[str]] = {}
        self._count = 0

    def next(self) -> Call:
        """Return a call that can be made now."""
        while True:
            self._count += 1
            name = f"{self.number}-{self._count}"
            call = getattr(self, f"_{self._rng.choice(KINDS)}")(name)
            if call is not None:
                return call

    def done(self, call: Call) -> None:
        """Let others refer to what a call has made."""
        with self._lock:
            for name in call.binds:
                self._made.setdefault(name.partition("-")[0], []).append(name)
                self._own.setdefault(name.partition("-")[0], []).append(name)

    def _some(self, kind: str) -> str | None:
        with self._lock:
            made = self._made.get(kind)
            return self._rng.choice(made) if made else None

    def _mine(self, kind: str) -> str | None:
        own = self._own.get(kind)
        return self._rng.choice(own) if own else None

    # --- posting ---
    def _text(self, name: str) -> Call:
        if self._rng.random() < 0.5:
            path, body = f"/people/groups/{GROUP}/messages", {"text": f"text-{name}"}
            return Call(
                self.person, "POST", path, body, {f"post-{name}": "referenceId"}, mark=f"text-{name}."
            )
        body = {"message": f"text-{name}"}
        binds = {f"post-{name}": "referenceId"}
        return Call(GROUP_TOKEN, "POST", f"/v1/groups/{GROUP}/messages", body, binds, mark=f"text-{name}.")

    def _news(self, name: str) -> Call:
        body = {"message": f"news-{name}", "sendToAllSubscribers": True}
        return Call(HUB_TOKEN, "POST", f"/v1/groups/{HUB}/messages", body, mark=f"news-{name}.")

    def _action(self, kind: str, name: str, body: dict[str, Any], mark: str) -> Call:
        given = {"id": "com.example.card"} if kind == "card" else {"actionType": kind}
        sort = {"Survey": "several" if body.get("acceptMultipleResponses") else "survey"}.get(
            kind, kind.lower()
        )
        binds = {f"{sort}-{name}": "actionId", f"post-{sort}-{name}": "referenceId"}
        path = f"/v1/groups/{GROUP}/actions"
        return Call(GROUP_TOKEN, "POST", path, {**given, "actionBody": body}, binds, mark=mark)

    def _poll(self, name: str) -> Call:
        body = {"question": f"poll-{name}.", "choices": [{"title": "A"}, {"title": "B"}, {"title": "C"}]}
        return self._action("Poll", name, body, f"poll-{name}.")

    def _survey(self, name: str) -> Call:
        body = {"title": f"survey-{name}.", "questions": [{"title": "Note", "type": "Text"}]}
        return self._action("Survey", name, body, f"survey-{name}.")

    def _several(self, name: str) -> Call:
        questions = [{"title": "Note", "type": "Text"}]
        body = {"title": f"several-{name}.", "questions": questions, "acceptMultipleResponses": True}
        return self._action("Survey", name, body, f"several-{name}.")

    def _job(self, name: str) -> Call:
        body = {"title": f"job-{name}.", "assignedTo": list(PEOPLE[:3]), "dueDate": 60}
        return self._action("Job", name, body, f"job-{name}.")

    def _card(self, name: str) -> Call:
        shown = [{"name": "state", "type": "Text", "value": "open"}]
        return self._action(
            "card", name, {"title": f"card-{name}.", "questions": [], "properties": shown}, f"card-{name}."
        )

    def _announcement(self, name: str) -> Call:
        body = {
            "actionType": "Announcement",
            "actionBody": {"title": f"all-{name}.", "message": "To everybody"},
        }
        return Call(TENANT_TOKEN, "POST", f"/v1/groups/{PARENT}/actions", body, mark=f"all-{name}.")

    def _upload(self, name: str) -> Call:
        binds = {f"media-{name}": "mediaResource"}
        return Call(GROUP_TOKEN, "POST", "/v1/media", None, binds, again=True, photo=True)

    def _image(self, name: str) -> Call | None:
        media = self._mine("media")
        if media is None:
            return None
        body = {
            "actionType": "Image",
            "actionBody": {"mediaResource": f"<{media}>", "caption": f"image-{name}."},
        }
        return Call(GROUP_TOKEN, "POST", f"/v1/groups/{GROUP}/actions", body, mark=f"image-{name}.")

    def _reminder(self, _name: str) -> Call | None:
        poll = self._mine("poll")
        if poll is None:
            return None
        self._own["poll"].remove(poll)
        return Call(
            GROUP_TOKEN,
            "POST",
            f"/v1/groups/{GROUP}/actions/<{poll}>/reminder",
            {},
            mark=f"reminder of {poll}.",
        )

    # --- answering ---
    def _vote(self, _name: str) -> Call | None:
        poll = self._some("poll")
        choice = random.Random(f"{poll} {self.person}").choice("ABC")
        return poll and Call(
            self.person, "POST", f"/people/actions/<{poll}>/votes", {"choice": choice}, again=True
        )

    def _answer(self, _name: str) -> Call | None:
        survey = self._some("survey")
        body = {"answers": [f"by {self.person}"]}
        return survey and Call(self.person, "POST", f"/people/actions/<{survey}>/responses", body, again=True)

    def _another(self, name: str) -> Call | None:
        survey = self._some("several")
        body, binds = {"answers": [f"another-{name}."]}, {f"given-{name}": "responseId"}
        if survey is None:
            return None
        return Call(
            self.person, "POST", f"/people/actions/<{survey}>/responses", body, binds, mark=f"another-{name}."
        )

    def _complete(self, _name: str) -> Call | None:
        job = self._some("job")
        if job is None or self.person not in PEOPLE[:3]:
            return None
        return Call(self.person, "POST", f"/people/actions/<{job}>/completion", {}, again=True)

    def _like(self, _name: str) -> Call | None:
        post = self._some("post")
        return post and Call(self.person, "POST", f"/people/references/<{post}>/likes", {}, again=True)

    def _comment(self, name: str) -> Call | None:
        post, body = self._some("post"), {"text": f"comment-{name}."}
        return post and Call(
            self.person, "POST", f"/people/references/<{post}>/comments", body, mark=f"comment-{name}."
        )

    def _property(self, name: str) -> Call | None:
        card = self._some("card")
        body = {
            "version": -1,
            "updateProperties": [{"name": f"p{self.number}", "type": "Text", "value": name}],
        }
        return card and Call(GROUP_TOKEN, "PUT", f"/v1/groups/{GROUP}/actions/<{card}>", body, again=True)

    # --- people and groups ---
    def _member(self, _name: str) -> Call:
        body = {"members": [self._rng.choice(SHARED)]}
        return Call(GROUP_TOKEN, "PUT", f"/v1/groups/{GROUP}/members", body, again=True)

    def _promote(self, _name: str) -> Call:
        body = {"role": "Admin"}
        return Call(
            GROUP_TOKEN, "PUT", f"/v1/groups/{GROUP}/members/{self._rng.choice(PEOPLE[4:])}", body, again=True
        )

    def _subscribe(self, _name: str) -> Call:
        body = {"subscribers": self._rng.sample(SHARED, 2)}
        return Call(HUB_TOKEN, "PUT", f"/v1/groups/{HUB}/subscribers/add", body, again=True)

    def _unsubscribe(self, _name: str) -> Call:
        body = {"subscribers": [self._rng.choice(PEOPLE[4:])]}
        return Call(HUB_TOKEN, "PUT", f"/v1/groups/{HUB}/subscribers/remove", body, again=True)

    def _group(self, name: str) -> Call:
        body = {"name": f"group-{name}.", "welcomeMessage": "Hi", "members": [self._rng.choice(SHARED)]}
        return Call(
            USER_TOKEN, "POST", "/v1/groups", body, {f"group-{name}": "groupId"}, mark=f"group-{name}."
        )

    def _attach(self, _name: str) -> Call | None:
        # Two of its own, one below the other: what another client puts below what would matter.
        own = self._own.get("group", [])
        if len(own) < 2:
            return None
        path, body = f"/v1/groups/<{own[0]}>/subGroups", {"subGroups": [f"<{own[-1]}>"]}
        return Call(USER_TOKEN, "PUT", path, body, again=True)

    def _bot(self, name: str) -> Call:
        return Call(
            GROUP_TOKEN,
            "POST",
            "/v1/bot",
            {"name": f"bot-{name}."},
            {f"bot-{name}": "botUserId"},
            mark=f"bot-{name}.",
        )

    def _rename(self, name: str) -> Call | None:
        bot = self._mine("bot")
        return bot and Call(
            GROUP_TOKEN, "PUT", f"/v1/bot/<{bot}>", {"name": f"{bot}. now {name}"}, again=True
        )

    def _enter(self, _name: str) -> Call | None:
        bot = self._some("bot")
        return bot and Call(
            GROUP_TOKEN, "POST", f"/v1/groups/{GROUP}/bot", {"botUserId": f"<{bot}>"}, again=True
        )

    def _webhook(self, name: str) -> Call:
        body = {
            "objectId": GROUP,
            "objectType": "Group",
            "eventTypes": ["MemberRemoved"],
            "callBackUrl": f"{self._hook}?{name}.",
        }
        return Call(GROUP_TOKEN, "POST", "/v1/webhook", body, {f"hook-{name}": "webhookId"}, mark=f"?{name}.")

    def _rehook(self, name: str) -> Call | None:
        hook, body = self._mine("hook"), {"callBackContext": name}
        return hook and Call(GROUP_TOKEN, "PUT", f"/v1/webhook/<{hook}>", body, again=True)

    # --- signing in and reading ---
    def _token(self, _name: str) -> Call:
        return Call("", "GET", "/v1/accessToken", again=True)

    def _login(self, _name: str) -> Call:
        body = {"mobileNumber": self.person, "pin": PIN, "applicationId": "storm"}
        return Call("", "POST", "/v1/loginWithPinAndApplicationId", body, again=True)

    def _read(self, _name: str) -> Call:
        post, poll = self._some("post"), self._some("poll")
        actor, path = self._rng.choice(
            [
                (GROUP_TOKEN, "/v1/users/me"),
                (USER_TOKEN, "/v1/groups?showDetails=true&fetchAllGroups=true"),
                (TENANT_TOKEN, "/v1/groups"),
                (TENANT_TOKEN, "/v1/tenant/findGroupsByQuery?query=group"),
                (GROUP_TOKEN, f"/v1/groups/{GROUP}"),
                (GROUP_TOKEN, f"/v1/groups/{GROUP}/members"),
                (TENANT_TOKEN, f"/v1/groups/{PARENT}/subGroups"),
                (HUB_TOKEN, f"/v1/groups/{HUB}/subscribers"),
                (GROUP_TOKEN, f"/v1/groups/{GROUP}/actions?actionType=Poll"),
                (GROUP_TOKEN, f"/v1/groups/{GROUP}/reaction/summary?sourceGroupId={GROUP}&cursor=0"),
                (GROUP_TOKEN, f"/v1/webhook?objectType=Group&objectId={GROUP}"),
                (GROUP_TOKEN, "/v1/bot"),
                (self.person, "/people/groups"),
                (self.person, f"/people/groups/{GROUP}/feed?count=20"),
                *([(GROUP_TOKEN, f"/v1/groups/{GROUP}/actions/<{poll}>?getDetails=true")] if poll else []),
                *(
                    [
                        (
                            GROUP_TOKEN,
                            f"/v1/groups/{GROUP}/reaction/<{post}>?sourceGroupId={GROUP}&reactionType=Like&cursor=0",
                        )
                    ]
                    if post
                    else []
                ),
            ]
        )
        return Call(actor, "GET", path, again=True)


KINDS = sorted(
    name[1:]
    for name in vars(Client)
    if name.startswith("_") and not name.startswith("__") and name not in ("_some", "_mine", "_action")
)
