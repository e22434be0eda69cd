"""Checks what Kaizala accepts: one function for each kind of argument.

A check takes the name and the value of an argument, returns the value as it will be sent, and raises
:class:`KaizalaInputError`, which says what is wrong, what was given and what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError

Check = Callable[[str, Any], Any]

TEXT_LIMIT = 4000
#: what Jinja renders for a missing value, in lower case
NOTHING = ("", "none", "null")
_PHONE = re.compile(r"\+[0-9]{6,15}")
_DIGITS = re.compile(r"[0-9]{1,18}")
_GROUP_ID = re.compile(r"[^/?#%]{1,200}")


def shown(value: Any) -> str:
    """Return the repr of a value for an error message, shortened if long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def package_id(name: str, value: Any) -> str:
    """Check the id of an action package: free text, without the whitespace that a template may leave around it."""
    return title(name, value).strip()


def optional(check: Check) -> Check:
    """Return a check that accepts None, and applies *check* to anything else."""
    return lambda name, value: None if value is None else check(name, value)


# --- text ----------------------------------------------------------------------------------------------------------------


def text(name: str, value: Any) -> str:
    """Check a text of 1 to 4,000 characters."""
    title(name, value)
    if len(value) > TEXT_LIMIT:
        raise KaizalaInputError(
            f"{name} has {len(value)} characters, and Kaizala accepts at most {TEXT_LIMIT}: shorten or split it"
        )
    return str(value)


def title(name: str, value: Any) -> str:
    """Check a name or an address: text of any length that is not blank."""
    if not isinstance(value, str):
        raise KaizalaInputError(f"{name} must be a string, not {shown(value)}")
    if not value.strip():
        raise KaizalaInputError(f"{name} is empty; give some text")
    return sendable(name, value)


def sendable(name: str, value: str) -> str:
    """Refuse NUL, and lone surrogates, which UTF-8 cannot encode; a file name that is not valid UTF-8 contains some."""
    if "\0" in value:
        raise KaizalaInputError(
            f"{name}: character {value.index(chr(0)) + 1} is NUL, which Kaizala does not accept; remove it"
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise KaizalaInputError(
            f"{name}: character {error.start + 1} is half of a surrogate pair, which cannot be sent; remove it"
        ) from None
    return value


def secret(name: str, value: Any) -> str:
    """Check a text that no error message may show."""
    if not isinstance(value, str):
        raise KaizalaInputError(f"{name} must be a string, not {type(value).__name__}")
    return title(name, value)


def one_of(*words: str) -> Check:
    """Return a check for one of *words*, in any case."""

    def check(name: str, value: Any) -> str:
        for word in words:
            if isinstance(value, str) and value.strip().lower() == word.lower():
                return word
        raise KaizalaInputError(f"{name} must be one of {', '.join(words)}, not {shown(value)}")

    return check


# --- ids and phone numbers -----------------------------------------------------------------------------------------------


def resolved(name: str, value: Any) -> None:
    """Refuse what a template renders for a missing value: None, an empty text, ``"None"``."""
    if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING):
        what = shown(value) if value is None or value.strip() else "empty"
        raise KaizalaInputError(
            f"{name} is {what}. If a template was to render it, its upstream task or parameter produced no value: "
            "check the spelling, and that the task has run and returned it"
        )


def identifier(name: str, value: Any) -> str:
    """Check an id that Kaizala issued; whitespace around it is removed."""
    resolved(name, value)
    given = title(name, value).strip()
    if not given.isprintable() or " " in given:
        raise KaizalaInputError(
            f"{name}: {shown(value)} is not a valid id; give the id as Kaizala issued it, without spaces or line breaks"
        )
    return given


def group_id(name: str, value: Any) -> str:
    """Check a group id: in practice a GUID, newer ones with ``@1``. Only Kaizala knows whether the group exists."""
    resolved(name, value)
    try:
        given = identifier(name, value)
    except KaizalaInputError:
        given = ""
    if not _GROUP_ID.fullmatch(given):
        raise KaizalaInputError(
            f"{name}: {shown(value)} is not a valid group id; give the GUID, with its @ and digit if it has one, "
            "such as '11111111-1111-4111-8111-111111111111@1'"
        )
    return given


def phone(name: str, value: Any) -> str:
    """Check a phone number in E.164 format."""
    if not isinstance(value, str) or not _PHONE.fullmatch(value.strip()):
        native = ", as text: render_template_as_native_obj removes the +" if isinstance(value, int) else ""
        raise KaizalaInputError(
            f"{name}: {shown(value)} is not a phone number in E.164 format; give + and 6 to 15 digits, such as "
            f"'+910000000001'{native}"
        )
    return value.strip()


