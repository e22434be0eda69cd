"""Callback listeners on loopback, and a database to look into."""

from __future__ import annotations

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GROUP = "11111111-1111-4111-8111-111111111111@1"


class Listener:
    """A callback: echoes the token, notes what it is told, and answers as it was told to."""

    def __init__(self, port: int = 0, certificate: Path | None = None) -> None:
        self.named: list[str | None] = []
        self.asked: list[str] = []
        self.got: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.status = 200
        self.delay = 0.0
        #: cleared, posts are taken and not answered
        self.answers = threading.Event()
        self.answers.set()
        self.answer_get: Callable[[BaseHTTPRequestHandler, str], None] | None = None
        self.began = 0
        self._changed = threading.Condition()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            context.sni_callback = lambda _socket, name, _context: self.named.append(name)
            self._http.socket = context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.answers.set()
        self._http.shutdown()
        self._http.server_close()

    def wait(self, count: int, seconds: float = 20) -> list[dict[str, Any]]:
        """Return the bodies once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.got) >= count, seconds), self.got
            return [one["body"] for one in self.got]

    def reached(self, count: int, seconds: float = 20) -> None:
        """Wait until so many posts arrived, answered or not."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.began >= count, seconds)

    def events(self, count: int) -> list[str]:
        return [body["eventType"] for body in self.wait(count)]

    def stays_at(self, count: int, seconds: float = 0.5) -> None:
        time.sleep(seconds)
        assert len(self.got) == count

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def do_GET(self) -> None:
                listener.asked.append(self.path)
                token = parse_qs(urlsplit(self.path).query).get("validationToken", [""])[0]
                if listener.answer_get is not None:
                    listener.answer_get(self, token)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(token.encode())

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                with listener._changed:
                    listener.began += 1
                    listener._changed.notify_all()
                time.sleep(listener.delay)
                listener.answers.wait(60)
                with listener._changed:
                    status = listener.statuses.pop(0) if listener.statuses else listener.status
                    listener.got.append(
                        {
                            "body": json.loads(raw),
                            "headers": self.headers,
                            "path": self.path,
                            "at": time.monotonic(),
                        }
                    )
                    listener._changed.notify_all()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", listener.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    opened: list[Listener] = []

    def start(port: int = 0, certificate: Path | None = None) -> Listener:
        opened.append(listener := Listener(port, certificate))
        return listener

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def listener(listen: Callable[..., Listener]) -> Listener:
    return listen()


@pytest.fixture
def subscribe(listener: Listener) -> Callable[..., str]:
    """Create webhooks; return their ids."""

    def create(api: Any, *events: str, to: Listener = listener, **fields: Any) -> str:
        body = {
            "objectId": GROUP,
            "objectType": "Group",
            "eventTypes": list(events) or ["TextMessageCreated"],
            "callBackUrl": to.url,
            **fields,
        }
        return api.ok("POST", "/webhook", json=body)["webhookId"]

    return create


@pytest.fixture
def say() -> Callable[..., None]:
    """Write texts in the group."""

    def write(api: Any, *texts: str) -> None:
        for text in texts:
            api.ok("POST", f"/groups/{GROUP}/messages", json={"message": text})

    return write
