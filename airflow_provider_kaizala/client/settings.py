"""What a client needs to know: where Kaizala is, who the connector is, how long to wait."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_kaizala.client.errors import KaizalaGrantError, KaizalaInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_API_ROOT = "https://api.kaiza.la"
OAUTH_ROOT = "https://ds.kaiza.la"
#: Domains of the hosted service. Credentials go there, to the configured host and to ``allowed_hosts``, nowhere else.
SERVICE_DOMAINS = ("kaiza.la", "osi.office.net")
USER_GRANT = "user"
_HOST_NAME = re.compile(r"[a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds.

    :param connect: to make a connection
    :param read: between two pieces of a reply
    :param total: for a whole call, with its repeats, its waits for a throttle, and a reply that drips
    """

    connect: float = 60.0
    read: float = 60.0
    total: float = 600.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 86_400 * 7:
                raise KaizalaInputError(f"timeout: {name} must be a number of seconds above 0, not {value!r}")


@dataclass(frozen=True, slots=True)
class Grant:
    """One refresh token and what it reaches.

    :param name: ``"user"``, or the id of the group that granted it; names the grant in logs and in the token store
    """

    name: str
    refresh_token: str = field(repr=False)

    @property
    def description(self) -> str:
        """Whose refresh token this is, for error messages."""
        return (
            "the user's refresh token"
            if self.name == USER_GRANT
            else f"the refresh token of group {self.name}"
        )

    @property
    def seed(self) -> str:
        """Fingerprint of the configured refresh token: stored tokens that descend from another one are ignored."""
        return hashlib.sha256(self.refresh_token.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Settings:
    """One connector and how to reach Kaizala as it.

    :param connector_id: the connector's (application's) id
    :param connector_secret: its secret
    :param api_root: scheme and host of the API, without ``/v1``
    :param refresh_token: a user's refresh token: reaches all groups of that user
    :param group_refresh_tokens: group id to that group's refresh token; wins over the user token
    :param calls_per_minute: own limit of this process; 0 for none
    :param allow_http: permit plain http to hosts other than loopback
    :param allowed_hosts: further hosts that may see the credentials
    :param proxies: ``{"https": "http://proxy:3128"}``, as requests takes it
    :param verify: TLS verification: True, False, or a path to a CA bundle
    :param retries: repeats after a failure that is not a throttle
    """

    connector_id: str
    connector_secret: str = field(repr=False)
    api_root: str = DEFAULT_API_ROOT
    refresh_token: str | None = field(default=None, repr=False)
    group_refresh_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    calls_per_minute: int = 100
    allow_http: bool = False
    allowed_hosts: tuple[str, ...] = ()
    proxies: Mapping[str, str] | None = field(default=None, repr=False)
    verify: bool | str = True
    retries: int = 4

    def __post_init__(self) -> None:
        if not self.connector_id or not self.connector_secret:
            raise KaizalaInputError("connector id and connector secret are both needed")
        for name, value in (
            ("connector id", self.connector_id),
            ("connector secret", self.connector_secret),
            ("refresh_token", self.refresh_token or ""),
            *(
                (f"group_refresh_tokens of {group}", token)
                for group, token in self.group_refresh_tokens.items()
            ),
        ):
            if not (value.isascii() and value.isprintable()) or value != value.strip():
                raise KaizalaInputError(
                    f"{name}: holds blanks at an end or characters that no HTTP header can carry; copy it again"
                )
        problem = self.distrust(self.api_root)
        if problem:
            # what stands before an @ may be a password
            raise KaizalaInputError(f"API root {re.sub(r'//.*@', '//***@', self.api_root)!r}: {problem}")

    def grant_for(self, group_id: str | None, *, prefer_user: bool = False) -> Grant:
        """Pick the refresh token for a call about *group_id*: the group's own first, else the user's.

        :param prefer_user: the other way round, for a call about more groups than the one
        :raises KaizalaGrantError: if there is none
        """
        if prefer_user and self.refresh_token:
            return Grant(USER_GRANT, self.refresh_token)
        if group_id is not None:
            for granted, token in self.group_refresh_tokens.items():
                if granted.lower() == group_id.lower():
                    return Grant(granted, token)
        if self.refresh_token:
            return Grant(USER_GRANT, self.refresh_token)
        held = ", ".join(sorted(self.group_refresh_tokens)) or "none"
        if group_id is None:
            raise KaizalaGrantError(
                "this call belongs to no group, so it needs a user's refresh token (extra refresh_token); "
                f"the connection holds tokens of these groups only: {held}"
            )
        raise KaizalaGrantError(
            f"no refresh token for group {group_id}: let an admin of the group grant it to the connector and add the token to "
            f"the extra group_refresh_tokens, or set a user's refresh_token. Granted groups: {held}"
        )

    @property
    def oauth_root(self) -> str:
        """Scheme and host of the OAuth calls: those of the API, but the hosted service had a host of its own for them."""
        hosted = self.api_root.lower().rstrip("/").removesuffix(":443") == DEFAULT_API_ROOT
        return OAUTH_ROOT if hosted else self.api_root.rstrip("/")

    def secrets(self) -> tuple[str, ...]:
        """Return every configured secret, for masking and redaction."""
        from urllib.parse import unquote

        found = [self.connector_secret, self.refresh_token, *self.group_refresh_tokens.values()]
        for proxy in (self.proxies or {}).values():
            password = urlsplit(proxy).password
            found += [password, unquote(password)] if password else []
        return tuple(secret for secret in found if secret)

    def distrust(self, url: str) -> str | None:
        """Say why credentials must not go to *url*, or None if they may."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower()
            _ = parts.port
        except ValueError:
            return "not a URL"
        if parts.scheme not in ("https", "http") or not host:
            return "not an http(s) URL with a host"
        if parts.username or parts.password:
            return "credentials in the URL are not taken"
        home = (urlsplit(self.api_root).hostname or "").lower()
        known = {home, *(allowed.lower() for allowed in self.allowed_hosts)}
        # an ending proves nothing if HTTP libraries cut the name elsewhere, as they do at a backslash
        ours = _HOST_NAME.fullmatch(host) and any(host.endswith("." + domain) for domain in SERVICE_DOMAINS)
        if host not in known and not ours:
            return f"host {host} is neither the connection's host nor one of Kaizala's; if it is right, add it to the extra allowed_hosts"
        if parts.scheme == "http" and not self.allow_http and not is_loopback(host):
            return (
                "plain http would show the credentials to the network; use https, or set the extra allow_http"
            )
        return None


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
