"""The waits, in the triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_kaizala.triggers.base import KaizalaWaitTrigger


def for_subject(kind: str) -> type[KaizalaWaitTrigger]:
    """Return the trigger that waits on a kind of subject."""
    from airflow_provider_kaizala.triggers.action import KaizalaActionTrigger
    from airflow_provider_kaizala.triggers.member import KaizalaMemberTrigger
    from airflow_provider_kaizala.triggers.reaction import KaizalaReactionTrigger
    from airflow_provider_kaizala.triggers.response import KaizalaResponseTrigger

    made: dict[str, type[KaizalaWaitTrigger]] = {
        "action": KaizalaResponseTrigger,
        "reactions": KaizalaReactionTrigger,
        "posts": KaizalaActionTrigger,
        "members": KaizalaMemberTrigger,
    }
    return made[kind]
