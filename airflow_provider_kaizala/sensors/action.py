"""Wait for somebody who posts an action."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.sensors.base import KaizalaSensor
from airflow_provider_kaizala.waiting.subjects import Posts, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.waiting.rule import Rule

#: what Kaizala lists
LISTED_TYPES = (
    "Image",
    "Document",
    "Job",
    "Survey",
    "Poll",
    "LetsMeet",
    "PhotoWithLocation",
    "ShareLocation",
)


_listed_type = checks.one_of(*LISTED_TYPES)


def _moment(name: str, value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise KaizalaInputError(
            f"{name}: a datetime or an ISO 8601 string such as '2026-03-01T07:00:00+00:00' is needed"
        )
    return value if value.tzinfo else value.replace(tzinfo=UTC)


class KaizalaActionSensor(KaizalaSensor):
    """Wait until people have posted actions of a type: a photo from the site, say.

    Each of ``answers`` is one post: its poster, and in ``answers`` its body as Kaizala lists it, with ``referenceId``.

    :param action_type: ``"Image"``, ``"Document"``, ``"Job"``, ``"Survey"``, ``"Poll"``, ``"LetsMeet"``, ``"PhotoWithLocation"`` or
        ``"ShareLocation"`` (templated)
    :param since: what was posted before does not count: datetime or ISO 8601 text; by default the start of the DAG run (templated)

    The others are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`; ``until`` counts people who have posted.
    """

    decisive: ClassVar[Sequence[str]] = ("since", *KaizalaSensor.decisive)
    arguments: ClassVar[Mapping[str, Check]] = {
        "action_type": _listed_type,
        "since": checks.optional(_moment),
    }
    template_fields: Sequence[str] = (*arguments, *KaizalaSensor.template_fields)

    def __init__(self, *, action_type: str, since: datetime | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.action_type = action_type
        self.since = since
        self.check_literals()

    def check_rule(self, rule: Rule) -> None:
        """Refuse a quorum."""
        if rule.options():
            raise KaizalaInputError(
                "until: a quorum can never come, who posts chooses nothing; give a count, or name the people"
            )

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return type and time."""
        since = self.checked("since") or getattr(context.get("dag_run"), "start_date", None)
        return Posts(group_id, self.checked("action_type"), since or datetime.now(tz=UTC))
