"""A receiver behind httpx, and events as Kaizala posts them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
from airflow.models.asset import AssetEvent, AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Mount

from airflow_provider_kaizala.push.receiver import build_app
from airflow_provider_kaizala.push.subscriptions import PATH, Subscription
from airflow_provider_kaizala.push.tables import event

if TYPE_CHECKING:
    import pytest

    from airflow_provider_kaizala.push.settings import PushSettings

SECRET = "the secret of the connection"
GROUP = "11111111-1111-4111-8111-111111111111@1"
SUBSCRIPTION = Subscription("kaizala_default", "Group", GROUP)


def message(event_id: str = "e1", **changes: Any) -> dict[str, Any]:
    """An event as Kaizala posts it."""
    return {
        "subscriptionId": "wh1",
        "objectId": GROUP,
        "objectType": "Group",
        "eventType": "TextMessageCreated",
        "eventId": event_id,
        "data": {"text": "Hello"},
        "context": "ctx",
        "fromUser": "+910000000001",
        "fromUserId": "u1@2",
        "fromUserName": "Asha",
        "fromUserProfilePic": "",
        **changes,
    }


class Sender:
    """Sends requests to a receiver, as Kaizala and others do."""

    def __init__(self, settings: PushSettings) -> None:
        self.receiver_app = build_app(settings)
        self.app = Starlette(routes=[Mount(PATH, self.receiver_app)])

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        return self.requests((method, url, given))[0]

    def requests(self, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """Send requests at once."""

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
                return await asyncio.gather(
                    *(client.request(method, url, **given) for method, url, given in requests)
                )

        return asyncio.run(send())

    def post(
        self, body: Any = None, subscription: Subscription = SUBSCRIPTION, **given: Any
    ) -> httpx.Response:
        """Post an event as Kaizala does; *given* replaces what is sent."""
        return self.request(
            "POST", subscription.callback_url(""), **self.delivery(body, subscription, **given)
        )

    def delivery(
        self, body: Any = None, subscription: Subscription = SUBSCRIPTION, **given: Any
    ) -> dict[str, Any]:
        content = (
            body if isinstance(body, bytes) else json.dumps(message() if body is None else body).encode()
        )
        headers = {
            "kz-callback-token": subscription.token(SECRET),
            "Content-Type": "application/json; charset=utf-8",
            **given.pop("headers", {}),
        }
        return {
            "content": content,
            **given,
            "headers": {name: value for name, value in headers.items() if value is not None},
        }


def define_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str, **extra: Any) -> None:
    connection = {
        "conn_type": "kaizala",
        "login": "connector",
        "password": "secret",
        "extra": {"webhook_secret": SECRET, **extra},
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


def stored() -> list[Any]:
    """The rows of events, in order."""
    with create_session() as session:
        return list(session.execute(select(event).order_by(event.c.id)).all())


def asset_events() -> list[tuple[str, dict[str, Any]]]:
    """URI and extra of each asset event, in order."""
    with create_session() as session:
        query = select(AssetModel.uri, AssetEvent.extra).join(
            AssetEvent, AssetEvent.asset_id == AssetModel.id
        )
        return [tuple(row) for row in session.execute(query.order_by(AssetEvent.id))]
