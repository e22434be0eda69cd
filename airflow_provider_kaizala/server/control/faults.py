"""Faults: what ``POST /_test/faults`` takes, and which of them strike a request.

One fault is a JSON object; each names at most one thing that goes wrong, besides latency::

    {"operation": "postAction",   # operationId of the contract, or "*" (default) for all operations of the API
     "group": "...",              # only calls with this group in their path
     "count": 2,                  # strikes so many times, then it is gone; or
     "probability": 0.2,          # strikes by chance; without both it strikes until it is cleared

     "latency": 1.5,              # seconds before the call is processed

     "status": 503, "body": {...} | "text", "headers": {"Retry-After": "1"},   # nothing is done
     "throttle": 5,               # 429 with Retry-After: 5; nothing is done
     "drop": "before" | "after",  # the connection is closed without a reply; with "after" all was done and committed
     "truncate": 10 | true,       # so many bytes of the reply's body (half of it), then the connection is closed
     "drip": 20,                  # the reply's body in so many bytes a second
     "move": "http://host:port", "bare": true}   # 308 to this base: the full URL of the same path (C14), or the base alone
"""

from __future__ import annotations

import difflib
import random
import re
import threading
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from airflow_provider_kaizala.server.api.operations import OPERATIONS, Called
from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.mistakes import first_mistake, sentence

ALL = "*"
MAX_FAULTS = 1000
_KINDS = ("status", "throttle", "drop", "truncate", "drip", "move")
_BY_LOWER_CASE = {name.lower(): name for name in OPERATIONS}


def _operation(value: str) -> str:
    if value == ALL:
        return value
    if value.lower() in _BY_LOWER_CASE:
        return _BY_LOWER_CASE[value.lower()]
    near = difflib.get_close_matches(value, OPERATIONS, 1)
    raise ValueError(f"{value[:80]!r} is no operationId" + (f"; did you mean {near[0]!r}?" if near else ""))


def _base(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be a base such as http://127.0.0.1:8788")
    return value.rstrip("/")


def _header_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", value) or value.lower() in ("content-length", "transfer-encoding"):
        raise ValueError("must be names of headers; how long the body is cannot be set")
    return value


def _header(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header)]


class Fault(BaseModel):
    """One fault as it was asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: Annotated[str, AfterValidator(_operation)] = ALL
    group: Annotated[str, Field(min_length=1), AfterValidator(canonical)] | None = None
    count: Annotated[int, Field(ge=1, strict=True)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    latency: Annotated[float, Field(ge=0, le=600)] | None = None
    status: Annotated[int, Field(ge=200, le=599, strict=True)] | None = None
    body: object = None
    headers: dict[HeaderName, HeaderValue] = {}
    throttle: Annotated[int, Field(ge=1, le=86400, strict=True)] | None = None
    drop: Literal["before", "after"] | None = None
    truncate: Annotated[int, Field(ge=0, strict=True)] | Literal[True] | None = None
    drip: Annotated[float, Field(gt=0)] | None = None
    move: Annotated[str, AfterValidator(_base)] | None = None
    bare: bool = False

    @model_validator(mode="after")
    def _one_thing(self) -> Fault:
        named = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(named) > 1:
            raise ValueError(f"{named[0]} and {named[1]} exclude each other")
        if not named and self.latency is None:
            raise ValueError(f"one of latency, {', '.join(_KINDS)} is required")
        if self.count is not None and self.probability is not None:
            raise ValueError("count and probability exclude each other")
        if self.status is None and (self.body is not None or self.headers):
            raise ValueError("body and headers need status")
        if self.bare and self.move is None:
            raise ValueError("bare needs move")
        return self

    @property
    def kind(self) -> str:
        """What goes wrong, as the journal names it."""
        if self.drop:
            return f"drop {self.drop}"
        return next((kind for kind in _KINDS if getattr(self, kind) is not None), "latency")

    def concerns(self, called: Called, host: str) -> bool:
        """Tell whether a call is one this fault is for; one that came to where it was moved to is not."""
        return (
            called.operation is not None
            and self.operation in (ALL, called.operation)
            and self.group in (None, called.group)
            and (self.move is None or urlsplit(self.move).netloc.lower() != host.lower())
        )


_ONE_OR_MANY = TypeAdapter(list[Fault])


def read_faults(given: object) -> list[Fault]:
    """Read one fault or a list of them; a mistake is refused with its place."""
    several = isinstance(given, list)
    try:
        faults = _ONE_OR_MANY.validate_python(given if several else [given])
    except ValidationError as error:
        raise _wrong(error, several) from None
    except RecursionError:
        raise bad_request("The body is nested too deeply") from None
    if len(faults) > MAX_FAULTS:
        raise bad_request(f"More than {MAX_FAULTS} faults")
    return faults


def _wrong(error: ValidationError, several: bool) -> ApiError:
    first = first_mistake(error)
    # A fault's own names and places in the list; not what pydantic adds for a choice of types.
    place = [str(part) for part in first["loc"] if isinstance(part, int) or part in Fault.model_fields]
    if not several:
        place = place[1:]
    elif place:
        place[0] = f"[{place[0]}]"
    where = f" at {'.'.join(place)}" if place else ""
    what = sentence(first, tuple(Fault.model_fields))
    return bad_request(f"The fault is wrong{where}: {what}")


@dataclass
class Standing:
    """A fault that stands, and how often it has struck."""

    id: int
    fault: Fault
    fired: int = 0

    @property
    def is_gone(self) -> bool:
        """Whether it has struck as often as it was to."""
        return self.fault.count is not None and self.fired >= self.fault.count

    def shown(self) -> dict[str, object]:
        """Return it as ``GET /_test/faults`` lists it."""
        asked = self.fault.model_dump(exclude_none=True, exclude_defaults=True)
        return {
            "id": self.id,
            "operation": self.fault.operation,
            **asked,
            "fired": self.fired,
            "gone": self.is_gone,
        }


@dataclass(frozen=True)
class Strike:
    """What happens to one request.

    :param latency: seconds, of all faults that struck together
    :param fault: the one that decides what becomes of the call, if any
    """

    latency: float = 0.0
    fault: Fault | None = None
    names: tuple[str, ...] = ()


NOTHING = Strike()


@dataclass
class Faults:
    """The faults that stand, in the order they were added: latencies add up, and the first other fault decides."""

    standing: list[Standing] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last_id: int = 0

    def add(self, faults: list[Fault]) -> list[Standing]:
        """Put up faults."""
        with self._lock:
            if len(self.standing) + len(faults) > MAX_FAULTS:
                raise bad_request(f"More than {MAX_FAULTS} faults; clear them with DELETE /_test/faults")
            added = []
            for fault in faults:
                self._last_id += 1
                added.append(Standing(self._last_id, fault))
            self.standing += added
            return added

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self.standing = []

    def strike(self, called: Called, host: str) -> Strike:
        """Decide what strikes a call, and count it."""
        if not self.standing or called.operation is None:
            return NOTHING
        latency, decides, names = 0.0, None, []
        with self._lock:
            for one in self.standing:
                fault = one.fault
                if one.is_gone or (decides is not None and fault.kind != "latency"):
                    continue
                if not fault.concerns(called, host):
                    continue
                if fault.probability is not None and random.random() >= fault.probability:
                    continue
                one.fired += 1
                latency += fault.latency or 0.0
                names.append(fault.kind)
                if fault.kind != "latency":
                    decides = fault
        return Strike(latency, decides, tuple(names))
