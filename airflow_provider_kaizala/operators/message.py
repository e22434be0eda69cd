"""Post a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaForbiddenError
from airflow_provider_kaizala.client.models.sent import Audience, Message
from airflow_provider_kaizala.operators.base import KaizalaPostOperator, PostArguments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Posted


class KaizalaSendMessageOperator(KaizalaPostOperator):
    """Post a text to a group.

    .. code-block:: python

        KaizalaSendMessageOperator(task_id="tell", text="The {{ ds }} report is ready")

    Kaizala accepts no plain messages in a group that has sub-groups: use
    :class:`~airflow_provider_kaizala.operators.media.KaizalaSendAnnouncementOperator` there. It does not list messages, so if it
    is unknown whether one was posted, ``on_unknown_outcome`` decides. The other arguments are those of
    :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param text: 1 to 4,000 characters, or a file ending in ``.j2`` or ``.jinja`` (templated)
    :return: ``{"group_id", "reference_id", "action_id"}``; ``action_id`` is None
    """

    sends = Message
    template_fields: Sequence[str] = ("text",)

    def __init__(self, *, text: str, **kwargs: Unpack[PostArguments]) -> None:
        super().__init__(**kwargs)
        self.text = text

    def call(self, group_id: str, content: Any, audience: Audience) -> Call[Posted]:
        """Return the call that posts the text."""
        return calls.send_message(group_id, content, audience)

    def run_task(self, context: Context) -> Any:
        """Post, and return the ids."""
        try:
            return super().run_task(context)
        except KaizalaForbiddenError as error:
            error.hint = (
                "if the group has sub-groups, Kaizala accepts no plain messages in it: use KaizalaSendAnnouncementOperator; "
                f"otherwise {error.hint}"
            )
            raise
