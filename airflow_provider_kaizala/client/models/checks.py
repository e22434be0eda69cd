"""What Kaizala takes: one check for each kind of argument.

Each takes the argument's name and value, returns the value as it will be sent, and raises :class:`KaizalaInputError`
that says which argument, what was given, what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError

Check = Callable[[str, Any], Any]

TEXT_LIMIT = 4000
_PHONE = re.compile(r"\+[0-9]{6,15}")
_ID = re.compile(r"[^\s/?#%]{1,200}")
#: what Jinja makes of a value that is not there, in lower case
NOTHING = ("", "none", "null")
QUESTION_TYPES = (
    "SingleOption",
    "MultiOption",
    "Text",
    "Image",
    "Numeric",
    "Date",
    "DateTime",
    "Location",
    "AttachmentList",
    "PhoneNumber",
)
PROPERTY_TYPES = (
    "Text",
    "Numeric",
    "Location",
    "DateTime",
    "StringList",
    "Attachment",
    "StringSet",
    "AttachmentList",
)


def shown(value: Any) -> str:
    """Show a value in an error, cut if long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _text(name: str, value: Any, limit: int | None) -> str:
    if not isinstance(value, str):
        raise KaizalaInputError(f"{name}: text is needed, not {shown(value)}")
    if not value.strip():
        raise KaizalaInputError(f"{name} is empty; give some text")
    sendable(name, value)
    if limit is not None and len(value) > limit:
        raise KaizalaInputError(
            f"{name} has {len(value)} characters; Kaizala takes at most {limit}: shorten or split it"
        )
    return value


def sendable(name: str, value: str) -> str:
    """Text without halves of surrogate pairs, which no UTF-8 can hold; a file name that is no UTF-8 has some."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise KaizalaInputError(
            f"{name}: character {error.start + 1} is half of a surrogate pair, which cannot be sent; take it out"
        ) from None
    return value


def secret(name: str, value: Any) -> str:
    """Text that no error may show."""
    if not isinstance(value, str):
        raise KaizalaInputError(f"{name}: text is needed, not a {type(value).__name__}")
    return title(name, value)


def json_value(name: str, value: Any) -> Any:
    """What JSON can hold."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise KaizalaInputError(
            f"{name}: {shown(value)} cannot be written as JSON; give texts, finite numbers, lists and dicts"
        ) from None
    return value


def count(name: str, value: Any) -> int:
    """A whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise KaizalaInputError(f"{name}: a whole number above 0 is needed, not {shown(value)}")
    return value


def text(name: str, value: Any) -> str:
    """Text of 1 to 4,000 characters."""
    return _text(name, value, TEXT_LIMIT)


def title(name: str, value: Any) -> str:
    """A title or question: text that is not blank."""
    return _text(name, value, None)


def identifier(name: str, value: Any) -> str:
    """An id that Kaizala gave."""
    there(name, value)
    return title(name, value)


def there(name: str, value: Any) -> None:
    """Refuse, as an id, what a template leaves of a value that is not there."""
    if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING):
        what = shown(value) if value is None or value.strip() else "empty"
        raise KaizalaInputError(
            f"{name} is {what}, which is no id. If a template was to bring it, it has found nothing: see that what it names is "
            "spelled right, and that the task it comes from has run and returned it"
        )


def optional(check: Check) -> Check:
    """Let None pass, else apply *check*."""
    return lambda name, value: None if value is None else check(name, value)


def flag(name: str, value: Any) -> bool:
    """True or False; the words too, since a template renders text."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise KaizalaInputError(f"{name}: True or False is needed, not {shown(value)}")
    return value


def one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    """One of a few words, in any case."""
    for word in allowed:
        if isinstance(value, str) and value.strip().lower() == word.lower():
            return word
    raise KaizalaInputError(f"{name}: {shown(value)} is unknown; take one of {', '.join(allowed)}")


