"""What all waits in the triggerer have in common."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.triggers.polls import polls
from airflow_provider_kaizala.waiting.answers import result_dict
from airflow_provider_kaizala.waiting.forms import read_rule

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.waiting.answers import ResultDict
    from airflow_provider_kaizala.waiting.subjects import Subject

log = logging.getLogger(__name__)


class KaizalaWaitTrigger(BaseTrigger):
    """Base of the triggers: waits on a subject until a rule is met, or a moment comes.

    Paths and arguments of triggers are public and change only by addition: rows in the database outlive an upgrade. None of
    them is a secret. However many triggers wait in one group, one poll reads for all of them.

    :param group_id: the group
    :param until: the rule as it travels, ``{"kind": ...}``
    :param poll_interval: seconds between two looks; more if the connector's calls run short
    :param deadline: ISO 8601 time at which the wait is over in any case, or None
    :param wake_at: ISO 8601 time at which the task wants to be woken in between, or None
    :param kaizala_conn_id: the connection
    :param carry: plain values that come back with the event

    Fires one event: ``{"status": "success", "result": ...}`` with the answers, ``{"status": "timeout", "result": ...}`` with what
    was seen last, or None, ``{"status": "wake"}``, or ``{"status": "error", "message": ...}``; each with ``"carry"``.
    """

    def __init__(
        self,
        group_id: str,
        until: dict[str, Any],
        poll_interval: float = 60.0,
        deadline: str | None = None,
        wake_at: str | None = None,
        kaizala_conn_id: str = KaizalaHook.default_conn_name,
        carry: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.group_id = group_id
        self.until = until
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.wake_at = wake_at
        self.kaizala_conn_id = kaizala_conn_id
        self.carry = carry

    def subject(self) -> Subject:
        """Return what is waited on."""
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return path and arguments."""
        own = {name: value for name, value in self.subject().to_wire().items() if name != "kind"}
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                **own,
                "until": self.until,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "wake_at": self.wake_at,
                "kaizala_conn_id": self.kaizala_conn_id,
                "carry": self.carry,
            },
        )

    def _seconds_left(self) -> float | None:
        """Return the seconds to the deadline or to the next waking, whichever comes first."""
        moments = [datetime.fromisoformat(moment) for moment in (self.deadline, self.wake_at) if moment]
        if not moments:
            return None
        return max(0.0, (min(moments) - datetime.now(tz=UTC)).total_seconds())

    def _out_of_time(self, result: ResultDict | None) -> TriggerEvent:
        if self.deadline and datetime.now(tz=UTC) >= datetime.fromisoformat(self.deadline):
            return self._event("timeout", result=result)
        return self._event("wake")

    def _event(self, status: str, **more: Any) -> TriggerEvent:
        return TriggerEvent({"status": status, **more, "carry": self.carry})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire once; not before Airflow knows that the task has left its worker."""
        began = time.monotonic()
        async with aclosing(self.wait()) as events:
            async for event in events:
                if self.trigger_id is not None:  # under dag.test() no worker was left
                    await asyncio.sleep(began + compat.PARKING - time.monotonic())
                yield event

    async def wait(self) -> AsyncGenerator[TriggerEvent]:
        """Look, until it is over. State is read anew each time, so a restart of the triggerer loses nothing."""
        said = ""
        result: ResultDict | None = None
        try:
            rule = read_rule(self.until)
            subject = self.subject()
            async with polls().watch(self.kaizala_conn_id, subject, self.poll_interval) as wait:
                while True:
                    seen: ActionDetails | None = await wait.next(self._seconds_left())
                    if seen is None:
                        yield self._out_of_time(result)
                        return
                    progress = rule.progress(seen)
                    result = result_dict(self.group_id, subject.id, seen, progress)
                    if str(progress) != said:
                        said = str(progress)
                        log.info("%r: %s", seen.title or subject.id, progress)
                    if progress.over:
                        yield self._event("success", result=result)
                        return
        except KaizalaError as error:
            yield self._event("error", message=str(error))
        except Exception as error:  # noqa: BLE001  a connection that is not there, say
            yield self._event("error", message=f"{type(error).__name__}: {error}")
