from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from airflow_provider_kaizala.server.app import create_app
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.control.layer import ControlLayer
from airflow_provider_kaizala.server.startup import open_state

if TYPE_CHECKING:
    from airflow_provider_kaizala.server.run import RunningServer

GROUP = "11111111-1111-4111-8111-111111111111@1"
RAVI = "+910000000002"
HOUR, DAY = 3600, 86400


def test_nothing_is_there_outside_of_test_mode(make_server) -> None:
    url = make_server(test_mode=False).url + "/_test"
    for path in ("/reset", "/seed", "/clock", "/faults", "/journal", "/people", f"/people/{RAVI}/groups"):
        for method in ("GET", "POST", "DELETE"):
            assert httpx.request(method, url + path).status_code == 404, (method, path)


@pytest.mark.parametrize("test_mode", [False, True])
def test_without_test_mode_there_is_no_layer(tmp_path, test_mode: bool) -> None:
    config = ServerConfig(database=f"sqlite:///{tmp_path}/k.db", test_mode=test_mode)
    state = open_state(config)
    layers = [layer.cls for layer in create_app(config, state).user_middleware]
    state.database.close()
    assert (ControlLayer in layers) is test_mode
    assert (state.on_delivery is not None) is test_mode


# --- web pages ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Origin": "http://[evil"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8787", "Origin": "http://evil.example:8787"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_test/reset"),
        ("GET", "/_test/seed"),
        ("POST", "//_TEST/reset"),
        ("GET", f"/_test/people/{RAVI}/groups"),
    ],
)
def test_pages_of_other_sites_do_not_reach_the_control_plane(server, api, headers, method, path) -> None:
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "kept"})
    reply = httpx.request(method, server.url + path, headers=headers)
    assert reply.status_code == 403, reply.text
    assert set(reply.json()) == {"message", "errorCode", "errorCategoryKey"}
    api.ok("GET", "/groups")


@pytest.mark.parametrize(
    "host", ["localhost:8787", "LOCALHOST", "k.localhost", "127.0.0.2:80", "[::1]:8787", "192.0.2.1"]
)
def test_loopback_and_plain_addresses_reach_it(server, host) -> None:
    own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert httpx.get(server.url + "/_test/clock", headers=own).status_code == 200


# --- the clock ----------------------------------------------------------------------------------------------------


def test_clock_freezes_advances_and_runs_on(control) -> None:
    frozen = control.ok("POST", "/clock", json={"freeze": "2030-05-01T12:00:00Z"})
    assert frozen == {"now": "2030-05-01T12:00:00.000Z", "nowMs": 1903867200000, "frozen": True}
    assert control.ok("GET", "/clock") == frozen
    assert control.ok("POST", "/clock", json={"advance": 1.5})["now"] == "2030-05-01T12:00:01.500Z"
    assert control.ok("POST", "/clock", json={"freeze": 1903867200000}) == frozen
    running = control.ok("POST", "/clock", json={"resume": True})
    assert running["frozen"] is False
    assert running["now"].startswith("2030-05-01T12:00:0")
    control.ok("POST", "/reset")
    now = dt.datetime.fromisoformat(control.ok("GET", "/clock")["now"])
    assert abs(now - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert control.ok("POST", "/clock", json={"freeze": True})["frozen"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "One of"),
        ({"freeze": True, "advance": 1}, "One of"),
        ({"freeze": "tomorrow"}, "freeze must be a time"),
        ({"freeze": False}, "freeze must be true"),
        ({"freeze": "9999-01-01"}, "freeze leads out"),
        ({"freeze": -5}, "freeze leads out"),
        ({"freeze": []}, "freeze must be a whole number"),
        ({"advance": -1}, "advance must not be negative"),
        ({"advance": "x"}, "advance must be a number"),
        ({"advance": 1e14}, "advance leads out"),
        ({"resume": "perhaps"}, "resume must be true"),
    ],
)
def test_wrong_times_are_refused(control, body, said: str) -> None:
    assert said in control.refused(400, "POST", "/clock", json=body)
    assert control.ok("GET", "/clock")["frozen"] is False


