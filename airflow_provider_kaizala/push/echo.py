"""Checks that a public URL reaches this Airflow's receiver, as Kaizala does before it creates a webhook.

The body decides, not the status: where the plugin is missing, Airflow answers 200 with the page of its UI.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_provider_kaizala.client.effects import Send, TransportFailure
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.requests_transport import RequestsTransport
from airflow_provider_kaizala.client.settings import is_loopback
from airflow_provider_kaizala.push.subscriptions import PATH

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.effects import Reply
    from airflow_provider_kaizala.client.settings import Settings

#: seconds that Kaizala waits for the echo
PATIENCE = 5.0


class ReceiverError(KaizalaError):
    """A public URL does not reach the receiver, so Kaizala would reach it neither."""

    is_transient = True


def check_echo(settings: Settings, public_url: str, conn_id: str) -> str | None:
    """Ask the receiver of a connection for an echo, without any secret.

    :param settings: the connection's, for its proxies and TLS verification
    :param public_url: the address of Airflow's API server as Kaizala reaches it
    :return: a warning, or None
    :raises ReceiverError: if anything but the echo comes within 5 seconds; it says what to do
    """
    address = f"{public_url}{PATH}/{quote(conn_id, safe='')}"
    token = str(secrets.randbelow(10**20))
    send = Send("GET", f"{address}?validationToken={token}", {}, None, PATIENCE, PATIENCE, PATIENCE)
    transport = RequestsTransport(settings)
    try:
        reply = transport.exchange(send)
    except TransportFailure as error:
        raise ReceiverError(_unreached(address, error)) from None
    finally:
        transport.close()
    problem = _problem(reply, token, conn_id)
    if problem:
        raise ReceiverError(f"{address} is not the receiver of connection {conn_id!r}: {problem}")
    parts = urlsplit(public_url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return f"{public_url} is plain http: whoever reads along can forge events, and Kaizala's hosted service called https only"
    return None


def _unreached(address: str, error: TransportFailure) -> str:
    if error.certificate:
        hint = "its certificate is not trusted, and Kaizala would not trust it either, or the extra verify of the connection is wrong"
    else:
        hint = "is public_url right, and may this machine call it?"
    return f"{address} cannot be reached: {error.detail}; {hint}"


def _problem(reply: Reply, token: str, conn_id: str) -> str | None:
    """Return why a reply is not the echo; None if it is."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if 300 <= reply.status < 400:
        return f"it redirects ({reply.status}) to {_place(reply)}, which Kaizala does not follow; give the address itself as public_url"
    if reply.status == 404:
        return f"it answers 404; add {conn_id!r} to [kaizala] webhook_connections of the API server, and check that the connection exists"
    if reply.status in (401, 403, 407):
        return f"it answers {reply.status}; let requests to {PATH} pass without signing in, whatever stands before Airflow"
    if reply.status == 200 and reply.body == token.encode() and kind == "text/plain":
        return None
    if reply.status == 200 and kind == "text/html":
        return (
            "it answers with a web page, as Airflow does where the plugin is not loaded; install airflow-provider-kaizala where the "
            "API server runs, restart it, and look for 'kaizala' in `airflow plugins`"
        )
    return (
        f"it answers {reply.status} with {len(reply.body)} bytes of {kind or 'no type'} instead of the echo"
    )


def _place(reply: Reply) -> str:
    return reply.headers.get("location", "nowhere").partition("?")[0][:200]
