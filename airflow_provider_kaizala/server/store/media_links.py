"""Links to uploaded files as the database holds them: an id and a name. Adapters render them as URLs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

#: begins a stored link, where a picture may also be a URL of elsewhere
PREFIX = "media:"
_KEY = "$media"


@dataclass(frozen=True)
class MediaLink:
    """A file of the media store, where a reply or an event names its URL."""

    id: str
    name: str

    def __str__(self) -> str:
        """Return its path, which serves readers of the page, who are signed in; programs get a signed URL."""
        return f"/media/{self.id}/{quote(self.name or 'file', safe='')}"


class Picture(TypeDecorator[Any]):
    """A column that holds a link to an uploaded picture, or a URL as it was given."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | MediaLink | None, dialect: Dialect) -> str | None:
        """Write a link as text."""
        return f"{PREFIX}{value.id}/{value.name}" if isinstance(value, MediaLink) else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | MediaLink | None:
        """Read a link."""
        if value is None or not value.startswith(PREFIX):
            return value
        file_id, _, name = value.removeprefix(PREFIX).partition("/")
        return MediaLink(file_id, name)


def dump(value: object) -> str:
    """Write JSON in which links stay links."""
    return json.dumps(value, ensure_ascii=False, default=_as_json)


def load(text: str) -> Any:
    """Read what :func:`dump` wrote."""
    return json.loads(text, object_hook=_from_json if f'"{_KEY}"' in text else None)


def _as_json(value: object) -> dict[str, str]:
    if not isinstance(value, MediaLink):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return {_KEY: value.id, "name": value.name}


def _from_json(value: dict[str, Any]) -> Any:
    return MediaLink(value[_KEY], value["name"]) if value.keys() == {_KEY, "name"} else value
