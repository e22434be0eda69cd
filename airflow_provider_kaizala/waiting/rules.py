"""When a wait is over.

A rule travels to a trigger as a dict ``{"kind": ...}``, which is public and changes only by addition:

=======================================================  ===============================================================
as a dict                                                the wait is over when
=======================================================  ===============================================================
``{"kind": "any"}``                                      one person has answered
``{"kind": "at_least", "count": 3}``                     three different people have answered
``{"kind": "everyone"}``                                 all who must have answered: the assignees of a job; else the members
                                                         of the group, or the subscribers of a hub group, without the sender
``{"kind": "people", "people": [..], "need": "all"}``    these have answered, all of them (or ``"any"`` of them)
``{"kind": "quorum", "option": "Approve", "count": 2,    two of these have chosen the option, or so many have chosen something
"people": [..]}``                                        else that two no longer can; without ``people`` everyone's answer counts
``{"kind": "all_of", "rules": [..]}``                    each of these rules is met, or one of them no longer can be
``{"kind": "any_of", "rules": [..]}``                    one of these rules is met, or none of them can be any more
=======================================================  ===============================================================

The short forms ``"any"``, ``"all"``, ``3`` and a list of phone numbers mean the same. In Python, rules combine with ``&`` and
``|``, also with a short form: ``AtLeast(5) | "all"``. The latest answer of a person counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, field, fields, replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from airflow_provider_kaizala.client.errors import KaizalaInputError, did_you_mean
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.waiting.people import (
    answers_of,
    by_number,
    latest,
    list_names,
    respondents,
    split,
)
from airflow_provider_kaizala.waiting.tally import as_offered, chosen, is_offered

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.client.models import ActionDetails, Person
    from airflow_provider_kaizala.waiting.people import Eligible

#: what a field of a rule must be, by its name
_CHECKS: dict[str, checks.Check] = {
    "count": checks.whole_number(1),
    "need": checks.one_of("all", "any"),
    "option": checks.title,
    "people": checks.phones,
    "question": checks.title,
}

_T = TypeVar("_T")


class Progress(Value):
    """How far a wait has come.

    :param met: whether the rule is met
    :param answered: who has answered; an unknown person stands for each anonymous answer
    :param needed: how many people must answer
    :param missing: who in particular has not answered yet
    :param hopeless: whether the rule can no longer be met, for example when too many have voted against
    :param text: the whole progress in words, if that is more than counts and names
    """

    met: bool
    answered: tuple[Person, ...]
    needed: int
    missing: tuple[Person, ...] = ()
    hopeless: bool = False
    text: str = ""

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.met or self.hopeless

    def __str__(self) -> str:
        if self.text:
            return self.text
        count = len(self.answered)
        text = f"{count} of {self.needed} answered" if count <= self.needed else f"{count} answered"
        text += f" ({list_names(self.answered)})" if self.answered else ""
        return text + _missing(self.missing)


def _missing(people: Sequence[Person]) -> str:
    return f"; missing: {list_names(people)}" if people else ""


class Rule(Value):
    """Base of the rules. Its fields are those of its dict; one that is empty is left out there."""

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _CHECKS and value is not each.default:
                object.__setattr__(self, each.name, _CHECKS[each.name](f"until: {each.name}", value))

    def progress(self, details: ActionDetails) -> Progress:
        """Return how far the wait has come.

        :raises KaizalaInputError: if the rule does not fit this action
        """
        raise NotImplementedError

    def within(self, eligible: Eligible) -> Rule:
        """Return the rule for the people who can answer now.

        :raises KaizalaInputError: if they can never meet it
        """
        return self

    def asked(self, people: Sequence[str]) -> Rule:
        """Return the rule for a question that only these people were asked."""
        return self

    @property
    def parts(self) -> tuple[Rule, ...]:
        """The simple rules it consists of."""
        return (self,)

    @property
    def needs_eligible(self) -> bool:
        """Whether one must know who can answer, to name the missing or to find that the rule can never be met."""
        return not all(isinstance(part, AnyAnswer) for part in self.parts)

    @property
    def needs_names(self) -> bool:
        """Whether the rule depends on who answered, which an anonymous action does not show."""
        return any(isinstance(part, (Everyone, People)) or part.voters is not None for part in self.parts)

    @property
    def voters(self) -> tuple[str, ...] | None:
        """Phone numbers of the people whose choice decides, if each part names some; None for everyone's."""
        named = [part.people for part in self.parts if isinstance(part, Quorum) and part.people is not None]
        return tuple(dict.fromkeys(chain.from_iterable(named))) if len(named) == len(self.parts) else None

    def options(self) -> tuple[str, ...]:
        """Return the options that answers are compared with."""
        return tuple(part.option for part in self.parts if isinstance(part, Quorum))

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as a plain dict."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"kind": self.kind, **{name: plain(value) for name, value in given.items() if value}}

    def __and__(self, other: Any) -> Rule:
        return AllOf((self, other))

    def __rand__(self, other: Any) -> Rule:
        return AllOf((other, self))

    def __or__(self, other: Any) -> Rule:
        return AnyOf((self, other))

    def __ror__(self, other: Any) -> Rule:
        return AnyOf((other, self))

    def __bool__(self) -> NoReturn:
        raise TypeError("a rule has no truth value: combine rules with & and |, not with 'and' and 'or'")


