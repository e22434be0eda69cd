"""People come and go, connectors are switched off: what ends with them, at once, and what stays."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import select

from airflow_provider_kaizala.server.store.tables import audit_entry, person_session
from tests.unit.server.conftest import ASHA, GROUP, MEERA, RAVI, fetch_token

IDS = {"applicationId": "demo-connector", "applicationSecret": "demo-secret"}


def refresh(server, token) -> int:
    return httpx.get(server.url + "/v1/accessToken", headers={**IDS, "refreshToken": token}).status_code


def sign(server, mobile, pin="1234") -> int:
    return httpx.post(server.url + "/people/session", json={"mobileNumber": mobile, "pin": pin}).status_code


def pin_token(server, mobile, pin="1234"):
    body = {"mobileNumber": mobile, "pin": pin, "applicationId": "demo-connector"}
    return httpx.post(server.url + "/v1/loginWithPinAndApplicationId", json=body)


@pytest.fixture
def second_admin(shell):
    shell.json("group", "add", GROUP, "--admin", RAVI)


def test_who_is_deactivated_loses_sessions_tokens_and_grants_at_once(
    shell, server, api, user_api, asha, second_admin
) -> None:
    ended = shell.json("person", "deactivate", ASHA)
    assert (ended["active"], ended["grantsEnded"]) == (False, 2)
    asha.refused(401, "GET", "/groups")
    api.refused(401, "GET", "/groups")
    user_api.refused(401, "GET", "/groups")
    assert [refresh(server, token) for token in ("demo-group-token", "demo-refresh-token")] == [401, 401]
    assert sign(server, ASHA) == 401
    assert pin_token(server, ASHA).status_code == 401
    assert "is deactivated" in shell.refused("token", "issue", "demo-connector", ASHA)
    assert "is deactivated" in shell.refused("grant", "create", "demo-connector", GROUP, "--person", ASHA)
    assert shell.json("grant", "create", "demo-connector", GROUP)["person"] == RAVI, (
        "not the first admin any more"
    )
    assert ASHA in {row["mobileNumber"] for row in shell.json("group", "people", GROUP)}


def test_who_is_activated_again_signs_in_and_what_ended_stays_ended(shell, server, asha) -> None:
    shell.json("person", "deactivate", ASHA)
    assert shell.json("person", "activate", ASHA)["active"]
    assert sign(server, ASHA) == 200
    asha.refused(401, "GET", "/groups")
    assert refresh(server, "demo-refresh-token") == 401


def test_a_code_of_oauth_is_worth_nothing_once_its_person_left(shell, server) -> None:
    shell.json(
        "connector", "create", "--name", "App", "--id", "app", "--redirect-url", "https://app.example/"
    )
    secret = shell.json("connector", "rotate-secret", "app")["applicationSecret"]
    form = {"client_id": "app", "redirect_uri": "https://app.example/", "mobileNumber": RAVI, "pin": "1234"}
    location = httpx.post(server.url + "/api/oauth/authorize", data=form).headers["location"]
    shell.json("person", "deactivate", RAVI)
    redeem = {"client_id": "app", "client_secret": secret, "code": location.partition("code=")[2]}
    assert httpx.post(server.url + "/api/oauth/token", data=redeem).status_code == 400


def test_a_new_pin_ends_what_the_old_one_opened(shell, server, ravi) -> None:
    token = pin_token(server, RAVI).json()["refreshToken"]
    access = {"accessToken": fetch_token(server.url, token)["accessToken"]}
    assert shell.json("person", "set-pin", RAVI, "--pin", "7777")["grantsEnded"] == 1
    ravi.refused(401, "GET", "/groups")
    assert refresh(server, token) == 401
    assert httpx.get(server.url + "/v1/groups", headers=access).status_code == 401
    kept = pin_token(server, RAVI, "7777").json()["refreshToken"]
    assert shell.json("person", "set-pin", RAVI, "--pin", "8888", "--keep-grants")["grantsEnded"] == 0
    assert refresh(server, kept) == 200


def test_rename_holds_for_what_was_written_before(shell, ravi, asha) -> None:
    ravi.ok("POST", f"/groups/{GROUP}/messages", json={"text": "Hello"})
    shell.json("person", "rename", RAVI, "--name", "Ravindra")
    assert asha.feed()["items"][-1]["sender"]["name"] == "Ravindra"


def test_promote_and_demote_a_tenant_admin(shell, server) -> None:
    assert "not a tenant admin" in shell.refused("person", "demote", RAVI)
    assert shell.json("person", "promote", RAVI)["tenantAdmin"]
    token = shell.json("token", "issue", "demo-connector", RAVI, "--tenant-level")["refreshToken"]
    assert refresh(server, token) == 200
    demoted = shell.json("person", "demote", RAVI)
    assert (demoted["tenantAdmin"], demoted["grantsEnded"]) == (False, 1)
    assert refresh(server, token) == 401


def test_who_is_no_admin_any_more_grants_the_group_no_more(shell, server, api, second_admin) -> None:
    shell.json("person", "demote", ASHA, "--group", GROUP)
    api.refused(401, "GET", "/groups")
    roles = {row["mobileNumber"]: row["role"] for row in shell.json("group", "people", GROUP)}
    assert (roles[ASHA], roles[RAVI]) == ("Member", "Admin")
    assert refresh(server, "demo-refresh-token") == 200, "what acts as the person is another matter"


@pytest.mark.parametrize("by", ["the command", "the person", "another admin"])
def test_a_grant_of_a_group_ends_when_who_made_it_leaves_the_group(
    shell, server, api, call_with, user_api, second_admin, by
) -> None:
    asha_id = user_api.ok("GET", "/users/me")["id"]
    path = f"/groups/{GROUP}/members/{asha_id}"
    if by == "the command":
        shell.json("group", "remove", GROUP, ASHA)
    elif by == "the person":
        user_api.ok("DELETE", path)
    else:
        call_with(shell.json("token", "issue", "demo-connector", RAVI)["refreshToken"]).ok("DELETE", path)
    api.refused(401, "GET", "/groups")
    assert refresh(server, "demo-group-token") == 401
    assert refresh(server, "demo-refresh-token") == 200


def test_who_is_deleted_leaves_what_they_wrote_and_frees_the_number(shell, server, api, asha, ravi) -> None:
    ravi.ok("POST", f"/groups/{GROUP}/messages", json={"text": "Hello"})
    shell.json(
        "group", "create", "--name", "News", "--hub", "--subscriber", RAVI, "--admin", ASHA, "--id", "news"
    )
    shell.json("group", "create", "--name", "Old", "--member", RAVI, "--admin", ASHA, "--id", "old")
    shell.json("group", "delete", "old")
    gone = shell.json("person", "delete", RAVI)
    assert (gone["deleted"], gone["groupsLeft"]) == (True, 2)
    ravi.refused(401, "GET", "/groups")
    text, left = asha.feed()["items"][-2:]
    assert (text["text"], text["sender"]["name"], left["kind"]) == ("Hello", "Ravi", "memberRemoved")
    assert RAVI not in {row["mobileNumber"] for row in shell.json("person", "list")}
    assert RAVI not in {row["mobileNumber"] for row in shell.json("group", "people", "news")}
    assert "nobody with the number" in shell.refused("person", "activate", RAVI)
    again = shell.json("person", "create", RAVI, "--name", "Another Ravi", "--pin", "2222")
    assert again["personId"] != gone["personId"]
    assert sign(server, RAVI, "2222") == 200


def test_the_last_admin_can_be_deleted_too(shell, server, meera) -> None:
    assert shell.json("person", "delete", ASHA)["grantsEnded"] == 2
    assert meera.feed()["items"][-1]["kind"] == "memberRemoved"


def test_a_disabled_connector_is_refused_everything_until_it_is_enabled(shell, server, api, ravi) -> None:
    assert shell.json("connector", "disable", "demo-connector")["disabled"]
    api.refused(401, "GET", "/groups")
    assert refresh(server, "demo-group-token") == 401
    assert pin_token(server, RAVI).status_code == 401
    ravi.ok("GET", "/groups")
    assert shell.json("connector", "list")[0]["disabled"]
    shell.json("connector", "enable", "demo-connector")
    api.ok("GET", "/groups")
    assert refresh(server, "demo-group-token") == 200


def test_sessions_of_one_person_are_bounded(server) -> None:
    for _ in range(53):
        assert sign(server, MEERA) == 200
    count = server.state.database.submit(
        lambda conn: len(conn.execute(select(person_session)).all())
    ).result()
    assert count == 50


# --- the audit log ----------------------------------------------------------------------------------------------------
def test_the_audit_log_tells_who_did_what(shell, server, meera) -> None:
    secrets = ["9182736", "0007"]
    sign(server, RAVI, secrets[1])
    sign(server, secrets[0], secrets[1])  # a PIN in the field of the number
    meera.ok("DELETE", "/session")
    shell.json("person", "set-pin", RAVI, "--pin", secrets[0])
    secrets.append(shell.json("connector", "create", "--name", "New", "--id", "new")["applicationSecret"])
    secrets.append(shell.json("token", "issue", "new", RAVI)["refreshToken"])
    secrets.append(pin_token(server, RAVI, secrets[0]).json()["refreshToken"])
    shell.json("person", "deactivate", RAVI)
    entries = shell.json("audit", "list")
    seen = [(one["kind"], one["person"]) for one in entries]
    for expected in (
        ("signed-in", MEERA),
        ("wrong-pin", RAVI),
        ("wrong-pin", ""),
        ("signed-out", MEERA),
        ("admin", RAVI),
        ("granted", RAVI),
        ("signed-in", RAVI),
        ("grant-ended", RAVI),
    ):
        assert expected in seen, expected
    by_api = next(one for one in entries if one["kind"] == "signed-in" and one["person"] == RAVI)
    assert (by_api["from"], by_api["detail"]) == ("127.0.0.1", {"via": "api", "connector": "demo-connector"})
    act = next(one for one in entries if one["detail"].get("command") == "connector create")
    assert act["detail"]["given"] == {"name": "New", "connector_id": "new"}
    assert act["detail"]["by"]
    table = shell.table("audit", "list")
    stored = server.state.database.submit(lambda conn: str(conn.execute(select(audit_entry)).all())).result()
    for secret in secrets:
        assert secret not in table
        assert secret not in stored
    assert "scrypt" not in stored
    wrong = shell.json("audit", "list", "--kind", "wrong-pin", "--person", RAVI, "--count", "1")
    assert [one["person"] for one in wrong] == [RAVI]


def test_lists_are_not_acts(shell) -> None:
    before = len(shell.json("audit", "list"))
    shell.json("person", "list")
    shell.refused("person", "rename", "+919999999999", "--name", "x")
    assert len(shell.json("audit", "list")) == before


def test_the_audit_log_forgets_who_is_erased(shell, server) -> None:
    sign(server, RAVI, "0000")
    shell.json("person", "rename", RAVI, "--name", "Ravindra")
    shell.json("group", "remove", GROUP, RAVI)
    shell.json("person", "erase", RAVI, "--yes")
    assert RAVI not in shell.table("audit", "list", "--json")
    assert shell.json("audit", "list")[-1]["detail"]["command"] == "person erase"
