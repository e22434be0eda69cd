"""A live server with a small organisation in it, and real ids for generated calls."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import requests

from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.run import RunningServer
from airflow_provider_kaizala.server.startup import start_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STORE = "11111111-1111-4111-8111-111111111111@1"
HUB = "22222222-2222-4222-8222-222222222222@1"
NORTH = "33333333-3333-4333-8333-333333333333@1"
LOWER = "44444444-4444-4444-8444-444444444444@1"
FOREIGN = "55555555-5555-4555-8555-555555555555@1"
PEOPLE = tuple(f"+9100000{number:05}" for number in range(1, 2001))
ASHA, RAVI, MEERA, STRANGER = PEOPLE[:4]
SURVEY = {"title": "S", "questions": [{"title": "Q", "type": "Text"}], "acceptMultipleResponses": True}
REAL = "the-real-"
REDIRECT = "https://app.example/back"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
PDF = b"%PDF-1.4\n%%EOF\n"
SEED = f"""
people:
  - {{mobileNumber: "{ASHA}", name: Asha, pin: "1234", tenantAdmin: true}}
  - {{mobileNumber: "{RAVI}", name: Ravi, pin: "1234"}}
  - {{mobileNumber: "{MEERA}", name: Meera, pin: "1234"}}
  - {{mobileNumber: "{STRANGER}", name: Stranger, pin: "1234"}}
connectors:
  - {{id: app, secret: secret, redirectUrl: "{REDIRECT}"}}
  - {{id: other, secret: secret2}}
groups:
  - {{id: "{STORE}", name: Store 12, admins: ["{ASHA}"], members: ["{RAVI}", "{MEERA}"]}}
  - {{id: "{HUB}", name: Hub, type: ConnectGroup, admins: ["{ASHA}"], subscribers: ["{RAVI}"]}}
  - {{id: "{NORTH}", name: North, admins: ["{ASHA}"]}}
  - {{id: "{LOWER}", name: Lower, parent: "{NORTH}", admins: ["{ASHA}"], members: ["{RAVI}"]}}
  - {{id: "{FOREIGN}", name: Foreign, admins: ["{STRANGER}"], members: ["{MEERA}"]}}
grants:
  - {{connector: app, kind: tenant, person: "{ASHA}", refreshToken: tenant-token}}
  - {{connector: app, kind: user, person: "{RAVI}", refreshToken: user-token}}
  - {{connector: app, kind: group, person: "{ASHA}", group: "{STORE}", refreshToken: group-token}}
  - {{connector: other, kind: group, person: "{STRANGER}", group: "{FOREIGN}", refreshToken: foreign-token}}
