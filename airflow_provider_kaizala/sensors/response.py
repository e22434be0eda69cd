"""Wait for people's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.sensors.base import KaizalaSensor, SensorArguments
from airflow_provider_kaizala.waiting.subjects import Responses, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check


class KaizalaResponseSensor(KaizalaSensor):
    """Wait until people have answered a poll, a survey, a job, a meeting or a custom action.

    .. code-block:: python

        ask = KaizalaSendPollOperator(task_id="ask", question="Is the store open?", options=["Yes", "No"])
        wait = KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until="all", deferrable=True)

    The other arguments are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`.

    :param action_id: the action that they answer, such as ``ask.output["action_id"]`` (templated)
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict`
    """

    arguments: ClassVar[Mapping[str, Check]] = {"action_id": checks.identifier}
    template_fields: Sequence[str] = ("action_id",)

    def __init__(self, *, action_id: str, **kwargs: Unpack[SensorArguments]) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return the action's responses."""
        return Responses(group_id, self.checked("action_id"))
