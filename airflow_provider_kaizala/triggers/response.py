"""The wait for people's answers, in the triggerer."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.hooks.transient import is_transient
from airflow_provider_kaizala.waiting.answers import ResultDict, result_dict
from airflow_provider_kaizala.waiting.rules import read_rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)


class KaizalaResponseTrigger(BaseTrigger):
    """Waits until people have answered an action, or a deadline passes.

    Its path and arguments are public and change only by addition: rows in the database outlive an upgrade. None of them is a
    secret.

    :param group_id: the group
    :param action_id: the action
    :param until: the rule as it travels, ``{"kind": ...}``
    :param poll_interval: seconds between two looks
    :param deadline: ISO 8601 time at which the wait is over in any case, or None
    :param kaizala_conn_id: the connection

    Fires one event: ``{"status": "success" | "timeout", "result": ...}`` with the answers, or
    ``{"status": "error", "message": ...}``.
    """

    def __init__(
        self,
        group_id: str,
        action_id: str,
        until: dict[str, Any],
        poll_interval: float = 60.0,
        deadline: str | None = None,
        kaizala_conn_id: str = KaizalaHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.group_id = group_id
        self.action_id = action_id
        self.until = until
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.kaizala_conn_id = kaizala_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return path and arguments."""
        return (
            "airflow_provider_kaizala.triggers.response.KaizalaResponseTrigger",
            {
                "group_id": self.group_id,
                "action_id": self.action_id,
                "until": self.until,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "kaizala_conn_id": self.kaizala_conn_id,
            },
        )

    def _seconds_left(self) -> float:
        if self.deadline is None:
            return float("inf")
        return (datetime.fromisoformat(self.deadline) - datetime.now(tz=UTC)).total_seconds()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, until it is over. State is read anew each time, so a restart of the triggerer loses nothing."""
        try:
            rule = read_rule(self.until)
            client = await KaizalaHook(self.kaizala_conn_id).get_async_conn()
        except Exception as error:  # noqa: BLE001
            yield TriggerEvent({"status": "error", "message": str(error)})
            return
        said = ""
        result: ResultDict | None = None
        async with client:
            while True:
                try:
                    action = await client.run(calls.get_action(self.group_id, self.action_id))
                    progress = rule.progress(action)
                except KaizalaError as error:
                    if not is_transient(error):
                        yield TriggerEvent({"status": "error", "message": str(error)})
                        return
                    log.warning("Kaizala cannot be read now; looking again: %s", error)
                else:
                    result = result_dict(
                        self.group_id, self.action_id, action, progress.missing, complete=progress.met
                    )
                    if str(progress) != said:
                        said = str(progress)
                        log.info("%r: %s", action.title or self.action_id, progress)
                    if progress.met:
                        yield TriggerEvent({"status": "success", "result": result})
                        return
                left = self._seconds_left()
                if left <= 0:
                    yield TriggerEvent({"status": "timeout", "result": result})
                    return
                await asyncio.sleep(min(self.poll_interval, left))
