"""Change a card in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks, forms
from airflow_provider_kaizala.client.models.sent import Audience
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import Property
    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.tasks.base import GroupArguments


def _properties(name: str, value: Any) -> tuple[Property, ...]:
    found = forms.properties(name, value)
    if not found:
        raise KaizalaInputError(f"{name} is empty; give at least one to change")
    return found


class KaizalaUpdateActionOperator(KaizalaGroupOperator):
    """Change properties of a card (a custom action) in place. The last write wins, so it is safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`.

    :param action_id: the card (templated)
    :param properties: ``{"status": "Done", "count": 3}``, or a list of ``{"name", "value", "type"}``; others stay (templated)
    :param notify: notify the subscribers of a hub group
    :param subscribers: in a hub group, phone numbers of the people it concerns (templated)
    :param send_to_all_subscribers: in a hub group, it concerns all subscribers (templated)
    :return: ``{"group_id", "action_id", "properties"}``: names and values that were sent
    """

    models = (Audience,)
    arguments: ClassVar[Mapping[str, Check]] = {
        "action_id": checks.identifier,
        "properties": _properties,
        "notify": checks.flag,
    }
    required_if_given: ClassVar[Sequence[str]] = ("subscribers",)
    template_fields: Sequence[str] = ("action_id", "properties", "subscribers", "send_to_all_subscribers")
    template_fields_renderers: ClassVar = {"properties": "json"}

    def __init__(
        self,
        *,
        action_id: str,
        properties: Mapping[str, Any] | Sequence[Mapping[str, Any] | Property],
        notify: bool = False,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool | str = False,
        **kwargs: Unpack[GroupArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id
        self.properties = properties
        self.notify = notify
        self.subscribers = subscribers
        self.send_to_all_subscribers = send_to_all_subscribers

    def run_task(self, context: Context) -> dict[str, Any]:
        """Change the card."""
        group_id, action_id, properties = self.group(), self.checked("action_id"), self.checked("properties")
        self.hook.run(
            calls.update_action(
                group_id,
                action_id,
                properties,
                notify=self.checked("notify"),
                audience=Audience(**self.given(Audience)),
            )
        )
        values = {each.name: each.value for each in properties}
        self.log.info("Changed %s of action %s in group %s", ", ".join(values), action_id, group_id)
        return {"group_id": group_id, "action_id": action_id, "properties": values}
