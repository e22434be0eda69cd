"""One call that must not be made twice, however often its task is tried.

Kaizala has no idempotency key. So before the call the task notes its intent, and after it the outcome. If the outcome is unknown
(no readable answer came back, or an earlier try ended in between), it looks in Kaizala for what it may have created, and takes
that as its own if exactly one thing fits. Before Airflow 3.3 nothing is kept between tries: only the try that calls can look.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaUnknownOutcomeError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Job, Meeting, Poll, Survey
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import ListedAction
    from airflow_provider_kaizala.client.models.sent import Sent
    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
    from airflow_provider_kaizala.tasks.state import TaskState

T = TypeVar("T")
#: what a task remembers of its call: plain JSON, ids above all
Outcome = dict[str, Any]

log = logging.getLogger(__name__)

#: how far the clocks of Airflow and Kaizala may be apart when something is looked for
CLOCK_SKEW = timedelta(seconds=30)
#: how far back to look for what an earlier try may have created, if Airflow has discarded when that was
LONGEST_SEARCH = timedelta(days=30)
on_unknown_outcome = checks.one_of("fail", "resend")


class Intent(Value):
    """When a call may have been carried out, by Airflow's clock.

    :param since: when it was first sent
    :param until: when its last sending must have ended
    """

    since: datetime
    until: datetime

    def to_wire(self) -> dict[str, str]:
        """Return the intent as a plain dict."""
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}

    @classmethod
    def from_wire(cls, wire: dict[str, str]) -> Intent:
        """Read an intent from a plain dict."""
        return cls(datetime.fromisoformat(wire["since"]), datetime.fromisoformat(wire["until"]))

    @property
    def first(self) -> datetime:
        """The earliest time that Kaizala may give to what was created; it cuts times to the second."""
        return (self.since - CLOCK_SKEW).replace(microsecond=0)

    @property
    def last(self) -> datetime:
        """The latest time that Kaizala may give to what was created."""
        return self.until + CLOCK_SKEW


class Done(NamedTuple, Generic[T]):
    """What became of a call.

    :param outcome: what the task remembers of it
    :param value: what the call returned; None if it was not made in this try
    """

    outcome: Outcome
    value: T | None = None


class PostOnce:
    """One call of a task that creates something.

    :param hook: makes the call
    :param state: of the task
    :param what: what the call does, for messages: ``"posting a poll to group g1"``
    :param resend: if looking does not tell, whether to call again, at most once in a try, instead of failing
    :param across_clearing: whether what was begun before the task was cleared by hand counts
    """

    def __init__(
        self,
        hook: KaizalaHook,
        state: TaskState,
        what: str,
        *,
        resend: bool = False,
        across_clearing: bool = False,
    ) -> None:
        self._hook = hook
        self._state = state
        self.what = what
        self._resend = resend
        self._across_clearing = across_clearing
        self._recall = state.get_ever if across_clearing else state.get

    @property
    def in_doubt(self) -> bool:
        """Whether an earlier try began the call, and ended before it knew the outcome."""
        return self._recall("posted") is None and self._recall("intent") is not None

    def earlier_outcome(self) -> Outcome | None:
        """Return the outcome that an earlier try has noted, None if there is none."""
        kept: Outcome | None = self._recall("posted")
        if kept is not None:
            log.info("An earlier try has finished %s: %s", self.what, _ids(kept))
        return kept

    def send(
        self,
        call: Call[T],
        outcome: Callable[[T], Outcome],
        find: Callable[[Intent], list[Outcome]] | None = None,
    ) -> Done[T]:
        """Make the call, unless what it creates is found.

        :param outcome: turns the call's value into what the task remembers
        :param find: returns what may have been created within a time; None if that cannot be looked up
        :raises KaizalaUnknownOutcomeError: if it is unknown whether the call was carried out
        :raises AirflowFailException: likewise for an earlier try, and if several things fit
        :raises AirflowException: if it cannot be looked up now, and a retry can look again
        """
        if call.repeatable:
            value = self._hook.run(call)
            return Done(outcome(value), value)
        kept = self._recall("intent")
        doubtful = Intent.from_wire(kept) if kept else self._forgotten()
        if doubtful is not None:
            found, looked = self._look(find, doubtful)
            if found is not None:
                return Done(found)
            if looked or not self._state.get("intent"):
                # what Kaizala does not list by now was not created; and whoever has cleared the task has looked
                doubtful = None
            else:
                self._refuse_to_repeat(doubtful)
        return self._send(call, outcome, find, doubtful)

    def _forgotten(self) -> Intent | None:
        """Return when an earlier try may have made the call, if what it has noted is gone; None if nothing is."""
        since = self._state.forgotten_since if self._across_clearing else None
        if since is None:
            return None
        log.info("What earlier tries have noted is gone, as it is after clearing; looking for %s", self.what)
        now = datetime.now(tz=UTC)
        return Intent(max(since, now - LONGEST_SEARCH), now)

    def _refuse_to_repeat(self, doubtful: Intent) -> None:
        what = f"an earlier try began {self.what} at {doubtful.since} and ended before it knew the outcome"
        if not self._resend:
            raise AirflowFailException(
                f"{what}. It may have been carried out, so it is not repeated: look in Kaizala, then clear the task to do it again"
            )
        log.warning("%s. Sending it again, as on_unknown_outcome says: people may see it twice", what)

    def _send(
        self,
        call: Call[T],
        outcome: Callable[[T], Outcome],
        find: Callable[[Intent], list[Outcome]] | None,
        doubtful: Intent | None,
        *,
        again: bool = False,
    ) -> Done[T]:
        """Make the call.

        :param doubtful: when it may have been carried out before; its first time stays the one to look from
        """
        now = datetime.now(tz=UTC)
        longest = timedelta(seconds=self._hook.connection.settings.timeouts.total)
        intent = Intent(doubtful.since if doubtful else now, now + longest)
        self._state.set("intent", intent.to_wire())
        try:
            value = self._hook.run(call)
        except KaizalaUnknownOutcomeError as error:
            found, _ = self._look(find, intent)
            if found is not None:
                return Done(found)
            if again or not self._resend:
                raise
            log.warning(
                "%s: no readable answer came back (%s). Sending it once more, as on_unknown_outcome says: people may see it twice",
                error.operation,
                error.known,
            )
        except KaizalaError:
            if doubtful is None:  # it is known that nothing was created
                self._state.set("intent", None)
            raise
        else:
            done = outcome(value)
            self._state.set("posted", done)
            log.info("Finished %s: %s", self.what, _ids(done))
            return Done(done, value)
        return self._send(call, outcome, find, intent, again=True)

    def _look(
        self, find: Callable[[Intent], list[Outcome]] | None, intent: Intent
    ) -> tuple[Outcome | None, bool]:
        """Look for what may have been created; return it, and whether looking could tell."""
        if find is None:
            return None, False
        try:
            found = find(intent)
        except KaizalaError as error:
            what = f"whether {self.what} succeeded cannot be looked up: {error}"
            if self._state.is_kept and not self._resend:
                raise AirflowException(f"{what}. A retry looks again before it sends anything") from error
            log.warning("%s", what)
            return None, False
        if len(found) > 1:
            raise AirflowFailException(
                f"{self.what} may have succeeded, and {len(found)} things like it appeared since {intent.since}: look which one "
                "is yours; KaizalaResponseSensor waits for the answers to one of them"
            )
        if not found:
            log.info("Kaizala shows nothing of %s, so it did not happen", self.what)
            return None, True
        log.info("Found in Kaizala that %s succeeded: %s", self.what, _ids(found[0]))
        self._state.set("posted", found[0])
        return found[0], True


def _ids(outcome: Outcome) -> str:
    ids = ", ".join(f"{name} {value}" for name, value in outcome.items() if name.endswith("_id") and value)
    return ids or "no ids"


# --- finding actions -----------------------------------------------------------------------------------------------------


class Fingerprint(Value):
    """What identifies an action among others, as far as Kaizala's list of actions shows it."""

    action_type: str
    title: str
    options: tuple[str, ...] = ()
    starts_at: datetime | None = None

    def fits(self, listed: ListedAction) -> bool:
        """Return whether a listed action can be this one."""
        if _words(listed.title or "") != _words(self.title):
            return False
        if self.options and listed.options and [*map(_words, listed.options)] != [*map(_words, self.options)]:
            return False
        if not (self.starts_at and listed.starts_at):
            return True
        return abs(listed.starts_at - self.starts_at) < timedelta(seconds=1)


