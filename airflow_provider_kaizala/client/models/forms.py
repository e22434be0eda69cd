"""Parts of forms: questions, properties of a card, and locations, with the checks that read them from plain dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models.checks import (
    distinct,
    flag,
    one_of,
    options,
    ordered,
    rendered,
    shown,
    text,
    title,
)
from airflow_provider_kaizala.client.models.wire import filled
from airflow_provider_kaizala.client.value import Value

QUESTION_TYPES = (
    "SingleOption", "MultiOption", "Text", "Image", "Numeric", "Date", "DateTime", "Location",
    "AttachmentList", "PhoneNumber",
)  # fmt: skip
PROPERTY_TYPES = (
    "Text", "Numeric", "Location", "DateTime", "StringList", "Attachment", "StringSet",
    "AttachmentList",
)  # fmt: skip
_question_type = one_of(*QUESTION_TYPES)
_property_type = one_of(*PROPERTY_TYPES)


class Question(Value):
    """A question of a survey or a custom action.

    :param title: the question; answers are keyed by it
    :param type: one of :data:`QUESTION_TYPES`
    :param options: the texts to choose from, for SingleOption and MultiOption
    :param is_invisible: whether the question is stored with the form but not shown
    """

    title: str
    type: str = "Text"
    options: tuple[str, ...] = ()
    is_invisible: bool = False

    def __post_init__(self) -> None:
        name = f"question {text('question title', self.title)!r}"
        object.__setattr__(self, "type", _question_type(f"{name}, type", self.type))
        if self.type in ("SingleOption", "MultiOption"):
            if not self.options:
                raise KaizalaInputError(f"{name}: a {self.type} question needs options to choose from")
            object.__setattr__(self, "options", options(f"{name}, options", self.options))
        elif self.options:
            raise KaizalaInputError(
                f"{name}: a {self.type} question has no options; make it SingleOption or MultiOption"
            )

    def to_wire(self) -> dict[str, Any]:
        """Return the question as Kaizala documents it."""
        options = [{"title": option} for option in self.options]
        return {
            "title": self.title,
            "type": self.type,
            "isInvisible": self.is_invisible,
            **filled(options=options),
        }


class Property(Value):
    """A property of a custom action's card. Its value travels as text, whatever the type."""

    name: str
    type: str
    value: str

    def __post_init__(self) -> None:
        name = f"property {title('property name', self.name)!r}"
        object.__setattr__(self, "type", _property_type(f"{name}, type", self.type))

    def to_wire(self) -> dict[str, Any]:
        """Return the property as Kaizala documents it."""
        return {"name": self.name, "type": self.type, "value": self.value}


class Location(Value):
    """A place on earth, in degrees."""

    latitude: float
    longitude: float
    name: str = ""

    def to_wire(self) -> dict[str, Any]:
        """Return the location in the form that is posted."""
        return {"latitude": self.latitude, "longitude": self.longitude, **filled(name=self.name)}


def questions(name: str, value: Any) -> tuple[Question, ...]:
    """Check one or more questions with different titles, as dicts or :class:`Question`."""
    found = maybe_questions(name, value)
    if not found:
        raise KaizalaInputError(f"{name} is empty; a survey needs at least one question")
    return found


def maybe_questions(name: str, value: Any) -> tuple[Question, ...]:
    """Check any number of questions with different titles."""
    found = tuple(_question(name, item) for item in ordered(name, value, "questions"))
    distinct(name, [question.title for question in found], "questions")
    return found


def _question(name: str, value: Any) -> Question:
    if isinstance(value, Question):
        return value
    given = _fields(name, value, ("title", "type", "options", "is_invisible"), "question")
    return Question(
        given["title"],
        given["type"],
        tuple(ordered(f"question {given['title']!r}, options", given.get("options") or (), "texts")),
        flag("is_invisible", given.get("is_invisible", False)),
    )


def properties(name: str, value: Any) -> tuple[Property, ...]:
    """Check properties with different names. A plain ``{"name": value}`` dict makes Text and Numeric properties."""
    if isinstance(value, Mapping):
        value = [{"name": key, "value": item} for key, item in value.items()]
    found = tuple(_property(name, item) for item in ordered(name, value, "properties"))
    distinct(name, [each.name for each in found], "properties")
    return found


def _property(name: str, value: Any) -> Property:
    if isinstance(value, Property):
        return value
    given = _fields(name, value, ("name", "value", "type"), "property")
    content = given["value"]
    if isinstance(content, bool) or not isinstance(content, (str, int, float)):
        raise KaizalaInputError(
            f"{name}: the value of property {given['name']!r} must be text or a number, not {shown(content)}"
        )
    kind = given.get("type", "Text" if isinstance(content, str) else "Numeric")
    return Property(given["name"], kind, str(content))


def location(name: str, value: Any) -> Location:
    """Check a place: ``{"latitude": .., "longitude": .., "name": ..}`` or :class:`Location`."""
    if isinstance(value, Location):
        return value
    given = _fields(name, value, ("latitude", "longitude", "name"), "place")
    try:
        latitude, longitude = float(given["latitude"]), float(given["longitude"])
    except (TypeError, ValueError):
        raise KaizalaInputError(
            f"{name}: latitude and longitude must be degrees, not {shown(dict(value))}"
        ) from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise KaizalaInputError(
            f"{name}: latitude must be within ±90 and longitude within ±180, not {shown(dict(value))}"
        )
    return Location(latitude, longitude, given.get("name") or "")


def _fields(name: str, value: Any, allowed: Sequence[str], what: str) -> dict[str, Any]:
    """Return the fields of a dict under their Python names; the first two of *allowed* are required."""
    if not isinstance(value, Mapping):
        raise KaizalaInputError(
            f"{name}: each {what} must be a dict with {', '.join(allowed)}, not {shown(value)}{rendered(value)}"
        )
    given = {"is_invisible" if key == "isInvisible" else str(key): item for key, item in value.items()}
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise KaizalaInputError(
            f"{name}: unknown {', '.join(unknown)} in a {what}; allowed are {', '.join(allowed)}"
        )
    missing = [key for key in allowed[:2] if key not in given]
    if missing:
        raise KaizalaInputError(f"{name}: {what} {shown(dict(value))} has no {' and no '.join(missing)}")
    return given