def plain(value: Any) -> Any:
    """Return a field of a rule, a subject or a wait as plain JSON."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return value.to_wire() if hasattr(value, "to_wire") else value


class AnyAnswer(Rule):
    """One person has answered."""

    kind = "any"

    def progress(self, details: ActionDetails) -> Progress:
        """One answer is enough."""
        return AtLeast(1).progress(details)


class AtLeast(Rule):
    """So many different people have answered.

    :param count: how many
    """

    count: int
    kind = "at_least"

    def progress(self, details: ActionDetails) -> Progress:
        """Count people, not answers."""
        answered = respondents(details)
        missing = split(details.assignees, answered)[1]
        return Progress(len(answered) >= self.count, answered, self.count, missing)

    def within(self, eligible: Eligible) -> Rule:
        """Check that there are so many people."""
        eligible.require_count(self.count)
        return self


class Everyone(Rule):
    """All who must answer have: the assignees of a job, or else the people who were asked.

    :param people: phone numbers of those who were asked; None until they are known
    :param names: phone number to name, for log lines
    """

    people: list[str] | tuple[str, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    kind = "everyone"

    def progress(self, details: ActionDetails) -> Progress:
        """Compare those who must answer with those who have."""
        wanted: Sequence[Person] = details.assignees
        if not wanted:
            if self.people is None:
                raise KaizalaInputError(
                    f"until: 'all' needs to know who must answer, and a {details.action_type} has no assignees; "
                    "name the people, or give a count"
                )
            wanted = by_number(self.people, self.names, details)
        answered, missing = split(wanted, respondents(details))
        return Progress(not missing, answered, len(wanted), missing)

    def asked(self, people: Sequence[str]) -> Rule:
        """Return the rule in which everyone is these people."""
        return self if self.people is not None else replace(self, people=tuple(people))

    def within(self, eligible: Eligible) -> Rule:
        """Return the rule in which everyone is those who are asked now, unless they are known already."""
        people = self.people or tuple(eligible.asked)
        if not people:
            raise KaizalaInputError(
                "until: 'all' needs someone to ask, and the group has no members besides the sender; add some"
            )
        return replace(self, people=people, names=self.names or eligible.known_names(people))


class People(Rule):
    """Named people have answered.

    :param people: their phone numbers
    :param need: ``"all"`` of them, or ``"any"``
    :param names: phone number to name, for log lines
    """

    people: list[str] | tuple[str, ...]
    need: str = "all"
    names: Mapping[str, str] = field(default_factory=dict)
    kind = "people"

    def progress(self, details: ActionDetails) -> Progress:
        """Look for each of them among those who have answered."""
        wanted = by_number(self.people, self.names, details)
        answered, missing = split(wanted, respondents(details))
        needed = len(wanted) if self.need == "all" else 1
        return Progress(len(answered) >= needed, answered, needed, missing)

    def within(self, eligible: Eligible) -> Rule:
        """Check that all of them can answer."""
        eligible.require(self.people)
        return replace(self, names=self.names or eligible.known_names(self.people))


class Quorum(Rule):
    """So many people have chosen one option. Also over when so many no longer can.

    :param option: the option, compared without case unless two differ in nothing else
    :param count: how many must choose it
    :param people: phone numbers of those whose answers count; None for everyone
    :param question: the question of a survey with several; None looks at all questions
    :param names: phone number to name, for log lines
    """

    option: str
    count: int
    people: list[str] | tuple[str, ...] | None = None
    question: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    kind = "quorum"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.people is not None and self.count > len(self.people):
            raise KaizalaInputError(
                f"until: a quorum of {self.count} can never come from {len(self.people)} people"
            )

    def progress(self, details: ActionDetails) -> Progress:
        """Count who has chosen the option, who has chosen another, and who can still choose."""
        offered = self._offered(details)
        option = as_offered(self.option, offered)
        voters: list[Person] = []
        supporters = 0
        for response in latest(answers_of(self.people, details)):
            answers = [value for name, value in response.answers.items() if self.question in (None, name)]
            if any(value not in (None, [], "") for value in answers):
                voters.append(response.responder)
                choices = (as_offered(one, offered) for value in answers for one in chosen(value))
                supporters += option in choices
        wanted = details.assignees if self.people is None else by_number(self.people, self.names, details)
        voted, missing = split(wanted, voters) if wanted else (tuple(voters), ())
        text = (
            f"{supporters} of {self.count} for {self.option!r}, {len(voted) - supporters} for something else"
        )
        hopeless = bool(wanted) and supporters + len(missing) < self.count
        return Progress(
            supporters >= self.count, voted, self.count, missing, hopeless, text + _missing(missing)
        )

    def _offered(self, details: ActionDetails) -> list[str]:
        """Return what can be chosen, nothing if Kaizala does not list it; refuse an option that is not offered."""
        asked = [options for name, options in details.options.items() if self.question in (None, name)]
        if details.options and not asked:
            raise KaizalaInputError(
                f"until: the {details.action_type} has no question {self.question!r} with options; "
                f"it has {', '.join(map(repr, details.options))}"
            )
        offered = [option for options in asked for option in options]
        if offered and not is_offered(self.option, offered):
            raise KaizalaInputError(
                f"until: the {details.action_type} has no option {self.option!r}; it has {', '.join(map(repr, offered))}"
            )
        return offered

    def within(self, eligible: Eligible) -> Rule:
        """Check that those whose answers count can answer."""
        if self.people is None:
            eligible.require_count(self.count)
            return self
        eligible.require(self.people)
        return replace(self, names=self.names or eligible.known_names(self.people))


class _Combined(Rule):
    """Base of rules that consist of rules."""

    rules: Sequence[Rule]
    word: ClassVar[str]
    strict: ClassVar[bool] = False

    def __post_init__(self) -> None:
        flat: list[Rule] = []
        for rule in map(read_rule, checks.listed("until: rules", self.rules, "rules")):
            flat += rule.rules if isinstance(rule, type(self)) and rule.strict == self.strict else [rule]
        if not flat:
            raise KaizalaInputError(f"until: {self.kind!r} needs at least one rule")
        object.__setattr__(self, "rules", tuple(flat))

    def progress(self, details: ActionDetails) -> Progress:
        each = [how_far for _, how_far in self.possible(details)]
        enough, too_few = (all, any) if self.word == "and" else (any, all)
        return Progress(
            met=enough(one.met for one in each),
            answered=tuple(dict.fromkeys(person for one in each for person in one.answered)),
            needed=max(one.needed for one in each),
            missing=tuple(dict.fromkeys(person for one in each if not one.over for person in one.missing)),
            hopeless=too_few(one.hopeless for one in each),
            text=f" {self.word} ".join(f"({one})" for one in each),
        )

    def possible(self, details: ActionDetails) -> list[tuple[Rule, Progress]]:
        """Return the rules that count, each with how far it has come.

        :raises KaizalaInputError: for a rule that does not fit what is asked
        """
        return [(rule, rule.progress(details)) for rule in self.rules]

    def asked(self, people: Sequence[str]) -> Rule:
        return replace(self, rules=tuple(rule.asked(people) for rule in self.rules))

    def within(self, eligible: Eligible) -> Rule:
        return replace(self, rules=tuple(rule.within(eligible) for rule in self.rules))

    @property
    def parts(self) -> tuple[Rule, ...]:
        return tuple(part for rule in self.rules for part in rule.parts)


class AllOf(_Combined):
    """Each of several rules is met: ``a & b``."""

    kind = "all_of"
    word = "and"


class AnyOf(_Combined):
    """One of several rules is met: ``a | b``.

    :param strict: whether each of the rules must be possible; by default those that can never be met are dropped, and only
        if all are impossible that is an error
    """

    strict: bool = False  # type: ignore[misc] # a field here alone
    kind = "any_of"
    word = "or"

    def possible(self, details: ActionDetails) -> list[tuple[Rule, Progress]]:
        """Return the rules that fit what is asked, each with how far it has come."""
        if self.strict:
            return super().possible(details)
        return self._those_that_fit(lambda rule: (rule, rule.progress(details)))

    def within(self, eligible: Eligible) -> Rule:
        """Return the combination of those rules that these people can meet."""
        if self.strict:
            return super().within(eligible)
        return replace(self, rules=tuple(self._those_that_fit(lambda rule: rule.within(eligible))))

    def _those_that_fit(self, use: Callable[[Rule], _T]) -> list[_T]:
        found: list[_T] = []
        refusals: list[KaizalaInputError] = []
        for rule in self.rules:
            try:
                found.append(use(rule))
            except KaizalaInputError as error:
                refusals.append(error)
        if not found:
            raise refusals[0]
        return found


# --- reading rules -------------------------------------------------------------------------------------------------------

_FORMS = "'any', 'all', a count, a list of phone numbers, or a rule such as {'kind': 'at_least', 'count': 3}"
_KINDS: dict[str, type[Rule]] = {
    rule.kind: rule for rule in (AnyAnswer, AtLeast, Everyone, People, Quorum, AllOf, AnyOf)
}
_WORDS: dict[str, type[Rule]] = {"any": AnyAnswer, "all": Everyone, "everyone": Everyone}


def read_rule(until: Any) -> Rule:
    """Read a rule in any of its forms.

    :raises KaizalaInputError: if it is not a rule
    """
    if isinstance(until, Rule):
        return until
    if callable(until):
        raise KaizalaInputError(f"until: a function cannot travel to a trigger; give {_FORMS}")
    word = until.strip().lower() if isinstance(until, str) else ""
    if word in _WORDS:
        return _WORDS[word]()
    if isinstance(until, int) and not isinstance(until, bool):
        return AtLeast(until)
    if word.isdecimal() and word.isascii():  # as a template renders a count
        return AtLeast(word)  # type: ignore[arg-type]
    if isinstance(until, Mapping):
        return _from_wire(until)
    if isinstance(until, Sequence) and not isinstance(until, (str, bytes)):
        return People(tuple(until))
    raise KaizalaInputError(
        f"until: {checks.shown(until)} is not a rule; give {_FORMS}{checks.rendered(until)}"
    )


def _from_wire(wire: Mapping[str, Any]) -> Rule:
    kind = wire.get("kind")
    rule = _KINDS.get(kind) if isinstance(kind, str) else None
    if rule is None:
        known = ", ".join(_KINDS)
        raise KaizalaInputError(
            f"until: kind {checks.shown(kind)} is unknown{did_you_mean(kind, _KINDS) or '.'} Known kinds: {known}"
        )
    given = {str(key): value for key, value in wire.items() if key != "kind"}
    required = {
        each.name: each.default is MISSING and each.default_factory is MISSING for each in fields(rule)
    }
    shown = (name if needed else f"{name} (optional)" for name, needed in required.items() if name != "names")
    takes = f"It takes {', '.join(shown) or 'no fields'}"
    for name in given:
        if name not in required:
            raise KaizalaInputError(
                f"until: kind {kind!r} does not take {name!r}{did_you_mean(name, required) or '.'} {takes}"
            )
    lacking = [repr(name) for name, needed in required.items() if needed and name not in given]
    if lacking:
        raise KaizalaInputError(f"until: kind {kind!r} lacks {' and '.join(lacking)}. {takes}")
    return rule(**given)
