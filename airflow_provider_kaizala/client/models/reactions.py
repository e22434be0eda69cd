"""Likes and comments, as replies describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.models.wire import Received, Wire
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from datetime import datetime


class ReactionCounts(Value):
    """How often a post was liked and commented on. A kind that the reply leaves out counts as 0."""

    reference_id: str
    likes: int
    comments: int

    @classmethod
    def read(cls, body: Any) -> ReactionCounts:
        """Read an item of ``summary``."""
        wire = Wire(body)
        counts = wire.inner("reactionsCountMap")
        return cls(wire.need("referenceId"), counts.integer("like") or 0, counts.integer("comment") or 0)


class Reaction(Received):
    """One person's like or comment. ``comment`` is None for a like, and where the reply leaves the text out."""

    reaction_id: str
    user_id: str
    modified_at: datetime | None
    comment: str | None

    names: ClassVar = {"modified_at": ("lastModifiedTime",)}
