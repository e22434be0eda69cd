"""Posting one event to a callback, and asking a callback whether it wants events."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import replace

import httpx

from airflow_provider_kaizala.server.delivery.calls import (
    CallFailed,
    Outbound,
    parse_url,
    read_body,
    with_query,
)
from airflow_provider_kaizala.server.delivery.outbox import Delivery, Outcome
from airflow_provider_kaizala.server.state import ServerState

DELIVERY_SECONDS = 10.0
VALIDATION_SECONDS = 5.0
TOKEN_HEADER = "kz-callback-token"  # noqa: S105 - the name of a header
USER_AGENT = "kaizala-server"
_MAX_ECHO = 1024
# What a webhook's own headers can never be: those of this connection, and ours.
RESERVED_HEADERS = frozenset(
    (
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "user-agent",
        TOKEN_HEADER,
    )
)


async def post_event(server: ServerState, delivery: Delivery) -> Outcome:
    """Post an event once."""
    began = time.monotonic()
    delivery = replace(delivery, payload=server.media_urls(server.address).fill(delivery.payload))
    outcome = await _post(server.outbound, delivery)
    if server.on_delivery is not None:
        server.on_delivery(
            {
                "operation": "deliverEvent",
                "webhookId": delivery.webhook_id,
                "eventId": delivery.event_id,
                "eventType": delivery.event_type,
                "callbackUrl": delivery.callback_url,
                "attempt": delivery.attempt,
                "status": outcome.status,
                "error": outcome.error,
                "durationMs": round((time.monotonic() - began) * 1000, 1),
                "body": json.loads(delivery.payload),
            }
        )
    return outcome


async def _post(outbound: Outbound, delivery: Delivery) -> Outcome:
    # A reply's body is not read: its status says it all.
    try:
        url = parse_url(delivery.callback_url)
        async with (
            asyncio.timeout(DELIVERY_SECONDS),
            outbound.send("POST", url, _headers(delivery), delivery.payload.encode()) as reply,
        ):
            if 200 <= reply.status_code < 300:
                return Outcome(delivery, reply.status_code)
            return Outcome(delivery, reply.status_code, f"status {reply.status_code}")
    except TimeoutError:
        return Outcome(delivery, error="timeout")
    except CallFailed as error:
        return Outcome(delivery, error=str(error))
    except ValueError as error:
        return Outcome(delivery, error=f"the URL {error}")


def _headers(delivery: Delivery) -> dict[str, str]:
    own: dict[str, str] = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
    }
    given: dict[str, str] = json.loads(delivery.callback_headers_json or "{}")
    headers: dict[str, str] = {
        name: value for name, value in given.items() if name.lower() not in RESERVED_HEADERS
    }
    if any(name.lower() == "accept" for name in headers):
        del own["Accept"]
    headers |= own
    if delivery.callback_token:
        headers[TOKEN_HEADER] = delivery.callback_token
    return headers


async def validate_callback(server: ServerState, callback_url: str) -> None:
    """Let a callback prove that it wants events: it must echo a token within 5 s; raises CallFailed.

    The token is digits without a leading zero, at most 15: it comes out the same from listeners that echo the value,
    the undecoded query or the parsed JSON.
    """
    token = str(10**14 + secrets.randbelow(9 * 10**14))
    began = time.monotonic()
    url = with_query(parse_url(callback_url), "validationToken", token)
    status, error = await _ask(server.outbound, url, token)
    if server.on_delivery is not None:
        server.on_delivery(
            {
                "operation": "validateCallback",
                "callbackUrl": callback_url,
                "status": status,
                "error": error,
                "durationMs": round((time.monotonic() - began) * 1000, 1),
            }
        )
    if error is not None:
        raise CallFailed(error)


async def _ask(outbound: Outbound, url: httpx.URL, token: str) -> tuple[int | None, str | None]:
    status: int | None = None
    headers = {"User-Agent": USER_AGENT, "Accept": "text/plain, */*", "Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(VALIDATION_SECONDS), outbound.send("GET", url, headers) as reply:
            status = reply.status_code
            if not 200 <= status < 300:
                return status, f"status {status}"
            echoed = await read_body(reply, _MAX_ECHO)
    except TimeoutError:
        return status, f"timeout after {VALIDATION_SECONDS:g} seconds"
    except CallFailed as error:
        return status, str(error)
    return status, None if echoed.strip() == token.encode() else "the body was not the validationToken"
