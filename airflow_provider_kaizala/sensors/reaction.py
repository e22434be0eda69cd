"""Wait for likes and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import REACTION_TYPES, checks
from airflow_provider_kaizala.sensors.base import KaizalaSensor
from airflow_provider_kaizala.templating import is_literal
from airflow_provider_kaizala.waiting.subjects import Reactions, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.waiting.rule import Rule


_reaction_type = checks.one_of(*REACTION_TYPES)


class KaizalaReactionSensor(KaizalaSensor):
    """Wait until people have liked something that was posted, or commented on it.

    Each of ``answers`` then holds ``{"Like": True}``, or ``{"Comment": "the text"}``.

    :param reference_id: of what was posted, ``tell.output["reference_id"]`` say (templated)
    :param reaction_type: ``"Like"`` or ``"Comment"`` (templated)
    :param source_group_id: the group it was sent in, if that is one above *group_id* (templated)

    The others are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`.
    """

    decisive: ClassVar[Sequence[str]] = ("source_group_id", *KaizalaSensor.decisive)
    arguments: ClassVar[Mapping[str, Check]] = {
        "reference_id": checks.identifier,
        "reaction_type": _reaction_type,
        "source_group_id": checks.optional(checks.group_id),
    }
    template_fields: Sequence[str] = (*arguments, *KaizalaSensor.template_fields)

    def __init__(
        self,
        *,
        reference_id: str,
        reaction_type: str = "Like",
        source_group_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reference_id = reference_id
        self.reaction_type = reaction_type
        self.source_group_id = source_group_id
        self.check_literals()

    def check_rule(self, rule: Rule) -> None:
        """Refuse a quorum of likes; of comments it counts those with that very text."""
        reaction_type = self.reaction_type
        if rule.options() and is_literal(reaction_type) and self.checked("reaction_type") == "Like":
            raise KaizalaInputError(
                "until: a quorum can never come, who likes chooses nothing; give a count, or name the people"
            )

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return what was posted."""
        return Reactions(
            group_id,
            self.checked("reference_id"),
            self.checked("reaction_type"),
            self.checked("source_group_id"),
        )
