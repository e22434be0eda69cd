"""Reads replies: field names in any casing, times in any unit.

Names are matched without case, since production mixed ``groupId`` and ``GroupId`` freely. Times come as epoch seconds,
epoch milliseconds or ISO 8601; all become aware datetimes in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Self, TypeVar, overload

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.value import Value

T = TypeVar("T")

#: the latest that a question may end: 20 years from now
LONGEST = timedelta(hours=175_680)


class UnreadableReplyError(ValueError):
    """A successful reply lacks a required field."""


class Wire:
    """A JSON object of a reply, whose fields are found by name in any case."""

    def __init__(self, value: Any, what: str = "the reply") -> None:
        if not isinstance(value, Mapping):
            raise UnreadableReplyError(f"{what} is not a JSON object")
        self.what = what
        self._fields = {str(key).lower(): item for key, item in value.items()}

    def get(self, *names: str) -> Any:
        """Return the first of the named fields that is present and not null, else None."""
        for name in names:
            value = self._fields.get(name.lower())
            if value is not None:
                return value
        return None

    def text(self, *names: str) -> str | None:
        """Return a field as text; a number becomes text, and an empty string None."""
        value = self.get(*names)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return None
        return str(value) or None

    def need(self, *names: str) -> str:
        """Return a required text field."""
        value = self.text(*names)
        if value is None:
            raise UnreadableReplyError(f"{self.what} contains no {names[0]}")
        return value

    def integer(self, *names: str) -> int | None:
        """Return a whole number, which may have been sent as text."""
        value = self.get(*names)
        try:
            return None if value is None or isinstance(value, bool) else int(value)
        except (TypeError, ValueError, OverflowError):
            return None

    def flag(self, *names: str) -> bool | None:
        """Return a boolean; production sent both ``true`` and ``"true"``."""
        value = self.get(*names)
        if isinstance(value, bool):
            return value
        return {"true": True, "false": False}.get(str(value).strip().lower())

    def items(self, name: str, read: Callable[[Any], T], *, required: bool = False) -> tuple[T, ...]:
        """Return a list field, applying *read* to each element. If it is null or absent, it is empty unless *required*."""
        value = self.get(name)
        if value is None and not required:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise UnreadableReplyError(f"{self.what} contains no list {name}")
        return tuple(read(item) for item in value)

    def inner(self, name: str) -> Wire:
        """Return an object field; an absent one is empty."""
        value = self.get(name)
        return Wire(value if isinstance(value, Mapping) else {}, name)

    def time(self, *names: str) -> datetime | None:
        """Return the first of the named fields that can be read as a time."""
        for name in names:
            moment = read_time(self.get(name))
            if moment is not None:
                return moment
        return None


_READERS: Mapping[str, Callable[..., Any]] = {
    "str": Wire.text,
    "int": Wire.integer,
    "bool": Wire.flag,
    "datetime": Wire.time,
}


class Received(Value):
    """Base of what replies contain. Each field is read by its type, from the reply's field of that name in camel case.

    A field is required unless it has a default or may be None.

    :cvar names: the names of the fields that are called otherwise in a reply
    """

    names: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read an object of a reply.

        :raises UnreadableReplyError: if it lacks a required field
        """
        return cls.from_wire(Wire(body))

    @classmethod
    def from_wire(cls, wire: Wire, **values: Any) -> Self:
        """Read the fields that are not among *values*."""
        for field, read, names, absent in _plan(cls):  # type: ignore[arg-type] # mypy doubts that a class is hashable
            if field not in values:
                value = read(wire, *names)
                values[field] = absent if value is None else value
                if values[field] is MISSING:
                    raise UnreadableReplyError(f"{wire.what} contains no {names[0]}")
        return cls(**values)


@cache
def _plan(kind: type[Received]) -> list[tuple[str, Callable[..., Any], tuple[str, ...], Any]]:
    """Return the fields to read: each with its reader, its names in a reply, and its value if the reply lacks it."""
    plan = []
    for each in fields(kind):
        type_name, _, optional = str(each.type).partition(" | ")
        if type_name in _READERS:
            first, *more = each.name.split("_")
            names = kind.names.get(each.name, (first + "".join(map(str.capitalize, more)),))
            plan.append((each.name, _READERS[type_name], names, None if optional else each.default))
    return plan


def filled(**values: Any) -> dict[str, Any]:
    """Return the fields of a request that have a value: those that are None, False or empty are left out."""
    return {name: value for name, value in values.items() if value}


def read_time(value: Any) -> datetime | None:
    """Read epoch seconds (below 10^11), epoch milliseconds or ISO 8601 into an aware UTC datetime; return None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text)  # first, since fromisoformat accepts some runs of digits too
        except ValueError:
            try:
                moment = datetime.fromisoformat(text)
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            except (ValueError, OverflowError):
                return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(value if abs(value) < 1e11 else value / 1000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None


@overload
def iso(moment: datetime) -> str: ...
@overload
def iso(moment: datetime | None) -> str | None: ...
def iso(moment: datetime | None) -> str | None:
    """Return a time as Kaizala writes it: ISO 8601 in UTC, with ``Z``. None stays None."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_due(name: str, value: Any) -> datetime | timedelta | None:
    """Check a due time: a datetime, an ISO 8601 string, or a timedelta from now. Without a zone it is UTC."""
    if value is None or (isinstance(value, timedelta) and value > timedelta(0)):
        return value
    return read_moment(name, value, ", or a timedelta above zero")


def read_hours(name: str, value: Any) -> datetime | timedelta | None:
    """Check a due time that is sent in hours from now, which may be 20 years; a datetime is compared when it is sent."""
    due = read_due(name, value)
    if isinstance(due, timedelta):
        _check_length(name, due)
    return due


def _check_length(name: str, left: timedelta) -> None:
    if left > LONGEST:
        raise KaizalaInputError(
            f"{name}: {left} from now is later than Kaizala accepts; give a time within 20 years ({LONGEST.days} days)"
        )


def read_moment(name: str, value: Any, alternative: str = "") -> datetime:
    """Check a moment: a datetime or an ISO 8601 string. Without a zone it is UTC.

    :param alternative: what else the error allows
    """
    moment = value
    if isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value.strip())
    if not isinstance(moment, datetime):
        raise KaizalaInputError(
            f"{name} must be a datetime{',' if alternative else ' or'} an ISO 8601 string such as "
            f"'2026-03-01T17:00:00+00:00'{alternative}, not {value!r}"
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def hours_from(now: datetime, name: str, due: datetime | timedelta | str | None) -> int | None:
    """Return the hours from *now* to *due* as :func:`read_hours` returns it, rounded up as Kaizala expects them.

    :raises KaizalaInputError: if *due* has passed, or is too far away
    """
    if not isinstance(due, (datetime, timedelta)):
        return None
    left = due if isinstance(due, timedelta) else due - now
    if left <= timedelta(0):
        raise KaizalaInputError(f"{name}: {due} has passed; give a time in the future")
    _check_length(name, left)
    return max(1, math.ceil(left / timedelta(hours=1)))
