"""Options and who chose them: compared without case and without blanks at the ends. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


def as_offered(option: str, offered: Collection[str]) -> str:
    """Return an option as it is spelled where it can be chosen; what cannot comes back as it is compared.

    Options may differ in case alone: one that is spelled exactly so goes first.
    """
    if option in offered:
        return option
    plain = option.strip().casefold()
    return next((each for each in offered if each.strip().casefold() == plain), plain)


def is_offered(option: str, offered: Collection[str]) -> bool:
    """Tell whether an option can be chosen."""
    return as_offered(option, offered) in offered


def chosen(answer: Any) -> list[str]:
    """Return what somebody chose, by one answer: one option or a list of them."""
    return [one for one in (answer if isinstance(answer, list) else [answer]) if isinstance(one, str)]
