"""Keeping web pages out of the control plane: any site a developer visits can send requests to loopback."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from airflow_provider_kaizala.server.domain.errors import ApiError, denied

_FOREIGN = ("cross-site", "same-site")


def refusal(headers: Headers, *, any_host: bool) -> ApiError | None:
    """Return why a request may not reach the control plane, None if it may.

    A page of another site sends its ``Origin``, or a browser says ``Sec-Fetch-Site``. A page whose name was bound to this address
    (DNS rebinding) has no foreign origin, but a ``Host`` that is a name: only names of loopback and plain addresses are served.

    :param any_host: serve every ``Host``, for a server that is reached by a name
    """
    host = headers.get("host", "")
    if not (any_host or _is_own(host)):
        return denied(
            f"/_test/ answers to localhost and to plain addresses, not to Host: {host[:80]}; serve with --insecure to allow it"
        )
    origin = headers.get("origin")
    foreign = origin is not None and _netloc(origin) != host.lower()
    if foreign or headers.get("sec-fetch-site") in _FOREIGN:
        return denied("/_test/ does not answer to pages of other sites")
    return None


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return None


def _is_own(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
