"""The wait for whoever answers first, in the triggerer: the group, or somebody in Airflow's Required Actions."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.triggers.polls import polls
from airflow_provider_kaizala.triggers.response import KaizalaResponseTrigger
from airflow_provider_kaizala.waiting.answers import iso, result_dict
from airflow_provider_kaizala.waiting.choices import as_offered, chosen
from airflow_provider_kaizala.waiting.combined import AnyOf
from airflow_provider_kaizala.waiting.forms import read_rule
from airflow_provider_kaizala.waiting.progress import latest
from airflow_provider_kaizala.waiting.rules import AnyAnswer, AtLeast, People, Quorum

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from airflow.triggers.base import TriggerEvent

    from airflow_provider_kaizala.client.models import ActionDetails, Person
    from airflow_provider_kaizala.triggers.polls import Subscription
    from airflow_provider_kaizala.waiting.rule import Rule

log = logging.getLogger(__name__)

#: Airflow's row cannot name somebody who is no user of Airflow; these two of its values do, and its page shows them
BY_NAME, BY_ID = "answered_in_kaizala_by", "answered_in_kaizala_id"
#: seconds after which an answer that Airflow did not take is offered again
AGAIN = 5.0
#: seconds that the last look of a wait may last
LAST_LOOK = 20.0
#: for answers whose time Kaizala does not tell; their place in the list then decides
EARLIER, LATER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


# --- what the group has decided ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """What a group has decided, and by whose answer."""

    chosen: tuple[str, ...]
    by: Person

    @property
    def user(self) -> dict[str, str]:
        """Return that person as Airflow's results name people."""
        person = self.by
        name = person.name or person.mobile_number or "somebody in the group"
        return {"id": f"kaizala:{person.mobile_number or person.id or ''}", "name": name}


@dataclass(frozen=True)
class _Vote:
    by: Person
    chosen: tuple[str, ...]
    at: datetime | None


def decide(rule: Rule, action: ActionDetails, options: Sequence[str], multiple: bool) -> Decision | None:
    """Return what a group has decided; None if its rule is not met yet, or a tie decides nothing.

    Where one answer is enough, it is the first that came. A quorum that is met decides for its option, one that no longer can be
    for what most people chose instead. Everything else is decided by what most people chose; where a person may choose several
    options, by each that more than half of them did. Only those count whom the rule names, if it names any. The decision is that
    person's whose answer completed it.
    """
    progress = rule.progress(action)
    if not progress.over:
        return None
    if isinstance(rule, AnyOf) and progress.met:
        return next(
            (decide(each, action, options, multiple) for each in rule.rules if each.progress(action).met),
            None,
        )
    votes = _votes(rule, action, options)
    if not votes:
        return None
    if progress.met and _one_is_enough(rule):
        first = min(votes, key=lambda vote: vote.at or LATER)
        return Decision(first.chosen, first.by)
    wanted = as_offered(rule.option, options) if isinstance(rule, Quorum) else None
    lost = set() if progress.met else {as_offered(each, options) for each in rule.options()}
    counts = {each: sum(each in vote.chosen for vote in votes) for each in options if each not in lost}
    if multiple:
        decided = [each for each, count in counts.items() if 2 * count > len(votes) or each == wanted]
    elif wanted is not None and progress.met:
        decided = [each for each in counts if each == wanted]
    else:
        most = max(counts.values(), default=0)
        decided = [each for each, count in counts.items() if most and count == most]
        decided = decided if len(decided) == 1 else []
    supporters = [vote for vote in votes if set(vote.chosen) & set(decided)]
    if not supporters:
        return None
    last = max(reversed(supporters), key=lambda vote: vote.at or EARLIER)
    return Decision(tuple(decided), last.by)


def _one_is_enough(rule: Rule) -> bool:
    return (
        isinstance(rule, AnyAnswer)
        or (isinstance(rule, AtLeast) and rule.count == 1)
        or (isinstance(rule, People) and rule.need == "any")
    )


def _votes(rule: Rule, action: ActionDetails, options: Sequence[str]) -> list[_Vote]:
    """Return the latest vote of each person who counts."""
    people = getattr(rule, "people", None)
    found = []
    for response in latest(action):
        if people is not None and response.responder.mobile_number not in people:
            continue
        given = [as_offered(one, options) for value in response.answers.values() for one in chosen(value)]
        known = tuple(dict.fromkeys(each for each in given if each in options))
        if known:
            found.append(_Vote(response.responder, known, response.responded_at))
    return found


# --- the trigger -----------------------------------------------------------------------------------------------------------


