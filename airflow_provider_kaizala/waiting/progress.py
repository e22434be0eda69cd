"""How far a wait has come, and who counts. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.models import Person
from airflow_provider_kaizala.waiting.answers import called

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.models import ActionDetails, Response


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a wait has come.

    :param met: whether what the rule asks for has come
    :param answered: who has answered; somebody unknown stands for each anonymous answer
    :param needed: how many must
    :param missing: who in particular has not
    :param hopeless: whether it can no longer come, as when too many have voted against
    :param told: in words, where that is more than counts and names
    """

    met: bool
    answered: tuple[Person, ...]
    needed: int
    missing: tuple[Person, ...] = ()
    hopeless: bool = False
    told: str = ""

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.met or self.hopeless

    def __str__(self) -> str:
        text = self.told or f"{len(self.answered)} of {self.needed}: {called(self.answered)}"
        return f"{text}; missing: {called(self.missing)}" if self.missing else text


def who(response: Response, at: int) -> object:
    """Return what tells the giver of an answer from others; each anonymous answer is somebody of its own."""
    person = response.responder
    return person.mobile_number or person.id or at


def latest(action: ActionDetails) -> tuple[Response, ...]:
    """Return the answer that counts of each person: the latest, by its time, else by its place in the list."""
    found: dict[object, Response] = {}
    for at, response in enumerate(action.responses):
        if not response.counts:
            continue
        before = found.get(who(response, at))
        if (
            before
            and before.responded_at
            and response.responded_at
            and before.responded_at > response.responded_at
        ):
            continue
        found[who(response, at)] = response
    return tuple(found.values())


def who_answered(action: ActionDetails) -> tuple[Person, ...]:
    """Return the different people who have answered."""
    return tuple(response.responder for response in latest(action))


def split(
    wanted: Sequence[Person], answered: Sequence[Person]
) -> tuple[tuple[Person, ...], tuple[Person, ...]]:
    """Return those of *wanted* who have answered, and the others."""
    known = {_key(person) for person in answered} - {None}
    there = tuple(person for person in wanted if _key(person) in known)
    return there, tuple(person for person in wanted if _key(person) not in known)


def _key(person: Person) -> str | None:
    return person.mobile_number or person.id or person.name


def named(numbers: Sequence[str], names: Mapping[str, str], action: ActionDetails) -> list[Person]:
    """Return people by number, with the names that are known of them."""
    known = {person.mobile_number: person for person in (*action.assignees, *who_answered(action))}
    return [known.get(number) or Person(number, names.get(number)) for number in numbers]
