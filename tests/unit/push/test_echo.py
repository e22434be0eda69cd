"""The check that a public URL reaches the receiver, over real sockets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.settings import Settings
from airflow_provider_kaizala.push import echo
from airflow_provider_kaizala.push.echo import ReceiverError, check_echo

WEBHOOK_SECRET = "the-secret-of-the-webhooks"
SECRETS = ("the-secret-of-the-connector", "the-refresh-token", WEBHOOK_SECRET)
Answer = Callable[[str], tuple[int, dict[str, str], bytes]]


def echoes(token: str) -> tuple[int, dict[str, str], bytes]:
    """As the receiver does."""
    return 200, {"Content-Type": "text/plain; charset=utf-8"}, token.encode()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        (token,) = parse_qs(urlsplit(self.path).query)["validationToken"]
        self.reply(self.server.answer(token))  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        (nonce,) = parse_qs(urlsplit(self.path).query)["check"]
        self.reply(self.server.confirm(nonce))  # type: ignore[attr-defined]

    def reply(self, answer: tuple[int, dict[str, str], bytes]) -> None:
        self.server.seen.append(self)  # type: ignore[attr-defined]
        status, headers, body = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # who asked may have given up
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    """A server that answers what a test says."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.seen = []  # type: ignore[attr-defined]
        server.answer = server.confirm = echoes  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def settings(**given: Any) -> Settings:
    return Settings("connector-1", SECRETS[0], refresh_token=SECRETS[1], **given)


def check(server: Any, conn_id: str = "kaizala_default") -> str | None:
    return check_echo(settings(), f"http://127.0.0.1:{server.server_port}", conn_id, WEBHOOK_SECRET)


def refused(server: Any, answer: Answer) -> str:
    server.answer = answer
    with pytest.raises(ReceiverError) as error:
        check(server)
    return str(error.value)


def test_an_echo_is_fine(server: Any) -> None:
    assert check(server) is None
    assert check(server, "kz/ü") is None
    first, confirmation, second, _ = server.seen
    assert re.fullmatch(r"/kaizala/kaizala_default\?validationToken=[0-9]+", first.path)
    assert re.fullmatch(r"/kaizala/kaizala_default\?check=[0-9]+", confirmation.path)
    assert second.path.startswith("/kaizala/kz%2F%C3%BC?")
    nonces = {urlsplit(each.path).query.partition("=")[2] for each in server.seen}
    assert len(nonces) == 2, "each check has one of its own"


def test_the_requests_hold_no_secret(server: Any) -> None:
    check(server)
    sent = " ".join(f"{request.path} {request.headers}" for request in server.seen)
    assert not [secret for secret in (*SECRETS, "connector-1") if secret in sent]
    assert "kz-callback-token" not in server.seen[0].headers, "strangers are asked for the echo"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            (404, {"Content-Type": "application/json"}, b'{"detail":"Not Found"}'),
            "it would refuse all events: it does not know connection 'kaizala_default' with the webhook_secret that is used here",
        ),
        ((503, {}, b""), "it cannot read connection 'kaizala_default' now"),
        ((403, {}, b""), "it answers 403; let requests to /kaizala pass without signing in"),
        ((307, {"Location": "https://x.example/"}, b""), "it redirects (307) to https://x.example/"),
        ((405, {}, b""), "it sends the echo, but answers 405 to a POST with a token"),
        ((200, {}, b"{}"), "it sends the echo, but answers 200 to a POST with a token"),
    ],
)
def test_a_receiver_that_would_refuse_events_is_an_error(
    server: Any, answer: tuple[int, dict[str, str], bytes], says: str
) -> None:
    """Kaizala would disable the webhook after two days."""
    server.confirm = lambda nonce: answer
    with pytest.raises(ReceiverError) as error:
        check(server)
    assert says in str(error.value)
    assert WEBHOOK_SECRET not in str(error.value)


def test_without_a_secret_nothing_is_asked(server: Any) -> None:
    with pytest.raises(KaizalaInputError, match="extra webhook_secret is missing"):
        check_echo(settings(), f"http://127.0.0.1:{server.server_port}", "kaizala_default", None)
    assert server.seen == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            lambda token: (404, {"Content-Type": "text/html"}, b"no"),
            "it answers 404; add 'kaizala_default' to",
        ),
        (
            lambda token: (200, {"Content-Type": "text/html"}, b"<!doctype html><title>Airflow</title>"),
            "it answers with a web page, as Airflow does where the plugin is not loaded",
        ),
        # a page that repeats the token is no echo either
        (lambda token: (200, {"Content-Type": "text/html"}, token.encode()), "it answers with a web page"),
        (
            lambda token: (308, {"Location": "https://other.example/kaizala?secret=1"}, b""),
            "it redirects (308) to https://other.example/kaizala, which Kaizala does not follow",
        ),
        (lambda token: (302, {}, b""), "it redirects (302) to nowhere"),
        (
            lambda token: (401, {}, b"sign in"),
            "it answers 401; let requests to /kaizala pass without signing in",
        ),
        (lambda token: (403, {}, b""), "it answers 403; let requests"),
        (
            lambda token: (200, {"Content-Type": "text/plain"}, token.encode() + b"\n"),
            "instead of the echo",
        ),
        (
            lambda token: (200, {"Content-Type": "application/json"}, f'"{token}"'.encode()),
            "bytes of application/json instead of the echo",
        ),
        (lambda token: (200, {}, token.encode()), "bytes of no type instead of the echo"),
        (lambda token: (500, {"Content-Type": "text/plain"}, token.encode()), "it answers 500 with"),
    ],
)
def test_anything_but_the_echo_is_an_error_that_says_what_to_do(
    server: Any, answer: Answer, says: str
) -> None:
    error = refused(server, answer)
    assert error.startswith(
        f"http://127.0.0.1:{server.server_port}/kaizala/kaizala_default is not the receiver of connection 'kaizala_default': "
    )
    assert says in error
    assert len(server.seen) == 1, "no redirect is followed"
    assert "secret" not in error


def test_an_address_that_refuses_connections(server: Any) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(ReceiverError, match=r"cannot be reached: .*refused.*; is public_url right") as error:
        check(server)
    assert error.value.is_transient


def test_an_echo_that_comes_too_late(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    goes_on = Event()

    def late(token: str) -> tuple[int, dict[str, str], bytes]:
        goes_on.wait(10)
        return echoes(token)

    assert echo.PATIENCE == 5
    monkeypatch.setattr(echo, "PATIENCE", 0.2)
    assert "cannot be reached: " in refused(server, late)
    goes_on.set()


def test_plain_http_over_the_network_is_a_warning_and_the_proxy_of_the_connection_is_used(
    server: Any,
) -> None:
    proxied = settings(proxies={"http": f"http://127.0.0.1:{server.server_port}"})
    warning = check_echo(proxied, "http://airflow.example.com", "kaizala_default", WEBHOOK_SECRET)
    assert warning is not None
    assert warning.startswith("http://airflow.example.com is plain http")
    assert len(server.seen) == 2
    for request in server.seen:
        assert request.path.startswith("http://airflow.example.com/kaizala/kaizala_default?")


def test_a_certificate_authority_that_is_not_there(tmp_path: Any) -> None:
    missing = settings(verify=str(tmp_path / "ca.pem"))
    with pytest.raises(
        KaizalaInputError, match=r"extra verify: the file or folder '.*ca.pem' does not exist"
    ):
        check_echo(missing, "https://127.0.0.1:1", "kaizala_default", WEBHOOK_SECRET)
