"""Posts to the demo group, for tests and pictures of the page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import requests
from PIL import Image

from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer

GROUP_PAGE = f"/groups/{GROUP}"
QUESTIONS = [
    {"title": "Is the till counted?", "type": "SingleOption", "options": [{"title": "Yes"}, {"title": "No"}]},
    {"title": "How many of us are here?", "type": "Numeric"},
    {"title": "Anything missing?", "type": "Text"},
]
EVERY_QUESTION = [
    {"title": "What?", "type": "MultiOption", "options": [{"title": "Leak"}, {"title": "Power"}]},
    {"title": "When?", "type": "DateTime"},
    {"title": "Where?", "type": "Location"},
    {"title": "Whom to call?", "type": "PhoneNumber"},
    {"title": "Photo of it", "type": "Image"},
    {"title": "Papers", "type": "AttachmentList"},
    {"title": "Tell us", "type": "Text"},
]


def photo(color: str = "#28536b", size: tuple[int, int] = (320, 200)) -> bytes:
    """Return a JPEG."""
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, "JPEG")
    return content.getvalue()


class Store:
    """Posts to the demo group as the connector, and acts as its people through the control plane."""

    def __init__(self, server: KaizalaServer) -> None:
        self.server = server
        self._session = requests.Session()
        self._sign_in()

    def _sign_in(self) -> None:
        grant = {
            "applicationId": "demo-connector",
            "applicationSecret": "demo-secret",
            "refreshToken": "demo-refresh-token",
        }
        reply = self._session.get(f"{self.server.url}/v1/accessToken", headers=grant, timeout=30)
        self._session.headers["accessToken"] = reply.json()["accessToken"]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def send(self, method: str, path: str, **given: Any) -> Any:
        """Call Kaizala's API as the connector; return the JSON of the reply."""
        reply = self._session.request(method, f"{self.server.url}/v1{path}", timeout=30, **given)
        if reply.status_code == 401:  # the test has moved the clock
            self._sign_in()
            reply = self._session.request(method, f"{self.server.url}/v1{path}", timeout=30, **given)
        assert reply.ok, reply.text
        return reply.json()

    def text(self, message: str) -> str:
        """Post a message as the connector; return its reference id."""
        return str(self.send("POST", f"/groups/{GROUP}/messages", json={"message": message})["referenceId"])

    def post(self, kind: str, **body: Any) -> dict[str, str]:
        """Post an action; return its ``actionId`` and ``referenceId``."""
        posted: dict[str, str] = self.send(
            "POST", f"/groups/{GROUP}/actions", json={"actionType": kind, "actionBody": body}
        )
        return posted

    def poll(self, question: str = "Which day for the stock count?", *choices: str) -> dict[str, str]:
        """Post a poll."""
        titles = choices or ("Friday", "Saturday", "Sunday night")
        return self.post("Poll", question=question, choices=[{"title": title} for title in titles])

    def survey(self, title: str = "Is the store ready?", **more: Any) -> dict[str, str]:
        """Post a survey of three questions."""
        return self.post("Survey", **{"title": title, "dueDate": 2, "questions": QUESTIONS, **more})

    def job(self, title: str = "Unlock the front door") -> dict[str, str]:
        """Give Ravi and Meera a job."""
        return self.post("Job", title=title, assignedTo=[RAVI, MEERA], dueDate=2)

    def upload(self, *files: tuple[str, bytes, str]) -> str:
        """Upload files given as name, content and type; return the media resource."""
        return str(self.send("POST", "/media", files=[("files", one) for one in files])["mediaResource"])

    def add(self, mobile_number: str) -> None:
        """Add a member to the group."""
        self.send("PUT", f"/groups/{GROUP}/members", json={"members": [mobile_number]})

    def as_person(self, mobile_number: str, path: str, **body: Any) -> Any:
        """Act as a person, with a path of the ``/people/`` API."""
        return self.server.call("POST", f"/people/{mobile_number}{path}", body)

    def says(self, mobile_number: str, text: str, **more: Any) -> str:
        """Post a message as a person; return its reference id."""
        return str(
            self.as_person(mobile_number, f"/groups/{GROUP}/messages", text=text, **more)["referenceId"]
        )

    def items(self, mobile_number: str = ASHA) -> list[dict[str, Any]]:
        """Return the feed as a person sees it, oldest first."""
        return self.server.feed(GROUP, mobile_number)

    def item(self, reference_id: str, mobile_number: str = ASHA) -> dict[str, Any]:
        """Return one post."""
        return next(one for one in self.items(mobile_number) if one["referenceId"] == reference_id)

    def one_of_each(self) -> dict[str, str]:
        """Post one of each kind, some with answers, likes and comments; return the reference ids by kind."""
        references = {"text": self.text("Good morning! See https://example.com/plan.\nKeep the ramp free.")}
        door = self.upload(("door.jpg", photo(), "image/jpeg"))
        three = self.upload(
            *[
                (f"p{at}.jpg", photo(color), "image/jpeg")
                for at, color in enumerate(("#7a3d0b", "#2c6b2f", "#5b3a9b"))
            ]
        )
        plan = self.upload(("Plan week 48.pdf", b"%PDF-1.4 x", "application/pdf"))
        posted = {
            "image": self.post("Image", mediaResource=door, caption="The new shelf"),
            "album": self.post("Album", mediaResource=three, caption="Three corners"),
            "document": self.post("Document", mediaResource=plan, caption="Plan for the week"),
            "announcement": self.post(
                "Announcement", Title="Opening check", Message="Please answer the survey."
            ),
            "poll": self.poll(),
            "job": self.job(),
            "meeting": self.post(
                "LetsMeet",
                title="Weekly round",
                startingTime="2030-11-25T09:00:00Z",
                duration=30,
                agenda="Shifts",
                place={"latitude": 17.4, "longitude": 78.4, "name": "Back office"},
            ),
            "survey": self.survey(),
            "every question": self.survey("Incident report", questions=EVERY_QUESTION),
        }
        references |= {kind: one["referenceId"] for kind, one in posted.items()}
        card = {
            "id": "com.example.card.1",
            "actionBody": {
                "title": "Order 4711",
                "properties": [{"name": "State", "type": 0, "value": "On its way"}],
            },
        }
        references["card"] = self.send("POST", f"/groups/{GROUP}/actions", json=card)["referenceId"]
        self.as_person(RAVI, f"/actions/{posted['poll']['actionId']}/votes", choice="Saturday")
        self.as_person(
            MEERA, f"/actions/{posted['survey']['actionId']}/responses", answers=["Yes", 3, "Bags"]
        )
        self.as_person(MEERA, f"/references/{references['image']}/likes")
        self.as_person(MEERA, f"/references/{references['image']}/comments", text="Looks great")
        references["reply"] = self.says(RAVI, "The ramp is free", replyToReferenceId=references["image"])
        self.add("+33123456789")
        return references
