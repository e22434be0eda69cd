"""The wait for somebody who posts an action, in the triggerer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_kaizala.triggers.base import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.subjects import Posts, Subject


class KaizalaActionTrigger(KaizalaWaitTrigger):
    """Waits until people have posted actions of a type.

    :param action_type: ``Image``, ``Job``, ``Survey``, ``Poll``, ``LetsMeet``, ``PhotoWithLocation`` or ``ShareLocation``
    :param since: ISO 8601 time; what was posted before does not count

    The others are those of :class:`~airflow_provider_kaizala.triggers.base.KaizalaWaitTrigger`.
    """

    def __init__(
        self, group_id: str, action_type: str, since: str, until: dict[str, Any], **more: Any
    ) -> None:
        super().__init__(group_id, until, **more)
        self.action_type = action_type
        self.since = since

    def subject(self) -> Subject:
        """Return type and time."""
        return Posts(self.group_id, self.action_type, datetime.fromisoformat(self.since))
