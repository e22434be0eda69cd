from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from airflow_provider_kaizala.server.domain.errors import TOKEN_INVALID, TOKEN_MISSING

if TYPE_CHECKING:
    from airflow_provider_kaizala.server.run import RunningServer

GROUP = "11111111-1111-4111-8111-111111111111@1"


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/groups/{GROUP}",
        f"//v1/groups/{GROUP}/",
        f"/V1/GROUPS/{GROUP.upper()}",
        f"/v1//groups/{GROUP.replace('@', '%40')}",
    ],
)
def test_paths_as_clients_send_them(server: RunningServer, api, path: str) -> None:
    reply = httpx.get(server.url + path, headers={"ACCESSTOKEN": api.http.headers["accessToken"]})
    assert reply.json()["groupName"] == "Store 12"


def test_known_error_texts(server: RunningServer) -> None:
    missing = httpx.get(server.url + "/v1/groups")
    assert (missing.status_code, missing.json()["message"], missing.json()["errorCode"]) == (
        401,
        TOKEN_MISSING,
        "InvalidToken",
    )
    wrong = httpx.get(server.url + "/v1/groups", headers={"accessToken": "x"})
    assert (wrong.status_code, wrong.json()["message"]) == (401, TOKEN_INVALID)
    assert wrong.json()["errorCategoryKey"] == "AuthException"


def test_a_missing_token_is_told_before_a_broken_body(server: RunningServer) -> None:
    reply = httpx.post(f"{server.url}/v1/groups/{GROUP}/messages", content="{{{")
    assert reply.json()["message"] == TOKEN_MISSING


def test_bearer_is_no_access_token_unless_allowed(
    server: RunningServer, api, make_server, fetch_token
) -> None:
    bearer = {"Authorization": f"Bearer {api.http.headers['accessToken']}"}
    assert httpx.get(server.url + "/v1/groups", headers=bearer).status_code == 401
    lenient = make_server(accept_bearer=True)
    token = fetch_token(lenient.url, "demo-refresh-token")["accessToken"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(lenient.url + "/v1/groups", headers=bearer).status_code == 200


def test_405_404_413(server: RunningServer, api) -> None:
    wrong_method = api.http.patch(f"/groups/{GROUP}")
    assert (wrong_method.status_code, wrong_method.json()["errorCode"]) == (405, "MethodNotAllowed")
    assert wrong_method.headers["allow"] == "GET, HEAD"
    both = api.http.delete(f"/Groups/{GROUP}/members/")
    assert (both.status_code, both.headers["allow"]) == (405, "GET, HEAD, PUT")
    api.refused(404, "GET", "/nothing")
    api.refused(413, "POST", f"/groups/{GROUP}/messages", content=b" " * 50_000_000)
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "still here"})


@pytest.mark.parametrize("path", ["/v1/nowhere", "//V1/groups/x/members/y", "/api/OAuth/token"])
def test_programs_that_ask_for_html_get_the_error_body_too(server: RunningServer, path: str) -> None:
    accept = {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}
    reply = httpx.get(server.url + path, headers=accept)
    assert reply.status_code in (404, 405)
    assert set(reply.json()) == {"message", "errorCode", "errorCategoryKey"}
    assert httpx.get(server.url + "/nowhere", headers=accept).headers["content-type"].startswith("text/html")


def test_a_body_without_a_length_is_bounded_too(api) -> None:
    def endless():
        for _ in range(100):
            yield b" " * 100_000

    api.refused(413, "POST", f"/groups/{GROUP}/messages", content=endless())


def test_control_plane_only_in_test_mode(make_server) -> None:
    server = make_server(test_mode=False)
    assert httpx.post(server.url + "/_test/reset").status_code == 404


def test_health(server: RunningServer) -> None:
    assert httpx.get(server.url + "/healthz").json() == {"status": "ok"}


def test_endpoint_url_follows_the_caller_or_the_settings(server: RunningServer, make_server) -> None:
    headers = {
        "applicationId": "demo-connector",
        "applicationSecret": "demo-secret",
        "refreshToken": "demo-refresh-token",
        "Host": "kaizala.example:8443",
    }
    reply = httpx.get(server.url + "/v1/accessToken", headers=headers)
    assert reply.json()["endpointUrl"] == "http://kaizala.example:8443/"
    behind = make_server(public_url="https://k.example/")
    assert (
        httpx.get(behind.url + "/v1/accessToken", headers=headers).json()["endpointUrl"]
        == "https://k.example/"
    )


@pytest.mark.parametrize("test_mode", [True, False])
def test_an_offer_of_another_protocol_is_ignored(make_server, fetch_token, test_mode: bool) -> None:
    server = make_server(test_mode=test_mode)
    token = fetch_token(server.url, "demo-group-token")["accessToken"]
    host, port = server.url.removeprefix("http://").split(":")
    body = b'{"message":"Upgrade: h2c\\n"}'
    for apart, offer in ((True, "h2c"), (False, "h2c"), (False, "TLS/1.2")):
        # As Java's HttpClient posts.
        head = (
            f"POST /v1/groups/{GROUP}/messages HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            f"Content-Length: 28\r\nHost: {host}\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: {offer}\r\naccessToken: {token}\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            for _ in range(2):
                if apart:
                    raw.sendall(head)
                    time.sleep(0.05)
                    raw.sendall(body)
                else:
                    raw.sendall(head + body)
                reply = raw.recv(65536)
                while not reply.endswith(b"}"):
                    reply += raw.recv(65536)
                assert reply.startswith(b"HTTP/1.1 200 OK\r\n"), (apart, offer)


def test_garbage_on_the_wire_does_not_stop_the_server(server: RunningServer, api) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    for garbage in (
        b"\x00" * 1000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/groups HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(garbage)
    assert api.ok("GET", "/groups")["groups"]


@pytest.mark.parametrize("test_mode", [True, False])
def test_a_body_of_get_without_its_length_as_node_writes_it(make_server, test_mode: bool) -> None:
    host, port = make_server(test_mode=test_mode).url.removeprefix("http://").split(":")
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(head + b"{}")
        got = b"".join(iter(lambda: raw.recv(65536), b""))
    assert got.startswith(b"HTTP/1.1 200 "), got
    assert got.endswith(b'{"status":"ok"}')
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(
            head.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
            + b"zz\r\n"
        )
        assert b"".join(iter(lambda: raw.recv(65536), b"")).startswith(b"HTTP/1.1 4")
