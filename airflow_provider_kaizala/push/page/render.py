"""Turns what the page shows into HTML. Everything is escaped; nothing of the page needs a style or a script in it."""

from __future__ import annotations

import hashlib
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.page.plot import HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

_FOLDER = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class StaticFile(Value):
    """A file of the page.

    :param version: changes with the content
    """

    content: bytes
    media_type: str
    version: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files of the page by name."""
    return {
        each.name: StaticFile(
            each.read_bytes(), _TYPES[each.suffix], hashlib.sha256(each.read_bytes()).hexdigest()[:12]
        )
        for each in (_FOLDER / "static").iterdir()
        if each.suffix in _TYPES
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(iso=_iso, utc=_utc, events=_events, number=lambda number: f"{number:,}")
    environment.globals.update(
        static=lambda name: f"static/{name}?v={static_files()[name].version}",
        plot_size=(WIDTH, HEIGHT),
    )
    return environment


def render(template: str, **given: Any) -> str:
    """Return a template as HTML."""
    return _environment().get_template(template).render(**given)


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _events(event_types: Collection[str]) -> str:
    return "all events" if set(event_types) >= set(EVENT_TYPES) else ", ".join(event_types)
