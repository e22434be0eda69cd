"""What an administrator does takes effect in the server that runs, at once."""

from __future__ import annotations

import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "11111111-1111-4111-8111-111111111111@1"
ASHA, RAVI, MEERA, ZOYA = "+910000000001", "+910000000002", "+910000000003", "+910000000009"


def status_of_token(url: str, connector: str, secret: str, refresh: str) -> int:
    headers = {"applicationId": connector, "applicationSecret": secret, "refreshToken": refresh}
    return httpx.get(url + "/v1/accessToken", headers=headers).status_code


def test_from_nothing_to_a_first_message(make_server, shell_on, call_with, sign_in) -> None:
    running = make_server(seed=None)
    shell = shell_on(running.config.database)
    for listed in ("connector", "person", "group", "grant", "token", "webhook"):
        assert shell.json(listed, "list") == []
        assert "There is no" in shell.run(listed, "list").stderr
    shell.json("person", "create", ASHA, "--name", "Asha", "--pin", "4711")
    shell.json("person", "create", RAVI, "--name", "Ravi", stdin="4712\n")
    group = shell.json("group", "create", "--name", "Store 7", "--admin", ASHA, "--member", RAVI)
    assert (group["admins"], group["members"], group["type"]) == (1, 1, "Group")
    connector = shell.json("connector", "create", "--name", "Airflow")
    grant = shell.json("grant", "create", connector["connectorId"], group["groupId"])
    assert (grant["kind"], grant["person"]) == ("group", ASHA)
    ids = {"connector": connector["connectorId"], "secret": connector["applicationSecret"]}
    api = call_with(grant["refreshToken"], running.url, **ids)
    api.ok("POST", f"/groups/{group['groupId']}/messages", json={"message": "Hello"})
    ravi = httpx.post(running.url + "/people/session", json={"mobileNumber": RAVI, "pin": "4712"})
    assert ravi.status_code == 200


def test_connectors(shell, server, fetch_token) -> None:
    made = shell.json(
        "connector",
        "create",
        "--name",
        "Small",
        "--id",
        "small",
        "--permission",
        "media",
        "--permission",
        "Text Message",
    )
    secret = made["applicationSecret"]
    listed = {row["connectorId"]: row for row in shell.json("connector", "list")}
    assert listed["small"]["permissions"] == ["Text Message", "Media"]
    assert len(listed["demo-connector"]["permissions"]) == 9
    assert listed["demo-connector"]["grants"] == 2
    assert secret not in shell.table("connector", "list")
    token = shell.json("token", "issue", "small", RAVI)["refreshToken"]
    access = fetch_token(server.url, token, "small", secret)["accessToken"]
    assert httpx.get(server.url + "/v1/groups", headers={"accessToken": access}).status_code == 403
    renewed = shell.json("connector", "rotate-secret", "small")["applicationSecret"]
    assert status_of_token(server.url, "small", secret, token) == 401
    assert status_of_token(server.url, "small", renewed, token) == 200
    assert shell.json("connector", "delete", "small") == {
        "connectorId": "small",
        "deleted": True,
        "grantsEnded": 1,
    }
    assert status_of_token(server.url, "small", renewed, token) == 401
    reply = httpx.get(server.url + "/v1/users/me", headers={"accessToken": access})
    assert reply.status_code == 401
    assert [row["connectorId"] for row in shell.json("connector", "list")] == ["demo-connector"]


def test_grants(shell, server, api) -> None:
    before = shell.json("grant", "list")
    assert {(row["kind"], row["groupId"]) for row in before} == {("user", ""), ("group", GROUP)}
    renewed = shell.json("grant", "create", "demo-connector", GROUP.upper())["refreshToken"]
    assert status_of_token(server.url, "demo-connector", "demo-secret", "demo-group-token") == 401
    assert status_of_token(server.url, "demo-connector", "demo-secret", renewed) == 200
    api.ok("GET", "/groups")  # access tokens live on: only the refresh token was renewed
    shell.json("grant", "revoke", "demo-connector", GROUP)
    api.refused(401, "GET", "/groups")
    assert status_of_token(server.url, "demo-connector", "demo-secret", renewed) == 401
    listed = shell.json("grant", "list", "--connector", "demo-connector")
    assert {row["kind"]: bool(row["revoked"]) for row in listed} == {"user": False, "group": True}
    assert "no grant" in shell.refused("grant", "revoke", "demo-connector", GROUP)
    assert renewed not in shell.table("grant", "list") + shell.table("token", "list")
    again = shell.json("grant", "create", "demo-connector", GROUP)["refreshToken"]
    assert status_of_token(server.url, "demo-connector", "demo-secret", again) == 200
    assert "not an admin" in shell.refused("grant", "create", "demo-connector", GROUP, "--person", RAVI)


