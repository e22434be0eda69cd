"""Post a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models.sent import Audience, Message, Sent
from airflow_provider_kaizala.operators.base import KaizalaPostOperator, PostArguments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Posted


class KaizalaSendMessageOperator(KaizalaPostOperator):
    """Post a text to a group.

    .. code-block:: python

        KaizalaSendMessageOperator(task_id="tell", text="The {{ ds }} report is ready")

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param text: 1 to 4,000 characters, or a file ending in ``.j2`` or ``.jinja`` (templated)
    :return: ``{"group_id", "reference_id", "action_id"}``; ``action_id`` is None
    """

    sends: ClassVar[type[Sent]] = Message
    template_fields: Sequence[str] = ("text", *KaizalaPostOperator.template_fields)

    def __init__(self, *, text: str, **kwargs: Unpack[PostArguments]) -> None:
        super().__init__(**kwargs)
        self.text = text

    def call(self, group_id: str, content: Any, audience: Audience) -> Call[Posted]:
        """Return the call that posts the text."""
        return calls.send_message(group_id, content, audience)
