"""The wait for people who join a group, in the triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.triggers.base import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.subjects import Joined, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence


class KaizalaMemberTrigger(KaizalaWaitTrigger):
    """Waits until people have joined a group.

    :param before: phone numbers of those who were in it when the wait began

    The others are those of :class:`~airflow_provider_kaizala.triggers.base.KaizalaWaitTrigger`.
    """

    def __init__(
        self, group_id: str, until: dict[str, Any], before: Sequence[str] | None = None, **more: Any
    ) -> None:
        super().__init__(group_id, until, **more)
        self.before = before

    def subject(self) -> Subject:
        """Return the group, and who was in it."""
        return Joined(self.group_id, None if self.before is None else tuple(self.before))
