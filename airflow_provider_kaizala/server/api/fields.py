"""Reading a request's fields: names in any casing, the conversions Json.NET made, errors that name the field."""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.persons import PHONE
from airflow_provider_kaizala.server.mistakes import unknown_name

#: of a list of texts, such as phone numbers
MAX_ENTRIES = 500
_LARGEST = 2**53


class Fields:
    """An object of a request. Unknown fields are not looked at, unless :meth:`only` refuses them; null counts as absent.

    Each getter takes a field's documented name first, then its aliases (C7 to C9 of the contract).
    """

    def __init__(self, values: Mapping[str, object], where: str = "") -> None:
        self._values = {name.lower(): value for name, value in values.items()}
        self._where = where

    def raw(self, *names: str) -> object:
        """Return a field as it came, or None."""
        for name in names:
            value = self._values.get(name.lower())
            if value is not None:
                return value
        return None

    def has(self, *names: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.raw(*names) is not None

    def only(self, *names: str) -> Fields:
        """Return these fields if there are no others; for the control plane, where a slip would make a test pass."""
        known = {name.lower() for name in names}
        for name in self._values:
            if name not in known:
                said = unknown_name(name, names)
                raise bad_request(said[:1].upper() + said[1:])
        return self

    def over(self, **values: object) -> Fields:
        """Return these fields with some of them replaced."""
        return Fields(
            {**self._values, **{name.lower(): value for name, value in values.items()}}, self._where
        )

    def path(self, name: str) -> str:
        """Return a field's name as an error shows it."""
        return f"{self._where}{name}"

    def optional_text(self, *names: str, most: int = 4000) -> str | None:
        """Return a text or None; a number is taken as its digits, true and false as these words."""
        value = self.raw(*names)
        if value is None:
            return None
        if not isinstance(value, str | int | float):
            raise bad_request(f"{self.path(names[0])} must be a string")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if len(text) > most:
            raise bad_request(f"{self.path(names[0])} is longer than {most} characters")
        return text

    def text(self, *names: str, most: int = 4000) -> str:
        """Return a text that must be there and not blank."""
        text = self.optional_text(*names, most=most)
        if text is None or not text.strip():
            raise bad_request(f"{self.path(names[0])} is required")
        return text

    def boolean(self, *names: str, default: bool = False) -> bool:
        """Return a Boolean; "true", "false", 1 and 0 count too."""
        value = self.raw(*names)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        if isinstance(value, str) and value.strip().lower() in ("true", "false", "1", "0", ""):
            return value.strip().lower() in ("true", "1")
        raise bad_request(f"{self.path(names[0])} must be true or false")

    def integer(self, *names: str, least: int = -_LARGEST, most: int = _LARGEST) -> int | None:
        """Return a whole number or None; a string of digits counts too."""
        value = self.raw(*names)
        if value is None or value == "":
            return None
        number: int | None = None
        if isinstance(value, bool):
            pass
        elif isinstance(value, int):
            number = value
        elif (isinstance(value, float) and value.is_integer()) or (
            isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,19}\s*", value, re.ASCII)
        ):
            number = int(value)
        if number is None:
            raise bad_request(f"{self.path(names[0])} must be a whole number")
        if not least <= number <= most:
            raise bad_request(f"{self.path(names[0])} must be between {least} and {most}")
        return number

    def number(self, name: str) -> float:
        """Return a number that must be there."""
        value = self.raw(name)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
            raise bad_request(f"{self.path(name)} must be a number")
        return value

    def items(self, *names: str) -> list[object]:
        """Return an array, empty when absent."""
        value = self.raw(*names)
        if value is None:
            return []
        if not isinstance(value, list):
            raise bad_request(f"{self.path(names[0])} must be an array")
        return value

    def objects(self, *names: str) -> list[Fields]:
        """Return an array of objects, empty when absent."""
        found = []
        for index, item in enumerate(self.items(*names)):
            if not isinstance(item, dict):
                raise bad_request(f"{self.path(names[0])}[{index}] must be an object")
            found.append(Fields(item, f"{self.path(names[0])}[{index}]."))
        return found

    def object(self, *names: str) -> Fields | None:
        """Return an object, or None when absent."""
        value = self.raw(*names)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise bad_request(f"{self.path(names[0])} must be an object")
        return Fields(value, f"{self.path(names[0])}.")

    def texts(self, *names: str) -> list[str]:
        """Return an array of strings; one string joined by commas counts too."""
        value = self.raw(*names)
        if isinstance(value, str):
            return self._bounded([part.strip() for part in value.split(",") if part.strip()], *names)
        texts = []
        for index, item in enumerate(self.items(*names)):
            if not isinstance(item, str):
                raise bad_request(f"{self.path(names[0])}[{index}] must be a string")
            texts.append(item)
        return self._bounded(texts, *names)

    def split_texts(self, *names: str) -> list[str]:
        """Return an array of strings, of which each may hold several, joined by commas."""
        return self._bounded(
            [part.strip() for text in self.texts(*names) for part in text.split(",")], *names
        )

    def _bounded(self, entries: list[str], *names: str) -> list[str]:
        """Refuse more than one call may name: each of them is looked up while others wait to write."""
        if len(entries) > MAX_ENTRIES:
            raise bad_request(
                f"{self.path(names[0])} holds more than {MAX_ENTRIES} entries; send them in several calls"
            )
        return entries

    def phones_and_others(self, *names: str) -> tuple[list[str], list[str]]:
        """Return phone numbers, each once, in order, and the entries that are none; an entry may hold several."""
        given = dict.fromkeys(part for part in self.split_texts(*names) if part)
        phones = [one for one in given if PHONE.match(one)]
        return phones, [one for one in given if one not in phones]

    def phones(self, *names: str) -> list[str]:
        """Return phone numbers, each once, in order; an entry may hold several, joined by commas."""
        given = self.split_texts(*names)
        phones = [phone for phone in given if phone or len(given) == 1]
        for phone in phones:
            if not PHONE.match(phone):
                raise bad_request(
                    f"{self.path(names[0])} holds {phone[:40]!r}, which is not a phone number with + and country "
                    "code"
                )
        return list(dict.fromkeys(phones))

    def choice(self, allowed: tuple[str, ...], *names: str) -> str | None:
        """Return one of some words in its documented casing, or None when absent or blank."""
        value = self.optional_text(*names)
        if value is None or not value.strip():
            return None
        for word in allowed:
            if word.lower() == value.strip().lower():
                return word
        raise bad_request(f"{self.path(names[0])} must be one of {', '.join(allowed)}")
