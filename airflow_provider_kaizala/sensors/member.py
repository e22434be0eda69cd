"""Wait for people who join a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.sensors.base import KaizalaSensor
from airflow_provider_kaizala.waiting.forms import read_rule
from airflow_provider_kaizala.waiting.subjects import Joined, Subject

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class KaizalaMemberSensor(KaizalaSensor):
    """Wait until people have joined a group.

    ``until="any"`` or a count are met by people who were not in the group at the first look; named people by being in it, since
    when does not matter. Each of ``answers`` is one of those members, with ``{"role": ...}``.

    The arguments are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`.
    """

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return the group."""
        return Joined(group_id, () if read_rule(self.until).by_name else None)
