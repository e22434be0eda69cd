"""Wait for people's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.sensors.base import KaizalaSensor
from airflow_provider_kaizala.waiting.subjects import ActionAnswers, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check


class KaizalaResponseSensor(KaizalaSensor):
    """Wait until people have answered a poll, a survey, a job, a meeting or a custom action.

    :param action_id: what they answer, ``ask.output["action_id"]`` say (templated)

    The others are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`: ``group_id``, ``until``, ``on_timeout``,
    ``deferrable``, ``kaizala_conn_id``, and Airflow's ``poke_interval``, ``timeout``, ``mode``, ``soft_fail``.
    """

    arguments: ClassVar[Mapping[str, Check]] = {"action_id": checks.identifier}
    template_fields: Sequence[str] = ("action_id", *KaizalaSensor.template_fields)

    def __init__(self, *, action_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id
        self.check_literals()

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return the action."""
        return ActionAnswers(group_id, self.checked("action_id"))
