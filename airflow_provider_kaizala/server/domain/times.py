"""The units of time on the wire: ISO 8601 with Z, epoch seconds, epoch milliseconds, .NET ticks."""

from __future__ import annotations

import datetime as dt

from airflow_provider_kaizala.server.domain.errors import bad_request

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
SECONDS_BELOW = 10**11
_TICKS_AT_EPOCH = 621_355_968_000_000_000


def iso(ms: int) -> str:
    """Return epoch milliseconds as ``2020-11-04T20:59:59Z``, cut to the second as production did."""
    # Half the time of strftime, and a page of actions has many of them.
    return f"{(_NAIVE_EPOCH + dt.timedelta(seconds=ms // 1000)).isoformat()}Z"


def iso_ms(ms: int) -> str:
    """Return epoch milliseconds as ``2020-11-04T20:59:59.123Z``."""
    return (_EPOCH + dt.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(ms: int | None) -> str | None:
    """Return :func:`iso` of a time that may be missing."""
    return None if ms is None else iso(ms)


def from_iso(text: str, field: str) -> int:
    """Read ISO 8601 into epoch milliseconds; without a zone it is UTC."""
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return (moment - _EPOCH) // dt.timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise bad_request(f"{field} must be a time such as 2024-03-22T18:30:00Z") from None


def as_ms(epoch: float) -> int:
    """Return an epoch time whose unit is not told as milliseconds: values below 10^11 are seconds (C11)."""
    return round(epoch * 1000) if abs(epoch) < SECONDS_BELOW else int(epoch)


def ticks(ms: int) -> int:
    """Return epoch milliseconds as .NET ticks (100 ns since year 1)."""
    return _TICKS_AT_EPOCH + ms * 10_000


def short_human(ms: int) -> str:
    """Return a time as job notes show it: ``Tue 3 Nov, 10:40``."""
    moment = _EPOCH + dt.timedelta(milliseconds=ms)
    return f"{moment:%a} {moment.day} {moment:%b, %H:%M}"
