"""Permissions, scope of grants, membership and role."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_kaizala.server.domain.context import PERMISSIONS
from airflow_provider_kaizala.server.seeds.apply import apply_seed
from airflow_provider_kaizala.server.seeds.load import read_seed

GROUP = "11111111-1111-4111-8111-111111111111@1"
OTHER = "22222222-2222-4222-8222-222222222222@1"
ASHA, RAVI = "+910000000001", "+910000000002"


@pytest.fixture
def two_groups(server):
    """A second group that Asha is not in; Ravi's and a tenant token; a connector that may only read groups."""
    seed = read_seed(
        {
            "people": [{"mobileNumber": "+910000000009", "name": "Zoya", "pin": "9999"}],
            "groups": [{"id": OTHER, "name": "Store 13", "admins": ["+910000000009"]}],
            "connectors": [{"id": "narrow", "secret": "s", "permissions": ["Group Information"]}],
            "grants": [
                {"connector": "narrow", "kind": "user", "person": ASHA, "refreshToken": "narrow-token"},
                {"connector": "demo-connector", "kind": "user", "person": RAVI, "refreshToken": "ravi-token"},
                {
                    "connector": "demo-connector",
                    "kind": "tenant",
                    "person": ASHA,
                    "refreshToken": "tenant-token",
                },
            ],
        },
        "test",
    )
    server.state.database.submit(lambda conn: apply_seed(conn, seed, server.state.clock.now_ms())).result()
    return server


def test_known_group_outside_the_grant_is_403_and_unknown_404(two_groups, api, user_api) -> None:
    for caller in (api, user_api):
        caller.refused(403, "GET", f"/groups/{OTHER}")
        caller.refused(403, "POST", f"/groups/{OTHER}/messages", json={"message": "x"})
        caller.refused(404, "GET", "/groups/99999999-9999-4999-8999-999999999999@1")
    assert [g["groupName"] for g in api.ok("GET", "/groups")["groups"]] == ["Store 12"]


def test_a_tenant_token_reaches_all_groups_as_admin(two_groups, call_with) -> None:
    tenant = call_with("tenant-token")
    assert {g["groupName"] for g in tenant.ok("GET", "/groups")["groups"]} == {"Store 12", "Store 13"}
    tenant.ok("PUT", f"/groups/{OTHER}/members", json={"members": [ASHA]})


def test_a_connector_without_the_permission(two_groups, call_with) -> None:
    narrow = call_with("narrow-token", connector="narrow", secret="s")
    narrow.ok("GET", "/groups")
    for method, path in (
        ("GET", "/users/me"),
        ("GET", f"/groups/{GROUP}/members"),
        ("POST", f"/groups/{GROUP}/messages"),
        ("POST", f"/groups/{GROUP}/actions"),
        ("POST", "/media"),
    ):
        refusal = narrow.refused(403, method, path)
        assert any(permission in refusal["message"] for permission in PERMISSIONS)


def test_members_post_and_only_admins_manage(two_groups, call_with) -> None:
    ravi = call_with("ravi-token")
    ravi.ok("POST", f"/groups/{GROUP}/messages", json={"message": "x"})
    ravi.refused(403, "PUT", f"/groups/{GROUP}/members", json={"members": ["+910000000008"]})
    [asha] = [m for m in ravi.ok("GET", f"/groups/{GROUP}/members")["members"] if m["name"] == "Asha"]
    ravi.refused(403, "DELETE", f"/groups/{GROUP}/members/{asha['id']}")


def test_an_action_of_another_group_is_not_found(two_groups, call_with, api, survey) -> None:
    action_id = api.post_action("Survey", survey)["actionId"]
    tenant = call_with("tenant-token")
    tenant.refused(404, "GET", f"/groups/{OTHER}/actions/{action_id}")
    tenant.ok("GET", f"/groups/{GROUP}/actions/{action_id}")


def test_a_group_token_has_admin_rights_in_its_sub_groups(two_groups, api, user_api) -> None:
    made = api.ok("POST", "/groups", json={"name": "Night", "welcomeMessage": "", "members": [RAVI]})
    assert made["isAddedAsSubGroup"] is True
    assert made["groupName"] == "Night"
    shown = api.ok("GET", f"/groups/{made['groupId']}")
    assert (shown["callerRole"], shown["hasParentGroups"], shown["currentLevelUserCount"]) == (
        "Admin",
        True,
        2,
    )
    assert api.ok("GET", f"/groups/{GROUP}")["userCount"] == 5
    assert api.ok("GET", f"/groups/{GROUP}")["uniqueUserCount"] == 3
    api.ok("POST", f"/groups/{made['groupId']}/messages", json={"message": "x"})
    api.refused(403, "POST", f"/groups/{GROUP}/messages", json={"message": "plain chat is off in parents"})


def test_a_revoked_connector_is_out_at_once(server, api) -> None:
    from sqlalchemy import update

    from airflow_provider_kaizala.server.store.tables import connector

    server.state.database.submit(lambda conn: conn.execute(update(connector).values(deleted_ms=1))).result()
    assert httpx.get(server.url + "/v1/groups", headers=api.http.headers).status_code == 401