def test_tokens_of_people(shell, server, fetch_token) -> None:
    token = shell.json("token", "issue", "demo-connector", RAVI)["refreshToken"]
    access = {"accessToken": fetch_token(server.url, token)["accessToken"]}
    assert httpx.get(server.url + "/v1/users/me", headers=access).json()["name"] == "Ravi"
    assert {row["person"] for row in shell.json("token", "list") if row["kind"] == "user"} == {ASHA, RAVI}
    assert "not a tenant admin" in shell.refused("token", "issue", "demo-connector", RAVI, "--tenant-level")
    shell.json("person", "create", ZOYA, "--name", "Zoya", "--no-pin", "--tenant-admin")
    high = shell.json("token", "issue", "demo-connector", ZOYA, "--tenant-level")
    assert high["kind"] == "tenant"
    reach = {"accessToken": fetch_token(server.url, high["refreshToken"])["accessToken"]}
    assert len(httpx.get(server.url + "/v1/groups", headers=reach).json()["groups"]) == 1
    assert "no user token" in shell.refused("token", "revoke", "demo-connector", ZOYA)
    shell.json("token", "revoke", "demo-connector", ZOYA, "--tenant-level")
    assert httpx.get(server.url + "/v1/groups", headers=reach).status_code == 401
    shell.json("token", "revoke", "demo-connector", RAVI)
    assert httpx.get(server.url + "/v1/users/me", headers=access).status_code == 401


def test_people(shell, server, asha) -> None:
    def sign_in(mobile: str, pin: str) -> int:
        return httpx.post(
            server.url + "/people/session", json={"mobileNumber": mobile, "pin": pin}
        ).status_code

    done = shell.run("person", "create", ZOYA, "--name", "Zoya", "--pin", "9182736")
    assert "9182736" not in done.output
    assert "9182736" not in shell.table("person", "list") + shell.table("person", "list", "--json")
    assert sign_in(ZOYA, "9182736") == 200
    for _ in range(5):
        assert sign_in(ASHA, "wrong") == 401
    assert sign_in(ASHA, "1234") == 429
    shell.json("person", "set-pin", ASHA, "--pin", "new-pin")
    asha.refused(401, "GET", "/groups")
    assert sign_in(ASHA, "new-pin") == 200
    assert sign_in(ASHA, "1234") == 401
    listed = {row["mobileNumber"]: row for row in shell.json("person", "list")}
    assert (listed[ASHA]["groups"], listed[ZOYA]["groups"], listed[ZOYA]["hasPin"]) == (1, 0, True)
    assert "exists already" in shell.refused("person", "create", ZOYA, "--name", "Z", "--pin", "1111")


def test_people_that_a_group_named_first(shell, server, api) -> None:
    api.ok("PUT", f"/groups/{GROUP}/members", json={"members": [ZOYA]})
    assert shell.json("person", "create", ZOYA, "--name", "Zoya", "--pin", "1234")["name"] == "Zoya"
    reply = httpx.post(server.url + "/people/session", json={"mobileNumber": ZOYA, "pin": "1234"})
    assert reply.status_code == 200
    assert {one["name"] for one in api.ok("GET", f"/groups/{GROUP}/members")["members"]} >= {"Zoya"}