def phones(name: str, value: Any) -> tuple[str, ...]:
    """Check one or more phone numbers; duplicates are removed."""
    return several(name, value, "phone numbers", phone, "at least one phone number such as '+910000000001'")


# --- flags and numbers ---------------------------------------------------------------------------------------------------


def flag(name: str, value: Any) -> bool:
    """Check True or False; the words are accepted too, since a template renders text."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return boolean(name, value)


def boolean(name: str, value: Any) -> bool:
    """Check True or False of an argument that is not templated: ``"False"`` is no boolean there."""
    if not isinstance(value, bool):
        raise KaizalaInputError(f"{name} must be True or False, not {shown(value)}")
    return value


def whole_number(least: int, what: str | None = None) -> Check:
    """Return a check for a whole number of at least *least*; digits are accepted too, since a template renders text.

    :param what: names what is needed in the error, instead of the number
    """
    needed = what or f"a whole number of at least {least}"

    def check(name: str, value: Any) -> int:
        number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value.strip()) else value
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise KaizalaInputError(f"{name} must be {needed}, not {shown(value)}")
        return number

    return check


#: what a timedelta can hold, in seconds
_LONGEST = timedelta.max.total_seconds()


def seconds(name: str, value: Any) -> float:
    """Check a length of time: seconds above 0, or a timedelta. Returns seconds."""
    length = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(length, bool) or not isinstance(length, (int, float)) or not 0 < length < _LONGEST:
        raise KaizalaInputError(
            f"{name} must be a number of seconds above 0 or a timedelta, not {shown(value)}"
        )
    return float(length)


_minutes = whole_number(1, "a whole number of minutes above 0 or a timedelta")


def minutes(name: str, value: Any) -> int:
    """Check a length of time: whole minutes above 0, or a timedelta, which is rounded up. Returns minutes."""
    if isinstance(value, timedelta) and value > timedelta(0):
        value = -(-value // timedelta(minutes=1))
    number: int = _minutes(name, value)
    return number


# --- lists and JSON ------------------------------------------------------------------------------------------------------


def listed(name: str, value: Any, what: str) -> list[Any]:
    """Check a list, which a single string is not."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, (Sequence, set, frozenset)):
        raise KaizalaInputError(f"{name} must be a list of {what}, not {shown(value)}{rendered(value)}")
    return list(value)


def ordered(name: str, value: Any, what: str) -> list[Any]:
    """Check a list whose order people see. A set is refused: two processes, and so two tries, iterate it in different orders."""
    if isinstance(value, (set, frozenset)):
        raise KaizalaInputError(f"{name} must be a list of {what}, not {shown(value)}: a set has no order")
    return listed(name, value, what)


def several(name: str, value: Any, what: str, check: Check, needed: str) -> tuple[Any, ...]:
    """Check each element of a list that must not be empty; duplicates are removed."""
    given = listed(name, value, what)
    if not given:
        raise KaizalaInputError(f"{name} is empty; give {needed}")
    return tuple(dict.fromkeys(check(name, item) for item in given))


def rendered(value: Any) -> str:
    """Return a hint for an error message if *value* is a list or dict that a template has turned into text."""
    text = value.strip() if isinstance(value, str) else ""
    if len(text) < 2 or text[0] + text[-1] not in ("[]", "()", "{}"):
        return ""
    return (
        "; a template has turned it into text: pass dag.param('name') or the upstream task's output itself, or set "
        "render_template_as_native_obj=True on the DAG"
    )


def options(name: str, value: Any) -> tuple[str, ...]:
    """Check two or more different texts to choose from; ``{"title": ...}`` is accepted for each too."""
    given = [
        item.get("title") if isinstance(item, Mapping) else item
        for item in ordered(name, value, "options (texts)")
    ]
    if len(given) < 2:
        raise KaizalaInputError(f"{name} must hold at least 2 options to choose from, not {len(given)}")
    titles = tuple(text(f"{name}: option {number}", item) for number, item in enumerate(given, 1))
    distinct(name, titles, "options")
    return titles


def distinct(name: str, titles: Sequence[str], what: str) -> None:
    """Refuse two equal titles; *what* names what they are titles of."""
    seen: set[str] = set()
    for each in titles:
        if each.strip() in seen:
            raise KaizalaInputError(f"{name}: two {what} are {each!r}; each must have a text of its own")
        seen.add(each.strip())


def json_value(name: str, value: Any) -> Any:
    """Check a value that JSON can represent."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise KaizalaInputError(
            f"{name}: {shown(value)} cannot be written as JSON; use text, finite numbers, lists and dicts"
        ) from None
    return value
