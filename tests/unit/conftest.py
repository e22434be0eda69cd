"""A Kaizala in memory, behind requests and httpx alike, and an Airflow connection to it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_kaizala import compat

collect_ignore = (
    []
    if compat.has_push()
    else [
        "push", "sensors/test_message.py", "test_benchmarks_push.py", "test_messages_in_every_mode.py", "triggers/doorbells",
        "triggers/test_events.py", "triggers/test_messages.py",
    ]
)  # fmt: skip
GROUP = "11111111-1111-4111-8111-111111111111@1"
ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
LISTED_TYPES = (
    "Image",
    "Document",
    "Job",
    "Survey",
    "Poll",
    "LetsMeet",
    "PhotoWithLocation",
    "ShareLocation",
)
CONNECTION = {
    "conn_type": "kaizala",
    "login": "connector-1",
    "password": "secret-of-the-connector",
    "extra": {
        "refresh_token": "refresh-token-of-the-user",
        "group_refresh_tokens": {GROUP: "refresh-token-of-the-group"},
        "default_group": GROUP,
        "callback_token": "callback-token-of-the-connector",
        "webhook_secret": "webhook-secret-of-the-connector",
        "calls_per_minute": 0,
    },
}


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def path(self):
        return re.sub(r"^https?://[^/]+/v1|\?.*$", "", self.url)

    @property
    def query(self):
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def json(self):
        return json.loads(self.body)


class Kaizala:
    """Answers as the contract says, unless a test has put something else into ``script`` or ``tokens``.

    An entry is ``(status, body)``, ``(status, body, headers)``, an exception, or a function of the request that returns one.
    """

    def __init__(self):
        self.requests, self.script, self.tokens = [], [], []
        self.actions, self.sleeps = {}, []
        self.members, self.reactions = [ASHA, RAVI, MEERA], {}
        self.otherwise = None

    @staticmethod
    def error(status, code="SomeCode", message="went wrong", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return status, {"message": message, "errorCode": code, "errorCategoryKey": "x"}, headers

    @property
    def posts(self):
        """What changed something: texts and actions."""
        return [each for each in self.requests if each.method == "POST" and each.path != "/media"]

    @property
    def uploads(self):
        return [each for each in self.requests if each.path == "/media"]

    @property
    def token_calls(self):
        return [each for each in self.requests if each.path == "/accessToken"]

    def calls(self, end=""):
        return [each for each in self.requests if each.path.endswith(end) and each.path != "/accessToken"]

    def answer(self, request):
        """Return status, body, headers, or raise."""
        self.requests.append(request)
        if request.path == "/accessToken":
            found = self.tokens.pop(0) if self.tokens else self.token(request)
        else:
            found = self.script.pop(0) if self.script else (self.otherwise or self.default)
        found = found(request) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        status, body, *headers = found
        return status, json.dumps(body), headers[0] if headers else {}

    @staticmethod
    def token(request, refresh=None):
        expiry = int((time.time() + 86_400) * 1000)
        body = {
            "accessToken": "access-token-for-" + request.headers["refreshtoken"],
            "endpointUrl": "https://kms.kaiza.la/",
            "accessTokenExpiry": expiry,
        }
        return 200, body | ({"refreshToken": refresh} if refresh else {})

    def default(self, request):
        number = len(self.requests)
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["media"]:
                return 200, {"mediaResource": f"media-{len(self.uploads)}"}
            case "POST", ["groups", _, "messages"]:
                return 200, {"referenceId": f"ref-{number}"}
            case "POST", ["groups", _, "actions"]:
                media = request.json.get("actionType") in ("Image", "Document", "Audio", "Video", "Album")
                return 200, {"referenceId": f"ref-{number}"} | (
                    {} if media else {"actionId": f"act-{number}"}
                )
            case "GET", ["groups", _, "actions", action_id] if action_id in self.actions:
                return 200, self.actions[action_id]
            case "GET", ["groups"]:
                return 200, {"groups": [{"groupId": GROUP, "groupName": "Store 12"}]}
            case "GET", ["groups", group_id]:
                return 200, {"groupId": group_id, "groupName": "Store 12"}
            case "GET", ["users", "me"]:
                return 200, {"id": "u1", "mobileNumber": ASHA, "name": "Name of 1"}
            case "GET", ["groups", _, "members"]:
                return 200, {"members": [self._member(number) for number in self.members]}
            case "GET", ["groups", _, "actions"]:
                return self._list_actions(request.query)
            case "GET", ["groups", _, "reaction", "summary"]:
                changed = {each["reference"]: each["at"] for each in self._reactions_after(request.query)}
                counts = [{"referenceId": name, "reactionsCountMap": {}} for name in changed]
                return 200, {
                    "cursor": max(changed.values(), default=request.query.get("cursor", 0)),
                    "summary": counts,
                }
            case "GET", ["groups", _, "reaction", reference_id]:
                found = [
                    each["item"]
                    for each in self._reactions_after(request.query)
                    if (each["reference"], each["kind"]) == (reference_id, request.query["reactionType"])
                ]
                return 200, {"cursor": self.cursor, "reactionDetails": found}
        return self.error(404, "NotFound", f"nothing at {request.path}")

    @staticmethod
    def _member(number):
        return {
            "id": f"u{number[-1]}",
            "role": "Member",
            "mobileNumber": number,
            "name": f"Name of {number[-1]}",
        }

    def _list_actions(self, query):
        """List what has a time, oldest first, as the contract says."""
        if query["actionType"] not in LISTED_TYPES:
            return self.error(400, "BadRequest", f"actionType {query['actionType']} cannot be listed")
        first = datetime.fromtimestamp(int(query.get("fromDate", 0)), tz=UTC).isoformat()
        found = [
            {
                "referenceId": f"ref-of-{each['actionId']}",
                "actionType": each["actionType"],
                "sender": each.get("sender", ASHA),
                "sentAt": each["sentAt"],
                "actionBody": {
                    "actionId": each["actionId"],
                    "title": each["actionDetails"]["title"],
                    "responseCount": each["actionDetails"].get("responseCount"),
                    "isCompleted": each["actionDetails"].get("isCompleted"),
                },
            }
            for each in self.actions.values()
            if each["actionType"] == query["actionType"] and each.get("sentAt", "") >= first[:19]
        ]
        found.sort(key=lambda each: each["sentAt"])
        count = int(query.get("count", 30))
        return 200, {"actions": found[:count], "hasMore": len(found) > count}

    # --- likes and comments ----------------------------------------------------------------------------------------------

    @property
    def cursor(self):
        return max((each["at"] for each in self.reactions.values()), default=0)

    def reacts(self, number, reference_id="ref-1", comment=None):
        """Let somebody like something, or comment on it."""
        at = max(
            self.cursor + 1,
            (datetime.now(tz=UTC) - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10,
        )
        item = {
            "reactionId": f"re-{len(self.reactions)}",
            "userId": f"u{number[-1]}",
            "lastModifiedTime": 1_772_352_000_000,
        }
        kind = "Like" if comment is None else "Comment"
        item |= {} if comment is None else {"comment": comment}
        self.reactions[item["reactionId"]] = {"at": at, "reference": reference_id, "kind": kind, "item": item}

    def _reactions_after(self, query):
        return [each for each in self.reactions.values() if each["at"] > int(query.get("cursor", 0))]

    # --- what an action looks like ---------------------------------------------------------------------------------------

    def survey(
        self, *responders, action_id="act-1", title="Opening check", kind="Survey", sent_at=None, **changes
    ):
        """Put up a survey with the answers of *responders*; None stands for somebody unknown. Listed if it has a time."""
        responses = [
            {
                "responseId": f"r{at}" if number else None,
                "responder": number or "",
                "responderName": number and f"Name of {number[-1]}",
                "responderId": number and f"u{number[-1]}",
                "responseTime": "2026-03-01T08:00:00Z",
                "responseWithQuestions": [{"title": "How many?", "type": "Numeric", "answer": at}],
            }
            for at, number in enumerate(responders, 1)
        ]
        details = {"title": title, "responses": responses, "responseCount": len(responses), **changes}
        self._put(kind, action_id, details, sent_at)

    def poll(self, votes=(), options=("Yes", "No"), action_id="act-1", title="Tea?", sent_at=None, **changes):
        """Put up a poll with the votes of people: number to choice."""
        votes = dict(votes)
        self.survey(*votes, action_id=action_id, title=title, kind="Poll", sent_at=sent_at, **changes)
        details = self.actions[action_id]["actionDetails"]
        details["choices"] = [{"title": choice} for choice in options]
        for response, choice in zip(details["responses"], votes.values(), strict=True):
            response["responseWithQuestions"] = [{"title": title, "type": "SingleOption", "answer": [choice]}]

    def _put(self, kind, action_id, details, sent_at):
        times = {"sentAt": sent_at} if sent_at else {}
        self.actions[action_id] = {
            "actionType": kind,
            "actionId": action_id,
            "actionDetails": details,
            **times,
        }

    def job(self, assignees, done=(), action_id="act-1", title="Open the shutters", sent_at=None, **changes):
        """Put up a job; who is not done yet has an entry in progress."""
        responses = [
            {"assignee": number, "response": "Completed" if number in done else "InProgress", "notes": "[]"}
            for number in assignees
        ]
        people = [{"mobileNumber": number, "name": f"Name of {number[-1]}"} for number in assignees]
        details = {"title": title, "assignee": people, "responses": responses, "dueDate": None, **changes}
        self._put("Job", action_id, details, sent_at)

    # --- behind requests and httpx -----------------------------------------------------------------------------------------

    @contextmanager
    def behind_both(self):
        """Answer in place of the connections below requests and below httpx."""
        import httpx
        import requests
        from urllib3 import HTTPResponse

        def for_requests(adapter, request, **options):
            body = request.body or b""
            raw = body if isinstance(body, bytes) else b"".join(body)
            headers = {name.lower(): str(value) for name, value in request.headers.items()}
            try:
                status, body, headers = self.answer(Request(request.method, request.url, headers, raw))
            except ConnectionRefusedError as error:
                raise requests.ConnectionError(str(error)) from error
            reply = HTTPResponse(BytesIO(body.encode()), headers, status, preload_content=False)
            return adapter.build_response(request, reply)

        async def for_httpx(transport, request):
            raw = await request.aread()
            try:
                status, body, headers = self.answer(
                    Request(request.method, str(request.url), dict(request.headers), raw)
                )
            except ConnectionRefusedError as error:
                raise httpx.ConnectError(str(error)) from error
            return httpx.Response(status, headers=headers, text=body)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(requests.adapters.HTTPAdapter, "send", for_requests)
            patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", for_httpx)
            yield self


@pytest.fixture
def kaizala(monkeypatch, variables, connect):
    """A Kaizala in memory, with the connection ``kaizala_default`` to it; waiting for it takes no time."""
    from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient
    from airflow_provider_kaizala.client.client import KaizalaClient

    world = Kaizala()

    async def async_sleep(seconds):
        world.sleeps.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setitem(KaizalaClient.__init__.__kwdefaults__, "sleep", world.sleeps.append)
    monkeypatch.setitem(AsyncKaizalaClient.__init__.__kwdefaults__, "sleep", async_sleep)
    # reading all certificate authorities takes a tenth of a second, and nothing is connected to
    monkeypatch.setattr("airflow_provider_kaizala.client.httpx_transport.ca_bundle", lambda verify: False)
    connect()
    with world.behind_both():
        yield world


@pytest.fixture
def variables(monkeypatch):
    """Airflow's Variables, as a dict."""
    from airflow_provider_kaizala import compat

    kept: dict[str, str] = {}
    monkeypatch.setattr(compat, "get_variable", kept.get)
    monkeypatch.setattr(compat, "set_variable", lambda key, value, description: kept.update({key: value}))
    return kept


