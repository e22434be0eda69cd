"""A server of texts: the least that each client takes for an answer, over kept connections.

``python -m benchmarks.message_server PORT`` answers as Kaizala's contract says to ``accessToken`` and ``sendMessage``, and as Slack,
Discord and Telegram do to theirs. ``GET /seen`` tells how many POSTs there were, and headers and body of the last one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

DAY_MS = 86_400_000
TELEGRAM_TIME = 1_790_000_000


class Shop:
    """What was asked, and what is answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.posts = 0
        self.last: dict[str, Any] = {}

    def answer(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, Any]:
        """Return status and JSON of a reply."""
        if path == "/seen":
            return 200, {"posts": self.posts, "last": self.last}
        if path.endswith("/accessToken"):
            return 200, {
                "accessToken": "token-of-a-day" * 20,
                "endpointUrl": f"http://127.0.0.1:{self.port}",
                "accessTokenExpiry": 4_000 * DAY_MS * 10,
                "refreshToken": None,
                "scope": "token.write",
            }
        if method != "POST":
            return 404, {"message": f"nothing at {method} {path}"}
        self.posts += 1
        self.last = {"headers": headers, "body": body.decode()}
        match path.rsplit("/", 1)[-1]:
            case "messages":
                return 200, {"referenceId": f"00000000-0000-4000-8000-{self.posts:012d}"}
            case "chat.postMessage":
                return 200, {"ok": True, "channel": "C0123456789", "ts": f"{TELEGRAM_TIME}.{self.posts:06d}"}
            case "sendMessage":
                chat = {"id": 12, "type": "group", "title": "Store 12"}
                message = {"message_id": self.posts, "date": TELEGRAM_TIME, "chat": chat, "text": "sent"}
                return 200, {"ok": True, "result": message}
            case _:
                return 204, None  # Discord's


class Exchange(asyncio.Protocol):
    """One connection."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.received = b""
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep how to answer."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request that is complete; clients send the next one after the reply."""
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank:
            return
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        known = {name.lower(): value for name, value in headers}
        if len(body) < int(known.get("content-length", 0)):
            return
        self.received = b""
        method, path, _ = request_line.split(" ")
        status, reply = self.shop.answer(method, path, headers, body)
        content = b"" if reply is None else json.dumps(reply).encode()
        closing = known.get("connection", "").lower() == "close"
        assert self.transport is not None  # noqa: S101
        self.transport.write(
            f"HTTP/1.1 {status} OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(content)}\r\n"
            f"Connection: {'close' if closing else 'keep-alive'}\r\n\r\n".encode()
            + content
        )
        if closing:
            self.transport.close()


async def serve(port: int) -> None:
    """Serve until killed."""
    shop = Shop(port)
    server = await asyncio.get_running_loop().create_server(lambda: Exchange(shop), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
