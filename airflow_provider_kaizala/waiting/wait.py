"""One wait: its subject, its rule and its end. The only place where a look becomes progress, a log line and a result."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaForbiddenError, KaizalaInputError
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.waiting.people import Eligible, answers_of, as_person
from airflow_provider_kaizala.waiting.results import result_dict
from airflow_provider_kaizala.waiting.rules import plain, read_rule
from airflow_provider_kaizala.waiting.subjects import Responses, read_subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_kaizala.client.models import ActionDetails, Group, Member, Person, Subscriber
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.waiting.results import ResultDict
    from airflow_provider_kaizala.waiting.rules import Progress, Rule
    from airflow_provider_kaizala.waiting.subjects import Subject

log = logging.getLogger(__name__)

#: how far the clocks of Airflow and Kaizala may be apart when a question ends
CLOCK_SKEW = timedelta(seconds=5)
#: seconds that the look at the end of a wait may take
LAST_LOOK = 20.0
#: these still take answers when they are due, or are never due
_ALWAYS_OPEN = ("job", "letsmeet")


class Update(Value):
    """What one look has found.

    :param details: what was read
    :param progress: how far the wait has come; None if it was read from a plain dict
    :param result: what the task returns if it ends now
    :param text: the progress in words
    :param news: a line for the log, None if nothing has changed since the look before
    """

    details: ActionDetails | None
    progress: Progress | None
    result: ResultDict
    text: str
    news: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the part that a later look in another process needs, as a plain dict."""
        return {"result": self.result, "text": self.text}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Update:
        """Read that part."""
        return cls(None, None, wire["result"], wire["text"])


class Wait(Value):
    """One wait.

    :param subject: what it is about
    :param rule: until when
    :param deadline: when it ends in any case; None for never
    :param interval: seconds between two looks
    :param voters: phone numbers of the only people whose answers count; None for everyone's
    :param settled: whether the rule has been compared with who can answer, which takes one successful look
    :param closes_at: when the question stops taking answers; None if it is not known to stop
    """

    subject: Subject
    rule: Rule
    deadline: datetime | None
    interval: float
    voters: tuple[str, ...] | None = None
    settled: bool = False
    closes_at: datetime | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the wait as a plain dict."""
        wire = {each.name: plain(getattr(self, each.name)) for each in fields(self)}
        wire["until"] = wire.pop("rule")
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Wait:
        """Read a wait from a plain dict."""

        def moment(name: str) -> datetime | None:
            return datetime.fromisoformat(wire[name]) if wire.get(name) else None

        return cls(
            subject=read_subject(wire["subject"]),
            rule=read_rule(wire["until"]),
            deadline=moment("deadline"),
            interval=float(wire["interval"]),
            voters=None if wire.get("voters") is None else tuple(wire["voters"]),
            settled=bool(wire.get("settled")),
            closes_at=moment("closes_at"),
        )

    # --- time ------------------------------------------------------------------------------------------------------------

    @staticmethod
    def now() -> datetime:
        """Return the time by which waits end."""
        return datetime.now(tz=UTC)

    @property
    def ends_at(self) -> datetime | None:
        """When the wait ends in any case: at its deadline, or soon after its question has stopped taking answers."""
        closed = self.closes_at + CLOCK_SKEW if self.closes_at else None
        return min((moment for moment in (self.deadline, closed) if moment), default=None)

    def seconds_left(self) -> float | None:
        """Return the seconds until the wait ends in any case, 0 if that has passed; None if it has no end."""
        return None if self.ends_at is None else max(0.0, (self.ends_at - self.now()).total_seconds())

    def why_it_ends(self, timeout: float) -> str:
        """Say why the wait ends though its rule is not met, with a task that may wait *timeout* seconds."""
        if self.closes_at and self.ends_at != self.deadline:
            return f"The question ended at {self.closes_at:%Y-%m-%d %H:%M:%S %Z}"
        return f"Timed out after {timeout:g} s"

    # --- looking ---------------------------------------------------------------------------------------------------------

    def look(self) -> Reading[tuple[Wait, ActionDetails]]:
        """Read the subject, and the first time also who can answer; return the settled wait, and what was read.

        :raises KaizalaInputError: if the rule can never be met
        """
        details = yield from self.subject.reading()
        return (yield from self.settle(details))

    def settle(self, details: ActionDetails) -> Reading[tuple[Wait, ActionDetails]]:
        """Compare the rule with what it is about, once: can it be met, and who must answer?

        :raises KaizalaInputError: if the rule can never be met
        """
        if self.settled:
            return self, details
        subject, details = yield from self.subject.begin(details)
        if details.is_anonymous and (self.rule.needs_names or self.voters is not None):
            raise KaizalaInputError(
                f"until: {details.title or subject.id!r} is anonymous, so it does not show who has answered; give a count instead"
            )
        rule = self.rule
        if self.voters is not None or (rule.needs_eligible and (details.assignees or subject.is_for_members)):
            eligible = yield from self._eligible(details)
            if eligible is not None:
                if self.voters is not None:
                    eligible = eligible.only(self.voters, "voters")
                rule = rule.within(eligible)
        closes_at = None
        if isinstance(subject, Responses) and details.action_type.lower() not in _ALWAYS_OPEN:
            closes_at = details.due
        return replace(self, subject=subject, rule=rule, settled=True, closes_at=closes_at), details

    def _eligible(self, details: ActionDetails) -> Reading[Eligible | None]:
        """Read who can answer; None if the connector may not know."""
        if details.assignees:
            numbers = {each.mobile_number: each.name for each in details.assignees if each.mobile_number}
            complete = len(numbers) == len(details.assignees)
            return Eligible(numbers, described="assignees of the job") if complete else None
        group_id = self.subject.group_id
        others: dict[str, Person] = {}
        try:
            group: Group = yield calls.get_group(group_id)
            members: tuple[Member, ...] = yield calls.list_members(group_id)
            asked = _by_number(members)
            if group.group_type.lower() == "connectgroup":
                # its subscribers are asked, its members may answer
                subscribers: list[Subscriber] = yield calls.list_subscribers(group_id)
                others, asked = asked, _by_number(subscribers)
        except KaizalaForbiddenError as error:
            log.warning(
                "The members of the group cannot be read, so whether the rule can be met is not checked: %s",
                error,
            )
            return None
        sender = details.creator
        if not (sender.mobile_number or sender.id) and self.rule.needs_names:
            # of a reaction Kaizala does not name the sender: the connector's own user
            with suppress(KaizalaForbiddenError):
                sender = yield calls.get_me(group_id)
        own_id = (sender.id or "").lower()
        names = {
            number: each.name
            for number, each in asked.items()
            if number != sender.mobile_number and (not own_id or (each.id or "").lower() != own_id)
        }
        return Eligible(
            names, {number: each.name for number, each in (others | asked).items() if number not in names}
        )

    def update(self, details: ActionDetails, last: Update | None = None) -> Update:
        """Return how far the wait has come.

        :param last: what the look before has found
        :raises KaizalaInputError: if the rule does not fit what was read
        """
        counted = answers_of(self.voters, details)
        progress = self.rule.progress(counted)
        tallied = counted if self.voters is not None else answers_of(self.rule.voters, details)
        subject, text = self.subject, str(progress)
        result = result_dict(subject.group_id, subject.id, details, tallied, progress)
        is_news = last is None or last.text != text
        news = f"{details.title or subject.id!r}: {text}" if is_news else None
        return Update(details, progress, result, text, news)


def _by_number(people: Iterable[Member | Subscriber]) -> dict[str, Person]:
    return {each.mobile_number: as_person(each) for each in people if each.mobile_number}