def test_groups(shell, api, asha, ravi) -> None:
    shell.json("group", "add", GROUP, "--member", ZOYA, "--admin", RAVI)
    people = {row["mobileNumber"]: row["role"] for row in shell.json("group", "people", GROUP)}
    assert people == {ASHA: "Admin", RAVI: "Admin", MEERA: "Member", ZOYA: "Member"}
    assert [item["kind"] for item in ravi.feed()["items"]] == ["memberAdded"]
    shell.json("group", "remove", GROUP, RAVI, ZOYA)
    ravi.refused(403, "GET", f"/groups/{GROUP}/feed")
    assert [item["kind"] for item in asha.feed()["items"]] == [
        "memberAdded",
        "memberRemoved",
        "memberRemoved",
    ]
    assert "is not in the group" in shell.refused("group", "remove", GROUP, MEERA, RAVI)
    assert len(shell.json("group", "people", GROUP)) == 2, "all or nothing"
    hub = shell.json("group", "create", "--name", "News", "--hub", "--subscriber", RAVI, "--id", "news")
    assert (hub["type"], hub["subscribers"]) == ("ConnectGroup", 1)
    shell.json("group", "add", "news", "--subscriber", MEERA)
    shell.json("group", "add", "news", "--admin", ASHA)
    roles = [(row["mobileNumber"], row["role"]) for row in shell.json("group", "people", "news")]
    assert sorted(roles) == [(ASHA, "Admin"), (RAVI, "Subscriber"), (MEERA, "Subscriber")]
    shell.json("group", "remove", "news", MEERA)
    below = shell.json("group", "create", "--name", "Till", "--parent", GROUP, "--admin", ASHA)
    assert below["parents"] == [GROUP]
    shell.json("group", "delete", GROUP)
    api.refused(404, "GET", f"/groups/{GROUP}")
    assert {row["name"] for row in shell.json("group", "list")} == {"News", "Till"}
    assert [row["parents"] for row in shell.json("group", "list")] == [[], []]


@pytest.fixture
def callback():
    """A receiver that fails until it is told not to."""
    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        works = False

        def do_GET(self) -> None:
            self.answer(200, self.path.rpartition("=")[2].encode())

        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["content-length"])))
            self.answer(200 if Handler.works else 500, b"")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook?key=secret-key", Handler, seen
    server.shutdown()
    server.server_close()