def phone(name: str, value: Any) -> str:
    """A phone number that is E.164 in shape."""
    if not isinstance(value, str) or not _PHONE.fullmatch(value.strip()):
        native = ", as text: render_template_as_native_obj takes the + away" if isinstance(value, int) else ""
        raise KaizalaInputError(
            f"{name}: {shown(value)} is no phone number in E.164 form; give + and 6 to 15 digits, such as '+910000000001'{native}"
        )
    return value.strip()


def listed(name: str, value: Any, what: str) -> list[Any]:
    """A list, not a single string."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, (Sequence, set, frozenset)):
        raise KaizalaInputError(f"{name}: a list of {what} is needed, not {shown(value)}{rendered(value)}")
    return list(value)


def rendered(value: Any) -> str:
    """What to add to an error if *value* is a list or a dict that a template has made text of."""
    text = value.strip() if isinstance(value, str) else ""
    if len(text) < 2 or text[0] + text[-1] not in ("[]", "()", "{}"):
        return ""
    return (
        "; a template has made text of it: give dag.param('name') or the other task's output itself, or set "
        "render_template_as_native_obj=True on the DAG"
    )


def phones(name: str, value: Any) -> tuple[str, ...]:
    """One or more different phone numbers."""
    given = listed(name, value, "phone numbers")
    if not given:
        raise KaizalaInputError(f"{name} is empty; give at least one phone number such as '+910000000001'")
    return tuple(dict.fromkeys(phone(name, item) for item in given))


def group_id(name: str, value: Any) -> str:
    """A group id: in practice a GUID, newer ones with ``@1``; whether there is such a group only Kaizala knows."""
    there(name, value)
    if not isinstance(value, str) or not _ID.fullmatch(value.strip()):
        raise KaizalaInputError(
            f"{name}: {shown(value)} is no Kaizala group id; give the GUID, with its @ and digit if it has one, "
            "such as '11111111-1111-4111-8111-111111111111@1'"
        )
    return value.strip()


def minutes(name: str, value: Any) -> int:
    """A length: minutes as a whole number (or its digits), or a timedelta."""
    if isinstance(value, timedelta):
        value = -(-value // timedelta(minutes=1))
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise KaizalaInputError(f"{name}: minutes above 0 or a timedelta is needed, not {shown(value)}")
    return value


def _different(name: str, titles: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for each in titles:
        if each.strip() in seen:
            raise KaizalaInputError(f"{name}: two {what} are {each!r}; each needs a text of its own")
        seen.add(each.strip())


def options(name: str, value: Any, what: str = "options") -> tuple[str, ...]:
    """Two or more different texts; ``{"title": ...}`` is taken for each as well."""
    given = [
        item.get("title") if isinstance(item, Mapping) else item
        for item in listed(name, value, f"{what} (texts)")
    ]
    if len(given) < 2:
        raise KaizalaInputError(f"{name}: {len(given)} given; at least 2 {what} are needed to choose from")
    titles = tuple(title(name, item) for item in given)
    _different(name, titles, what)
    return titles


def choices(name: str, value: Any) -> tuple[str, ...]:
    """The choices of a poll."""
    return options(name, value, "choices")


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a survey or a custom action.

    :param title: the question; answers are keyed by it
    :param type: one of :data:`QUESTION_TYPES`
    :param options: what to choose from, for SingleOption and MultiOption
    :param is_invisible: carried along but not shown
    """

    title: str
    type: str = "Text"
    options: tuple[str, ...] = ()
    is_invisible: bool = False

    def __post_init__(self) -> None:
        name = f"question {self.title!r}"
        title("question title", self.title)
        kinds = {kind.lower(): kind for kind in QUESTION_TYPES}
        if not isinstance(self.type, str) or self.type.lower() not in kinds:
            raise KaizalaInputError(
                f"{name}: type {shown(self.type)} is unknown; take one of {', '.join(QUESTION_TYPES)}"
            )
        object.__setattr__(self, "type", kinds[self.type.lower()])
        if self.type in ("SingleOption", "MultiOption"):
            if not self.options:
                raise KaizalaInputError(f"{name}: a {self.type} question needs options to choose from")
            object.__setattr__(self, "options", options(f"{name}, options", self.options))
        elif self.options:
            raise KaizalaInputError(
                f"{name}: a {self.type} question takes no options; make it SingleOption or MultiOption"
            )

    def to_wire(self) -> dict[str, Any]:
        """Return the question as Kaizala documents it."""
        body: dict[str, Any] = {"title": self.title, "type": self.type, "isInvisible": self.is_invisible}
        if self.options:
            body["options"] = [{"title": option} for option in self.options]
        return body


