"""Post a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.models import Audience, Message, Posted, Sent
from airflow_provider_kaizala.operators.post import KaizalaPostOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kaizala.client.calls import Call


class KaizalaSendMessageOperator(KaizalaPostOperator):
    """Post a text to a group.

    :param text: 1 to 4,000 characters, or a file ending in ``.j2`` or ``.jinja`` (templated)
    """

    sends: ClassVar[type[Sent]] = Message
    template_fields: Sequence[str] = ("text", *KaizalaPostOperator.template_fields)

    def __init__(self, *, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.check_literals()

    def call(self, group_id: str, audience: Audience) -> Call[Posted]:
        """Return the call that posts the text."""
        from airflow_provider_kaizala.client import calls

        return calls.send_message(group_id, self.sent(), audience)
