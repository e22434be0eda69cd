"""Two server processes on one PostgreSQL, 16 clients, every operation mixed, and one process is killed in the middle.

A call has an outcome that its client knows: done, refused, or never sent. What was on its way when the process was killed may be either, so
it is repeated on the other process where that is safe, and otherwise looked up. Afterwards the server must be in the state that one process
is in when it is asked for everything that was done, one after the other.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import NullPool, create_engine

from tests.faults.calls import (
    CHILDREN,
    GROUP,
    GROUP_TOKEN,
    HUB,
    HUB_TOKEN,
    PARENT,
    PEOPLE,
    PIN,
    TENANT_TOKEN,
    USER_TOKEN,
    Call,
    Client,
    photo,
    seed,
)
from tests.on_postgres import create_database, postgres_url
from tests.serving import serve_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["postgres_url"]
CLIENTS, CALLS = 16, 30
TYPES = ("Image", "Job", "Survey", "Poll")
_NAME = re.compile(r"<([\w-]+)>")
_VOLATILE = re.compile(
    r"id|ids|\w+Id|creationTime|sentAt|dueDate|expiryDate|lastModifiedTime|seq|after|cursor|revision|ts|validity|\w*[uU]rl|version"
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Hook:
    """A callback that keeps the ids of events by their text."""

    def __init__(self) -> None:
        self.heard: dict[str, set[str]] = {}
        self.changed = threading.Condition()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def _reply(self, body: bytes = b"") -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._reply(parse_qs(urlsplit(self.path).query)["validationToken"][0].encode())

            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with hook.changed:
                    hook.heard.setdefault(event["data"].get("text", ""), set()).add(event["eventId"])
                    hook.changed.notify_all()
                self._reply()

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/hook"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    opened = Hook()
    yield opened
    opened.close()


class Process:
    """A server process."""

    def __init__(self, database: str, folder: Path) -> None:
        file = folder / "seed.json"
        file.write_text(json.dumps(seed()))
        command = serve_command("--allow-private-callbacks", "--log-level", "error")
        command += ["--database", database, "--media-dir", str(folder / "media"), "--seed", str(file)]
        command += ["--connector-limit", "1000000", "--tenant-limit", "1000000"]
        self._log = (folder / "log").open("ab")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)

    def ready(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready "), line
        return line.split()[1]

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
            self._log.close()


class Unknown(Exception):
    """The connection broke after a call was sent."""


@dataclass
class World:
    """Where calls go to, and what their names stand for there."""

    urls: list[str]
    names: dict[str, str] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def sign_in(self) -> None:
        url = self.urls[0]
        for token in (GROUP_TOKEN, HUB_TOKEN, USER_TOKEN, TENANT_TOKEN):
            reply = httpx.get(f"{url}/v1/accessToken", headers=_exchange(token)).json()
            self.keys[token] = {"accessToken": reply["accessToken"]}
        for person in PEOPLE:
            body = {"mobileNumber": person, "pin": PIN}
            reply = httpx.post(f"{url}/people/session", json=body).json()
            self.keys[person] = {"Authorization": f"Bearer {reply['token']}"}

    def send(self, http: httpx.Client, call: Call, url: str) -> httpx.Response:
        """Make a call; raises :class:`Unknown`, or httpx.ConnectError if nobody is there."""
        body = None if call.body is None else json.loads(self._named(json.dumps(call.body)))
        files = {"file": ("photo.jpg", photo(), "image/jpeg")} if call.photo else None
        headers = self.keys[call.actor] if call.actor else _exchange(GROUP_TOKEN)
        try:
            reply = http.request(
                call.method, url + self._named(call.path), json=body, files=files, headers=headers
            )
        except httpx.ConnectError:
            raise
        except httpx.TransportError as error:
            raise Unknown from error
        if reply.status_code == 200:
            self.names.update({name: reply.json()[field] for name, field in call.binds.items()})
        return reply

    def _named(self, text: str) -> str:
        return _NAME.sub(lambda found: self.names[found[1]], text)


def _exchange(token: str) -> dict[str, str]:
    return {"applicationId": "storm", "applicationSecret": "storm-secret", "refreshToken": token}


class Storm:
    """All clients at once."""

    def __init__(self, world: World, hook: str) -> None:
        self.world = world
        self.done: list[Call] = []
        self.unknown: list[Call] = []
        self.wrong: list[str] = []
        self.lock = threading.Lock()
        self.half = threading.Event()
        self._made: dict[str, list[str]] = {}
        self._hook = hook
        self._calls = 0
        self._signing_in = threading.Lock()

    def run(self, number: int) -> None:
        client = Client(number, self._made, self.lock, self._hook)
        with httpx.Client(timeout=30) as http:
            for _ in range(CALLS):
                call = client.next()
                # Nobody signs in five times at once, which looks like guessing.
                with (
                    self._signing_in if call.path.endswith("loginWithPinAndApplicationId") else nullcontext()
                ):
                    is_done = self._make(http, call, number)
                if is_done:
                    client.done(call)
                with self.lock:
                    self._calls += 1
                    if self._calls == CLIENTS * CALLS // 2:
                        self.half.set()

    def _make(self, http: httpx.Client, call: Call, number: int) -> bool:
        was_unknown = False
        for attempt in range(20):
            url = self.world.urls[(number + attempt) % 2]
            try:
                reply = self.world.send(http, call, url)
            except httpx.ConnectError:
                continue
            except Unknown:
                was_unknown = True
                if call.again:
                    continue
                with self.lock:
                    self.unknown.append(call)
                return False
            # Somebody who answers for the same person, or this client itself, came before.
            taken = reply.status_code == 400 and "answered already" in reply.text
            with self.lock:
                if reply.status_code == 200 or (taken and was_unknown):
                    self.done.append(call)
                elif not taken:
                    self.wrong.append(f"{call}: {reply.status_code} {reply.text[:300]}")
            return reply.status_code == 200
        self.wrong.append(f"{call}: nobody answers")
        return False


def normal(value: Any) -> Any:
    """Return a reply without ids and times, and without an order."""
    if isinstance(value, dict):
        value = {name: one for name, one in value.items() if not _VOLATILE.fullmatch(name)}
        if value.get("title") == "ResponseTime":
            del value["answer"]
        if "notes" in value:
            value["notes"] = value["notes"].count("STATUS_UPDATED")
        if value.get("kind") == "reminder":
            value["title"] = f"reminder of {value['title']}"
        if value.get("kind") == "text":
            value["text"] += "."
        return {name: normal(one) for name, one in value.items()}
    if isinstance(value, list):
        return sorted(map(normal, value), key=lambda one: json.dumps(one, sort_keys=True))
    return _UUID.sub("ID", value) if isinstance(value, str) else value


def state_of(world: World, url: str) -> dict[str, Any]:
    """Return everything that can be read of a server, normalised."""
    with httpx.Client(timeout=30) as http:

        def read(actor: str, path: str) -> Any:
            reply = http.get(url + path, headers=world.keys[actor])
            assert reply.status_code == 200, (path, reply.text)
            return reply.json()

        def feed(group: str) -> list[Any]:
            items: list[Any] = []
            more, after = True, 0
            while more:
                page = read(PEOPLE[0], f"/people/groups/{group}/feed?count=200&after={after}")
                items += page["items"]
                more, after = page["hasMore"], page["after"]
            return items

        found: dict[str, Any] = {"groups": read(TENANT_TOKEN, "/v1/groups?showDetails=true")["groups"]}
        for group in (GROUP, HUB, PARENT, *CHILDREN):
            found[f"members {group}"] = read(TENANT_TOKEN, f"/v1/groups/{group}/members")
            items = found[f"feed {group}"] = feed(group)
            places = [one["seq"] for one in items]
            assert places == list(range(1, len(places) + 1)), "a place is missing or taken twice"
        found["subscribers"] = read(HUB_TOKEN, f"/v1/groups/{HUB}/subscribers")
        ids = []
        for kind in (
            "actionType=Image",
            "actionType=Job",
            "actionType=Survey",
            "actionType=Poll",
            "id=com.example.card",
        ):
            listed = read(GROUP_TOKEN, f"/v1/groups/{GROUP}/actions?{kind}&count=5000")["actions"]
            found[f"list {kind}"] = listed
            ids += [one["actionBody"]["actionId"] for one in listed if "Image" not in kind]
        details = [read(GROUP_TOKEN, f"/v1/groups/{GROUP}/actions/{one}?getDetails=true") for one in ids]
        for one in details:
            shown = one["actionDetails"]
            responses = shown["responses"]
            done = [each for each in responses if each.get("response", "Completed") == "Completed"]
            assert shown["responseCount"] == len(done), shown
        found["details"] = details
        found["comments"] = [
            read(
                GROUP_TOKEN,
                f"/v1/groups/{GROUP}/reaction/{one['referenceId']}?sourceGroupId={GROUP}&reactionType=Comment&cursor=0",
            )
            for one in found[f"feed {GROUP}"]
            if one["comments"]
        ]
        found["bots"] = read(GROUP_TOKEN, "/v1/bot")
        hooks = read(GROUP_TOKEN, f"/v1/webhook?objectType=Group&objectId={GROUP}")
        found["hooks"] = [
            {
                "events": one["events"],
                "to": urlsplit(one["callbackUrl"]).query,
                "context": one["callbackContext"],
            }
            for one in hooks["webhooks"]
        ]
    found = {name: normal(value) for name, value in found.items()}
    found["hooks"] = sorted(({**one, "to": f"?{one['to']}"} for one in found["hooks"]), key=json.dumps)
    return found


def test_the_end_is_that_of_a_serial_run(postgres_url: str, tmp_path: Path, hook: Hook) -> None:
    database = create_database(postgres_url)
    processes = [Process(database, tmp_path) for _ in range(2)]
    serial_folder = tmp_path / "serial"
    serial_folder.mkdir()
    processes.append(Process(create_database(postgres_url), serial_folder))
    try:
        urls = [one.ready() for one in processes]
        world = World(urls[:2])
        world.sign_in()
        listen = {
            "objectId": GROUP,
            "objectType": "Group",
            "eventTypes": ["TextMessageCreated"],
            "callBackUrl": hook.url,
        }
        first = Call(GROUP_TOKEN, "POST", "/v1/webhook", listen)
        with httpx.Client(timeout=30) as http:
            assert world.send(http, first, urls[0]).status_code == 200
        storm = Storm(world, hook.url)
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(storm.run, number) for number in range(CLIENTS)]
            assert storm.half.wait(120)
            processes[0].kill()
            for one in clients:
                one.result()
        assert storm.wrong == []
        state = state_of(world, urls[1])
        everything = json.dumps(state)
        found = [one for one in storm.unknown if json.dumps(one.mark)[1:-1] in everything]

        texts = [one.body for one in (*storm.done, *found) if one.mark.startswith("text-")]
        _check_events(hook, [one.get("text") or one["message"] for one in texts])

        serial = World(urls[2:])
        serial.sign_in()
        with httpx.Client(timeout=30) as http:
            for call in (first, *storm.done, *found):
                reply = serial.send(http, call, urls[2])
                assert reply.status_code == 200 or (call.again and "answered already" in reply.text), (
                    call,
                    reply.text,
                )
        expected = state_of(serial, urls[2])
        for name, value in expected.items():
            assert state[name] == value, name
        _check_facts(database)
    finally:
        for one in processes:
            one.kill()


def _check_facts(database: str) -> None:
    engine = create_engine(database, poolclass=NullPool)
    with engine.connect() as connection:

        def twice(columns: str, table: str, where: str = "true") -> list[Any]:
            query = f"SELECT {columns} FROM {table} WHERE {where} GROUP BY {columns} HAVING count(*) > 1"
            return list(connection.exec_driver_sql(query))

        assert twice("connector_id, kind, person_id, group_id", "connector_grant", "revoked_ms IS NULL") == []
        assert twice("group_id, reference_id", "feed_entry") == []
        assert twice("mobile", "person", "mobile IS NOT NULL") == []
        lost = "SELECT count(*) FROM post WHERE reference_id NOT IN (SELECT reference_id FROM feed_entry)"
        assert connection.exec_driver_sql(lost).scalar_one() == 0


def _check_events(hook: Hook, texts: list[str]) -> None:
    """What was written is told, by whichever process is left, once the lease of the other has ended."""
    until = time.monotonic() + 60
    with hook.changed:
        while not set(texts) <= hook.heard.keys() and time.monotonic() < until:
            hook.changed.wait(1)
        assert set(texts) - hook.heard.keys() == set()
        assert {text: len(ids) for text, ids in hook.heard.items() if len(ids) != 1} == {}
