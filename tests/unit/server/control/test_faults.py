"""Faults over real connections: what the caller sees, and whether it was done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from airflow_provider_kaizala.server.run import RunningServer

GROUP = "11111111-1111-4111-8111-111111111111@1"
TEXT = {"json": {"message": "Hello"}}
PATH = f"/groups/{GROUP}/messages"


def texts(control: Any) -> int:
    return len(control.ok("GET", f"/people/+910000000002/groups/{GROUP}/feed")["items"])


def test_a_status_so_many_times(control, api) -> None:
    control.fault(operation="sendMessage", status=503, headers={"Retry-After": "2"}, count=2)
    for _ in range(2):
        body = api.http.post(PATH, **TEXT)
        assert (body.status_code, body.headers["Retry-After"]) == (503, "2")
        assert body.json()["errorCode"] == "InjectedFault"
    assert texts(control) == 0
    api.ok("POST", PATH, **TEXT)
    (fault,) = control.ok("GET", "/faults")["faults"]
    assert (fault["fired"], fault["gone"], fault["operation"]) == (2, True, "sendMessage")
    assert texts(control) == 1


def test_bodies_of_a_status(control, api) -> None:
    control.ok(
        "POST",
        "/faults",
        json=[
            {"operation": "getMe", "status": 502, "body": "<html>Bad gateway</html>", "count": 1},
            {"operation": "getMe", "status": 200, "body": {"odd": True}, "count": 1},
            {
                "operation": "getMe",
                "status": 500,
                "body": [1],
                "headers": {"Content-Type": "x/y"},
                "count": 1,
            },
            {"operation": "getMe", "status": 204, "count": 1},
        ],
    )
    found = [api.http.get("/users/me") for _ in range(5)]
    assert [one.status_code for one in found] == [502, 200, 500, 204, 200]
    assert [one.text for one in found[:4]] == ["<html>Bad gateway</html>", '{"odd":true}', "[1]", ""]
    assert [one.headers.get("content-type") for one in found[:3]] == [
        "text/plain; charset=utf-8",
        "application/json; charset=utf-8",
        "x/y",
    ]


def test_throttle(control, api) -> None:
    control.fault(throttle=7, count=1)
    reply = api.http.get("/groups")
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "7")
    api.ok("GET", "/groups")


def test_latency_adds_up_and_goes_with_others(control, api) -> None:
    control.fault(operation="getMe", latency=0.15)
    control.fault(operation="getMe", latency=0.15, status=500)
    began = time.monotonic()
    assert api.http.get("/users/me").status_code == 500
    assert time.monotonic() - began >= 0.3
    control.fault(operation="listBots", latency=600)
    api.ok("GET", "/groups")  # does not wait for it
    assert [fault["fired"] for fault in control.ok("GET", "/faults")["faults"]] == [1, 1, 0]


@pytest.mark.parametrize(("drop", "done"), [("before", 0), ("after", 1)])
def test_dropped_before_and_after_accepting(control, api, drop: str, done: int) -> None:
    control.fault(operation="sendMessage", drop=drop, count=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.http.post(PATH, **TEXT)
    assert texts(control) == done
    entry = control.entries(operation="sendMessage")[-1]
    assert entry["faults"] == [f"drop {drop}"]
    assert entry["body"] == {"message": "Hello"}
    assert entry["status"] == (200 if done else None)
    api.ok("POST", PATH, **TEXT)
    assert texts(control) == done + 1


def test_a_large_upload_is_read_before_it_is_dropped(control, api) -> None:
    control.fault(operation="uploadMedia", drop="before", count=1)
    files = {"file": ("a.png", b"x" * 3_000_000, "image/png")}
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.http.post("/media", files=files)
    assert api.ok("POST", "/media", files=files)["mediaResource"]


@pytest.mark.parametrize(("truncate", "kept"), [(True, None), (5, 5), (0, 0), (10_000, None)])
def test_a_truncated_reply(control, api, truncate, kept) -> None:
    whole = len(api.http.get("/groups").content)
    control.fault(operation="listGroups", truncate=truncate, count=1)
    got = b""
    with api.http.stream("GET", "/groups") as reply:
        assert reply.status_code == 200
        assert int(reply.headers["content-length"]) == whole
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012
            for piece in reply.iter_raw():
                got += piece
    assert len(got) == kept if kept is not None else len(got) < whole
    api.ok("GET", "/groups")


def test_a_dripping_reply(control, api) -> None:
    control.fault(operation="getMe", drip=400, count=1)
    size = len(api.http.get("/groups").content)
    assert size
    began = time.monotonic()
    body = api.ok("GET", "/users/me")
    assert body["name"] == "Asha"
    assert time.monotonic() - began > 0.15
    control.fault(operation="getMe", drip=1, count=1)
    with pytest.raises(httpx.ReadTimeout):
        api.http.get("/users/me", timeout=0.3)
    assert api.ok("GET", "/users/me")["name"] == "Asha"


def test_an_endpoint_moves(control, api, server: RunningServer) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    control.fault(operation="sendMessage", move=other)
    reply = api.http.post(f"{server.url}//v1{PATH}/?x=1", **TEXT)
    assert reply.status_code == 308
    assert reply.headers["location"].startswith(f"{other}//v1/")
    assert reply.headers["location"].endswith("/messages/?x=1")
    assert httpx.post(reply.headers["location"], headers=api.http.headers, **TEXT).status_code == 200
    assert texts(control) == 1
    control.ok("DELETE", "/faults")
    control.fault(move=other + "/", bare=True, count=1)
    assert api.http.get("/groups").headers["location"] == other
    api.ok("GET", "/groups")


def test_only_the_named_group(control, api) -> None:
    control.fault(operation="*", group=GROUP.upper(), status=500)
    assert api.http.get(f"/groups/{GROUP}").status_code == 500
    api.ok("GET", "/groups")
    control.ok("DELETE", "/faults")
    control.fault(operation="*", group="another", status=500)
    api.ok("GET", f"/groups/{GROUP}")


def test_chance(control, api) -> None:
    control.fault(operation="getMe", probability=0.5, status=500)
    codes = [api.http.get("/users/me").status_code for _ in range(100)]
    assert 20 <= codes.count(500) <= 80
    assert control.ok("GET", "/faults")["faults"][0]["fired"] == codes.count(500)


def test_faults_are_for_the_api_only(control, api, ravi) -> None:
    control.fault(status=500)
    assert api.http.get("/users/me").status_code == 500
    ravi.ok("GET", "/groups")
    control.ok("GET", "/people")
    assert httpx.get(control.url + "/healthz").status_code == 200
    control.ok("POST", "/reset")
    assert control.ok("GET", "/faults") == {"faults": []}


def test_a_fault_does_not_change_a_refusal(control, api) -> None:
    control.fault(operation="sendMessage", drip=10_000)
    api.refused(400, "POST", PATH, json={})


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({}, "one of latency, status"),
        ({"operation": "postActions", "status": 500}, "did you mean 'postAction'?"),
        ({"operation": "x" * 500, "status": 500}, "is no operationId"),
        ({"staus": 500}, "no field 'staus'; did you mean 'status'?"),
        ({"operation": 5, "status": 500}, "at operation: must be text"),
        ({"status": 500, "headers": [1]}, "at headers: must be a mapping"),
        ({"status": "x"}, "at status: must be a whole number"),
        ({"status": 99}, "at status"),
        ({"status": 500, "drop": "before"}, "exclude each other"),
        ({"status": 500, "count": 1, "probability": 1}, "exclude each other"),
        ({"status": 500, "count": 0}, "at count"),
        ({"status": 500, "count": True}, "at count"),
        ({"status": 500, "probability": 2}, "at probability"),
        ({"status": 500, "headers": {"a b": "c"}}, "at headers"),
        ({"status": 500, "headers": {"a": "c\r\nd: e"}}, "at headers"),
        ({"status": 500, "headers": {"Content-Length": "1"}}, "at headers"),
        ({"drop": "soon"}, "at drop: must be 'before' or 'after'"),
        ({"drop": "before", "body": "x"}, "need status"),
        ({"move": "localhost"}, "at move"),
        ({"move": "http://x/?a=b"}, "at move"),
        ({"bare": True, "status": 500}, "bare needs move"),
        ({"drip": 0}, "at drip"),
        ({"latency": -1}, "at latency"),
        ({"group": "", "status": 500}, "at group"),
    ],
)
def test_a_wrong_fault_is_refused_with_its_field(control, fault: dict[str, Any], said: str) -> None:
    assert said in control.refused(400, "POST", "/faults", json=fault)
    in_a_list = control.refused(400, "POST", "/faults", json=[{"latency": 1}, fault])
    assert "[1]" in in_a_list
    assert "Value error" not in in_a_list
    assert "Input" not in in_a_list
    assert control.ok("GET", "/faults") == {"faults": []}


def test_bodies_that_are_no_faults(control) -> None:
    for content in ("{{{", "[1, 2]", "[[[", "7", '"x"', "[" * 100_000, b"\xff\xff"):
        control.refused(400, "POST", "/faults", content=content)
    control.refused(413, "POST", "/faults", content=b" " * 2_000_000)
    many = [{"latency": 0}] * 1001
    assert "1000" in control.refused(400, "POST", "/faults", json=many)
    control.ok("POST", "/faults", json=many[:1000])
    assert "clear them" in control.refused(400, "POST", "/faults", json={"latency": 0})
