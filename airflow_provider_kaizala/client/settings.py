"""Settings of a client: Kaizala's address, the connector's credentials, timeouts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_provider_kaizala.client.errors import KaizalaGrantError, KaizalaInputError
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_API_ROOT = "https://api.kaiza.la"
OAUTH_ROOT = "https://ds.kaiza.la"
#: Domains of the hosted service. Credentials go there, to the configured host and to ``allowed_hosts``, nowhere else.
SERVICE_DOMAINS = ("kaiza.la", "osi.office.net")
USER_GRANT = "user"
_HOST_NAME = re.compile(r"[a-z0-9.-]+")


class Timeouts(Value):
    """Bounds in seconds.

    :param connect: for opening a connection
    :param read: between two pieces of a reply
    :param total: for a whole call, including its retries and its waits while Kaizala throttles it
    """

    connect: float = 60.0
    read: float = 60.0
    total: float = 600.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 86_400 * 7:
                raise KaizalaInputError(f"timeout: {name} must be a number of seconds above 0, not {value!r}")


class Grant(Value):
    """A refresh token, and whose it is.

    :param name: ``"user"``, or the id of the group that granted it; used in logs and in the token store
    """

    name: str
    refresh_token: str = field(repr=False)

    @property
    def description(self) -> str:
        """Whose refresh token this is, for error messages."""
        user = self.name == USER_GRANT
        return "the user's refresh token" if user else f"the refresh token of group {self.name}"

    @property
    def seed(self) -> str:
        """Fingerprint of the configured refresh token: stored tokens that descend from another one are ignored."""
        return hashlib.sha256(self.refresh_token.encode()).hexdigest()[:16]


class Settings(Value):
    """A connector, and how it reaches Kaizala.

    :param connector_id: the connector's (application's) id
    :param connector_secret: its secret
    :param api_root: scheme and host of the API, without ``/v1``
    :param refresh_token: a user's refresh token, valid for all groups of that user
    :param group_refresh_tokens: group id to that group's refresh token, which is preferred to the user's
    :param calls_per_minute: limit of this process; 0 for none
    :param allow_http: permit plain http to hosts other than loopback
    :param allowed_hosts: further hosts that may see the credentials
    :param proxies: ``{"https": "http://proxy:3128"}``, as requests takes it
    :param verify: TLS verification: True, False, or a path to a CA bundle
    :param retries: how often a failed call is repeated; waiting while Kaizala throttles it does not count
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
            raise KaizalaInputError("connector id and connector secret are both required")
        tokens = {
            f"group_refresh_tokens of {group}": token for group, token in self.group_refresh_tokens.items()
        }
        own = {"connector id": self.connector_id, "connector secret": self.connector_secret}
        for name, value in {**own, "refresh_token": self.refresh_token or "", **tokens}.items():
            if not (value.isascii() and value.isprintable()) or value != value.strip():
                raise KaizalaInputError(
                    f"{name} has spaces around it, or characters that an HTTP header cannot carry; copy it again"
                )
        problem = self.distrust(self.api_root)
        if problem:
            # what precedes an @ may be a password
            raise KaizalaInputError(f"API root {re.sub(r'//.*@', '//***@', self.api_root)!r}: {problem}")

    def grant_for(self, group_id: str | None, *, prefer_user: bool = False) -> Grant:
        """Return the refresh token for a call about *group_id*: the group's own if there is one, else the user's.

        :param prefer_user: prefer the user's, for a call that involves other groups too
        :raises KaizalaGrantError: if there is none
        """
        user = Grant(USER_GRANT, self.refresh_token) if self.refresh_token else None
        name = {each.lower(): each for each in self.group_refresh_tokens}.get((group_id or "").lower())
        own = Grant(name, self.group_refresh_tokens[name]) if name else None
        grant = (user or own) if prefer_user else (own or user)
        if grant is not None:
            return grant
        held = ", ".join(sorted(self.group_refresh_tokens)) or "none"
        if group_id is None:
            raise KaizalaGrantError(
                "this call belongs to no group, so it needs a user's refresh token (extra refresh_token); "
                f"the connection has refresh tokens of these groups only: {held}"
            )
        raise KaizalaGrantError(
            f"no refresh token for group {group_id}: have an admin of the group grant it to the connector and add the token to "
            f"the extra group_refresh_tokens, or set a user's refresh_token. Granted groups: {held}"
        )

    @property
    def oauth_root(self) -> str:
        """Scheme and host of the OAuth calls: those of the API, except for the hosted service, which has a separate host."""
        hosted = self.api_root.lower().rstrip("/").removesuffix(":443") == DEFAULT_API_ROOT
        return OAUTH_ROOT if hosted else self.api_root.rstrip("/")

    @staticmethod
    def page(base: str) -> str | None:
        """Return the root of the page that a server at *base* has for people; None for Microsoft's service, which had only an app."""
        return None if _is_hosted((urlsplit(base).hostname or "").lower()) else base.rstrip("/")

    def secrets(self) -> tuple[str, ...]:
        """Return every configured secret, for masking and redaction."""
        found = [self.connector_secret, self.refresh_token, *self.group_refresh_tokens.values()]
        for proxy in (self.proxies or {}).values():
            password = urlsplit(proxy).password
            found += [password, unquote(password)] if password else []
        return tuple(secret for secret in found if secret)

    def distrust(self, url: str) -> str | None:
        """Return why credentials must not be sent to *url*, or None if they may."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower()
            _ = parts.port
        except ValueError:
            return "not a URL"
        if parts.scheme not in ("https", "http") or not host:
            return "not an http(s) URL with a host"
        if parts.username or parts.password:
            return "a URL must not contain credentials"
        home = (urlsplit(self.api_root).hostname or "").lower()
        known = {home, *(allowed.lower() for allowed in self.allowed_hosts)}
        if host not in known and not _is_hosted(host):
            return f"host {host} is neither the connection's host nor one of Kaizala's; if you trust it, add it to the extra allowed_hosts"
        if parts.scheme == "http" and not self.allow_http and not is_loopback(host):
            return "plain http would expose the credentials on the network; use https, or set the extra allow_http"
        return None


def _is_hosted(host: str) -> bool:
    """Return whether *host* belongs to the service that Microsoft hosted."""
    # HTTP libraries may end the name elsewhere, such as at a backslash: compare the ending of plain host names only
    plain = _HOST_NAME.fullmatch(host) is not None
    return plain and any(host.endswith("." + domain) for domain in SERVICE_DOMAINS)


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
