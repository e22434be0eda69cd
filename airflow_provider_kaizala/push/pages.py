"""A page of stored events, as it travels from the receiver to tasks and triggers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire, iso
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.bodies import BodyError, read_object
from airflow_provider_kaizala.push.events import KaizalaEvent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

#: events that one page has at most
MOST_EVENTS = 500


class Page(Value):
    """Events of a connection, oldest first.

    :param events: those behind the cursor that was asked for, as many as fit on a page
    :param cursor: where the next page begins. It moves on past events that were not asked for too
    """

    events: tuple[KaizalaEvent, ...]
    cursor: int


def write_page(stored: Iterable[tuple[int, datetime, str]], cursor: int) -> bytes:
    """Return a page as JSON.

    :param stored: cursor, time and body of each event
    """
    events = [{"cursor": id_, "receivedAt": iso(at), "body": body} for id_, at, body in stored]
    return json.dumps({"events": events, "cursor": cursor}, separators=(",", ":")).encode()


def read_page(body: bytes) -> Page:
    """Read what :func:`write_page` has written.

    :raises UnreadableReplyError: if it is anything else
    """
    try:
        wire = Wire(json.loads(body), "the page")
        cursor = wire.integer("cursor")
        if cursor is None:
            raise UnreadableReplyError("the page contains no cursor")
        return Page(wire.items("events", _event, required=True), cursor)
    except (BodyError, ValueError, RecursionError) as error:
        raise UnreadableReplyError(f"not a page of events: {error}") from None


def _event(found: Any) -> KaizalaEvent:
    wire = Wire(found, "an event of the page")
    body = read_object(wire.need("body"))
    return KaizalaEvent.read(body, received_at=wire.time("receivedAt"), cursor=wire.integer("cursor") or 0)
