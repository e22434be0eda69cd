"""What a group has decided: approvals, and the answer to a question that Airflow asks at the same time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.waiting.people import answers_of, latest, names
from airflow_provider_kaizala.waiting.rules import AnyAnswer, AnyOf, AtLeast, People, Quorum
from airflow_provider_kaizala.waiting.tally import as_offered, chosen, is_offered, winner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kaizala.client.models import ActionDetails, Response
    from airflow_provider_kaizala.client.models.people import Person
    from airflow_provider_kaizala.waiting.rules import Rule

#: for answers whose time Kaizala does not give; their place in the list then decides
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def approval_rule(approve: str, reject: str, quorum: int, approvers: Sequence[str] | None) -> Rule:
    """Return the rule of an approval.

    With named approvers it is over once *quorum* of them have approved, or so many have rejected that this can no longer happen;
    without, once *quorum* people have approved, or one has rejected. If both have happened, the rejection comes first.

    :raises KaizalaInputError: if there are fewer approvers than the quorum
    """
    if approvers is not None:
        return Quorum(approve, quorum, tuple(approvers))
    return AnyOf((Quorum(reject, 1), Quorum(approve, quorum)), strict=True)


def require_offered(rule: Rule, options: Sequence[str]) -> None:
    """Check that the options of a rule are offered.

    :raises KaizalaInputError: names one that is not
    """
    for option in rule.options():
        if not is_offered(option, options):
            offered = (
                f"the options are {', '.join(map(repr, options))}" if options else "no question has options"
            )
            raise KaizalaInputError(f"until: option {option!r} is not offered; {offered}")


class Decision(Value):
    """What a group has decided.

    :param chosen: the options
    :param by: the person whose answer completed it
    :param supporters: all who chose it
    """

    chosen: tuple[str, ...]
    by: Person
    supporters: tuple[Person, ...]

    @property
    def user(self) -> dict[str, str]:
        """That person as Airflow's results name people."""
        person = self.by
        name = person.name or person.mobile_number or "somebody in the group"
        return {"id": f"kaizala:{person.mobile_number or person.id or ''}", "name": name}

    def __str__(self) -> str:
        by = ", ".join(names(self.supporters)) or "somebody in the group"
        return f"{', '.join(self.chosen)} by {by}"


def decide(rule: Rule, details: ActionDetails, options: Sequence[str], multiple: bool) -> Decision | None:
    """Return what a group has decided; None if its rule is not met yet, or a tie decides nothing.

    If one answer is enough, the first one decides. A quorum that is met decides for its option, one that no longer can be met for
    what most people chose instead. Everything else is decided by what most people chose; where a person may choose several
    options, by each option that more than half of them chose. If the rule names people, only they count.
    """
    progress = rule.progress(details)
    if not progress.over:
        return None
    if isinstance(rule, AnyOf) and progress.met:
        decisions = (
            decide(each, details, options, multiple)
            for each, how_far in rule.possible(details)
            if how_far.met
        )
        return next((decision for decision in decisions if decision is not None), None)
    votes = _votes(rule, details, options)
    if not votes:
        return None
    if progress.met and _one_is_enough(rule):
        first, given = min(votes, key=lambda vote: vote[0].responded_at or _LATEST)
        return Decision(given, first.responder, (first.responder,))
    wanted = as_offered(rule.option, options) if isinstance(rule, Quorum) and progress.met else None
    lost = set() if progress.met else {as_offered(each, options) for each in rule.options()}
    counts = {each: sum(each in given for _, given in votes) for each in options if each not in lost}
    decided = {wanted or winner(counts)}
    if multiple:
        decided = {wanted, *(each for each, count in counts.items() if 2 * count > len(votes))}
    supporters = [response for response, given in votes if decided.intersection(given)]
    if not supporters:
        return None
    last = max(reversed(supporters), key=lambda response: response.responded_at or _EARLIEST)
    return Decision(
        tuple(each for each in counts if each in decided),
        last.responder,
        tuple(response.responder for response in supporters),
    )


def _one_is_enough(rule: Rule) -> bool:
    return (
        isinstance(rule, AnyAnswer)
        or (isinstance(rule, AtLeast) and rule.count == 1)
        or (isinstance(rule, People) and rule.need == "any")
    )


def _votes(
    rule: Rule, details: ActionDetails, options: Sequence[str]
) -> list[tuple[Response, tuple[str, ...]]]:
    """Return the latest answer of each person who counts, with the options it chose."""
    people = rule.people if isinstance(rule, People) else rule.voters
    found = []
    for response in latest(answers_of(people, details)):
        given = [as_offered(one, options) for value in response.answers.values() for one in chosen(value)]
        known = tuple(dict.fromkeys(each for each in given if each in options))
        if known:
            found.append((response, known))
    return found
