"""What every rule is, and whom it is about: the base of :mod:`airflow_provider_kaizala.waiting.rules`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.waiting.progress import Progress


@dataclass(frozen=True)
class Audience:
    """Who can answer.

    :param names: those who are asked, without the sender: phone number to name, or to None where it is not known
    :param others: those who may answer too: the sender, and members of a hub group, whose subscribers are asked
    """

    names: Mapping[str, str | None]
    others: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def everybody(self) -> dict[str, str | None]:
        """All who may answer."""
        return {**self.others, **self.names}

    @property
    def size(self) -> int:
        """How many people may answer."""
        return len(self.everybody)

    def need(self, numbers: Sequence[str]) -> None:
        """Refuse people who cannot answer.

        :raises KaizalaInputError: names them
        """
        strangers = [number for number in numbers if number not in self.everybody]
        if strangers:
            raise KaizalaInputError(
                f"until: {', '.join(strangers)} cannot answer, being no member of the group; add them to it, or leave them out"
            )


@dataclass(frozen=True)
class Rule:
    """Base of the rules."""

    kind: ClassVar[str]

    def progress(self, action: ActionDetails) -> Progress:
        """Say how far the wait has come.

        :raises KaizalaInputError: if the rule does not fit this action
        """
        raise TypeError(f"{type(self).__name__} is no rule by itself")

    def within(self, audience: Audience) -> Rule:
        """Return the rule for the people who can answer now.

        :raises KaizalaInputError: if they can never meet it
        """
        return self

    def asked(self, people: Sequence[str]) -> Rule:
        """Return the rule for a question that was put to these people alone."""
        return self

    @property
    def asks_for_audience(self) -> bool:
        """Whether the group must be known before waiting, to say who is missing, or that nobody can."""
        return True

    @property
    def by_name(self) -> bool:
        """Whether it asks who answered, which an anonymous action does not tell."""
        return False

    @property
    def parts(self) -> tuple[Rule, ...]:
        """The rules it is made of, itself if it is of none."""
        return (self,)

    def options(self) -> tuple[str, ...]:
        """Options that answers are compared with."""
        return ()

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as it travels."""
        return {"kind": self.kind}

    def __and__(self, other: Any) -> Rule:
        from airflow_provider_kaizala.waiting.combined import AllOf

        return AllOf((self, other))

    def __rand__(self, other: Any) -> Rule:
        from airflow_provider_kaizala.waiting.combined import AllOf

        return AllOf((other, self))

    def __or__(self, other: Any) -> Rule:
        from airflow_provider_kaizala.waiting.combined import AnyOf

        return AnyOf((self, other))

    def __ror__(self, other: Any) -> Rule:
        from airflow_provider_kaizala.waiting.combined import AnyOf

        return AnyOf((other, self))