@pytest.fixture
def connect(monkeypatch):
    """Define the connection: ``connect(host=..., extra={...})`` changes the usual one, extras one by one."""

    def define(conn_id="kaizala_default", extra=None, **changes):
        extras = {**CONNECTION["extra"], **(extra or {})}
        extras = {name: value for name, value in extras.items() if value is not None}
        whole = {**CONNECTION, **changes, "extra": extras}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(whole))

    return define


@pytest.fixture
def secrets_of_the_connection():
    extra = CONNECTION["extra"]
    configured = [
        CONNECTION["password"],
        extra["refresh_token"],
        extra["callback_token"],
        extra["webhook_secret"],
    ]
    configured += extra["group_refresh_tokens"].values()
    return [*configured, *(f"access-token-for-{token}" for token in configured)]


@pytest.fixture
def group():
    return GROUP


@pytest.fixture
def people():
    return ASHA, RAVI, MEERA


class Logs:
    """Everything that was logged, by way of logging or structlog, with its tracebacks."""

    def __init__(self):
        self.lines: list[str] = []

    @property
    def text(self):
        return "\n".join(self.lines)

    def of(self, level):
        return [line for line in self.lines if line.startswith(level.upper())]

    def handle(self, record):
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.lines.append(f"{record.levelname} {record.getMessage()} {trace}")

    def process(self, logger, method, event):
        import structlog

        trace = traceback.format_exc() if event.pop("exc_info", None) else ""
        message, args = event.pop("event", ""), event.pop("positional_args", None)
        level = str(event.pop("level", method)).upper()
        self.lines.append(f"{level} {message % args if args else message} {event or ''}{trace}")
        raise structlog.DropEvent


