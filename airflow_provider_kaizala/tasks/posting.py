"""Posting once, however often a task is tried: what it notes before and after, and what it does when nobody knows whether it has."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaUnknownOutcomeError
from airflow_provider_kaizala.client.models import Job, Meeting, Poll, Survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Failure, ListedAction, Posted, Sent
    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
    from airflow_provider_kaizala.tasks.memory import Memory

log = logging.getLogger(__name__)

#: how far the clocks of Airflow and Kaizala may be apart when something is looked for that was perhaps posted
CLOCKS_APART = timedelta(seconds=30)
ON_UNKNOWN_OUTCOME = ("fail", "resend")


@dataclass(frozen=True)
class Post:
    """What was posted, as a task remembers it.

    :param action_id: None for texts and media
    :param at: ISO 8601 time of the post
    """

    group_id: str
    reference_id: str
    action_id: str | None
    at: str


@dataclass(frozen=True)
class Intent:
    """When something is perhaps posted, by Airflow's clock: from the first sending on, until the last can no longer go on."""

    since: datetime
    until: datetime

    def to_wire(self) -> dict[str, str]:
        """Return it as a task remembers it."""
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}

    @classmethod
    def from_wire(cls, wire: Mapping[str, str]) -> Intent:
        """Read it."""
        return cls(datetime.fromisoformat(wire["since"]), datetime.fromisoformat(wire["until"]))

    @property
    def first(self) -> datetime:
        """The earliest time that Kaizala may give it; it cuts times to the second."""
        return (self.since - CLOCKS_APART).replace(microsecond=0)

    @property
    def last(self) -> datetime:
        """The latest time that Kaizala may give it."""
        return self.until + CLOCKS_APART


@dataclass(frozen=True)
class Fingerprint:
    """By what an action is found among others, as far as Kaizala's list of actions tells it."""

    action_type: str
    title: str
    choices: tuple[str, ...] = ()
    starts_at: datetime | None = None

    def fits(self, listed: ListedAction) -> bool:
        """Tell whether a listed action can be it."""
        if _plain(listed.title or "") != _plain(self.title):
            return False
        if self.choices and listed.options and [*map(_plain, listed.options)] != [*map(_plain, self.choices)]:
            return False
        if not (self.starts_at and listed.starts_at):
            return True
        return abs(listed.starts_at - self.starts_at) < timedelta(seconds=1)


def fingerprint(model: Sent) -> Fingerprint | None:
    """Return by what an action is found; None for what Kaizala does not list, or lists without anything to know it by, as images."""
    match model:
        case Poll():
            return Fingerprint(model.action_type, model.question, tuple(model.options))
        case Meeting():
            starts_at = model.starts_at if isinstance(model.starts_at, datetime) else None
            return Fingerprint(model.action_type, model.title, starts_at=starts_at)
        case Survey() | Job():
            return Fingerprint(model.action_type, model.title)
    return None


def _plain(text: str) -> str:
    return " ".join(text.split())


def posted_before(memory: Memory, *, over_clearing: bool = False) -> Post | None:
    """Return what an earlier try has posted.

    :param over_clearing: whether what was posted before the task was cleared by hand counts
    """
    kept = memory.get_ever("posted")
    if kept is None or not (over_clearing or memory.get("posted")):
        return None
    post = Post(**kept["value"])
    log.info("Posted at %s already: reference %s, action %s", post.at, post.reference_id, post.action_id)
    return post


