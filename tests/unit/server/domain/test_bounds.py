"""How much one call may name: each entry is looked up while everybody else waits to write."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.server.conftest import ASHA, GROUP

MANY = [f"+9188888{n:05}" for n in range(501)]
GROUP_BODY = {"name": "Big", "welcomeMessage": ""}


@pytest.mark.parametrize(
    "people",
    [
        {"admins": MANY[:101]},
        {"admins": MANY[:51], "members": MANY[100:150]},
        {"admins": ",".join(MANY[:101])},
        {"admins": MANY},
        {"memberUserIds": ["x"] * 101},
    ],
)
def test_a_group_is_created_with_a_hundred_people_at_most(user_api, people) -> None:
    error = user_api.refused(400, "POST", "/groups", json={**GROUP_BODY, **people})
    assert "more than" in error["message"]


def test_a_hundred_people_are_taken(user_api) -> None:
    body = {**GROUP_BODY, "admins": MANY[:50], "members": MANY[50:100]}
    group = user_api.ok("POST", "/groups", json=body)["groupId"]
    assert len(user_api.ok("GET", f"/groups/{group}/members")["members"]) == 101


def test_lists_of_people_and_groups_are_bounded(server, api, user_api) -> None:
    job = {"title": "Door", "assignedTo": MANY, "dueDate": 2}
    api.refused(400, "POST", f"/groups/{GROUP}/actions", json={"actionType": "Job", "actionBody": job})
    api.refused(400, "PUT", f"/groups/{GROUP}/subGroups", json={"subGroups": [f"g{n}" for n in range(101)]})
    hub = {"id": "hub@1", "name": "News", "type": "ConnectGroup", "admins": [ASHA]}
    httpx.post(server.url + "/_test/seed", json={"groups": [hub]}).raise_for_status()
    for given in (MANY, ",".join(MANY)):
        error = user_api.refused(400, "PUT", "/groups/hub@1/subscribers/add", json={"subscribers": given})
        assert "more than 500" in error["message"]
