"""Reads received events from the receiver, in tasks and triggers, which cannot reach Airflow's database."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_kaizala.client.effects import Send, TransportFailure
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.pages import MOST_EVENTS, Page, read_page
from airflow_provider_kaizala.push.subscriptions import BATCHES, EVENTS, PATH, Subscription, listener_token

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from airflow_provider_kaizala.client.effects import Reply
    from airflow_provider_kaizala.push.asks import Ask

#: seconds for connecting, and for a reply beyond what the request asks the receiver to wait
PATIENCE = 10.0
#: seconds that one request waits for an event. An API server that is stopped lets requests end first
WAIT = 20.0


class FeedError(KaizalaError):
    """The receiver's events cannot be read now. Nothing is lost: they can be read later from the same cursor."""

    is_transient = True


class RefusedEventError(FeedError):
    """The receiver will never take this event: it is too large, or cannot be read."""

    is_transient = False


class Network(Value):
    """How requests to Airflow's API server leave this machine.

    :param verify: TLS verification: True, False, or a path to a CA bundle
    :param proxies: proxies by scheme; None for those of the environment
    """

    verify: bool | str = True
    proxies: Mapping[str, str] | None = None


class EventFeed:
    """The received events of a connection. Close it, with :meth:`close` or :meth:`aclose`, as it was used.

    :param conn_id: the connection
    :param secret: its ``webhook_secret``
    :param base_url: the address of Airflow's API server, see :func:`~airflow_provider_kaizala.push.settings.receiver_url`
    :raises KaizalaInputError: if there is no secret
    """

    def __init__(
        self, conn_id: str, secret: str | None, base_url: str, network: Network | None = None
    ) -> None:
        if not secret:
            raise KaizalaInputError(
                f"connection {conn_id!r} has no extra webhook_secret, so Airflow receives no events of it"
            )
        self._base = f"{base_url.rstrip('/')}{PATH}/{quote(conn_id, safe='')}"
        self._url = f"{self._base}{EVENTS}"
        self._conn_id, self._secret, self._base_url = conn_id, secret, base_url
        self._headers = {
            "Authorization": f"Bearer {listener_token(secret, conn_id)}",
            "Accept": "application/json",
        }
        self._network = network or Network()
        self._sync: Any = None
        self._async: Any = None

    def __repr__(self) -> str:
        return f"EventFeed({self._url!r})"

    def read(
        self,
        after: int | datetime | None,
        group_id: str | None = None,
        event_types: Collection[str] = (),
        limit: int = MOST_EVENTS,
    ) -> Page:
        """Return the events behind a cursor. If there are none, these are all.

        :param after: the cursor of the last page, or a time from which on events are wanted, before which there may be some more;
            0 for the oldest event that is kept, None for the present end
        :param group_id: only events that a webhook of this group has brought
        :param event_types: only events of these types; empty for all
        :param limit: the number of events to return at most, up to 500
        :raises FeedError: if they cannot be read now
        """
        return self._page(self._fetch(self._send(after, 0, group_id, event_types, limit)))

    def take(self, ask: Ask) -> Page | None:
        """Return the next events that a try of a task may process, none if there are no more.

        :return: None if another try of the task was given events and has not ended
        :raises FeedError: if they cannot be read now
        """
        headers = {**self._headers, "Content-Type": "application/json"}
        content = json.dumps(ask.to_wire()).encode()
        url = f"{self._base}{BATCHES}"
        reply = self._fetch(Send("POST", url, headers, content, PATIENCE, PATIENCE, PATIENCE))
        return None if reply.status == 409 else self._page(reply)

    async def listen(
        self,
        after: int | datetime | None,
        wait: float = WAIT,
        group_id: str | None = None,
        event_types: Collection[str] = (),
        limit: int = MOST_EVENTS,
    ) -> Page:
        """Return the events behind a cursor, on an event loop; wait for one if there is none. See :meth:`read`.

        :param wait: seconds to wait, up to 30. If there is no event within them, the page is empty
        :raises FeedError: if they cannot be read now
        """
        return self._page(await self._exchange(self._send(after, wait, group_id, event_types, limit)))

    async def hand_in(self, group_id: str, body: Mapping[str, Any]) -> None:
        """Hand an event to the receiver, as a webhook of the group does, on an event loop. It is stored once, however often this is done.

        :raises RefusedEventError: if the receiver cannot take this event
        :raises FeedError: if it cannot take it now
        """
        subscription = Subscription(self._conn_id, "Group", group_id)
        url = subscription.callback_url(self._base_url)
        token = {"kz-callback-token": subscription.token(self._secret), "Content-Type": "application/json"}
        content = json.dumps(body).encode()
        reply = await self._exchange(Send("POST", url, token, content, PATIENCE, PATIENCE, PATIENCE))
        if reply.status in (400, 413, 415):
            raise RefusedEventError(
                f"the receiver refuses it with {reply.status}: {reply.body[:200].decode(errors='replace')}"
            )
        if reply.status != 200 or _kind(reply) != "application/json":
            raise FeedError(f"{self._url} {_problem(reply)}")

    async def _exchange(self, send: Send) -> Reply:
        if self._async is None:
            transport = import_module("airflow_provider_kaizala.client.httpx_transport")
            self._async = transport.HttpxTransport(self._network)
        try:
            reply: Reply = await self._async.exchange(send)
        except TransportFailure as error:
            raise self._unreached(error) from None
        return reply

    def close(self) -> None:
        """Close the connections of :meth:`read`."""
        if self._sync is not None:
            self._sync.close()

    async def aclose(self) -> None:
        """Close the connections of :meth:`listen` and :meth:`hand_in`."""
        if self._async is not None:
            await self._async.close()

    # --- requests and replies --------------------------------------------------------------------------------------------

    def _fetch(self, send: Send) -> Reply:
        if self._sync is None:
            # a task or a trigger needs one of the two HTTP libraries
            transport = import_module("airflow_provider_kaizala.client.requests_transport")
            self._sync = transport.RequestsTransport(self._network)
        try:
            reply: Reply = self._sync.exchange(send)
        except TransportFailure as error:
            raise self._unreached(error) from None
        return reply

    def _send(
        self,
        after: int | datetime | None,
        wait: float,
        group_id: str | None,
        event_types: Collection[str],
        limit: int,
    ) -> Send:
        asked = {
            "after": _after(after),
            "wait": f"{wait:g}" if wait else "",
            "group": group_id or "",
            "types": ",".join(event_types),
            "limit": str(limit),
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        patience = wait + PATIENCE
        return Send("GET", f"{self._url}?{query}", self._headers, None, PATIENCE, patience, patience)

    def _unreached(self, error: TransportFailure) -> FeedError:
        hint = (
            "its certificate is not trusted; name the CA bundle in the environment variable REQUESTS_CA_BUNDLE"
            if error.certificate
            else "is [kaizala] receiver_url right, and does the API server run?"
        )
        return FeedError(f"{self._url} cannot be reached: {error.detail}; {hint}")

    def _page(self, reply: Reply) -> Page:
        if reply.status == 200 and _kind(reply) == "application/json":
            try:
                return read_page(reply.body)
            except UnreadableReplyError as error:
                raise FeedError(f"{self._url} does not answer as the receiver does: {error}") from None
        raise FeedError(f"{self._url} {_problem(reply)}")


def _after(after: int | datetime | None) -> str:
    if isinstance(after, datetime):
        return after.isoformat()
    return "latest" if after is None else str(after)


def _kind(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def _problem(reply: Reply) -> str:
    kind = _kind(reply)
    if reply.status == 200 and kind == "text/html":
        return (
            "is not the receiver: it answers with a web page, as Airflow does where the plugin is not loaded; install "
            "airflow-provider-kaizala where the API server runs, and restart it"
        )
    if reply.status == 404:
        return "refuses: the API server needs the connection in [kaizala] webhook_connections, with the same webhook_secret as here"
    if reply.status in (429, 503):
        return f"is busy: it answers {reply.status}"
    if 300 <= reply.status < 400:
        return f"redirects ({reply.status}); give the address itself as [kaizala] receiver_url"
    return f"does not answer as the receiver does: it answers {reply.status} with {kind or 'no type'}"