def test_tokens_and_surveys_end_when_the_clock_is_advanced(control, api, fetch_token, ravi) -> None:
    asked = api.post_action("Survey", {"title": "S", "questions": [{"title": "Q", "type": "Text"}]})
    control.ok("POST", "/clock", json={"advance": 25 * HOUR})
    api.refused(401, "GET", "/groups")
    api.http.headers["accessToken"] = fetch_token(control.url, "demo-group-token")["accessToken"]
    api.ok("GET", "/groups")
    control.ok("POST", "/clock", json={"advance": 340 * DAY})
    rotated = fetch_token(control.url, "demo-group-token")
    assert rotated["refreshToken"]
    assert (
        ravi.http.post(f"/actions/{asked['actionId']}/responses", json={"answers": ["x"]}).status_code == 401
    )
    overdue = control.http.post(
        f"/people/{RAVI}/actions/{asked['actionId']}/responses", json={"answers": ["x"]}
    )
    assert overdue.status_code == 400


# --- the seed -----------------------------------------------------------------------------------------------------

MORE = """
people:
  - {mobileNumber: "+910000000009", name: Zoya}
groups:
  - {id: north, name: North, admins: ["+910000000001"], members: ["+910000000009"]}
grants:
  - {connector: demo-connector, kind: group, person: "+910000000001", group: north, refreshToken: north-token}
actions:
  - {group: north, sender: "+910000000001", actionType: Poll, actionBody: {question: 'Tea?', choices: ['Yes', 'No']}}
"""


def test_a_seed_is_added_in_yaml_and_json(control, fetch_token) -> None:
    control.ok("POST", "/seed", content=MORE)
    control.ok("POST", "/seed", json={"groups": [{"id": "south", "name": "South"}]})
    assert fetch_token(control.url, "north-token")
    assert fetch_token(control.url, "demo-group-token")
    feed = control.ok("GET", "/people/+910000000009/groups/north/feed")
    assert [(item["kind"], item["title"]) for item in feed["items"]] == [("poll", "Tea?")]
    seeded = control.ok("GET", "/seed")
    assert [group["id"] for group in seeded["groups"]] == [GROUP, "north", "south"]
    assert {grant["refreshToken"] for grant in seeded["grants"]} >= {"demo-group-token", "north-token"}
    control.ok("POST", "/reset")
    assert [group["id"] for group in control.ok("GET", "/seed")["groups"]] == [GROUP]


