"""Wait for people who join a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.sensors.base import KaizalaSensor
from airflow_provider_kaizala.waiting.forms import read_rule
from airflow_provider_kaizala.waiting.rules import Everyone
from airflow_provider_kaizala.waiting.subjects import Joined, Subject

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.waiting.rule import Rule


class KaizalaMemberSensor(KaizalaSensor):
    """Wait until people have joined a group.

    ``until="any"`` or a count are met by people who were not in the group at the first look; named people by being in it, since
    when does not matter. Each of ``answers`` is one of those members, with ``{"role": ...}``.

    The arguments are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_literals()

    def check_rule(self, rule: Rule) -> None:
        """Refuse what nobody can do by joining, and what would count people who are there already."""
        if rule.options() or any(isinstance(part, Everyone) for part in rule.parts):
            raise KaizalaInputError(
                "until: nobody in particular has to join, and who does chooses nothing; give a count, or name the people"
            )
        if len({part.by_name for part in rule.parts}) > 1:
            raise KaizalaInputError(
                "until: names look for who is in the group, counts for who joins it; use two sensors instead of one rule of both"
            )

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return the group."""
        return Joined(group_id, () if read_rule(self.until).by_name else None)