def wait_until(what: Any) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_webhook_that_gave_up_is_brought_back(shell, server, api, callback) -> None:
    url, handler, seen = callback
    body = {
        "objectId": GROUP,
        "objectType": "Group",
        "eventTypes": ["TextMessageCreated"],
        "callBackUrl": url,
    }
    hook = api.ok("POST", "/webhook", json={**body, "callBackToken": "secret-callback"})["webhookId"]
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Hello"})
    test = httpx.Client(base_url=server.url + "/_test")
    # Advancing the clock makes the delivery loop run what is due.
    for attempt in range(1, 8):
        wait_until(lambda attempt=attempt: len(seen) == attempt)
        wait_until(
            lambda attempt=attempt: shell.json("webhook", "deliveries", hook)[0]["attempts"] == attempt
        )
        test.post("/clock", json={"advance": 100_000}).raise_for_status()
    wait_until(lambda: not shell.json("webhook", "list")[0]["active"])
    (row,) = shell.json("webhook", "list", "--connector", "demo-connector")
    assert (row["failed"], row["pending"], row["delivered"]) == (1, 0, 0)
    (delivery,) = shell.json("webhook", "deliveries", hook, "--state", "failed")
    assert (delivery["eventType"], delivery["lastStatus"], delivery["attempts"]) == (
        "TextMessageCreated",
        500,
        7,
    )
    journal = test.get("/journal", params={"operation": "deliverEvent"}).json()["entries"]
    assert [entry["status"] for entry in journal] == [500] * 7
    assert journal[0]["body"]["data"] == {"text": "Hello"}
    handler.works = True
    assert shell.json("webhook", "enable", hook)["active"]
    wait_until(lambda: shell.json("webhook", "list")[0]["delivered"] == 1)
    assert len(seen) == 8
    shown = (
        shell.table("webhook", "list")
        + shell.table("webhook", "deliveries", hook)
        + test.get("/journal").text
    )
    assert "secret-key" not in shown
    assert "secret-callback" not in shown
    test.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["connector", "create"], "--name"),
        (["connector", "create", "--name", " "], "blank"),
        (["connector", "create", "--name", "x", "--id", "demo-connector"], "exists already"),
        (["connector", "create", "--name", "x", "--permission", "All"], "--permission"),
        (
            ["connector", "create", "--name", "x", "--redirect-url", "a page"],
            "redirectUrl: must be an address",
        ),
        (["connector", "create", "--name", "x", "--tenant", "no"], "there is no tenant 'no'"),
        (["connector", "create", "--name", "x", "--id", "x" * 200], "at most 128"),
        (["connector", "create", "--name", "\udcff"], "not text in UTF-8"),
        (["group", "people", "\udcff"], "not text in UTF-8"),
        (["person", "create", ZOYA, "--name", "\udcff", "--no-pin"], "not text in UTF-8"),
        (["connector", "delete", "none"], "no connector 'none'"),
        (["connector", "rotate-secret", "none"], "no connector 'none'"),
        (["person", "create", "0123", "--name", "x", "--pin", "1111"], "phone number"),
        (["person", "create", ZOYA, "--name", "x", "--pin", "123"], "4 to 100 digits or letters"),
        (["person", "create", ZOYA, "--name", "x"], "PIN"),
        (["person", "create", ZOYA, "--name", "x", "--pin", ""], "PIN"),
        (["person", "create", ZOYA, "--name", "x", "--pin", "1111", "--no-pin"], "exclude"),
        (["person", "set-pin", ZOYA, "--pin", "1111"], "nobody with the number"),
        (["group", "create", "--name", "x", "--member", ZOYA], "not among the people"),
        (["group", "create", "--name", "x", "--id", GROUP], "exists already"),
        (["group", "create", "--name", "x", "--subscriber", RAVI], "ConnectGroup"),
        (["group", "create", "--name", "x", "--parent", "none"], "no group 'none'"),
        (["group", "create", "--name", "x", "--admin", "Ravi"], "phone number"),
        (["group", "add", GROUP], "nobody is named"),
        (["group", "add", GROUP, "--subscriber", RAVI], "hub group"),
        (["group", "add", "none", "--member", RAVI], "no group 'none'"),
        (["group", "people", "none"], "no group 'none'"),
        (["group", "delete", "none"], "no group 'none'"),
        (["grant", "create", "demo-connector", "none"], "no group 'none'"),
        (["grant", "create", "none", GROUP], "no connector 'none'"),
        (["grant", "create", "demo-connector", GROUP, "--person", ZOYA], "nobody with the number"),
        (["grant", "revoke", "none", GROUP], "no connector"),
        (["grant", "list", "--connector", "none"], "no connector"),
        (["token", "issue", "demo-connector", ZOYA], "nobody with the number"),
        (["token", "revoke", "demo-connector", ZOYA], "no user token"),
        (["webhook", "enable", "none"], "no webhook 'none'"),
        (["webhook", "deliveries", "none", "--count", "0"], "--count"),
        (["webhook", "deliveries", "none", "--state", "odd"], "--state"),
    ],
)
def test_a_mistake_is_one_sentence(shell, words: list[str], said: str) -> None:
    message = shell.refused(*words)
    assert said in message
    if not message.startswith("Usage"):
        assert message.startswith("kaizala-server: ")
        assert message.count("\n") == 1


def test_databases_that_cannot_be_used(shell_on, tmp_path: Path) -> None:
    assert "there is no database" in shell_on(f"sqlite:///{tmp_path}/none.db").refused("person", "list")
    assert not (tmp_path / "none.db").exists()
    assert "does not exist" in shell_on("sqlite:////no/such/folder/k.db").refused("person", "list")
    assert "cannot be read" in shell_on("nonsense").refused("person", "list")
    assert "not supported" in shell_on("mysql://x/y").refused("person", "list")
    (tmp_path / "text.db").write_text("this is not a database, but long enough to look at" * 50)
    assert "cannot be used" in shell_on(f"sqlite:///{tmp_path}/text.db").refused("person", "list")
    (tmp_path / "empty.db").touch()
    assert "of another version" in shell_on(f"sqlite:///{tmp_path}/empty.db").refused("person", "list")


def test_names_do_not_steer_the_terminal(shell) -> None:
    name = "a\x1b[31m [red]b[/red]\u202e"
    shell.json("person", "create", ZOYA, "--name", name, "--no-pin")
    shown = shell.table("person", "list")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[red]b[/red]" in shown


def test_rows_are_whole_lines_in_a_pipe(server) -> None:
    command = [sys.executable, "-m", "airflow_provider_kaizala.server", "connector", "list"]
    done = subprocess.run(
        [*command, "--database", server.config.database],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("demo-connector")
    assert "Reactions" in lines[1]
