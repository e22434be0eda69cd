"""Regular expressions that are found in linear time.

Anybody in a group may write the texts that a wait looks at, and Python's own matcher needs exponential time for some pairs of
pattern and text, during which a triggerer would do nothing else. So Python only parses a pattern, and its automaton is run here: each
character of a text is looked at once for each state. What no automaton can do (looking around, back references) is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks

#: characters of a text that are looked at; Kaizala accepts no more in a message
LONGEST = checks.TEXT_LIMIT
#: states that a pattern may have; a repeat such as ``{2,9}`` has those of its content nine times
MOST_STATES = 500
_FOUND = -1
_parser: Any = import_module("re._parser")
_compiler: Any = import_module("re._compiler")


class Pattern:
    """A pattern as :mod:`re` writes it, inline flags such as ``(?i)`` included.

    :raises KaizalaInputError: if it is invalid, too large, or cannot be found in linear time
    """

    def __init__(self, text: str) -> None:
        # where to go on; behind a character, or a position, that fits, or at once
        self._states: list[tuple[re.Pattern[str] | None, bool, list[int]]] = []
        try:
            parsed = _parser.parse(text)
            self._start = self._sequence(parsed, parsed.state.flags, _FOUND)
        except (re.error, RecursionError, OverflowError) as error:
            raise KaizalaInputError(f"{text!r} is not a regular expression: {error}") from None

    def is_in(self, text: str) -> bool:
        """Return whether the pattern is found anywhere in a text, as ``re.search`` finds it."""
        text = text[:LONGEST]
        behind: list[int] = []
        for position in range(len(text) + 1):
            here = self._reached([self._start, *behind], text, position)
            if _FOUND in here:
                return True
            behind = [
                then
                for each in here
                for (fits, consumes, (then, *_)) in [self._states[each]]
                if consumes and position < len(text) and fits is not None and fits.match(text, position)
            ]
        return False

    def _reached(self, states: list[int], text: str, position: int) -> set[int]:
        """Return these states and those that follow from them without another character."""
        found: set[int] = set()
        while states:
            state = states.pop()
            if state in found:
                continue
            found.add(state)
            if state != _FOUND:
                fits, consumes, then = self._states[state]
                if not consumes and (fits is None or fits.match(text, position)):
                    states += then
        return found

    # --- building ----------------------------------------------------------------------------------------------------------

    def _add(self, then: list[int], fits: re.Pattern[str] | None = None, *, consumes: bool = False) -> int:
        if len(self._states) >= MOST_STATES:
            raise re.error("it is too large")
        self._states.append((fits, consumes, then))
        return len(self._states) - 1

    def _sequence(self, items: Any, flags: int, then: int) -> int:
        """Return the state with which items begin that are followed by another state."""
        for operation, argument in reversed(list(items)):
            then = self._item(operation, argument, flags, then)
        return then

    def _item(self, operation: Any, argument: Any, flags: int, then: int) -> int:
        match str(operation):
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                return self._add([then], _compiled(operation, argument, flags), consumes=True)
            case "AT":
                return self._add([then], _compiled(operation, argument, flags))
            case "BRANCH":
                return self._add([self._sequence(each, flags, then) for each in argument[1]])
            case "SUBPATTERN":
                _, switched_on, switched_off, inner = argument
                return self._sequence(inner, (flags | switched_on) & ~switched_off, then)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, inner = argument
                return self._repeat(least, most, inner, flags, then)
        raise re.error(f"{str(operation).lower()} is not supported, since it may take too long")

    def _repeat(self, least: int, most: int, items: Any, flags: int, then: int) -> int:
        if least > MOST_STATES:
            raise re.error("it is too large")
        if most == _parser.MAXREPEAT:
            loop = self._add([then])
            self._states[loop][2].append(self._sequence(items, flags, loop))
            then = loop
        else:
            after = then
            for _ in range(most - least):
                then = self._add([self._sequence(items, flags, then), after])
        for _ in range(least):
            then = self._sequence(items, flags, then)
        return then


def _compiled(operation: Any, argument: Any, flags: int) -> re.Pattern[str]:
    """Return a matcher for one element, a character or a position, which takes the same time for each text."""
    state = _parser.State()
    state.flags = flags
    compiled: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [(operation, argument)]))
    return compiled


@lru_cache(maxsize=256)
def pattern(text: str) -> Pattern:
    """Return the pattern that a text describes.

    :raises KaizalaInputError: if there is none
    """
    return Pattern(text)


def check_pattern(name: str, value: Any) -> str:
    """Check a regular expression that is found in linear time.

    :raises KaizalaInputError: names the argument
    """
    text = checks.title(name, value)
    try:
        pattern(text)
    except KaizalaInputError as error:
        raise KaizalaInputError(f"{name}: {error}") from None
    return text
