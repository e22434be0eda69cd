"""When a wait is over: rules, pure and plain.

A rule travels to a trigger as a dict ``{"kind": ...}``, which is public and changes only by addition:

=======================================================  ===============================================================
wire                                                     over when
=======================================================  ===============================================================
``{"kind": "any"}``                                      somebody has answered
``{"kind": "at_least", "count": 3}``                     three different people have answered
``{"kind": "everyone"}``                                 everyone has who must: the assignees of a job; else the members of
                                                         the group, or of a hub group the subscribers, without the sender
``{"kind": "people", "people": [..], "need": "all"}``    these have, all of them (or ``"any"`` of them)
``{"kind": "quorum", "option": "Approve", "count": 2,    two of these have chosen it, or so many have chosen something else
"people": [..]}``                                        that two no longer can; without ``people`` whoever answers counts
``{"kind": "all_of", "rules": [..]}``                    each of these rules is met, or one no longer can be
``{"kind": "any_of", "rules": [..]}``                    one of these rules is met, or none can be any more
=======================================================  ===============================================================

The short forms ``"any"``, ``"all"``, ``3`` and a list of phone numbers mean the same. In Python, rules combine with ``&`` and
``|``, also with a short form: ``AtLeast(5) | "all"``. The latest answer of a person counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Person, checks
from airflow_provider_kaizala.waiting.choices import as_offered, chosen, is_offered
from airflow_provider_kaizala.waiting.progress import Progress, latest, named, split, who_answered
from airflow_provider_kaizala.waiting.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.waiting.rule import Audience


def check_count(value: Any) -> int:
    """Return a count of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise KaizalaInputError(f"until: a count of at least 1 is needed, not {checks.shown(value)}")
    return value


@dataclass(frozen=True)
class AnyAnswer(Rule):
    """Somebody has answered."""

    kind: ClassVar[str] = "any"

    @property
    def asks_for_audience(self) -> bool:
        """Whoever answers will do."""
        return False

    def progress(self, action: ActionDetails) -> Progress:
        """One answer is enough."""
        return AtLeast(1).progress(action)


@dataclass(frozen=True)
class AtLeast(Rule):
    """So many different people have answered."""

    count: int
    kind: ClassVar[str] = "at_least"

    def __post_init__(self) -> None:
        check_count(self.count)

    def progress(self, action: ActionDetails) -> Progress:
        """Count people, not answers."""
        answered = who_answered(action)
        missing: tuple[Person, ...] = ()
        if action.assignees:
            if self.count > len(action.assignees):
                raise KaizalaInputError(
                    f"until: {self.count} answers can never come, the job has {len(action.assignees)} assignees"
                )
            missing = split(action.assignees, answered)[1]
        return Progress(len(answered) >= self.count, answered, self.count, missing)

    def within(self, audience: Audience) -> Rule:
        """There must be so many people."""
        if self.count > audience.size:
            raise KaizalaInputError(
                f"until: {self.count} answers can never come, the group has {audience.size} people"
            )
        return self

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        return {"kind": self.kind, "count": self.count}


