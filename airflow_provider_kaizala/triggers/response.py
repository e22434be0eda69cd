"""The wait for people's answers, in the triggerer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_kaizala.triggers.base import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.subjects import ActionAnswers, Subject


class KaizalaResponseTrigger(KaizalaWaitTrigger):
    """Waits until people have answered an action.

    :param action_id: the action
    :param action_type: its type, so that one list tells of many actions; None reads it by itself
    :param sent_at: ISO 8601 time at which it was posted, where the list begins; None reads it by itself

    The others are those of :class:`~airflow_provider_kaizala.triggers.base.KaizalaWaitTrigger`.
    """

    def __init__(
        self,
        group_id: str,
        action_id: str,
        until: dict[str, Any],
        poll_interval: float = 60.0,
        deadline: str | None = None,
        kaizala_conn_id: str = "kaizala_default",
        action_type: str | None = None,
        sent_at: str | None = None,
        wake_at: str | None = None,
        carry: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(group_id, until, poll_interval, deadline, wake_at, kaizala_conn_id, carry)
        self.action_id = action_id
        self.action_type = action_type
        self.sent_at = sent_at

    def subject(self) -> Subject:
        """Return the action."""
        sent_at = datetime.fromisoformat(self.sent_at) if self.sent_at else None
        return ActionAnswers(self.group_id, self.action_id, self.action_type, sent_at)
