"""Answers as Python values: turned into what the server's ``/people/`` API takes."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer


class Place(NamedTuple):
    """An answer to a question about a location, in degrees."""

    latitude: float
    longitude: float
    name: str = ""


def check_answer(value: Any) -> None:
    """Refuse what can never be an answer, when the script is written.

    :raises TypeError: if it is of a type that no question takes
    :raises ValueError: if it is a time without a timezone, or a file that does not exist
    """
    match value:
        case datetime() if value.tzinfo is None:
            raise ValueError(f"the answer {value!r} has no timezone; give it one, such as tzinfo=UTC")
        case Path() if not value.is_file():
            raise ValueError(f"the answer {str(value)!r} is not a file; give the path of one that exists")
        case None | str() | bool() | int() | float() | date() | Path() | Place():
            pass
        case Mapping():
            pass  # a location or a phone number as Kaizala writes it; the server checks its fields
        case Sequence() if not isinstance(value, bytes | bytearray):
            for each in value:
                check_answer(each)
        case _:
            raise TypeError(
                f"an answer cannot be {value!r}: give text, a number, a date or datetime, a Place, the Path of a file, "
                "or a list of these"
            )


def plain_answer(value: Any, server: KaizalaServer) -> Any:
    """Return an answer as JSON; a file is uploaded first."""
    match value:
        case datetime():
            return value.isoformat()
        case date():
            return f"{value.isoformat()}T00:00:00Z"
        case Path():
            kind = mimetypes.guess_type(value.name)[0] or "application/octet-stream"
            return server.upload(value.name, value.read_bytes(), kind)
        case Place():
            return {"lt": value.latitude, "lg": value.longitude, "n": value.name}
        case list() | tuple():
            return [plain_answer(each, server) for each in value]
        case _:
            return value
