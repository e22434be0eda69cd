"""Every operator, with arguments that are right, and what it then posts."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_kaizala import operators
from airflow_provider_kaizala.client.client import KaizalaClient
from airflow_provider_kaizala.client.models import Question

ASHA, RAVI = "+910000000001", "+910000000002"
GROUP = "11111111-1111-4111-8111-111111111111@1"
#: one tenth of an hour before a whole hour, so that rounding up shows
IN_50_HOURS = timedelta(hours=49, minutes=54)
STARTS = (datetime.now(tz=UTC) + timedelta(days=2)).replace(microsecond=0)
FORM = {"isAnonymous": False, "isSenderOnly": False, "acceptMultipleResponses": False}


@dataclass(frozen=True)
class Case:
    """An operator, and what it makes of its arguments."""

    name: str
    given: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def operator(self):
        return getattr(operators, self.name)

    def make(self, task_id="post", **changes):
        return self.operator(task_id=task_id, **{**self.given, **changes})


LEAST = [
    Case("KaizalaSendMessageOperator", {"text": "Hello"}, {"message": "Hello"}),
    Case(
        "KaizalaSendAnnouncementOperator",
        {"text": "Hello"},
        {"actionType": "Announcement", "actionBody": {"Message": "Hello"}},
    ),
    Case(
        "KaizalaSendPollOperator",
        {"question": "Tea?", "options": ["Yes", "No"]},
        {
            "actionType": "Poll",
            "actionBody": {"question": "Tea?", "choices": [{"title": "Yes"}, {"title": "No"}]},
        },
    ),
    Case(
        "KaizalaSendSurveyOperator",
        {"title": "Daily", "questions": [{"title": "How many?", "type": "Numeric"}]},
        {
            "actionType": "Survey",
            "actionBody": {
                "title": "Daily",
                "questions": [{"title": "How many?", "type": "Numeric", "isInvisible": False}],
                **FORM,
            },
        },
    ),
    Case(
        "KaizalaSendJobOperator",
        {"title": "Check pump", "assigned_to": [ASHA]},
        {"actionType": "Job", "actionBody": {"title": "Check pump", "assignedTo": [ASHA]}},
    ),
    Case(
        "KaizalaSendMeetingOperator",
        {"title": "Stand-up", "starts_at": STARTS},
        {
            "actionType": "LetsMeet",
            "actionBody": {
                "title": "Stand-up",
                "startingTime": STARTS.isoformat().replace("+00:00", "Z"),
                "duration": 30,
            },
        },
    ),
    Case(
        "KaizalaSendActionOperator",
        {"package_id": "com.example.card.2"},
        {"id": "com.example.card.2", "actionBody": {"questions": [], "properties": [], **FORM}},
    ),
]

FULL = [
    Case(
        "KaizalaSendAnnouncementOperator",
        {"text": "Doors open at nine", "title": "Opening"},
        {
            "actionType": "Announcement",
            "actionBody": {"Message": "Doors open at nine", "Title": "Opening"},
        },
    ),
    Case(
        "KaizalaSendPollOperator",
        {"question": "Tea?", "options": ("Yes", "No"), "due": IN_50_HOURS, "sender_only": True},
        {
            "actionType": "Poll",
            "actionBody": {
                "question": "Tea?",
                "choices": [{"title": "Yes"}, {"title": "No"}],
                "expiryInHours": 50,
                "isSenderOnly": True,
            },
        },
    ),
    Case(
        "KaizalaSendSurveyOperator",
        {
            "title": "Daily",
            "questions": [
                {"title": "Site?", "type": "singleoption", "options": ["A", {"title": "B"}]},
                {"title": "Hidden", "type": "Text", "isInvisible": True},
                Question("Photo?", "Image"),
            ],
            "due": IN_50_HOURS,
            "description": "Before noon",
            "anonymous": True,
            "sender_only": True,
            "accept_multiple_responses": True,
        },
        {
            "actionType": "Survey",
            "actionBody": {
                "title": "Daily",
                "questions": [
                    {
                        "title": "Site?",
                        "type": "SingleOption",
                        "isInvisible": False,
                        "options": [{"title": "A"}, {"title": "B"}],
                    },
                    {"title": "Hidden", "type": "Text", "isInvisible": True},
                    {"title": "Photo?", "type": "Image", "isInvisible": False},
                ],
                "dueDate": 50,
                "description": "Before noon",
                "isAnonymous": True,
                "isSenderOnly": True,
                "acceptMultipleResponses": True,
            },
        },
    ),
    Case(
        "KaizalaSendJobOperator",
        {"title": "Check pump", "assigned_to": [ASHA, f" {RAVI} ", ASHA], "due": IN_50_HOURS},
        {
            "actionType": "Job",
            "actionBody": {"title": "Check pump", "assignedTo": [ASHA, RAVI], "dueDate": 50},
        },
    ),
    Case(
        "KaizalaSendMeetingOperator",
        {
            "title": "Stand-up",
            "starts_at": STARTS.replace(tzinfo=None).isoformat(),
            "duration": timedelta(minutes=44, seconds=1),
            "place": {"latitude": "17.4", "longitude": 78.3, "name": "Office"},
            "agenda": "All of it",
            "sender_only": True,
        },
        {
            "actionType": "LetsMeet",
            "actionBody": {
                "title": "Stand-up",
                "startingTime": STARTS.isoformat().replace("+00:00", "Z"),
                "duration": 45,
                "place": {"latitude": 17.4, "longitude": 78.3, "name": "Office"},
                "agenda": "All of it",
                "isSenderOnly": True,
            },
        },
    ),
    Case(
        "KaizalaSendActionOperator",
        {
            "package_id": "com.example.card.2",
            "title": "Card",
            "questions": [{"title": "Ok?", "type": "Text"}],
            "properties": {"status": "Open", "count": 3},
            "validity": IN_50_HOURS,
            "due": timedelta(hours=1),
            "anonymous": True,
            "sender_only": True,
            "accept_multiple_responses": True,
        },
        {
            "id": "com.example.card.2",
            "actionBody": {
                "title": "Card",
                "questions": [{"title": "Ok?", "type": "Text", "isInvisible": False}],
                "properties": [
                    {"name": "status", "type": "Text", "value": "Open"},
                    {"name": "count", "type": "Numeric", "value": "3"},
                ],
                "validity": 50,
                "dueDate": 1,
                "isAnonymous": True,
                "isSenderOnly": True,
                "acceptMultipleResponses": True,
            },
        },
    ),
]


@pytest.fixture(params=LEAST, ids=lambda case: case.name)
def least(request):
    """Each operator with no more than it must have; media excepted, which needs a file."""
    return request.param


@pytest.fixture(params=FULL, ids=lambda case: case.name)
def full(request):
    """Each operator with everything it takes."""
    return request.param


# --- a server that lets go -----------------------------------------------------------------------------------------------


class _Dropper(BaseHTTPRequestHandler):
    """Gives out tokens, and hangs up on every post once it has read it."""

    def do_GET(self):
        body = {
            "accessToken": "access-token",
            "endpointUrl": f"http://127.0.0.1:{self.server.server_port}",
            "accessTokenExpiry": int((time.time() + 86_400) * 1000),
        }
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append(self.path)
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, *args):
        pass


@pytest.fixture
def dropper(connect, variables, monkeypatch):
    """A server on a real socket that drops every post after reading it; the connection leads there, and retries do not wait."""
    monkeypatch.setitem(KaizalaClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Dropper) as server:
        server.posts = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        connect(host=f"http://127.0.0.1:{server.server_port}", extra={"proxies": {"ftp": "http://nobody"}})
        yield server
        server.shutdown()
        thread.join(5)
