"""Checks that a public URL reaches this Airflow's receiver, and that events would be taken there.

Kaizala asks for an echo before it creates a webhook. The body decides, not the status: where the plugin is missing, Airflow answers
200 with the page of its UI. But the echo needs no secret, so any Airflow that names the connection in ``webhook_connections`` sends it.
Therefore a request follows whose token is derived from the secret, as that of an event is; that token opens nothing.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_provider_kaizala.client.effects import Send, TransportFailure
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.requests_transport import RequestsTransport
from airflow_provider_kaizala.client.settings import is_loopback
from airflow_provider_kaizala.push.subscriptions import CHECK, PATH, check_token

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.effects import Reply
    from airflow_provider_kaizala.client.settings import Settings

#: seconds that Kaizala waits for the echo
PATIENCE = 5.0


class ReceiverError(KaizalaError):
    """A public URL does not reach the receiver, so Kaizala would reach it neither."""

    is_transient = True


def check_echo(settings: Settings, public_url: str, conn_id: str, secret: str | None) -> str | None:
    """Ask the receiver of a connection for an echo, and whether it has the same secret.

    :param settings: the connection's, for its proxies and TLS verification
    :param public_url: the address of Airflow's API server as Kaizala reaches it
    :param secret: the connection's ``webhook_secret``, which is not sent
    :return: a warning, or None
    :raises ReceiverError: if anything but the echo comes within 5 seconds, or events would be refused; it says what to do
    :raises KaizalaInputError: if there is no secret, or the connection's extra ``verify`` names a file that does not exist
    """
    address = f"{public_url}{PATH}/{quote(conn_id, safe='')}"
    token = str(secrets.randbelow(10**20))
    headers = {"kz-callback-token": check_token(secret or "", conn_id, token)}
    wait = (PATIENCE, PATIENCE, PATIENCE)
    transport = RequestsTransport(settings)
    try:
        echo = transport.exchange(Send("GET", f"{address}?validationToken={token}", {}, None, *wait))
        problem = _problem(echo, token, conn_id)
        if problem is None:
            reply = transport.exchange(Send("POST", f"{address}?{CHECK}={token}", headers, None, *wait))
            problem = _refusal(reply, token, conn_id)
    except TransportFailure as error:
        raise ReceiverError(_unreached(address, error)) from None
    finally:
        transport.close()
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
    if blocked := _blocked(reply):
        return blocked
    if reply.status == 404:
        return f"it answers 404; add {conn_id!r} to [kaizala] webhook_connections of the API server"
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


def _refusal(reply: Reply, token: str, conn_id: str) -> str | None:
    """Return why the receiver, which has sent the echo, would refuse events; None if it would take them."""
    if blocked := _blocked(reply):
        return blocked
    if reply.status == 404:
        return (
            f"it would refuse all events: it does not know connection {conn_id!r} with the webhook_secret that is used here. Define the "
            "connection where the API server finds it, with the same webhook_secret. Or is this another Airflow?"
        )
    if reply.status == 503:
        return (
            f"it cannot read connection {conn_id!r} now, as while a secrets backend is down; its log says why"
        )
    if reply.status == 200 and reply.body == token.encode():
        return None
    return (
        f"it sends the echo, but answers {reply.status} to a POST with a token; let POST requests to {PATH} pass, whatever stands "
        "before Airflow, and install the same version of airflow-provider-kaizala here and where the API server runs"
    )


def _blocked(reply: Reply) -> str | None:
    """Return what keeps requests from the receiver; None if nothing does."""
    if 300 <= reply.status < 400:
        return f"it redirects ({reply.status}) to {_place(reply)}, which Kaizala does not follow; give the address itself as public_url"
    if reply.status in (401, 403, 407):
        return f"it answers {reply.status}; let requests to {PATH} pass without signing in, whatever stands before Airflow"
    return None


def _place(reply: Reply) -> str:
    return reply.headers.get("location", "nowhere").partition("?")[0][:200]
