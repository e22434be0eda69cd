"""What people chose: options compared, ballots counted.

Options are compared without case and without blanks at the ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.waiting.people import latest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.client.models.people import Person

#: option to the people who chose it
Ballots = dict[str, "list[Person]"]
#: these ask one question, so their tally is not keyed by question
_ONE_QUESTION = ("poll", "letsmeet")


def as_offered(option: str, offered: Collection[str]) -> str:
    """Return an option in the spelling in which it is offered; one that is not offered comes back as it is compared.

    Two options may differ in case alone: an exact match goes first.
    """
    if option in offered:
        return option
    plain = option.strip().casefold()
    return next((each for each in offered if each.strip().casefold() == plain), plain)


def is_offered(option: str, offered: Collection[str]) -> bool:
    """Return whether an option can be chosen."""
    return as_offered(option, offered) in offered


def chosen(answer: Any) -> list[str]:
    """Return what one answer chose: its option, or its list of options."""
    return [one for one in (answer if isinstance(answer, list) else [answer]) if isinstance(one, str)]


def ballots(details: ActionDetails) -> dict[str, Ballots]:
    """Return question to option to the people who chose it, by the latest answer of each.

    Options that nobody chose are included as far as Kaizala lists them. Questions without options, such as a text, are left
    out; so are jobs.
    """
    found: dict[str, Ballots] = {
        question: {option: [] for option in options} for question, options in details.options.items()
    }
    if not found and has_one_question(details):
        found[details.title or ""] = {}
    for response in latest(details):
        for question, value in response.answers.items():
            options = found.get(question)
            if options is None:
                continue
            given = [as_offered(one, options) if is_offered(one, options) else one for one in chosen(value)]
            for one in dict.fromkeys(given):
                options.setdefault(one, []).append(response.responder)
    return found


def has_one_question(details: ActionDetails) -> bool:
    """Return whether this is a poll or a meeting."""
    return details.action_type.lower() in _ONE_QUESTION


def winner(counts: Mapping[str, int]) -> str | None:
    """Return the option that most people chose, or None for a tie or if nobody chose anything."""
    most = max(counts.values(), default=0)
    first = [option for option, count in counts.items() if count == most]
    return first[0] if most and len(first) == 1 else None
