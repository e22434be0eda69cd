"""Posts, actions, responses and webhooks, as replies describe them. Each ``read`` accepts every documented variant."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.client.models.wire import Received, UnreadableReplyError, Wire, iso, read_time
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from datetime import datetime

#: values of a job's ``response`` that mean it is done (none is documented; case and spaces are ignored)
_DONE = frozenset({"completed", "complete", "done", "closed", "true"})
#: what Kaizala appends to the questions of a response
_SYSTEM_QUESTIONS = frozenset({"responderlocation", "responsetime", "respondername"})


class Failure(Received):
    """A subscriber that a message did not reach, and why."""

    subscriber: str | None
    reason: str | None
    error_code: str | None

    names: ClassVar = {"subscriber": ("subscriber", "subscriberId"), "reason": ("errorReason",)}

    def __str__(self) -> str:
        return f"{self.subscriber or 'unknown subscriber'}: {self.reason or self.error_code or 'no reason given'}"


class Posted(Received):
    """A post. ``action_id`` is None for texts and media; ``failed`` lists the subscribers that it did not reach."""

    reference_id: str
    action_id: str | None
    failed: tuple[Failure, ...] = ()

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read the reply of a message or an action."""
        wire = Wire(body)
        return cls.from_wire(wire, failed=wire.items("failedResult", Failure.read))


class ListedAction(Received):
    """An item of an action list; ``raw`` is its ``actionBody``, unchanged."""

    reference_id: str
    action_type: str
    action_id: str | None
    title: str | None
    sender: str | None
    sent_at: datetime | None
    response_count: int | None
    is_completed: bool | None
    raw: Mapping[str, Any]

    names: ClassVar = {"sent_at": ("sentAt", "creationTime")}

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read an item of ``actions``."""
        wire = Wire(body)
        inner = wire.inner("actionBody")
        raw = wire.get("actionBody")
        return cls.from_wire(
            wire,
            action_id=inner.text("actionId"),
            title=inner.text("title", "question"),
            response_count=inner.integer("responseCount"),
            is_completed=inner.flag("isCompleted"),
            raw=raw if isinstance(raw, Mapping) else {},
        )

    @property
    def options(self) -> tuple[str, ...]:
        """The options of a poll, as far as the list contains them."""
        try:
            return _titles(Wire(self.raw), "choices")
        except UnreadableReplyError:
            return ()

    @property
    def starts_at(self) -> datetime | None:
        """When a meeting starts."""
        return Wire(self.raw).time("startingTime")


class ActionPage(Value):
    """One page of an action list."""

    actions: tuple[ListedAction, ...]
    has_more: bool

    @classmethod
    def read(cls, body: Any) -> ActionPage:
        """Read the reply of ``listActions``."""
        wire = Wire(body)
        return cls(wire.items("actions", ListedAction.read, required=True), wire.flag("hasMore") is True)


class Response(Value):
    """One person's response.

    :ivar answers: question title to answer, in plain JSON values: text, number, list of texts, ISO 8601 time,
        ``{"latitude", "longitude", "name"}``, or ``[{"url", "file_name"}]``
    :ivar completed: for a job: whether this assignee is done; None for everything else
    """

    responder: Person
    response_id: str | None
    responded_at: datetime | None
    answers: Mapping[str, Any]
    completed: bool | None = None

    @property
    def counts(self) -> bool:
        """Whether this is a response; a job in progress is not yet one."""
        return self.completed is not False

    @classmethod
    def read_form(cls, body: Any) -> Response:
        """Read a response to a survey, a poll, a meeting or a custom action."""
        wire = Wire(body)
        inner = wire if wire.get("responseWithQuestions") else wire.inner("responseDetails")
        rows = inner.items("responseWithQuestions", Wire)
        real = list(rows)
        responded_at = wire.time("responseTime")
        for row in rows[-len(_SYSTEM_QUESTIONS) :]:
            name = "".join((row.text("title") or "").split()).lower()
            if row.flag("isInvisible") and name in _SYSTEM_QUESTIONS:
                real.remove(row)
                if name == "responsetime":
                    responded_at = read_time(row.get("answer")) or responded_at
        return cls(
            Person(wire.text("responder"), wire.text("responderName"), wire.text("responderId")),
            wire.text("responseId"),
            responded_at,
            _by_title(real),
        )

    @classmethod
    def read_job(cls, body: Any, title: str, names: Mapping[str, Person]) -> Response:
        """Read the state of one assignee of a job."""
        wire = Wire(body)
        number = wire.text("assignee", "mobileNumber")
        state = wire.text("response") or ""
        person = names.get(number or "", Person(number, wire.text("assigneeName")))
        done = wire.flag("isCompleted")
        if done is None:
            done = re.sub(r"[^a-z]", "", state.lower()) in _DONE
        note = _last_note(wire.get("notes"))
        return cls(person, wire.text("responseId"), note, {title: state or None}, done)


def _last_note(notes: Any) -> datetime | None:
    """Return the time of the last entry of a job's ``notes``, a string of JSON."""
    try:
        entries = json.loads(notes) if isinstance(notes, str) else notes
        times = [read_time(Wire(entry).get("UPDATE_TIME_EPOCH")) for entry in entries or ()]
    except (ValueError, TypeError, RecursionError):
        return None
    return max((time for time in times if time), default=None)


