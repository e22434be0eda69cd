"""The wait for likes and comments, in the triggerer."""

from __future__ import annotations

from typing import Any

from airflow_provider_kaizala.triggers.base import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.subjects import Reactions, Subject


class KaizalaReactionTrigger(KaizalaWaitTrigger):
    """Waits until people have liked something, or commented on it.

    :param reference_id: of what was posted
    :param reaction_type: ``Like`` or ``Comment``
    :param source_group_id: the group it was sent in, if that is one above; None for *group_id*

    The others are those of :class:`~airflow_provider_kaizala.triggers.base.KaizalaWaitTrigger`.
    """

    def __init__(
        self,
        group_id: str,
        reference_id: str,
        until: dict[str, Any],
        reaction_type: str = "Like",
        source_group_id: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(group_id, until, **more)
        self.reference_id = reference_id
        self.reaction_type = reaction_type
        self.source_group_id = source_group_id

    def subject(self) -> Subject:
        """Return what was posted."""
        return Reactions(self.group_id, self.reference_id, self.reaction_type, self.source_group_id)