def test_a_seed_takes_the_place_of_all(control) -> None:
    control.ok(
        "POST", "/seed", params={"replace": "true"}, json={"groups": [{"id": "south", "name": "South"}]}
    )
    assert control.ok("GET", "/people") == {"people": []}
    assert [group["id"] for group in control.ok("GET", "/seed")["groups"]] == ["south"]
    control.ok("POST", "/reset")
    assert len(control.ok("GET", "/people")["people"]) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("people: [", "line 1"),
        ("people:\n  - {mobileNumber: '+910000000009'\n  name: x}\n", "line 3"),
        ("\0", "not valid YAML"),
        ("[" * 1000, "nested too deeply"),
        ("&a {people: *a}", "wrong at people"),
        (r'{"groups": [{"id": "a", "name": "\ud800"}]}', "groups.0.name: A text in the body holds half"),
        (r'{"groups": [{"id": "a", "name": "\u0000"}]}', "groups.0.name: A text in the body holds a NUL"),
        ('{\n\t"groups": 1,\n}', "line 2"),
        ('{\n\t"groups": 1\n}', "wrong at groups"),
        ("- 1", "must be a mapping"),
        ("people: [{mobileNumber: 12, name: x}]", "people.0.mobileNumber"),
        ("peple: []", "peple"),
        (
            "people: [{mobileNumber: '+910000000001', name: x}]",
            "people.0.mobileNumber: +910000000001 exists already",
        ),
        (
            "tenants: [{id: a}, {id: a}]\npeople: [{mobileNumber: '+91000000009', name: x, tenant: b}]",
            "no tenant 'b'",
        ),
        ("groups: [{id: a, name: a, parent: a}]", "not its own parent"),
        ("groups: [{id: a, name: a, members: ['+999999999']}]", "groups.0.members"),
        (
            "grants: [{connector: nix, kind: user, person: '+910000000001', refreshToken: x}]",
            "no connector 'nix'",
        ),
        (
            f"actions: [{{group: '{GROUP}', sender: '{RAVI}', actionType: Poll, actionBody: {{}}}}]",
            "actions.0",
        ),
    ],
)
def test_a_mistake_in_a_seed_is_told_with_its_place_and_changes_nothing(
    control, text: str, said: str
) -> None:
    before = control.ok("GET", "/people")
    for replace in ("false", "true") if "already" not in said else ("false",):
        message = control.refused(400, "POST", "/seed", content=text, params={"replace": replace})
        assert said in message or replace == "true", message
    assert control.ok("GET", "/people") == before


def test_bytes_that_are_no_text_are_refused(control) -> None:
    assert "UTF-8" in control.refused(400, "POST", "/seed", content=b"\xff\xfe\x00")
    control.refused(413, "POST", "/seed", content=b"#" * 2_000_000)


# --- actions, grants, people --------------------------------------------------------------------------------------


def test_a_deleted_action_is_gone_everywhere(control, api, ravi) -> None:
    posted = api.post_action("Poll", {"question": "Tea?", "choices": ["Yes", "No"]})
    api.ok("POST", f"/groups/{GROUP}/actions/{posted['actionId']}/reminder", json={})
    assert len(ravi.feed()["items"]) == 2
    control.ok("POST", "/delete-action", json={"actionId": posted["actionId"].upper()})
    assert ravi.feed()["items"] == []
    api.refused(404, "GET", f"/groups/{GROUP}/actions/{posted['actionId']}")
    assert api.ok("GET", f"/groups/{GROUP}/actions", params={"actionType": "Poll"})["actions"] == []
    control.refused(404, "POST", "/delete-action", json={"actionId": posted["actionId"]})
    assert "actionId is required" in control.refused(400, "POST", "/delete-action", json={})
    assert "not valid JSON" in control.refused(400, "POST", "/delete-action", content="{{{")


def test_a_revoked_grant_ends_its_tokens(control, api, user_api, server: RunningServer) -> None:
    control.ok("POST", "/revoke-grant", json={"connectorId": "demo-connector", "groupId": GROUP})
    api.refused(401, "GET", "/groups")
    user_api.ok("GET", "/groups")
    headers = {"applicationId": "demo-connector", "applicationSecret": "demo-secret"}
    for token, status in (("demo-group-token", 401), ("demo-refresh-token", 200)):
        reply = httpx.get(server.url + "/v1/accessToken", headers={**headers, "refreshToken": token})
        assert reply.status_code == status
    by_person = {"connectorId": "demo-connector", "mobileNumber": "+910000000001"}
    assert control.ok("POST", "/revoke-grant", json=by_person) == {"revoked": 1}
    user_api.refused(401, "GET", "/groups")
    control.refused(404, "POST", "/revoke-grant", json=by_person)
    control.refused(400, "POST", "/revoke-grant", json={"connectorId": "demo-connector"})
    control.refused(400, "POST", "/revoke-grant", json={**by_person, "groupId": GROUP})


