"""Like what was posted, or comment on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.operators.base import CreateArguments, KaizalaCreateOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check


class KaizalaReactOperator(KaizalaCreateOperator):
    """Like something that was posted, or comment on it, as the token's user.

    Liking twice has no further effect. If it is unknown whether a comment was added, ``on_unknown_outcome`` decides. The other
    arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaCreateOperator`.

    :param reference_id: the ``reference_id`` of the post: ``ask.output["reference_id"]`` (templated)
    :param comment: the text; without one it is a like (templated)
    :param source_group_id: the group it was posted to, if that is one above *group_id* (templated)
    :return: ``{"group_id", "reference_id", "reaction_id"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "reference_id": checks.identifier,
        "comment": checks.optional(checks.text),
        "source_group_id": checks.optional(checks.group_id),
    }
    required_if_given: ClassVar[Sequence[str]] = ("comment", "source_group_id")
    template_fields: Sequence[str] = ("reference_id", "comment", "source_group_id")

    def __init__(
        self,
        *,
        reference_id: str,
        comment: str | None = None,
        source_group_id: str | None = None,
        **kwargs: Unpack[CreateArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.reference_id = reference_id
        self.comment = comment
        self.source_group_id = source_group_id

    def run_task(self, context: Context) -> dict[str, Any]:
        """Like it, or comment on it, and return the ids."""
        group_id, reference_id, comment = self.group(), self.checked("reference_id"), self.checked("comment")
        return self.create(
            context,
            f"{'commenting on' if comment else 'liking'} {reference_id} in group {group_id}",
            calls.post_reaction(
                group_id,
                reference_id,
                "Comment" if comment else "Like",
                comment,
                source_group_id=self.checked("source_group_id"),
            ),
            lambda reaction_id: {
                "group_id": group_id,
                "reference_id": reference_id,
                "reaction_id": reaction_id,
            },
        ).outcome