class PostOnce:
    """One post of a task to a group.

    Kaizala knows no idempotency key, so before it posts the task notes that it will, and after it what came of that. Where nobody
    knows whether it has posted (no readable answer came, or an earlier try ended in between), it looks in the group, and takes what
    fits as its own if that is one. Before Airflow 3.3 a task keeps no notes: there, only the try that posts can look.

    :param known_by: by what it is found in the group; None if it cannot be
    :param resend: where looking does not tell, whether to send it again, at most once in a try, instead of failing
    :param over_clearing: whether what was begun before the task was cleared by hand counts
    """

    def __init__(
        self,
        hook: KaizalaHook,
        memory: Memory,
        group_id: str,
        known_by: Fingerprint | None,
        *,
        resend: bool = False,
        over_clearing: bool = False,
    ) -> None:
        self._hook = hook
        self._memory = memory
        self._group_id = group_id
        self._known_by = known_by
        self._resend = resend
        self._over_clearing = over_clearing

    def post(self, make: Callable[[], Call[Posted]]) -> tuple[Post, tuple[Failure, ...]]:
        """Post, unless an earlier try is found to have; return what is posted, and whom it did not reach.

        :param make: makes the call, uploads included
        :raises KaizalaUnknownOutcomeError: if nobody knows whether it was posted
        :raises AirflowFailException: likewise of an earlier try, and if several in the group look like it
        :raises AirflowException: if the group cannot be read, and a retry can look again
        """
        doubtful = None
        left = self._left()
        if left is not None:
            post, looked = self._search(left)
            if post is not None:
                return post, ()
            # whoever has cleared the task has looked; and what the group lacks so much later was not posted
            if not looked and self._memory.get("intent"):
                self._doubt(left)
                doubtful = left
        return self._send(make(), doubtful)

    def _left(self) -> Intent | None:
        """Return what an earlier try wanted to post without noting what came of it."""
        kept = self._memory.get_ever("intent") if self._over_clearing else None
        intended = kept["value"] if kept else self._memory.get("intent")
        return Intent.from_wire(intended) if intended else None

    def _doubt(self, left: Intent) -> None:
        """Fail because an earlier try has perhaps posted and nobody can tell, unless it is to be sent again."""
        what = f"an earlier try began to post to group {self._group_id} at {left.since} and ended before it knew the outcome"
        if not self._resend:
            raise AirflowFailException(
                f"{what}. It may have been carried out, so it is not repeated: look at the group, then clear the task to post it"
            )
        log.warning("%s. Sending it, as on_unknown_outcome says: people may see it twice", what)

    def _send(
        self, call: Call[Posted], doubtful: Intent | None, *, again: bool = False
    ) -> tuple[Post, tuple[Failure, ...]]:
        """Send it; what is *doubtful* may have been posted before."""
        now = datetime.now(tz=UTC)
        longest = timedelta(seconds=self._hook.connection.settings.timeouts.total)
        intent = Intent(doubtful.since if doubtful else now, now + longest)
        self._memory.set("intent", intent.to_wire())
        try:
            posted = self._hook.run(call)
        except KaizalaUnknownOutcomeError as error:
            found, _ = self._search(intent)
            if found is not None:
                return found, ()
            if again or not self._resend:
                raise
            log.warning(
                "%s to group %s: no readable answer came back (%s). Sending it once more, as on_unknown_outcome says: people may "
                "see it twice",
                error.operation,
                self._group_id,
                error.known,
            )
        except KaizalaError:
            if doubtful is None:  # it is known that nothing was posted
                self._memory.set("intent", None)
            raise
        else:
            post = Post(self._group_id, posted.reference_id, posted.action_id, now.isoformat())
            log.info(
                "Posted to group %s: reference %s, action %s",
                post.group_id,
                post.reference_id,
                post.action_id,
            )
            return self._remember(post), posted.failed
        return self._send(call, intent, again=True)

    def _remember(self, post: Post) -> Post:
        self._memory.set("posted", asdict(post))
        return post

    # --- looking ---------------------------------------------------------------------------------------------------------

    def _search(self, intent: Intent) -> tuple[Post | None, bool]:
        """Look in the group for what was perhaps posted; return it, and whether looking could tell.

        :raises AirflowException: if the group cannot be read, and a retry can look again
        :raises AirflowFailException: if several fit
        """
        if self._known_by is None:
            return None, False
        title, listed = self._known_by.title, self._listed(self._known_by.action_type, intent)
        try:
            found = self._by_me([each for each in listed if self._known_by.fits(each)])
        except KaizalaError as error:
            what = f"whether {title!r} was posted to group {self._group_id} cannot be looked up: {error}"
            if self._memory.lasts and not self._resend:
                raise AirflowException(f"{what}. A retry looks again, before it posts anything") from error
            log.warning("%s", what)
            return None, False
        if not found:
            log.info("%r is not in group %s", title, self._group_id)
            return None, True
        return self._adopt(found, intent), True

    def _listed(self, action_type: str, intent: Intent) -> Iterator[ListedAction]:
        """List what was posted in that time, save what this task has before it was cleared."""
        from airflow_provider_kaizala.client import calls

        before = self._memory.get_ever("posted")
        not_this = before["value"]["reference_id"] if before else None
        wanted = calls.list_actions(self._group_id, action_type, intent.first)
        for each in self._hook.iterate(wanted):
            if each.sent_at and each.sent_at > intent.last:
                return  # the oldest come first
            if each.sent_at and each.sent_at < intent.first:
                continue
            if each.action_id and each.reference_id != not_this:
                yield each

    def _by_me(self, fits: list[ListedAction]) -> list[ListedAction]:
        """Return what the connector's own user has posted, as far as Kaizala tells."""
        from airflow_provider_kaizala.client import calls

        if not any(each.sender for each in fits):
            return fits
        try:
            me = self._hook.run(calls.get_me(self._group_id)).mobile_number
        except KaizalaError as error:
            log.info("Who the connector's own user is cannot be read, so senders are not compared: %s", error)
            return fits
        return [each for each in fits if not (me and each.sender) or each.sender == me]

    def _adopt(self, found: list[ListedAction], intent: Intent) -> Post:
        """Take what was found as what was posted.

        :raises AirflowFailException: if that is more than one
        """
        if len(found) > 1:
            raise AirflowFailException(
                f"{found[0].title!r} was perhaps posted to group {self._group_id}, and {len(found)} like it are there since "
                f"{intent.since}: look which is yours; KaizalaResponseSensor waits for its answers"
            )
        (mine,) = found
        log.info(
            "Found in group %s what was posted: reference %s, action %s",
            self._group_id,
            mine.reference_id,
            mine.action_id,
        )
        at = mine.sent_at or intent.since
        return self._remember(Post(self._group_id, mine.reference_id, mine.action_id, at.isoformat()))
