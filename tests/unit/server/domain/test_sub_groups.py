from __future__ import annotations

import pytest

GROUP = "11111111-1111-4111-8111-111111111111@1"
SUB = f"/groups/{GROUP}/subGroups"


@pytest.fixture
def other(user_api) -> str:
    return user_api.ok("POST", "/groups", json={"name": "Other", "welcomeMessage": ""})["groupId"]


def test_attach_list_detach(user_api, api, other) -> None:
    assert user_api.ok("PUT", f"/groups/{GROUP}/subgroups", json={"SubGroups": [other]}) == {"result": "true"}
    tree = user_api.ok("GET", SUB)
    assert (tree["groupName"], [g["groupId"] for g in tree["subGroups"]]) == ("Store 12", [other])
    assert tree["groups"][0]["subGroups"] == tree["subGroups"]
    assert api.ok("GET", f"/groups/{other}")["callerRole"] == "Admin"
    assert user_api.ok("DELETE", f"{SUB}/{other}") == {"result": "true"}
    user_api.refused(404, "DELETE", f"{SUB}/{other}")
    api.refused(403, "GET", f"/groups/{other}")
    assert user_api.ok("GET", f"/groups/{other}")["hasParentGroups"] is False


def test_no_cycles(user_api, other) -> None:
    user_api.ok("PUT", SUB, json={"subGroups": [other]})
    for body in ({"subGroups": [GROUP]}, {"subGroups": []}, {}):
        user_api.refused(400, "PUT", SUB, json=body)
    user_api.refused(400, "PUT", f"/groups/{other}/subGroups", json={"subGroups": [GROUP]})


def test_creating_below(user_api, ravi) -> None:
    made = user_api.ok(
        "POST", SUB, json={"Name": "A", "welcomeMessage": ["Hi", "you"], "addUserToGroup": False}
    )
    assert (made["groupName"], made["isAddedAsSubGroup"]) == ("A", True)
    assert user_api.ok("GET", f"/groups/{made['groupId']}/members")["members"] == []
    deeper = user_api.ok("POST", f"/groups/{made['groupId']}/subGroups", json={"groupName": "B"})["groupId"]
    names = [g["groupName"] for g in user_api.ok("GET", SUB, params={"fetchAllGroups": "True"})["subGroups"]]
    assert names == ["A", "B"]
    assert len(user_api.ok("GET", SUB)["subGroups"]) == 1
    assert user_api.ok("GET", f"/groups/{deeper}")["currentLevelParentGroupCount"] == 1
    user_api.refused(400, "POST", SUB, json={})
    ravi.refused(403, "GET", f"/groups/{deeper}/feed")