@dataclass(frozen=True)
class Everyone(Rule):
    """Everyone has answered who must: the assignees of a job, else the audience.

    :param people: the audience, once it is known
    """

    people: tuple[str, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "everyone"

    def __post_init__(self) -> None:
        if self.people is not None:
            object.__setattr__(self, "people", checks.phones("until", self.people))

    def progress(self, action: ActionDetails) -> Progress:
        """Compare those who must with those who have."""
        if action.assignees:
            wanted: Sequence[Person] = action.assignees
        elif self.people is None:
            raise KaizalaInputError(
                f"until: 'all' needs to know who must answer, and a {action.action_type} has no assignees; "
                "name the people, or give a count"
            )
        else:
            wanted = named(self.people, self.names, action)
        answered, missing = split(wanted, who_answered(action))
        return Progress(not missing, answered, len(wanted), missing)

    def asked(self, people: Sequence[str]) -> Rule:
        """Everyone is these people."""
        return self if self.people is not None else replace(self, people=tuple(people))

    def within(self, audience: Audience) -> Rule:
        """Everyone is the audience as it is now, unless it is known already."""
        if self.people is not None:
            return self if self.names else replace(self, names=_known(audience.everybody, self.people))
        if not audience.names:
            raise KaizalaInputError(
                "until: 'all' waits for nobody, the group has no members besides the sender"
            )
        return replace(self, people=tuple(audience.names), names=_known(audience.names))

    @property
    def by_name(self) -> bool:
        """Who is missing is told by name."""
        return True

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        if self.people is None:
            return {"kind": self.kind}
        return {"kind": self.kind, "people": list(self.people), "names": dict(self.names)}


def _need_assigned(numbers: Sequence[str], action: ActionDetails) -> None:
    """Refuse people whom a job is not assigned to."""
    assigned = [person.mobile_number for person in action.assignees]
    strangers = [number for number in numbers if number not in assigned]
    if assigned and strangers and None not in assigned:
        raise KaizalaInputError(
            f"until: the job is not assigned to {', '.join(strangers)}, but to {', '.join(map(str, assigned))}"
        )


def _known(names: Mapping[str, str | None], numbers: Sequence[str] | None = None) -> dict[str, str]:
    return {number: name for number, name in names.items() if name and (numbers is None or number in numbers)}


@dataclass(frozen=True)
class People(Rule):
    """Named people have answered.

    :param people: their phone numbers
    :param need: ``"all"`` of them, or ``"any"``
    :param names: phone number to name, for logs
    """

    people: tuple[str, ...] = field()
    need: str = "all"
    names: Mapping[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "people"

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", checks.phones("until", self.people))
        if self.need not in ("all", "any"):
            raise KaizalaInputError(f"until: need is 'all' or 'any', not {checks.shown(self.need)}")

    def progress(self, action: ActionDetails) -> Progress:
        """Look for each of them among those who have answered."""
        _need_assigned(self.people, action)
        wanted = named(self.people, self.names, action)
        answered, missing = split(wanted, who_answered(action))
        needed = len(wanted) if self.need == "all" else 1
        return Progress(len(answered) >= needed, answered, needed, missing)

    def within(self, audience: Audience) -> Rule:
        """All of them must be able to answer."""
        audience.need(self.people)
        return replace(self, names=_known(audience.everybody, self.people))

    @property
    def by_name(self) -> bool:
        """They are named."""
        return True

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        wire = {"kind": self.kind, "people": list(self.people), "need": self.need}
        return wire | {"names": dict(self.names)} if self.names else wire


@dataclass(frozen=True)
class Quorum(Rule):
    """So many people have chosen one option. Over also when so many no longer can.

    :param option: the option, compared without case unless two differ in nothing else
    :param count: how many must choose it
    :param people: phone numbers of those whose answers count; None for whoever answers
    :param question: of a survey with several; None looks at all questions
    """

    option: str
    count: int
    people: tuple[str, ...] | None = None
    question: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "quorum"

    def __post_init__(self) -> None:
        checks.title("until: option", self.option)
        check_count(self.count)
        if self.question is not None:
            checks.title("until: question", self.question)
        if self.people is not None:
            object.__setattr__(self, "people", checks.phones("until", self.people))
            if self.count > len(self.people or ()):
                raise KaizalaInputError(
                    f"until: a quorum of {self.count} can never come from {len(self.people or ())} people"
                )

    def progress(self, action: ActionDetails) -> Progress:
        """Count who has chosen the option, who has chosen another, and who may still choose."""
        offered = self._offered(action)
        votes = [each for each in latest(action) if self._has_vote(each.answers)]
        voters = [each.responder for each in votes]
        missing: tuple[Person, ...] = ()
        if self.people is not None:
            _need_assigned(self.people, action)
            wanted = named(self.people, self.names, action)
            there, missing = split(wanted, voters)
            votes = [each for each in votes if each.responder.mobile_number in self.people]
        elif action.assignees:
            there, missing = split(action.assignees, voters)
        else:
            there = tuple(voters)
        for_it = tuple(each.responder for each in votes if self._chose(each.answers, offered))
        known = self.people is not None or bool(action.assignees)
        hopeless = known and len(for_it) + len(missing) < self.count
        told = f"{len(for_it)} of {self.count} for {self.option!r}, {len(there) - len(for_it)} for something else"
        return Progress(len(for_it) >= self.count, there, self.count, missing, hopeless, told)

    def _relevant(self, answers: Mapping[str, Any]) -> list[Any]:
        return [value for name, value in answers.items() if self.question is None or name == self.question]

    def _has_vote(self, answers: Mapping[str, Any]) -> bool:
        return any(value not in (None, [], "") for value in self._relevant(answers))

    def _chose(self, answers: Mapping[str, Any], offered: Sequence[str]) -> bool:
        wanted = as_offered(self.option, offered)
        given = (one for value in self._relevant(answers) for one in chosen(value))
        return any(as_offered(one, offered) == wanted for one in given)

    def _offered(self, action: ActionDetails) -> list[str]:
        """Return what can be chosen, nothing where Kaizala does not tell; refuse an option that is not among it."""
        if self.question is not None and action.options and self.question not in action.options:
            raise KaizalaInputError(
                f"until: the {action.action_type} has no question {self.question!r} to choose in; "
                f"it has {', '.join(map(repr, action.options))}"
            )
        offered = [
            option
            for name, options in action.options.items()
            if self.question is None or name == self.question
            for option in options
        ]
        if offered and not is_offered(self.option, offered):
            raise KaizalaInputError(
                f"until: the {action.action_type} has no option {self.option!r}; it has {', '.join(map(repr, offered))}"
            )
        return offered

    def within(self, audience: Audience) -> Rule:
        """Those whose answers count must be able to answer."""
        if self.people is not None:
            audience.need(self.people)
            return replace(self, names=_known(audience.everybody, self.people))
        if self.count > audience.size:
            raise KaizalaInputError(
                f"until: a quorum of {self.count} can never come from the {audience.size} people of the group"
            )
        return self

    @property
    def by_name(self) -> bool:
        """Only if people are named."""
        return self.people is not None

    def options(self) -> tuple[str, ...]:
        """The one option."""
        return (self.option,)

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        wire: dict[str, Any] = {"kind": self.kind, "option": self.option, "count": self.count}
        more = {
            "people": None if self.people is None else list(self.people),
            "question": self.question,
            "names": dict(self.names) or None,
        }
        return wire | {name: value for name, value in more.items() if value is not None}
