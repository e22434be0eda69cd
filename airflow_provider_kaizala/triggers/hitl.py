"""The trigger of a question that is asked in a group and in Airflow's Required Actions at once."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.triggers.base import TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.models.wire import iso
from airflow_provider_kaizala.triggers.accounts import accounts
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.decision import decide
from airflow_provider_kaizala.waiting.wait import LAST_LOOK, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.triggers.accounts import Account
    from airflow_provider_kaizala.triggers.poll import Feed
    from airflow_provider_kaizala.waiting.decision import Decision

compat.need_hitl()

from airflow.sdk.execution_time.hitl import (  # noqa: E402
    get_hitl_detail_content_detail,
    update_hitl_detail_response,
)

log = logging.getLogger(__name__)

#: Airflow's record cannot name a person who is not a user of Airflow; these two of its values do, and its page shows them
BY_NAME, BY_ID = "answered_in_kaizala_by", "answered_in_kaizala_id"
#: seconds after which an answer that Airflow did not accept is offered again
OFFER_AGAIN = 5.0


class KaizalaHITLTrigger(KaizalaWaitTrigger):
    """Waits until the group has decided, a person has answered in Airflow, or time is up; there is one winner.

    The winner is the answer that Airflow's own record of the question accepts first; it accepts only one.

    :param wait: see :class:`~airflow_provider_kaizala.triggers.wait.KaizalaWaitTrigger`, as for the next three
    :param kaizala_conn_id: the Airflow connection to Kaizala
    :param wake_at: ISO 8601 time at which the task wants to be woken in between, or None
    :param carry: plain values that come back with the event
    :param ti_id: the task instance that asks; Airflow keeps one question for each
    :param options: what people can choose
    :param multiple: whether a person may choose several
    :param defaults: what is chosen when time is up, or None
    :param params_input: the values of Airflow's form fields that were not filled in
    :param look_interval: seconds between two looks at Airflow's record

    Fires one event: what Airflow's own ``HITLTrigger`` fires (``chosen_options``, ``params_input``, ``responded_at``,
    ``responded_by_user``, ``timedout``, or ``error`` and ``error_type``) and ``answered_in``, ``result`` with what was last seen of
    the group, or None, and ``carry``; or the ``"wake"`` event of its base.
    """

    def __init__(
        self,
        wait: dict[str, Any],
        kaizala_conn_id: str,
        ti_id: str,
        options: Sequence[str],
        multiple: bool = False,
        defaults: Sequence[str] | None = None,
        params_input: Mapping[str, Any] | None = None,
        look_interval: float = 5.0,
        wake_at: str | None = None,
        carry: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(wait, kaizala_conn_id, wake_at, carry)
        self.ti_id = ti_id
        self.options = list(options)
        self.multiple = multiple
        self.defaults = None if defaults is None else list(defaults)
        self.params_input = None if params_input is None else dict(params_input)
        self.look_interval = look_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path and the arguments."""
        path, given = super().serialize()
        names = ("ti_id", "options", "multiple", "defaults", "params_input", "look_interval")
        return path, {**given, **{name: getattr(self, name) for name in names}}

    async def event(self) -> TriggerEvent:
        """Poll the group and Airflow until one of them has an answer. What counts is Airflow's record, so a restart loses nothing."""
        wait = Wait.from_wire(self.wait)
        feed: Feed | None = None
        look_at = join_at = 0.0  # nothing to join once the group is polled, or waiting cannot fix its error
        async with AsyncExitStack() as stack:
            while True:
                event = None
                if time.monotonic() >= look_at:
                    event = await self._from_airflow()
                    look_at = time.monotonic() + self.look_interval
                decision = None if event else self._decide(wait)
                if decision:
                    event = await self._offer(decision)
                left = self.seconds_left(wait)
                if event is None and left == 0:
                    event = await self._time_is_up(wait)
                    join_at = math.inf
                if event is not None:
                    return event
                try:
                    now = time.monotonic()
                    if now >= join_at:
                        feed, wait = await self.join(stack, wait)
                        # a question that has ended in the group can still be answered in Airflow
                        wait = replace(wait, closes_at=None)
                        join_at = math.inf if feed else time.monotonic() + wait.interval
                        continue
                    refused = decision is not None or left == 0
                    again = OFFER_AGAIN if refused else math.inf
                    pause = max(0.0, min(look_at - now, join_at - now, left or math.inf, again))
                    if feed is None:
                        await asyncio.sleep(pause)
                    elif (details := await feed.next(pause)) is not None:
                        self.update(wait, details)
                except KaizalaError as error:
                    feed, join_at = None, math.inf
                    await stack.aclose()
                    log.warning(
                        "The answers of the group cannot be read any more, so only an answer in Airflow counts now: %s",
                        error,
                    )

    async def is_answered(self, account: Account) -> bool:
        """Look once more, and return whether people have answered, here or there."""
        await super().is_answered(account)
        return self._decide(Wait.from_wire(self.wait)) is not None or await self._from_airflow() is not None

    # --- the group -------------------------------------------------------------------------------------------------------

    def _decide(self, wait: Wait) -> Decision | None:
        if self._last is None or self._last.details is None:
            return None
        return decide(wait.rule, self._last.details, self.options, self.multiple)

    async def _last_look(self, wait: Wait) -> Wait:
        """Read the group once more: what the poll has seen is up to an interval old."""
        try:
            async with asyncio.timeout(LAST_LOOK), accounts().account(self.kaizala_conn_id) as account:
                wait, details = await account.read(wait.look())
            self.update(wait, details)
        except Exception as error:  # noqa: BLE001
            log.warning("The last look at the group failed: %s", error)
        return wait

    # --- Airflow's record --------------------------------------------------------------------------------------------------

    async def _from_airflow(self) -> TriggerEvent | None:
        """Return the event of the answer that Airflow's record holds; None if it holds none, or cannot be read now."""
        try:
            record = await sync_to_async(get_hitl_detail_content_detail)(ti_id=UUID(self.ti_id))
        except Exception as error:  # noqa: BLE001
            log.warning("Airflow's record of the question cannot be read now; polling again: %s", error)
            return None
        if record is None or not record.response_received:  # under dag.test() there is no record
            return None
        given = dict(record.params_input or {})
        in_group = BY_ID in given  # an earlier run of this trigger put it there
        user = record.responded_by_user
        by: dict[str, Any] | None = {"id": user.id, "name": user.name} if user else None
        if in_group:
            by = {"id": given.pop(BY_ID), "name": given.pop(BY_NAME, None)}
        return self._answered(record.chosen_options or (), by, record.responded_at, given, in_group=in_group)

    async def _write(self, chosen: Sequence[str], given: Mapping[str, Any]) -> tuple[datetime | None, bool]:
        """Answer in Airflow's record; return when, and whether it was accepted."""
        try:
            record = await sync_to_async(update_hitl_detail_response)(
                ti_id=UUID(self.ti_id), chosen_options=list(chosen), params_input=dict(given)
            )
        except Exception as error:  # noqa: BLE001
            log.info("Airflow did not accept the answer %s: %s", ", ".join(chosen), error)
            return None, False
        return getattr(record, "responded_at", None), True

    async def _offer(self, decision: Decision) -> TriggerEvent | None:
        """Answer for the group. If Airflow has an answer already, that one counts; None if it accepts none now."""
        given = dict(self.params_input or {})
        user = decision.user
        at, taken = await self._write(decision.chosen, {**given, BY_NAME: user["name"], BY_ID: user["id"]})
        if not taken:
            return await self._from_airflow()
        log.info("Answered in the group: %s", decision)
        return self._answered(decision.chosen, user, at, given, in_group=True)

    async def _time_is_up(self, wait: Wait) -> TriggerEvent | None:
        """Wake the task, or end the wait: with an answer of the last moment, the defaults, or an error."""
        if wait.seconds_left() != 0:
            return self._event("wake", wait)
        answered = await self._from_airflow()
        if answered is not None:
            return answered
        decision = self._decide(await self._last_look(wait))
        if decision is not None:
            return await self._offer(decision)
        if self.defaults is None:
            message = "No one has answered in time, neither in the group nor in Airflow."
            return self._final({"error": message, "error_type": "timeout"})
        given = dict(self.params_input or {})
        at, taken = await self._write(self.defaults, given)
        if not taken:
            return await self._from_airflow()
        return self._answered(self.defaults, None, at, given)

    # --- events ------------------------------------------------------------------------------------------------------------

    def _answered(
        self,
        chosen: Sequence[str],
        by: Mapping[str, Any] | None,
        at: datetime | None,
        given: Mapping[str, Any],
        *,
        in_group: bool = False,
    ) -> TriggerEvent:
        somewhere = "kaizala" if in_group else "airflow"
        return self._final(
            {
                "chosen_options": list(chosen),
                "params_input": dict(given),
                "responded_at": iso(at or datetime.now(tz=UTC)),
                "responded_by_user": dict(by) if by else None,
                "timedout": by is None,
                "answered_in": somewhere if by else None,
            }
        )

    def _final(self, payload: dict[str, Any]) -> TriggerEvent:
        result = self._last.result if self._last else None
        return TriggerEvent({**payload, "result": result, "carry": self.carry})
