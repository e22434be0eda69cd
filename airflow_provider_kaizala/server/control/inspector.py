"""The journal as a page, ``/_test/``: what came, what was answered, what was delivered; a delivery can be made again."""

from __future__ import annotations

import json
import secrets
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from airflow_provider_kaizala.server.api.bodies import read_bounded
from airflow_provider_kaizala.server.api.operations import OPERATIONS
from airflow_provider_kaizala.server.control.journal import CALLBACKS, Wanted
from airflow_provider_kaizala.server.control.plane import plane_of
from airflow_provider_kaizala.server.delivery import outbox
from airflow_provider_kaizala.server.domain.errors import not_found
from airflow_provider_kaizala.server.state import state_of

router = APIRouter(prefix="/_test")
#: entries on the page, the newest
SHOWN = 200
_FILTERS = ("text", "operation", "status")
_STATUSES = {"2xx": 2, "3xx": 3, "4xx": 4, "5xx": 5}
_MOST_BYTES = 4096
_OF_REQUESTS = {
    "query": "Query",
    "headers": "Headers",
    "body": "Body",
    "replyHeaders": "Headers of the reply",
    "reply": "Reply",
    "faults": "Faults",
}
_OF_DELIVERIES = {
    "body": "Body",
    "error": "Error",
    "webhookId": "Webhook",
    "eventId": "Event",
    "attempt": "Attempt",
}


@cache
def _template() -> Template:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("journal.html")


@router.get("")
async def show_journal(request: Request) -> Response:
    """Show the newest entries, those that fit a filter."""
    given = {name: request.query_params.get(name, "") for name in _FILTERS}
    wanted = Wanted(
        operations=frozenset([given["operation"]] if given["operation"] else ()),
        statuses=frozenset([_STATUSES[given["status"]]] if given["status"] in _STATUSES else ()),
    )
    text = given["text"].lower()
    entries = [
        {**entry, "parts": _parts(entry)}
        for entry in plane_of(request).journal.newest(wanted)
        if text in json.dumps(entry, ensure_ascii=False).lower()
    ][:SHOWN]
    nonce = secrets.token_urlsafe(16)
    page = _template().render(
        entries=[_Entry(entry) for entry in entries],
        filter=given,
        operations=[*OPERATIONS, *CALLBACKS],
        nonce=nonce,
        note="It will be delivered again." if "replayed" in request.query_params else "",
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


class _Entry(dict[str, Any]):
    """An entry, with None for what its kind does not have."""

    def __missing__(self, key: str) -> None:
        return None


def _parts(entry: dict[str, Any]) -> list[tuple[str, str]]:
    titles = _OF_REQUESTS if entry["kind"] == "request" else _OF_DELIVERIES
    return [
        (title, _readable(entry[name]))
        for name, title in titles.items()
        if entry.get(name) not in (None, "", {}, [])
    ]


def _readable(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


@router.post("/replay")
async def replay(request: Request) -> Response:
    """Deliver an event again, to the webhook it was for; as ``webhookId`` and ``eventId`` of a form."""
    server = state_of(request)
    form = dict(parse_qsl((await read_bounded(request, _MOST_BYTES)).decode("utf-8", "replace")))
    webhook_id, event_id = form.get("webhookId", ""), form.get("eventId", "")
    now_ms = server.clock.now_ms()
    if not await server.database.write(lambda conn: outbox.replay(conn, webhook_id, event_id, now_ms)):
        raise not_found("The delivery")
    return RedirectResponse("/_test?replayed", 303)
