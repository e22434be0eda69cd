"""Options and who chose them: compared without case and without blanks at the ends. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def plain(option: str) -> str:
    """Return an option as it is compared."""
    return option.strip().casefold()


def spellings(options: Iterable[str]) -> dict[str, str]:
    """Return each option by what it is compared as."""
    return {plain(option): option for option in options}


def chosen(answer: Any) -> list[str]:
    """Return what somebody chose, by one answer: one option or a list of them."""
    return [one for one in (answer if isinstance(answer, list) else [answer]) if isinstance(one, str)]
