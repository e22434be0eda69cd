"""The page's words. A language is one file: ``strings/<language>.json``.

A value is a text, with ``{name}`` where something is put in, or ``{"one": ..., "other": ...}`` by the plural of ``n``.
"""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_skeleton, format_time
from starlette.requests import Request

FOLDER = Path(__file__).parent / "strings"
DEFAULT = "en"
UTC = ZoneInfo("UTC")


@lru_cache
def languages() -> dict[str, str]:
    """Return the languages there are, with their names in themselves."""
    found = sorted(path.stem for path in FOLDER.glob("*.json"))
    return {code: (Locale(code).get_display_name(code) or code).capitalize() for code in found}


@lru_cache
def words(language: str) -> Words:
    """Return the words of a language."""
    return Words(language)


class Words:
    """The texts of one language, and how it writes times and counts."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = Locale(language)
        self._texts: dict[str, str | dict[str, str]] = json.loads(
            (FOLDER / f"{language}.json").read_text("utf-8")
        )

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def keys(self) -> set[str]:
        """Return the names of all texts."""
        return set(self._texts)

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with *values* put in; ``n`` chooses the plural."""
        text = self._texts[key]
        if isinstance(text, dict):
            text = text.get(self.locale.plural_form(values["n"]), text["other"])
        return text.format(**values)

    def moment(self, at: dt.datetime, now: dt.datetime) -> str:
        """Write a time as briefly as it can be understood: ``14:05``, ``Mar 3, 14:05``, ``Mar 3, 2024``."""
        clock = format_time(at, "short", tzinfo=at.tzinfo, locale=self.locale)
        if at.date() == now.date():
            return str(clock)
        if at.year == now.year:
            return f"{format_skeleton('MMMd', at, locale=self.locale, tzinfo=at.tzinfo)}, {clock}"
        return f"{format_date(at.date(), 'medium', locale=self.locale)}, {clock}"


def wanted_language(request: Request, chosen: str | None) -> str:
    """Return the language chosen before, or else the first of the browser's that there is."""
    if chosen in languages():
        return str(chosen)
    asked = []
    for part in request.headers.get("accept-language", "")[:200].split(","):
        code, _, rank = part.strip().partition(";q=")
        try:
            asked.append((-float(rank or 1), code.replace("-", "_")))
        except ValueError:
            continue
    preferred = [code for _, code in sorted(asked, key=lambda one: one[0])]
    return negotiate_locale(preferred, list(languages())) or DEFAULT


def zone_named(name: str | None) -> ZoneInfo:
    """Return a time zone by its name, UTC if there is none of it."""
    try:
        return ZoneInfo(name) if name and len(name) <= 64 else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
