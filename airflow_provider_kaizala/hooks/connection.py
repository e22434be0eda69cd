"""Reads an Airflow connection: address, credentials, tokens and options."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_kaizala.client.errors import KaizalaInputError, did_you_mean
from airflow_provider_kaizala.client.settings import DEFAULT_API_ROOT, Settings, Timeouts, is_loopback
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.hooks.fields import FIELDS

#: the total timeout of a call, as a multiple of the extra ``timeout``
TOTAL = 10


class KaizalaConnection(Value):
    """An Airflow connection, read and checked.

    :param settings: settings of the client
    :param default_group: the group for tasks that name none
    :param callback_token: the token that webhooks of this connector send to receivers other than Airflow
    :param webhook_secret: the secret from which the token of each webhook is derived that calls Airflow itself
    """

    settings: Settings
    default_group: str | None = None
    callback_token: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret, for masking."""
        return (*self.settings.secrets(), *filter(None, (self.callback_token, self.webhook_secret)))


def read_connection(conn: Any, extra: Mapping[str, Any]) -> KaizalaConnection:
    """Read an Airflow connection and its extra.

    :raises KaizalaInputError: if a field is invalid; the message names it and what is allowed, and never shows a secret
    """
    try:
        given = {name: _READERS[name](name, value) for name, value in _known(extra).items()}
        seconds = given.pop("timeout", 60.0)
        own = {name: given.pop(name, None) for name in ("default_group", "callback_token", "webhook_secret")}
        settings = Settings(
            (conn.login or "").strip(),
            conn.password or "",
            api_root(conn.host, conn.port, conn.schema),
            timeouts=Timeouts(seconds, seconds, seconds * TOTAL),
            **given,
        )
        return KaizalaConnection(settings, **own)
    except KaizalaInputError as error:
        raise KaizalaInputError(f"connection {conn.conn_id!r}: {error}") from None


#: also one outside of ASCII, or an IPv6 address, perhaps with a zone
_HOST_NAME = re.compile(r"[\w.-]+|[0-9a-f:.]+(%[\w.-]+)?", re.IGNORECASE)


def api_root(host: str | None, port: int | None, schema: str | None) -> str:
    """Return the API root from a host with or without scheme and port, a port, and an optional scheme in ``schema``.

    Without any scheme it is https, and http on this machine.
    """
    text = (host or "").strip()
    if not text:
        return DEFAULT_API_ROOT
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = (schema or "").strip(), text
    authority, _, path = rest.partition("/")
    if authority.count(":") > 1 and "[" not in authority and "@" not in authority:
        authority = f"[{authority}]"  # IPv6: a connection given as a URI loses the brackets
    try:
        parts = urlsplit(f"//{authority}/{path}")
        name, known_port = parts.hostname or "", parts.port
        if name and not _HOST_NAME.fullmatch(name):
            raise ValueError
    except ValueError:
        shown = "***@" + text.rpartition("@")[2] if "@" in text else text
        raise KaizalaInputError(
            f"host {shown!r} is not a valid address; give a host name, or a URL such as {DEFAULT_API_ROOT}"
        ) from None
    if known_port is None and port:  # the Airflow UI sends 0 for an empty port
        authority = f"{authority}:{port}"
    if not mark and scheme.lower() not in ("http", "https"):
        scheme = "http" if is_loopback(name) and (known_port or port) != 443 else "https"
    path = parts.path.rstrip("/")
    path = path[: -len("/v1")] if path.lower().endswith("/v1") else path
    return f"{scheme.lower()}://{authority}{path.rstrip('/')}"


def _known(extra: Any) -> dict[str, Any]:
    """Return the extras that are set, and refuse unknown ones."""
    if not isinstance(extra, Mapping):
        raise KaizalaInputError('extra must be a JSON object such as {"refresh_token": "..."}')
    known = [each.name for each in FIELDS]
    for name in extra:
        if name not in known:
            hint = did_you_mean(name, known) or "."
            raise KaizalaInputError(f"unknown extra {name!r}{hint} Allowed are: {', '.join(known)}")
    return {name: value for name, value in extra.items() if value not in (None, "", {}, [])}


def _wrong(name: str, needed: str) -> KaizalaInputError:
    return KaizalaInputError(f"extra {name} must be {needed}")  # without the value, which may be a secret


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "a string")
    return value.strip()


def _json(name: str, value: Any, needed: str) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise _wrong(name, needed) from None


def _texts(name: str, value: Any) -> dict[str, str]:
    needed = 'a JSON object of strings such as {"name": "value"}'
    found = _json(name, value, needed) or {}
    if not isinstance(found, Mapping) or not all(isinstance(each, str) and each for each in found.values()):
        raise _wrong(name, needed)
    return {str(key).strip(): each.strip() for key, each in found.items()}


def _number(name: str, value: Any) -> float:
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number < 1e6:
        raise _wrong(name, "a number of at least 0")
    return number


_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _flag(name: str, value: Any) -> bool:
    found = _WORDS.get(str(value).strip().lower())
    if found is None:
        raise _wrong(name, "true or false")
    return found


def _verify(name: str, value: Any) -> bool | str:
    if isinstance(value, str) and value.strip().lower() not in _WORDS:
        return value.strip()
    return _flag(name, value)


def _hosts(name: str, value: Any) -> tuple[str, ...]:
    needed = "a list of host names, or names separated by commas"
    given = value.split(",") if isinstance(value, str) and not value.lstrip().startswith("[") else value
    found = _json(name, given, needed)
    if not isinstance(found, (list, tuple)) or not all(isinstance(each, str) for each in found):
        raise _wrong(name, needed)
    return tuple(each.strip().lower() for each in found if each.strip())


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "refresh_token": _text,
    "group_refresh_tokens": _texts,
    "default_group": _text,
    "timeout": _number,
    "calls_per_minute": lambda name, value: int(_number(name, value)),
    "callback_token": _text,
    "webhook_secret": _text,
    "proxies": lambda name, value: _texts(name, value) or None,
    "verify": _verify,
    "allow_http": _flag,
    "allowed_hosts": _hosts,
}