"""


class Elsewhere(BaseHTTPRequestHandler):
    """What lies behind callback and media URLs: answers as the path says."""

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        _, _, token = self.path.partition("validationToken=")
        status, kind, body = 200, "text/plain", token.encode()
        match self.path.split("?")[0]:
            case "/picture":
                kind, body = "image/png", PNG
            case "/wrong":
                body = b"something else"
            case "/redirect":
                status = 302
            case "/failing":
                status = 500
            case "/text":
                body = b"text"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/echo?" + self.path.partition("?")[2])
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()


class Shop:
    """The server's address, access tokens, and a value for every ``the-real-name``."""

    def __init__(self, server: RunningServer, elsewhere: str) -> None:
        self.url = server.url
        self.http = requests.Session()
        self._server = server
        self._come_in()
        self._phones = itertools.cycle(PEOPLE[:3])
        self.elsewhere = elsewhere
        self._makers: dict[str, Callable[[], str]] = {
            "person": self._person,
            "survey": lambda: self._posted("Survey", SURVEY),
            "job": lambda: self._posted("Job", {"title": "J", "assignedTo": [ASHA, RAVI]}),
            "poll": lambda: self._posted(
                "Poll", {"question": "P", "choices": [{"title": "a"}, {"title": "b"}]}
            ),
            "meeting": lambda: self._posted(
                "LetsMeet", {"title": "M", "startingTime": "2030-01-01T10:00:00Z"}
            ),
            "card": lambda: self._posted(
                None, {"title": "C", "properties": [{"name": "a", "type": 0, "value": ""}]}
            ),
            "reference": lambda: self._post({"actionType": "Survey"}, SURVEY)["referenceId"],
            "image": lambda: self._uploaded("a.png", PNG, "image/png"),
            "document": lambda: self._uploaded("a.pdf", PDF, "application/pdf"),
        }
        self._makers_each_time: dict[str, Callable[[], str]] = {
            "member": self._member,
            "sub-group": self._sub_group,
            "group": lambda: self.call("POST", "/groups", {"name": "x", "welcomeMessage": "x"})["groupId"],
            "webhook": self._webhook,
            "bot": self.bot,
            "code": self._code,
            "phone": lambda: next(self._phones),
            "echo": lambda: elsewhere + "/echo",
            "echo-with-query": lambda: elsewhere + "/echo?x=1",
            "picture": lambda: elsewhere + "/picture",
            "wrong-echo": lambda: elsewhere + "/wrong",
            "redirect": lambda: elsewhere + "/redirect",
            "status-500": lambda: elsewhere + "/failing",
            "text": lambda: elsewhere + "/text",
        }

    def _come_in(self) -> None:
        self.tokens = {
            who: self.exchange(refresh)
            for who, refresh in (("tenant", "tenant-token"), ("user", "user-token"), ("group", "group-token"))
        }
        self.foreign = self.exchange("foreign-token", "other", "secret2")
        self.tokens["nobody"] = "x"
        self._kept: dict[str, str] = {}

    def start_over(self) -> None:
        """Go back to the seed. There is no control plane: this is the server as a company runs it."""
        state = self._server.state
        state.database.submit(lambda conn: start_over(conn, state.config, state.clock.now_ms())).result()
        state.media.clear()
        self._come_in()

    def exchange(self, refresh: str, connector: str = "app", secret: str = "secret") -> str:
        headers = {"applicationId": connector, "applicationSecret": secret, "refreshToken": refresh}
        reply = self.http.get(self.url + "/v1/accessToken", headers=headers)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["accessToken"])

    def call(
        self, method: str, path: str, body: Any = None, who: str = "tenant", **options: Any
    ) -> dict[str, Any]:
        if body is not None:
            options["json"] = body
        reply = self.http.request(
            method, self.url + "/v1" + path, headers={"accessToken": self.token(who)}, timeout=20, **options
        )
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def token(self, who: str) -> str:
        if "bot" in who and "bot" not in self.tokens:
            bot = self.bot()
            self.call("POST", f"/groups/{STORE}/bot", {"botUserId": bot})
            # A bot acts under the grant of whoever asks for its token.
            self.tokens["bot"] = self.call("GET", f"/bot/accessToken/{bot}")["accessToken"]
            self.tokens["group-bot"] = self.call("GET", f"/bot/accessToken/{bot}", who="group")["accessToken"]
        return self.tokens[who]

    def filled(self, value: Any) -> Any:
        """Return a value with each ``the-real-name`` replaced by something real."""
        if isinstance(value, dict) or hasattr(value, "items"):
            for key in list(value):
                value[key] = self.filled(value[key])
            return value
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, str) and value.startswith(REAL):
            name = value.removeprefix(REAL)
            if name in self._makers:
                return self._keep(name)
            if name in self._makers_each_time:
                return self._makers_each_time[name]()
        return value

    def _keep(self, name: str) -> str:
        if name not in self._kept:
            self._kept[name] = self._makers[name]()
        return self._kept[name]

    def _posted(self, kind: str | None, body: dict[str, Any]) -> str:
        named = {"actionType": kind} if kind else {"id": "com.example.card.2"}
        return str(self._post(named, body)["actionId"])

    def _post(self, named: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return self.call("POST", f"/groups/{STORE}/actions", {**named, "actionBody": body})

    def _uploaded(self, name: str, content: bytes, kind: str) -> str:
        return str(self.call("POST", "/media", files={"files": (name, content, kind)})["mediaResource"])

    def _person(self) -> str:
        return str(self.call("GET", "/users/me", who="user")["id"])

    def _member(self) -> str:
        self.call("PUT", f"/groups/{STORE}/members", {"members": [MEERA]})
        members = self.call("GET", f"/groups/{STORE}/members")["members"]
        return next(str(one["id"]) for one in members if one["name"] == "Meera")

    def _sub_group(self) -> str:
        made = self.call("POST", f"/groups/{NORTH}/subGroups", {"groupName": "x", "welcomeMessage": "x"})
        return str(made["groupId"])

    def _webhook(self) -> str:
        given = {
            "objectId": STORE,
            "objectType": "Group",
            "eventTypes": ["MemberRemoved"],
            "callBackUrl": self.elsewhere + "/echo",
        }
        return str(self.call("POST", "/webhook", given)["webhookId"])

    def bot(self) -> str:
        return str(self.call("POST", "/bot", {"name": "Robo"})["botUserId"])

    def _code(self) -> str:
        form = {"client_id": "app", "redirect_uri": REDIRECT, "mobileNumber": ASHA, "pin": "1234"}
        sent = self.http.post(self.url + "/api/Oauth/Authorize", data=form, allow_redirects=False)
        return sent.headers["Location"].partition("code=")[2]


@contextmanager
def serve_elsewhere() -> Iterator[str]:
    """Serve callbacks and media on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@contextmanager
def open_shop(folder: Path, **settings: Any) -> Iterator[Shop]:
    """Start the server, stop it afterwards."""
    seed = folder / "seed.yaml"
    seed.write_text(SEED)
    config = ServerConfig(
        port=0,
        database=f"sqlite:///{folder}/k.db",
        seed=str(seed),
        connector_limit=0,
        tenant_limit=0,
        anonymous_limit=0,
        allow_private_callbacks=True,
        log_level="warning",
        **settings,
    )
    with serve_elsewhere() as elsewhere, RunningServer(config) as server:
        shop = Shop(server, elsewhere)
        yield shop
        shop.http.close()
