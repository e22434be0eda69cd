from __future__ import annotations

import pytest

from airflow_provider_kaizala.server.seeds.apply import apply_seed
from airflow_provider_kaizala.server.seeds.load import read_seed

GROUP = "11111111-1111-4111-8111-111111111111@1"
PHONES = [f"+9100000{n:05}" for n in range(120)]


@pytest.fixture
def tenant(server, call_with):
    """A tenant-level token of Asha's."""
    grant = {
        "connector": "demo-connector",
        "kind": "tenant",
        "person": "+910000000001",
        "refreshToken": "tenant",
    }
    seed = read_seed({"grants": [grant]}, "test")
    server.state.database.submit(lambda conn: apply_seed(conn, seed, server.state.clock.now_ms())).result()
    return call_with("tenant")


@pytest.fixture
def hub(tenant) -> str:
    body = {"name": "News", "welcomeMessage": "", "groupType": "connectGroup"}
    return tenant.ok("POST", "/groups", json=body)["groupId"]


def test_paging(tenant, hub) -> None:
    added = tenant.ok("PUT", f"/groups/{hub}/subscribers/add", json={"subscribers": PHONES})["result"]
    assert added == {phone: {"isAdded": True} for phone in PHONES}
    tenant.ok("PUT", f"/groups/{hub}/subscribers/add", json={"subscribers": PHONES[:1]})
    found, body = [], {"count": 500}
    while True:
        page = tenant.ok("POST", f"/groups/{hub}/subscribers", json=body)
        assert len(page["subscribers"]) <= 50
        found += [one["mobileNumber"] for one in page["subscribers"]]
        if "cursor" not in page:
            break
        body = {"cursor": page["cursor"]}
    assert found == PHONES
    first = tenant.ok("GET", f"/groups/{hub}/subscribers")
    assert (len(first["subscribers"]), "cursor" in first) == (50, True)
    assert tenant.ok("GET", "/groups", params={"showDetail": "true"})["groups"][0]["SubscribersCount"] == 120
    tenant.refused(400, "POST", f"/groups/{hub}/subscribers", json={"cursor": "x'"})


def test_removing_tells_each(tenant, hub) -> None:
    tenant.ok("PUT", f"/groups/{hub}/subscribers/add", json={"subscribers": PHONES[:1]})
    removed = tenant.ok("PUT", f"/groups/{hub}/subscribers/remove", json={"subscribers": PHONES[:2]})[
        "result"
    ]
    assert removed[PHONES[0]] == {"isRemoved": True}
    assert (removed[PHONES[1]]["isRemoved"], removed[PHONES[1]]["errorCode"]) == (False, "UserNotSubscribed")


@pytest.mark.parametrize(("what", "done"), [("add", "isAdded"), ("remove", "isRemoved")])
def test_what_is_no_number_fails_alone(tenant, hub, what, done) -> None:
    tenant.ok("PUT", f"/groups/{hub}/subscribers/add", json={"subscribers": PHONES[1:2]})
    body = {"subscribers": ["9100000001", PHONES[1], ""]}
    result = tenant.ok("PUT", f"/groups/{hub}/subscribers/{what}", json=body)["result"]
    assert set(result) == {"9100000001", PHONES[1]}
    assert result[PHONES[1]] == {done: True}
    failed = result["9100000001"]
    assert (failed.pop(done), set(failed)) == (False, {"errorReason", "errorCode"})
    tenant.refused(400, "PUT", f"/groups/{hub}/subscribers/{what}", json={"subscribers": [""]})


def test_only_hub_groups(api) -> None:
    api.refused(400, "POST", f"/groups/{GROUP}/subscribers")
    api.refused(400, "PUT", f"/groups/{GROUP}/subscribers/add", json={"subscribers": PHONES[:1]})


def test_tenant_search(tenant, hub, api) -> None:
    found = tenant.ok("GET", "/tenant/findGroupsByQuery", params={"query": "STORE"})["groups"]
    assert [g["groupName"] for g in found] == ["Store 12"]
    query = {"query": "", "pageSize": 1, "resultsOffset": 1}
    assert [
        g["groupName"] for g in tenant.ok("GET", "/tenant/findgroupsbyquery", params=query)["groups"]
    ] == ["Store 12"]
    assert tenant.ok("GET", "/tenant/findGroupsByQuery", params={"query": "%"})["groups"] == []
    api.refused(403, "GET", "/tenant/findGroupsByQuery", params={"query": "x"})
