"""Taking secrets out of what the journal shows, by the names they travel under."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from airflow_provider_kaizala.server.api.lenient_json import parse_object
from airflow_provider_kaizala.server.delivery.calls import MASK, without_query
from airflow_provider_kaizala.server.domain.errors import ApiError

#: names in lower case, without - and _
SECRETS = frozenset(
    {
        "accesstoken", "apikey", "applicationsecret", "authorization", "callbackheaders", "callbacktoken", "clientsecret",
        "code", "cookie", "csrf", "kzcallbacktoken", "password", "pin", "proxyauthorization", "refreshtoken", "secret",
        "setcookie", "token",
    }
)  # fmt: skip
CALLBACK_URLS = frozenset({"callbackurl", "location"})
#: values shorter than this are masked by name only, as they occur by chance
LONG_ENOUGH = 8


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def mask_pairs(pairs: Iterable[tuple[str, str]], found: set[str]) -> dict[str, str]:
    """Mask headers or a query; *found* gathers the secrets."""
    return {name: str(mask(value, found, name)) for name, value in pairs}


def mask(value: object, found: set[str], name: str = "") -> object:
    """Return a JSON value without secrets; *found* gathers what was taken out."""
    if _plain(name) in SECRETS and value is not None:
        _gather(value, found)
        return MASK
    if isinstance(value, Mapping):
        return {str(key): mask(item, found, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item, found) for item in value]
    if isinstance(value, str) and _plain(name) in CALLBACK_URLS:
        return without_query(value)
    return value


def _gather(value: object, found: set[str]) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _gather(item, found)
    elif isinstance(value, str):
        found.update((value, value.strip(), value.partition(" ")[2].strip()))


def scrub(value: object, secrets: Iterable[str]) -> object:
    """Mask secrets also where they stand within other texts, as in a message that repeats what was sent."""
    wanted = sorted((one for one in secrets if len(one) >= LONG_ENOUGH), key=len, reverse=True)
    return _scrub(value, wanted) if wanted else value


def _scrub(value: object, secrets: list[str]) -> object:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {key: _scrub(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrub(item, secrets) for item in value]
    return value


def readable(content: bytes, size: int, content_type: str, found: set[str]) -> object:
    """Return a body without secrets: JSON and forms by field; what cannot be read field by field only by kind and size.

    :param content: what was kept of it; less than *size* bytes if it was over the journal's limit
    """
    if not size:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if len(content) < size:
        return f"<{size} bytes of {kind or 'unknown type'}, too long to keep>"
    if kind == "application/x-www-form-urlencoded":
        return mask_pairs(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True), found)
    if not kind.startswith(("multipart/", "image/", "audio/", "video/")):
        try:
            return mask(_parsed(content), found)
        except (ApiError, ValueError, RecursionError):
            pass
    return f"<{size} bytes of {kind or 'unknown type'}>"


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return parse_object(content)
