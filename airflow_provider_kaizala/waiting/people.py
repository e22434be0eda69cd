"""Who has answered, and how people are named."""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow_provider_kaizala.client.models import ActionDetails, Member, Response, Subscriber


def as_person(listed: Member | Subscriber) -> Person:
    """Return a member or a subscriber of a group as a person."""
    return Person(listed.mobile_number, listed.name, listed.id)


def latest(details: ActionDetails) -> tuple[Response, ...]:
    """Return the answer of each person that counts: the latest by its time, or else by its place in the list.

    Each anonymous answer counts as one of a different person.
    """
    found: dict[object, Response] = {}
    for position, response in enumerate(details.responses):
        if not response.counts:
            continue
        key = response.responder.mobile_number or response.responder.id or position
        earlier, now = found[key].responded_at if key in found else None, response.responded_at
        if not (earlier and now and earlier > now):
            found[key] = response
    return tuple(found.values())


def respondents(details: ActionDetails) -> tuple[Person, ...]:
    """Return the different people who have answered."""
    return tuple(response.responder for response in latest(details))


def answers_of(people: Collection[str] | None, details: ActionDetails) -> ActionDetails:
    """Return *details* with the answers of these phone numbers alone, and with no other assignees; None keeps all."""
    if people is None:
        return details
    return replace(
        details,
        responses=tuple(each for each in details.responses if each.responder.mobile_number in people),
        assignees=tuple(person for person in details.assignees if person.mobile_number in people),
    )


def split(
    wanted: Sequence[Person], answered: Sequence[Person]
) -> tuple[tuple[Person, ...], tuple[Person, ...]]:
    """Return those of *wanted* who have answered, and those who have not."""
    known = {_key(person) for person in answered} - {None}
    return (
        tuple(person for person in wanted if _key(person) in known),
        tuple(person for person in wanted if _key(person) not in known),
    )


def _key(person: Person) -> str | None:
    return person.mobile_number or person.id or person.name


def by_number(numbers: Sequence[str], names: Mapping[str, str], details: ActionDetails) -> list[Person]:
    """Return people by phone number, with the names that are known of them."""
    known = {person.mobile_number: person for person in (*details.assignees, *respondents(details))}
    return [known.get(number) or Person(number, names.get(number)) for number in numbers]


def names(people: Iterable[Person]) -> list[str]:
    """Return the name or else the phone number of each; people with neither, as in an anonymous survey, are left out."""
    return [known for person in people if (known := person.name or person.mobile_number)]


def list_names(people: Iterable[Person]) -> str:
    """Return names for a log line, separated by commas."""
    return ", ".join(person.name or person.mobile_number or "somebody" for person in people)


class Eligible(Value):
    """Who can answer.

    :param asked: those who are asked, without the sender: phone number to name, or to None if the name is unknown
    :param others: those who may answer too: the sender, and members of a hub group, whose subscribers are asked
    :param described: what these people are, for error messages
    """

    asked: Mapping[str, str | None]
    others: Mapping[str, str | None] = field(default_factory=dict)
    described: str = "members of the group"

    @property
    def names(self) -> dict[str, str | None]:
        """All who may answer: phone number to name."""
        return {**self.others, **self.asked}

    def only(self, numbers: Iterable[str], described: str) -> Eligible:
        """Return these people alone.

        :raises KaizalaInputError: if one of them is not eligible
        """
        wanted = tuple(numbers)
        self.require(wanted)
        known = self.names
        return Eligible({number: known.get(number) for number in wanted}, described=described)

    def require(self, numbers: Iterable[str]) -> None:
        """Check that these people can answer.

        :raises KaizalaInputError: names those who cannot
        """
        known = self.names
        strangers = [number for number in numbers if number not in known]
        if strangers:
            raise KaizalaInputError(
                f"until: {', '.join(strangers)} cannot answer: not among the {self.described}. Add them there, or leave them out"
            )

    def require_count(self, count: int) -> None:
        """Check that so many people can answer.

        :raises KaizalaInputError: if there are fewer
        """
        size = len(self.names)
        if count > size:
            raise KaizalaInputError(
                f"until: cannot wait for {count} people; number of {self.described}: {size}. Lower the count"
            )

    def known_names(self, numbers: Collection[str]) -> dict[str, str]:
        """Return the names of these people, as far as they are known."""
        return {number: name for number, name in self.names.items() if name and number in numbers}


def rule_error(error: object, argument: str) -> str:
    """Return the text of an error, in which a rule that ``until`` did not give is called by the argument that it came from."""
    return re.sub(r"^until\b", argument, str(error))