def fingerprint(model: Sent) -> Fingerprint | None:
    """Return the fingerprint of an action; None for what Kaizala does not list, or lists without a title, such as images."""
    match model:
        case Poll():
            return Fingerprint(model.action_type, model.question, tuple(model.options))
        case Meeting():
            starts_at = model.starts_at if isinstance(model.starts_at, datetime) else None
            return Fingerprint(model.action_type, model.title, starts_at=starts_at)
        case Survey() | Job():
            return Fingerprint(model.action_type, model.title)
    return None


def _words(text: str) -> str:
    return " ".join(text.split())


def find_action(
    hook: KaizalaHook, state: TaskState, group_id: str, wanted: Fingerprint
) -> Callable[[Intent], list[Outcome]]:
    """Return how to find an action in a group, for :meth:`PostOnce.send`."""

    def find(intent: Intent) -> list[Outcome]:
        found = [each for each in listed(intent) if wanted.fits(each)]
        return [
            posted_outcome(group_id, each.reference_id, each.action_id, each.sent_at or intent.since)
            for each in _own(hook, group_id, found)
        ]

    def listed(intent: Intent) -> Iterator[ListedAction]:
        """List what was posted in that time, except what this task has posted before it was cleared."""
        before = (state.get_ever("posted") or {}).get("reference_id")
        for each in hook.iterate(calls.list_actions(group_id, wanted.action_type, intent.first)):
            if each.sent_at and each.sent_at > intent.last:
                return  # the oldest come first
            if each.sent_at and each.sent_at < intent.first:
                continue
            if each.action_id and each.reference_id != before:
                yield each

    return find


def _own(hook: KaizalaHook, group_id: str, found: list[ListedAction]) -> list[ListedAction]:
    """Return what the connector's own user has posted, as far as Kaizala names senders."""
    if not any(each.sender for each in found):
        return found
    try:
        me = hook.run(calls.get_me(group_id)).mobile_number
    except KaizalaError as error:
        log.info("The connector's own user cannot be read, so senders are not compared: %s", error)
        return found
    return [each for each in found if not (me and each.sender) or each.sender == me]


def posted_outcome(group_id: str, reference_id: str, action_id: str | None, at: datetime) -> Outcome:
    """Return what a task remembers of a post: ids, and the ISO 8601 time of the post."""
    return {"group_id": group_id, "reference_id": reference_id, "action_id": action_id, "at": at.isoformat()}