def test_people_act_without_a_pin(control, api) -> None:
    poll = api.post_action("Poll", {"question": "Tea?", "choices": ["Yes", "No"]})
    job = api.post_action("Job", {"title": "Open", "assignedTo": [RAVI]})
    control.ok("POST", f"/people/{RAVI}/actions/{poll['actionId']}/votes", json={"choice": "No"})
    control.ok("POST", f"/people/{RAVI}/actions/{job['actionId']}/completion", json={})
    control.ok("POST", f"/people/{RAVI}/groups/{GROUP}/messages", json={"text": "on my way"})
    control.ok("POST", f"/people/{RAVI}/references/{poll['referenceId']}/likes", json={})
    control.ok("POST", f"/people/{RAVI}/references/{poll['referenceId']}/comments", json={"text": "nice"})
    assert api.details(poll["actionId"])["responses"][0]["responder"] == RAVI
    items = control.ok("GET", f"/people/{RAVI}/groups/{GROUP}/feed")["items"]
    assert [item["kind"] for item in items] == ["poll", "job", "text"]
    assert items[0]["likes"] == items[0]["comments"] == 1
    known = control.ok("GET", "/people")["people"]
    assert known[1] | {"id": ""} == {"mobileNumber": RAVI, "name": "Ravi", "id": "", "groups": [GROUP]}


def test_mistakes_of_people_are_told(control, api) -> None:
    poll = api.post_action("Poll", {"question": "Tea?", "choices": ["Yes", "No"]})
    control.refused(
        404, "POST", f"/people/+999999999/actions/{poll['actionId']}/votes", json={"choice": "No"}
    )
    control.refused(400, "POST", f"/people/{RAVI}/actions/{poll['actionId']}/votes", json={"choice": "Maybe"})
    control.refused(404, "POST", f"/people/{RAVI}/nothing", json={})
    # What lets people act without a PIN cannot be sent by a client.
    for headers in ({"kaizala.acts_as": RAVI}, {"kaizala-acts-as": RAVI}):
        assert httpx.get(control.url + "/people/groups", headers=headers).status_code == 401


def test_what_is_not_there_is_not_found(control) -> None:
    control.refused(404, "POST", "/nothing")
    control.refused(405, "DELETE", "/clock")
    json.dumps(control.ok("GET", "/faults"))


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("GET", "/journal?operatoin=getMe", None, "There is no field 'operatoin'; did you mean 'operation'?"),
        ("POST", "/clock", {"freze": True}, "did you mean 'freeze'?"),
        ("POST", "/clock", {"advance": 1, "forward": 1}, "known are freeze, advance, resume"),
        ("POST", "/delete-action", {"action": "a"}, "did you mean 'actionId'?"),
        ("POST", "/revoke-grant", {"connectorId": "demo-connector", "group": "x"}, "did you mean 'groupId'?"),
        ("POST", "/seed?replce=true", {}, "did you mean 'replace'?"),
    ],
)
def test_a_name_that_is_misspelled_is_refused(control, method, path, body, said) -> None:
    assert said in control.refused(400, method, path, **({} if body is None else {"json": body}))


def test_reset_removes_uploads_and_nothing_else(server, control, api) -> None:
    api.ok("POST", "/media", files={"file": ("a.png", b"x", "image/png")})
    folder = server.state.media.folder
    (folder / "mine.txt").write_text("kept")
    assert len(list(folder.iterdir())) == 2
    control.ok("POST", "/reset", json={})
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").unlink()  # other tests use this server


def test_a_call_that_a_reset_overtakes_is_not_in_the_journal_after_it(control, api) -> None:
    control.fault(operation="getMe", latency=0.3)
    with pytest.raises(httpx.ReadTimeout):
        api.http.get("/users/me", timeout=0.05)
    while not control.ok("GET", "/faults")["faults"][0]["fired"]:
        pass
    control.ok("POST", "/reset")
    control.fault(operation="listGroups", latency=0.6)  # so that the other one is over
    assert api.http.get("/groups").status_code == 401
    assert [entry["operation"] for entry in control.entries()] == ["listGroups"]
