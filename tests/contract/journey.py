"""A journey through a live server, on which each request and each reply is checked."""

from __future__ import annotations

import json
import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_kaizala.client import AsyncKaizalaClient, KaizalaClient, calls
from airflow_provider_kaizala.client.settings import Settings
from tests.contract.checker import check_reply, check_request
from tests.contract.shop import PNG, STORE, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.client.effects import Reply, Send


class Seen:
    """What was called, and whether all of it was as described."""

    def __init__(self) -> None:
        self.operations: set[str] = set()

    def check(self, send: Send, reply: Reply) -> Reply:
        name = check_request(send)
        check_reply(name, reply.status, dict(reply.headers), reply.body)
        self.operations.add(name)
        return reply


class Watched(KaizalaClient):
    """The real client; each exchange is checked against the contract as it passes."""

    seen: Seen

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        exchange = self._transport.exchange
        self._transport.exchange = lambda send: self.seen.check(send, exchange(send))  # type: ignore[method-assign]


class WatchedAsync(AsyncKaizalaClient):
    """The same for the async client."""

    seen: Seen

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        exchange = self._transport.exchange

        async def checked(send: Send) -> Reply:
            return self.seen.check(send, await exchange(send))

        self._transport.exchange = checked  # type: ignore[method-assign]


class Journey:
    """Clients of one server: Asha as the tenant's admin, Ravi as a user, Store 12 by its own token."""

    def __init__(self, shop: Shop, listener: Listener) -> None:
        self.shop, self.listener, self.seen = shop, listener, Seen()
        self._open: list[KaizalaClient] = []
        self.asha = self.client(refresh_token="tenant-token")
        self.ravi = self.client(refresh_token="user-token")
        self.store = self.client(group_refresh_tokens={STORE: "group-token"})

    def settings(self, **tokens: Any) -> Settings:
        return Settings(
            "app", "secret", self.shop.url, calls_per_minute=0, proxies={}, verify=False, **tokens
        )

    def client(self, **tokens: Any) -> KaizalaClient:
        client = Watched(self.settings(**tokens))
        client.seen = self.seen
        self._open.append(client)
        return client

    def raw(self, group_id: str, action_id: str) -> dict[str, Any]:
        """Return all of an action's details."""
        found = {"groupId": group_id, "actionId": action_id, "getDetails": True}
        details: dict[str, Any] = self.asha.run(calls.any_operation("getAction", found))["actionDetails"]
        return details

    def close(self) -> None:
        for client in self._open:
            client.close()


class Listener:
    """A program that Kaizala calls back: echoes the validation token, keeps the events, serves a picture."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[dict[str, str], dict[str, Any]]] = queue.Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                token = dict(parse_qsl(urlsplit(self.path).query)).get("validationToken")
                self.answer(*((PNG, "image/png") if token is None else (token.encode(), "text/plain")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.events.put(({key.lower(): value for key, value in self.headers.items()}, body))
                self.answer(b"", "text/plain")

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def journey_in(shop: Shop) -> Iterator[Journey]:
    listener = Listener()
    shop.start_over()
    journey = Journey(shop, listener)
    yield journey
    journey.close()
    listener.close()
