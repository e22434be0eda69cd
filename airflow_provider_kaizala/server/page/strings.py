"""The page's words. A language is one file: ``strings/<language>.json``.

A value is a text, with ``{name}`` where something is put in, or ``{"one": ..., "other": ...}`` by the plural of ``n``.
Dates and numbers are written as the reader's region does: the browser tells it (``en-GB``).
"""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_skeleton, format_time, get_timezone_name
from babel.numbers import format_decimal, format_percent
from starlette.requests import Request

FOLDER = Path(__file__).parent / "strings"
DEFAULT = "en"
UTC = ZoneInfo("UTC")


@lru_cache
def languages() -> dict[str, str]:
    """Return the languages there are, with their names in themselves."""
    found = sorted(path.stem for path in FOLDER.glob("*.json"))
    return {code: (Locale.parse(code).get_display_name(code) or code).capitalize() for code in found}


@lru_cache
def words(locale: str) -> Words:
    """Return the words of a language, for a region of it if *locale* names one: ``en``, ``en_GB``."""
    return Words(locale)


class Words:
    """The texts of one language, and how times and numbers are written where it is read."""

    def __init__(self, locale: str) -> None:
        self.locale = Locale.parse(locale)
        self.language = locale if locale in languages() else self.locale.language
        self._texts: dict[str, str | dict[str, str]] = json.loads(
            (FOLDER / f"{self.language}.json").read_text("utf-8")
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

    def moment(self, at: dt.datetime, now: dt.datetime, *, weekday: bool = False) -> str:
        """Write a time as briefly as it can be understood: ``14:05``, ``3 Mar, 14:05``, ``3 Mar 2024, 14:05``.

        :param weekday: always write the day, and which one of the week it is: ``Tue 3 Mar, 14:05``
        """
        clock = str(format_time(at, "short", tzinfo=at.tzinfo, locale=self.locale))
        if at.date() == now.date() and not weekday:
            return clock
        skeleton = "MMMEd" if weekday else "MMMd"
        if at.year != now.year:
            skeleton = f"y{skeleton}"
        return f"{format_skeleton(skeleton, at, locale=self.locale, tzinfo=at.tzinfo)}, {clock}"

    def number(self, value: float) -> str:
        """Write a number, of many decimals the first two."""
        return str(format_decimal(value, "#,##0.##", locale=self.locale))

    def percent(self, part: int, whole: int) -> str:
        """Write a share in percent."""
        return str(format_percent(part / whole if whole else 0, locale=self.locale))

    def zone_name(self, name: str) -> str:
        """Return what people call a time zone: ``India Standard Time``."""
        zone = zone_named(name)
        if zone.key == UTC.key:
            return UTC.key
        name = str(get_timezone_name(zone, "long", zone_variant="generic", locale=self.locale))
        # Where French has no name for it, Babel writes "heure : Inde": the place alone says the same.
        return name.rpartition(":")[2].strip()


def wanted_locale(request: Request, chosen: str | None) -> str:
    """Return the language chosen before, or else the first of the browser's that there is; with its region if told."""
    asked = _asked(request)
    wanted = [str(chosen)] if chosen in languages() else asked
    language = negotiate_locale(wanted, list(languages())) or DEFAULT
    return next((one for one in asked if one.startswith(f"{language}_")), language)


def _asked(request: Request) -> list[str]:
    """Return the locales that a browser asks for and that exist, the dearest first."""
    ranked = []
    for part in request.headers.get("accept-language", "")[:200].split(","):
        code, _, rank = part.strip().partition(";q=")
        try:
            order = float(rank or 1)
            if 0 < order <= 1:
                ranked.append((-order, str(Locale.parse(code, sep="-"))))
        except (ValueError, UnknownLocaleError, TypeError):
            continue  # "*", and what no browser sends
    return [code for _, code in sorted(ranked, key=lambda one: one[0])]


def zone_named(name: str | None) -> ZoneInfo:
    """Return a time zone by its name, UTC if there is none of it."""
    try:
        return ZoneInfo(name) if name and len(name) <= 64 else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
