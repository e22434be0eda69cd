"""Wait for people who join a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.sensors.base import KaizalaSensor
from airflow_provider_kaizala.waiting.rules import Everyone, read_rule
from airflow_provider_kaizala.waiting.subjects import NewMembers, Subject

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.waiting.rules import Rule


class KaizalaMemberSensor(KaizalaSensor):
    """Wait until people have joined a group.

    ``until="any"`` or a count is met by people who were not in the group at the first look; named people by being in it, however
    long they have been.

    The arguments are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`.

    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict`, where each answer is one of those members, with
        ``{"role": ...}``
    """

    def check_rule(self, rule: Rule) -> None:
        """Refuse what joining a group can never meet, and what would count people who are in it already."""
        if rule.options() or any(isinstance(part, Everyone) for part in rule.parts):
            raise KaizalaInputError(
                "until: no one in particular has to join a group, and there are no options to choose; give a count, or name the people"
            )
        if len({part.needs_names for part in rule.parts}) > 1:
            raise KaizalaInputError(
                "until: names look for who is in the group, counts for who joins it; use two sensors instead of one rule of both"
            )

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return the new members."""
        return NewMembers(group_id, () if read_rule(self.until).needs_names else None)
