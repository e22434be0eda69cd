"""When a wait is over: rules, pure and plain.

A rule travels to a trigger as a dict ``{"kind": ...}``, which is public and changes only by addition:

====================================================  ==================================================
wire                                                  over when
====================================================  ==================================================
``{"kind": "any"}``                                   somebody has answered
``{"kind": "at_least", "count": 3}``                  three different people have answered
``{"kind": "everyone"}``                              everyone has who must: the assignees of a job
``{"kind": "people", "people": [..], "need": "all"}``  these have, all of them (or ``"any"`` of them)
====================================================  ==================================================

The short forms ``"any"``, ``"all"``, ``3`` and a list of phone numbers mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import ActionDetails, Person, checks
from airflow_provider_kaizala.waiting.answers import called


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a wait has come.

    :param met: whether it is over
    :param answered: who has answered; somebody unknown stands for each anonymous answer
    :param needed: how many must
    :param missing: who in particular has not
    """

    met: bool
    answered: tuple[Person, ...]
    needed: int
    missing: tuple[Person, ...] = ()

    def __str__(self) -> str:
        text = f"{len(self.answered)} answered, {self.needed} needed: {called(self.answered)}"
        return f"{text}; missing: {called(self.missing)}" if self.missing else text


def _who_answered(action: ActionDetails) -> tuple[Person, ...]:
    """Return the different people who have answered; anonymous answers each count."""
    people: dict[object, Person] = {}
    for at, response in enumerate(action.responses):
        if response.counts:
            person = response.responder
            people.setdefault(person.mobile_number or person.id or at, person)
    return tuple(people.values())


def _key(person: Person) -> str | None:
    return person.mobile_number or person.id or person.name


def _split(
    wanted: Sequence[Person], answered: Sequence[Person]
) -> tuple[tuple[Person, ...], tuple[Person, ...]]:
    """Return those of *wanted* who have answered, and the others."""
    known = {_key(person) for person in answered} - {None}
    there = tuple(person for person in wanted if _key(person) in known)
    return there, tuple(person for person in wanted if _key(person) not in known)


@dataclass(frozen=True)
class Rule:
    """Base of the rules."""

    kind: ClassVar[str]

    def progress(self, action: ActionDetails) -> Progress:
        """Say how far the wait has come.

        :raises KaizalaInputError: if the rule does not fit this action
        """
        raise TypeError(f"{type(self).__name__} is no rule by itself")

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        return {"kind": self.kind}


@dataclass(frozen=True)
class AnyAnswer(Rule):
    """Somebody has answered."""

    kind: ClassVar[str] = "any"

    def progress(self, action: ActionDetails) -> Progress:
        """One answer is enough."""
        return AtLeast(1).progress(action)


@dataclass(frozen=True)
class AtLeast(Rule):
    """So many different people have answered."""

    count: int
    kind: ClassVar[str] = "at_least"

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 1:
            raise KaizalaInputError(f"until: a count of at least 1 is needed, not {checks.shown(self.count)}")

    def progress(self, action: ActionDetails) -> Progress:
        """Count people, not answers."""
        answered = _who_answered(action)
        missing: tuple[Person, ...] = ()
        if action.assignees:
            if self.count > len(action.assignees):
                raise KaizalaInputError(
                    f"until: {self.count} answers can never come, the job has {len(action.assignees)} assignees"
                )
            missing = _split(action.assignees, answered)[1]
        return Progress(len(answered) >= self.count, answered, self.count, missing)

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        return {"kind": self.kind, "count": self.count}


@dataclass(frozen=True)
class Everyone(Rule):
    """All assignees of a job are done."""

    kind: ClassVar[str] = "everyone"

    def progress(self, action: ActionDetails) -> Progress:
        """Compare the assignees with who is done."""
        if not action.assignees:
            raise KaizalaInputError(
                f"until: 'all' needs to know who must answer, and a {action.action_type} has no assignees; "
                "name the people, or give a count"
            )
        answered, missing = _split(action.assignees, _who_answered(action))
        return Progress(not missing, answered, len(action.assignees), missing)


@dataclass(frozen=True)
class People(Rule):
    """Named people have answered.

    :param people: their phone numbers
    :param need: ``"all"`` of them, or ``"any"``
    """

    people: tuple[str, ...] = field()
    need: str = "all"
    kind: ClassVar[str] = "people"

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", checks.phones("until", self.people))
        if self.need not in ("all", "any"):
            raise KaizalaInputError(f"until: need is 'all' or 'any', not {checks.shown(self.need)}")

    def progress(self, action: ActionDetails) -> Progress:
        """Look for each of them among those who have answered."""
        there = _who_answered(action)
        known = {person.mobile_number: person for person in (*action.assignees, *there)}
        wanted = [known.get(number, Person(number)) for number in self.people]
        answered, missing = _split(wanted, there)
        needed = len(wanted) if self.need == "all" else 1
        return Progress(len(answered) >= needed, answered, needed, missing)

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        return {"kind": self.kind, "people": list(self.people), "need": self.need}


_FORMS = "'any', 'all', a count, a list of phone numbers, or a rule such as {'kind': 'at_least', 'count': 3}"


def _is_count(value: Any) -> bool:
    """Tell whether *value* is digits, as a template renders a count."""
    return isinstance(value, str) and value.strip().isdecimal() and len(value) < 10


def read_rule(until: Any) -> Rule:
    """Read a rule in any of its forms.

    :raises KaizalaInputError: if it is none
    """
    if isinstance(until, Rule):
        return until
    if callable(until):
        raise KaizalaInputError(f"until: a function cannot travel to a trigger; give {_FORMS}")
    if isinstance(until, str):
        word = until.strip().lower()
        if _is_count(word):
            return AtLeast(int(word))
        short = {"any": AnyAnswer(), "all": Everyone(), "everyone": Everyone()}
        if word in short:
            return short[word]
    if isinstance(until, int) and not isinstance(until, bool):
        return AtLeast(until)
    if isinstance(until, Mapping):
        return _from_wire(until)
    if isinstance(until, Sequence) and not isinstance(until, (str, bytes)):
        return People(tuple(until))
    raise KaizalaInputError(f"until: {checks.shown(until)} is no rule; give {_FORMS}")


def _from_wire(wire: Mapping[str, Any]) -> Rule:
    kinds: dict[str, tuple[type[Rule], set[str]]] = {
        "any": (AnyAnswer, set()),
        "at_least": (AtLeast, {"count"}),
        "everyone": (Everyone, set()),
        "people": (People, {"people", "need"}),
    }
    kind = wire.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise KaizalaInputError(f"until: kind {checks.shown(kind)} is unknown; known are {', '.join(kinds)}")
    made, allowed = kinds[kind]
    given = {str(key): value for key, value in wire.items() if key != "kind"}
    if set(given) - allowed or (allowed - {"need"}) - set(given):
        needs = ", ".join(sorted(allowed)) or "nothing else"
        raise KaizalaInputError(
            f"until: kind {kind!r} takes {needs}, not {', '.join(sorted(given)) or 'nothing'}"
        )
    if isinstance(given.get("people"), list):
        given["people"] = tuple(given["people"])
    if _is_count(given.get("count")):
        given["count"] = int(given["count"])
    return made(**given)
