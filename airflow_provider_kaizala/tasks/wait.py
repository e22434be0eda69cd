"""One wait, as a task holds it: what on, until when, how often. Looks in the worker, and travels to the triggerer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.client import calls, readings
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaForbiddenError, KaizalaInputError
from airflow_provider_kaizala.waiting.answers import result_dict
from airflow_provider_kaizala.waiting.forms import read_rule
from airflow_provider_kaizala.waiting.rule import Audience
from airflow_provider_kaizala.waiting.subjects import ActionAnswers, Subject, read_subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_kaizala.client.models import ActionDetails, Person
    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
    from airflow_provider_kaizala.waiting.answers import ResultDict
    from airflow_provider_kaizala.waiting.rule import Rule

log = logging.getLogger(__name__)

#: seconds that the look at the deadline may last
LAST_LOOK = 20.0


@dataclass
class Wait:
    """One wait.

    :param subject: what is waited on
    :param rule: until when
    :param deadline: when it is over in any case
    :param interval: seconds between two looks
    :param settled: whether the rule is compared with who can answer, which takes a look that succeeds
    :param seen: what the last look that succeeded has found
    """

    subject: Subject
    rule: Rule
    deadline: datetime
    interval: float
    settled: bool = False
    said: str = field(default="", compare=False)
    seen: ResultDict | None = field(default=None, compare=False, repr=False)

    def to_wire(self) -> dict[str, Any]:
        """Return it as it travels with a deferred task."""
        return {
            "subject": self.subject.to_wire(),
            "until": self.rule.to_wire(),
            "deadline": self.deadline.isoformat(),
            "interval": self.interval,
            "settled": self.settled,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Wait:
        """Read it."""
        return cls(
            read_subject(wire["subject"]),
            read_rule(wire["until"]),
            datetime.fromisoformat(wire["deadline"]),
            float(wire["interval"]),
            bool(wire["settled"]),
        )

    @staticmethod
    def now() -> datetime:
        """Return the time."""
        return datetime.now(tz=UTC)

    def seconds_left(self) -> float:
        """Return the seconds to the deadline, 0 if it has passed."""
        return max(0.0, (self.deadline - self.now()).total_seconds())

    @property
    def may_travel(self) -> bool:
        """Whether the triggerer knows all it takes: it reads neither who can answer nor who was there before."""
        return self.settled or not (self.rule.asks_for_audience or self.subject.needs_first_look)

    # --- looking ---------------------------------------------------------------------------------------------------------

    def look(self, hook: KaizalaHook) -> ResultDict | None:
        """Read how far it has come, and log it if it is news; None if Kaizala cannot be read now, or not before the deadline.

        :raises AirflowFailException: for what waiting does not mend: a deleted action, a revoked grant, a rule that does not fit
        """
        try:
            with hook.within(self.seconds_left() or LAST_LOOK):
                details = hook.read(self.subject.reading())
                if not self.settled:
                    details = self._settle(hook, details)
            progress = self.rule.progress(details)
        except KaizalaError as error:
            if error.is_transient:
                log.warning("Kaizala cannot be read now; looking again: %s", error)
                return None
            raise AirflowFailException(str(error)) from error
        if str(progress) != self.said:
            self.said = str(progress)
            log.info("%r: %s", details.title or self.subject.id, progress)
        self.seen = result_dict(self.subject.group_id, self.subject.id, details, progress)
        return self.seen

    def _settle(self, hook: KaizalaHook, details: ActionDetails) -> ActionDetails:
        """Compare the rule with what it is about: can it be met, and who must answer?"""
        subject, details = self.subject.seen(details)
        if isinstance(subject, ActionAnswers) and details.is_anonymous and self.rule.by_name:
            raise KaizalaInputError(
                f"until: {details.title or subject.id!r} is anonymous, so nobody learns who has answered; give a count instead"
            )
        rule = self.rule
        if rule.asks_for_audience and not details.assignees and subject.kind != "members":
            rule = self._within(hook, details, subject)
        self.subject, self.rule, self.settled = subject, rule, True
        return details

    def _within(self, hook: KaizalaHook, details: ActionDetails, subject: Subject) -> Rule:
        try:
            asked, others = hook.read(readings.audience(subject.group_id))
        except KaizalaForbiddenError as error:
            log.warning(
                "Who is in the group cannot be read, so whether the rule can be met is not checked: %s", error
            )
            return self.rule
        sender = self._sender(hook, details, subject)
        everybody = {**others, **asked}
        mine = {
            number
            for number, person in everybody.items()
            if number == sender.mobile_number
            or (sender.id and (person.id or "").lower() == sender.id.lower())
        }
        names = {number: person.name for number, person in asked.items() if number not in mine}
        may = {number: person.name for number, person in everybody.items() if number not in names}
        return self.rule.within(Audience(names, may))

    def _sender(self, hook: KaizalaHook, details: ActionDetails, subject: Subject) -> Person:
        """Return who has posted it; where Kaizala does not tell, as of what is liked, that is the connector's own user."""
        if details.creator.mobile_number or details.creator.id or not self.rule.by_name:
            return details.creator
        try:
            return hook.run(calls.get_me(subject.group_id))
        except KaizalaForbiddenError:
            return details.creator

    # --- in the triggerer ------------------------------------------------------------------------------------------------

    def trigger(
        self, kaizala_conn_id: str, carry: Mapping[str, Any], wake_at: datetime | None = None
    ) -> BaseTrigger:
        """Return the trigger that waits on, and brings *carry* back."""
        from airflow_provider_kaizala import triggers

        own = {name: value for name, value in self.subject.to_wire().items() if name != "kind"}
        made = triggers.for_subject(self.subject.kind)
        return made(
            **own,
            until=self.rule.to_wire(),
            poll_interval=self.interval,
            deadline=self.deadline.isoformat(),
            wake_at=wake_at.isoformat() if wake_at else None,
            kaizala_conn_id=kaizala_conn_id,
            carry=dict(carry),
        )


def new_wait(subject: Subject, until: Any, deadline: datetime, interval: float) -> Wait:
    """Begin a wait.

    :raises KaizalaInputError: if *until* is no rule
    """
    return Wait(subject, read_rule(until), deadline, interval)