class KaizalaHITLTrigger(KaizalaResponseTrigger):
    """Waits until the group has decided, somebody has answered in Airflow, or time is up; there is one winner.

    The winner is whose answer Airflow's own record of the question takes first: it takes one.

    :param ti_id: the task instance that asks; Airflow keeps one question for each
    :param options: what can be chosen
    :param multiple: whether a person may choose several
    :param defaults: what is chosen when time is up, or None
    :param params_input: what Airflow's form fields hold where nobody has filled them
    :param look_interval: seconds between two looks at Airflow's record

    The others are those of :class:`~airflow_provider_kaizala.triggers.response.KaizalaResponseTrigger`.

    Fires one event: what Airflow's own ``HITLTrigger`` fires (``chosen_options``, ``params_input``, ``responded_at``,
    ``responded_by_user``, ``timedout``, or ``error`` and ``error_type``) and ``answered_in``, ``result`` with the state of the group
    that was seen last, or None, and ``carry``; or ``{"status": "wake", "carry": ...}``.
    """

    def __init__(
        self,
        group_id: str,
        action_id: str,
        until: dict[str, Any],
        ti_id: str,
        options: Sequence[str],
        multiple: bool = False,
        defaults: Sequence[str] | None = None,
        params_input: Mapping[str, Any] | None = None,
        look_interval: float = 5.0,
        **more: Any,
    ) -> None:
        super().__init__(group_id, action_id, until, **more)
        self.ti_id = ti_id
        self.options = options
        self.multiple = multiple
        self.defaults = defaults
        self.params_input = params_input
        self.look_interval = look_interval
        self._seen: ActionDetails | None = None
        self._said = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return path and arguments."""
        path, given = super().serialize()
        return path, {
            **given,
            "ti_id": self.ti_id,
            "options": list(self.options),
            "multiple": self.multiple,
            "defaults": None if self.defaults is None else list(self.defaults),
            "params_input": None if self.params_input is None else dict(self.params_input),
            "look_interval": self.look_interval,
        }

    async def wait(self) -> AsyncGenerator[TriggerEvent]:
        """Look here and there, until it is over. A restart of the triggerer loses nothing: what counts is Airflow's record."""
        rule = read_rule(self.until)
        async with AsyncExitStack() as stack:
            group = await self._join(stack)
            next_look = 0.0
            while True:
                if time.monotonic() >= next_look:
                    event = await self._from_airflow()
                    if event is not None:
                        yield event
                        return
                    next_look = time.monotonic() + self.look_interval
                decision = self._decision(rule)
                event = await self._offer(decision) if decision else None
                left = self._seconds_left()
                if event is None and left == 0:
                    event = await self._time_is_up(rule)
                if event is not None:
                    yield event
                    return
                pause = next_look - time.monotonic()
                if decision or left == 0:  # Airflow did not take it
                    pause = min(pause, AGAIN)
                elif left is not None:
                    pause = min(pause, left)
                group = await self._news(group, max(0.0, pause))

    # --- the group -------------------------------------------------------------------------------------------------------

    async def _join(self, stack: AsyncExitStack) -> Subscription | None:
        try:
            return await stack.enter_async_context(
                polls().watch(self.kaizala_conn_id, self.subject(), self.poll_interval)
            )
        except Exception as error:  # noqa: BLE001  a connection that is not there, say
            self._group_is_lost(error)
            return None

    async def _news(self, group: Subscription | None, seconds: float) -> Subscription | None:
        """Wait for news from the group; return None once there will be none any more."""
        if group is None:
            await asyncio.sleep(seconds)
            return None
        try:
            self._seen = await group.next(seconds) or self._seen
        except KaizalaError as error:
            self._group_is_lost(error)
            return None
        return group

    def _group_is_lost(self, error: Exception) -> None:
        log.warning("The group's answers cannot be read; from now on only Airflow's count: %s", error)

    def _decision(self, rule: Rule) -> Decision | None:
        if self._seen is None:
            return None
        try:
            said = str(rule.progress(self._seen))
            decision = decide(rule, self._seen, self.options, self.multiple)
        except KaizalaError as error:
            said, decision = str(error), None
        if said != self._said:
            self._said = said
            log.info("%r: %s", self._seen.title or self.action_id, said)
        return decision

    async def _last_look(self) -> None:
        """Read the group once more: what the poll has seen is up to an interval old."""
        hook = KaizalaHook(self.kaizala_conn_id, total_timeout=LAST_LOOK)
        try:
            from airflow_provider_kaizala.client.readings import afollow

            client = await hook.get_async_conn()
            try:
                self._seen = await afollow(self.subject().reading(), client.run)
            finally:
                await client.close()
        except Exception as error:  # noqa: BLE001
            log.warning("The group could not be read a last time: %s", error)

    # --- Airflow's record --------------------------------------------------------------------------------------------------

    async def _record(self) -> Any:
        """Return Airflow's record, None if it cannot be read: under ``dag.test()`` there is none."""
        from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail
        from asgiref.sync import sync_to_async

        try:
            return await sync_to_async(get_hitl_detail_content_detail)(ti_id=UUID(self.ti_id))
        except Exception as error:  # noqa: BLE001
            log.warning(
                "Whether somebody has answered in Airflow cannot be read now; looking again: %s", error
            )
            return None

    async def _from_airflow(self) -> TriggerEvent | None:
        """Return the event of what Airflow's record holds already, None if it holds no answer."""
        record = await self._record()
        if record is None or not record.response_received:
            return None
        given = dict(record.params_input or {})
        in_group = BY_ID in given  # an earlier run of this trigger put it there
        user = record.responded_by_user
        who: dict[str, Any] | None = {"id": user.id, "name": user.name} if user else None
        if in_group:
            who = {"id": given.pop(BY_ID), "name": given.pop(BY_NAME, None)}
        return self._answered(
            list(record.chosen_options or []), who, record.responded_at, given, in_group=in_group
        )

    async def _write(self, chosen: Sequence[str], given: Mapping[str, Any]) -> tuple[datetime | None, bool]:
        """Answer in Airflow's record; return when, and whether it was taken."""
        from airflow.sdk.execution_time.hitl import update_hitl_detail_response
        from asgiref.sync import sync_to_async

        try:
            record = await sync_to_async(update_hitl_detail_response)(
                ti_id=UUID(self.ti_id), chosen_options=list(chosen), params_input=dict(given)
            )
        except Exception as error:  # noqa: BLE001
            log.info("Airflow did not take the answer %s: %s", ", ".join(chosen), error)
            return None, False
        return getattr(record, "responded_at", None), True

    async def _offer(self, decision: Decision) -> TriggerEvent | None:
        """Answer for the group. If somebody was first, theirs is the answer; None if Airflow cannot take any now."""
        given = dict(self.params_input or {})
        user = decision.user
        at, taken = await self._write(decision.chosen, {**given, BY_NAME: user["name"], BY_ID: user["id"]})
        if not taken:
            return await self._from_airflow()
        log.info("Answered in the group by %s: %s", user["name"], ", ".join(decision.chosen))
        return self._answered(list(decision.chosen), user, at, given, in_group=True)

    async def _time_is_up(self, rule: Rule) -> TriggerEvent | None:
        """Wake the task, or end the wait: with an answer of the last moment, the defaults, or an error."""
        if not self.deadline or datetime.now(tz=UTC) < datetime.fromisoformat(self.deadline):
            return self._event("wake")
        answered = await self._from_airflow()
        if answered is not None:
            return answered
        await self._last_look()
        decision = self._decision(rule)
        if decision is not None:
            return await self._offer(decision)
        if self.defaults is None:
            return self._made(
                {
                    "error": "Nobody has answered in time, neither in the group nor in Airflow.",
                    "error_type": "timeout",
                }
            )
        given = dict(self.params_input or {})
        at, taken = await self._write(self.defaults, given)
        if not taken:
            return await self._from_airflow()
        return self._answered(list(self.defaults), None, at, given)

    # --- events ------------------------------------------------------------------------------------------------------------

    def _answered(
        self,
        chosen: list[str],
        who: Mapping[str, Any] | None,
        at: datetime | None,
        given: Mapping[str, Any],
        *,
        in_group: bool = False,
    ) -> TriggerEvent:
        somewhere = "kaizala" if in_group else "airflow"
        return self._made(
            {
                "chosen_options": chosen,
                "params_input": dict(given),
                "responded_at": iso(at or datetime.now(tz=UTC)),
                "responded_by_user": dict(who) if who else None,
                "timedout": who is None,
                "answered_in": somewhere if who else None,
            }
        )

    def _made(self, payload: dict[str, Any]) -> TriggerEvent:
        from airflow.triggers.base import TriggerEvent

        result = None
        if self._seen is not None:
            with suppress(KaizalaError):
                progress = read_rule(self.until).progress(self._seen)
                result = result_dict(self.group_id, self.action_id, self._seen, progress)
        return TriggerEvent({**payload, "result": result, "carry": self.carry})