@pytest.fixture
def logs():
    """Collect everything that is logged."""
    collected = Logs()
    handler = logging.Handler(logging.DEBUG)
    handler.emit = collected.handle
    ours = [logging.getLogger(name) for name in ("airflow_provider_kaizala", "airflow.task", "airflow.sdk")]
    before = [each.level for each in ours]
    for each in ours:
        each.setLevel(logging.DEBUG)
        each.addHandler(handler)
    try:
        import structlog

        processors = structlog.get_config()["processors"]
    except ImportError:  # Airflow 2 logs by logging alone
        processors = []
    kept = list(processors)
    format_args = [each for each in kept if "positional" in getattr(each, "__name__", "")]
    processors[:] = [*format_args, collected.process]
    yield collected
    processors[:] = kept
    for each, level in zip(ours, before, strict=True):
        each.setLevel(level)
        each.removeHandler(handler)


class Store(dict):
    """What a task remembers on Airflow 3.3: plain JSON goes in and comes out."""

    def get(self, key, default=None):
        return json.loads(super().get(key, "null"))

    def set(self, key, value):
        assert value is not None
        self[key] = json.dumps(value)


@pytest.fixture
def store():
    """The ``task_state_store`` of one task."""
    return Store()


@pytest.fixture
def dag():
    """A DAG, for what needs one."""
    from datetime import UTC, datetime

    from airflow.providers.common.compat.sdk import DAG

    return DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))