def _by_title(rows: list[Wire]) -> dict[str, Any]:
    """Key answers by question. If several questions have one title, which this package refuses to post, a number is appended."""
    found: dict[str, Any] = {}
    for at, row in enumerate(rows, 1):
        title = row.text("title") or f"Question {at}"
        keys = itertools.chain([title], (f"{title} ({number})" for number in itertools.count(at)))
        found[next(key for key in keys if key not in found)] = _answer(row)
    return found


def _answer(row: Wire) -> Any:
    """Return an answer as a plain value, by the type of its question."""
    kind, value = (row.text("type") or "").lower(), row.get("answer")
    if kind == "singleoption" and isinstance(value, list):
        return value[0] if value else None
    if kind in ("multioption", "multipleoption"):
        return [value] if isinstance(value, str) else value
    if kind in ("datetime", "date"):
        moment = read_time(value)
        return iso(moment) if moment else value
    if kind == "location" and isinstance(value, Mapping):
        place = Wire(value)
        return {
            "latitude": place.get("lt", "latitude"),
            "longitude": place.get("lg", "longitude"),
            "name": place.text("n", "name"),
        }
    if kind == "phonenumber" and isinstance(value, Mapping):
        number = Wire(value)
        return f"{number.text('cc') or ''}{number.text('pn') or ''}" or None
    if kind in ("image", "attachmentlist") and isinstance(value, list):
        return [_file(item) for item in value]
    if kind == "numeric" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _file(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return {"url": item, "file_name": None}
    wire = Wire(item)
    return {"url": wire.text("mediaUrl", "url"), "file_name": wire.text("mediaFileName", "fileName")}


class ActionDetails(Received):
    """An action and its responses, which a reply contains only if they were asked for.

    :ivar sent_at: when it was posted; None where the reply leaves that out, as most captured replies do
    :ivar options: question or title to the options to choose from, as far as the reply contains them
    :ivar is_anonymous: whether responses do not show who gave them; None where the reply leaves that out
    """

    action_type: str
    action_id: str | None
    title: str | None
    creator_name: str | None
    due: datetime | None
    response_count: int | None
    assignees: tuple[Person, ...]
    responses: tuple[Response, ...]
    creator: Person = field(default_factory=Person)
    sent_at: datetime | None = None
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_anonymous: bool | None = None

    names: ClassVar = {"sent_at": ("sentAt", "creationTime")}

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read the reply of ``getAction``."""
        wire = Wire(body)
        inner = wire.inner("actionDetails")
        is_job = wire.need("actionType").lower() == "job"
        title = inner.text("title", "question")
        assignees = inner.items("assignee", Person.read)
        by_number = {person.mobile_number: person for person in assignees if person.mobile_number}

        def response(item: Any) -> Response:
            if is_job:
                return Response.read_job(item, title or "Job", by_number)
            return Response.read_form(item)

        return cls.from_wire(
            wire,
            title=title,
            due=inner.time("dueDate", "expiryDate", "startingTime"),
            response_count=inner.integer("responseCount"),
            assignees=assignees,
            responses=inner.items("responses", response),
            creator=Person(wire.text("sender"), wire.text("creatorName"), wire.text("creatorId")),
            options=_options(inner, title),
            is_anonymous=inner.flag("isAnonymous"),
        )


def _options(inner: Wire, title: str | None) -> dict[str, tuple[str, ...]]:
    """Return the options to choose from: those of a poll or a meeting, and those of each question of a form."""
    found = {title or "": _titles(inner, "choices")}
    for question in inner.items("questions", Wire):
        found[question.text("title") or ""] = _titles(question, "options")
    return {name: titles for name, titles in found.items() if titles}


def _titles(wire: Wire, name: str) -> tuple[str, ...]:
    return tuple(each.text("title") or "" for each in wire.items(name, Wire))


class Webhook(Received):
    """A webhook that exists."""

    id: str
    object_id: str
    object_type: str
    event_types: tuple[str, ...]
    callback_url: str = field(repr=False)
    callback_token: str | None = field(repr=False)
    context: str | None
    expires_at: datetime | None
    changed_at: datetime | None
    active: bool = True

    names: ClassVar = {
        "id": ("id", "webhookId"),
        "context": ("callbackContext", "context"),
        "expires_at": ("validity",),
        "changed_at": ("ts",),
    }

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read an item of ``webhooks``."""
        wire = Wire(body)
        events = "events" if wire.get("events") is not None else "eventTypes"
        return cls.from_wire(wire, event_types=wire.items(events, str))
