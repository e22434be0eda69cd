"""Remind people of an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Audience
from airflow_provider_kaizala.operators.base import CreateArguments, KaizalaCreateOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check


class KaizalaSendReminderOperator(KaizalaCreateOperator):
    """Remind people of an action: it comes up in the group again.

    Kaizala does not list reminders, so if it is unknown whether one was sent, ``on_unknown_outcome`` decides. The other arguments
    are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaCreateOperator`.

    :param action_id: the action (templated)
    :param subscribers: in a hub group, phone numbers of those to remind (templated)
    :param send_to_all_subscribers: in a hub group, remind all subscribers (templated)
    :return: ``{"group_id", "reference_id", "action_id"}``; ``reference_id`` is that of the reminder
    """

    models = (Audience,)
    arguments: ClassVar[Mapping[str, Check]] = {"action_id": checks.identifier}
    required_if_given: ClassVar[Sequence[str]] = ("subscribers",)
    template_fields: Sequence[str] = ("action_id", "subscribers", "send_to_all_subscribers")

    def __init__(
        self,
        *,
        action_id: str,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool | str = False,
        **kwargs: Unpack[CreateArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id
        self.subscribers = subscribers
        self.send_to_all_subscribers = send_to_all_subscribers

    def run_task(self, context: Context) -> dict[str, Any]:
        """Send the reminder, and return the ids."""
        group_id, action_id = self.group(), self.checked("action_id")
        done = self.create(
            context,
            f"reminding group {group_id} of action {action_id}",
            calls.send_reminder(group_id, action_id, Audience(**self.given(Audience))),
            lambda sent: {"group_id": group_id, "reference_id": sent.reference_id, "action_id": action_id},
        )
        if done.value and done.value.failed:
            self.log.warning("Not everyone was reminded: %s", "; ".join(map(str, done.value.failed)))
        return done.outcome