class TaskInstance:
    """As much of one as XComArgs need: ``xcom_pull`` from a dict; and as Airflow 3.0 needs for outputs: ``xcom_push``."""

    def __init__(self, values):
        self.values, self.task, self.map_index = values, None, -1
        self.dag_id, self.task_id, self.run_id, self.state = "a_dag", "a_task", "manual__1", "failed"

    def get_relevant_upstream_map_indexes(self, *_, **__):
        return None

    def xcom_pull(self, task_ids=None, key="return_value", **_):
        task_id = task_ids[0] if isinstance(task_ids, list) else task_ids
        return self.values[task_id] if key == "return_value" else self.values[task_id][key]

    def xcom_push(self, key, value):
        """Forget it."""

    def get_first_reschedule_date(self, context):
        return None


@pytest.fixture
def run_task():
    """Render an operator's templates and execute it: ``run_task(operator, {"upstream": value}, params={...})``."""

    def run(operator, xcoms=None, *, map_index=-1, **context):
        ti = TaskInstance(xcoms or {})
        ti.map_index = map_index
        context = {
            "ti": ti,
            "params": {},
            "run_id": "manual__1",
            "expanded_ti_count": None,
            "dag": operator.dag if operator.has_dag() else None,
            "dag_run": SimpleNamespace(conf={}, run_id="manual__1"),
            **context,
        }
        operator.render_template_fields(context)
        return context.get("task", operator).execute(context)  # a mapped one leaves its task there

    return run
