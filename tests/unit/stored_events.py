"""Stored events, as the receiver hands them to tasks and triggers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.feed import FeedError
from airflow_provider_kaizala.push.pages import Page
from tests.unit.conftest import GROUP, RAVI


class StoredEvents:
    """Stands in for :class:`EventFeed`.

    :ivar now: tells the time at which events are received
    :ivar asked: behind what was read, and when
    :ivar is_down: whether the receiver cannot be reached
    """

    def __init__(self, now: Any = lambda: datetime.now(tz=UTC)) -> None:
        self.now = now
        self.events: list[KaizalaEvent] = []
        self.asked: list[int | datetime] = []
        self.secrets: list[str] = []
        self.is_down = False
        self.open = 0
        self.size = 2

    def feed(self, conn_id: str, secret: str | None, base_url: str) -> StoredEvents:
        """Open a feed."""
        if not secret:
            raise KaizalaInputError(f"connection {conn_id!r} has no extra webhook_secret")
        self.secrets.append(secret)
        self.open += 1
        return self

    def message(
        self, text: str, number: str = RAVI, event_type: str = "TextMessageCreated", **data: Any
    ) -> None:
        """Receive a message."""
        body = {
            "eventId": f"e{len(self.events) + 1}",
            "eventType": event_type,
            "objectType": "Group",
            "objectId": GROUP,
            "fromUser": number,
            "fromUserName": f"Name of {number[-1]}",
            "data": {"text": text, **data},
        }
        cursor = len(self.events) + 1
        self.events.append(KaizalaEvent.read(body, received_at=self.now(), cursor=cursor))

    def read(self, after: int | datetime, group_id: str, event_types: Any) -> Page:
        """Return a page."""
        self.asked.append(after)
        if self.is_down:
            raise FeedError("the receiver is down")
        assert group_id == GROUP
        if isinstance(after, datetime):  # with an event before it, as the receiver may
            after = max(0, sum(each.received_at < after for each in self.events) - 1)
        found = [each for each in self.events[after:] if each.event_type in event_types][: self.size]
        cursor = found[-1].cursor if len(found) == self.size else len(self.events)
        return Page(tuple(found), cursor)

    async def listen(self, after: int | datetime, wait: float, group_id: str, event_types: Any) -> Page:
        """Return a page, on an event loop."""
        assert not wait
        await asyncio.sleep(0.01)
        return self.read(after, group_id, event_types)

    def close(self) -> None:
        """Close the feed."""
        self.open -= 1

    async def aclose(self) -> None:
        """Close the feed."""
        self.open -= 1
