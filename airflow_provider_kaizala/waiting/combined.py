"""Rules made of rules: ``a & b``, ``a | b``. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.waiting.progress import Progress
from airflow_provider_kaizala.waiting.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.waiting.rule import Audience


@dataclass(frozen=True)
class _Combined(Rule):
    """Base of rules made of rules."""

    rules: tuple[Rule, ...]
    word: ClassVar[str]

    def __post_init__(self) -> None:
        from airflow_provider_kaizala.waiting.forms import read_rule

        flat: list[Rule] = []
        for rule in map(read_rule, self.rules):
            flat += rule.rules if isinstance(rule, type(self)) else [rule]
        if not flat:
            raise KaizalaInputError(f"until: {self.kind!r} needs at least one rule")
        object.__setattr__(self, "rules", tuple(flat))

    def combined(self, action: ActionDetails) -> tuple[list[Progress], dict[str, Any]]:
        """Return how far each has come, and what all have in common."""
        each = [rule.progress(action) for rule in self.rules]
        people = {person: None for one in each for person in one.answered}
        missing = {person: None for one in each if not one.over for person in one.missing}
        told = f" {self.word} ".join(f"({one})" for one in each)
        return each, {
            "answered": tuple(people),
            "needed": max(one.needed for one in each),
            "told": told,
            "missing": tuple(missing),
        }

    def asked(self, people: Sequence[str]) -> Rule:
        """Each of them for those people."""
        return replace(self, rules=tuple(rule.asked(people) for rule in self.rules))

    @property
    def asks_for_audience(self) -> bool:
        """If one of them does."""
        return any(rule.asks_for_audience for rule in self.rules)

    def within(self, audience: Audience) -> Rule:
        """Each of them for the people who can answer."""
        return replace(self, rules=tuple(rule.within(audience) for rule in self.rules))

    @property
    def by_name(self) -> bool:
        """If one of them is."""
        return any(rule.by_name for rule in self.rules)

    @property
    def parts(self) -> tuple[Rule, ...]:
        """Those of all."""
        return tuple(part for rule in self.rules for part in rule.parts)

    def options(self) -> tuple[str, ...]:
        """Those of all."""
        return tuple(option for rule in self.rules for option in rule.options())

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        return {"kind": self.kind, "rules": [rule.to_wire() for rule in self.rules]}


@dataclass(frozen=True)
class AllOf(_Combined):
    """Each of several rules is met: ``a & b``."""

    kind: ClassVar[str] = "all_of"
    word: ClassVar[str] = "and"

    def progress(self, action: ActionDetails) -> Progress:
        """All must be; one that no longer can be ends it."""
        each, common = self.combined(action)
        return _CombinedProgress(
            all(one.met for one in each), hopeless=any(one.hopeless for one in each), **common
        )


@dataclass(frozen=True)
class AnyOf(_Combined):
    """One of several rules is met: ``a | b``."""

    kind: ClassVar[str] = "any_of"
    word: ClassVar[str] = "or"

    def progress(self, action: ActionDetails) -> Progress:
        """One is enough; only when none can be any more is it over."""
        each, common = self.combined(action)
        met = any(one.met for one in each)
        return _CombinedProgress(met, hopeless=not met and all(one.hopeless for one in each), **common)


class _CombinedProgress(Progress):
    """Its words name who is missing already."""

    def __str__(self) -> str:
        return self.told
