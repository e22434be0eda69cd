"""Wait for likes and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import REACTION_TYPES, checks
from airflow_provider_kaizala.sensors.base import KaizalaSensor, SensorArguments
from airflow_provider_kaizala.tasks.arguments import is_literal
from airflow_provider_kaizala.waiting.subjects import Reactions, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.waiting.rules import Rule


class KaizalaReactionSensor(KaizalaSensor):
    """Wait until people have liked a message or an action, or commented on it.

    The other arguments are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`.

    :param reference_id: of the message or action, such as ``tell.output["reference_id"]`` (templated)
    :param reaction_type: ``"Like"`` or ``"Comment"`` (templated)
    :param source_group_id: the group it was sent in, if that is a parent of *group_id* (templated)
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict`, where each answer holds ``{"Like": True}`` or
        ``{"Comment": "the text"}``
    """

    required_if_given: ClassVar[Sequence[str]] = ("source_group_id",)
    arguments: ClassVar[Mapping[str, Check]] = {
        "reference_id": checks.identifier,
        "reaction_type": checks.one_of(*REACTION_TYPES),
        "source_group_id": checks.optional(checks.group_id),
    }
    template_fields: Sequence[str] = ("reference_id", "reaction_type", "source_group_id")

    def __init__(
        self,
        *,
        reference_id: str,
        reaction_type: str = "Like",
        source_group_id: str | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.reference_id = reference_id
        self.reaction_type = reaction_type
        self.source_group_id = source_group_id

    def check_rule(self, rule: Rule) -> None:
        """Refuse a quorum of likes; a quorum of comments counts those with that very text."""
        if rule.options() and is_literal(self.reaction_type) and self.checked("reaction_type") == "Like":
            raise KaizalaInputError(
                "until: a quorum can never be reached, since a like chooses no option; give a count, or name the people"
            )

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return the reactions."""
        return Reactions(
            group_id,
            self.checked("reference_id"),
            self.checked("reaction_type"),
            self.checked("source_group_id"),
        )