def _fields(name: str, value: Any, allowed: Sequence[str], what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise KaizalaInputError(
            f"{name}: a dict with {', '.join(allowed)} is needed for each {what}, not {shown(value)}{rendered(value)}"
        )
    spelled = {"isInvisible": "is_invisible"}
    given = {spelled.get(str(key), str(key)): item for key, item in value.items()}
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise KaizalaInputError(
            f"{name}: {what} has unknown {', '.join(unknown)}; known are {', '.join(allowed)}"
        )
    missing = [key for key in allowed[:2] if key not in given]
    if missing:
        raise KaizalaInputError(f"{name}: {what} {shown(dict(value))} lacks {' and '.join(missing)}")
    return given


def _question(name: str, value: Any) -> Question:
    if isinstance(value, Question):
        return value
    given = _fields(name, value, ("title", "type", "options", "is_invisible"), "question")
    return Question(
        title("question title", given["title"]),
        given["type"],
        tuple(listed(f"question {given['title']!r}, options", given.get("options") or (), "texts")),
        flag("is_invisible", given.get("is_invisible", False)),
    )


def questions(name: str, value: Any) -> tuple[Question, ...]:
    """One or more questions with different titles, as dicts or :class:`Question`."""
    found = maybe_questions(name, value)
    if not found:
        raise KaizalaInputError(f"{name} is empty; a survey needs at least one question")
    return found


def maybe_questions(name: str, value: Any) -> tuple[Question, ...]:
    """Questions with different titles, or none."""
    found = tuple(_question(name, item) for item in listed(name, value, "questions"))
    _different(name, [question.title for question in found], "questions")
    return found


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a custom action's card; the value is always text on the wire."""

    name: str
    type: str
    value: str

    def __post_init__(self) -> None:
        title("property name", self.name)
        kinds = {kind.lower(): kind for kind in PROPERTY_TYPES}
        if str(self.type).lower() not in kinds:
            raise KaizalaInputError(
                f"property {self.name!r}: type {shown(self.type)} is unknown; take one of {', '.join(PROPERTY_TYPES)}"
            )
        object.__setattr__(self, "type", kinds[self.type.lower()])

    def to_wire(self) -> dict[str, Any]:
        """Return the property as Kaizala documents it."""
        return {"name": self.name, "type": self.type, "value": self.value}


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


def properties(name: str, value: Any) -> tuple[Property, ...]:
    """Properties with different names; a plain ``{"name": value}`` dict is taken for Text and Numeric ones."""
    if isinstance(value, Mapping):
        value = [{"name": key, "value": item} for key, item in value.items()]
    found = tuple(_property(name, item) for item in listed(name, value, "properties"))
    _different(name, [each.name for each in found], "properties")
    return found


@dataclass(frozen=True, slots=True)
class Location:
    """A place on earth, in degrees."""

    latitude: float
    longitude: float
    name: str = ""

    def to_wire(self) -> dict[str, Any]:
        """Return the place in the form that is posted."""
        body: dict[str, Any] = {"latitude": self.latitude, "longitude": self.longitude}
        return body | {"name": self.name} if self.name else body


def location(name: str, value: Any) -> Location:
    """A place: ``{"latitude": .., "longitude": .., "name": ..}`` or :class:`Location`."""
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
            f"{name}: latitude lies within ±90 and longitude within ±180, not {shown(dict(value))}"
        )
    return Location(latitude, longitude, given.get("name") or "")
