"""Wait for people who post actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.wire import read_moment
from airflow_provider_kaizala.sensors.base import KaizalaSensor, SensorArguments
from airflow_provider_kaizala.waiting.subjects import LISTED_TYPES, NewActions, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.waiting.rules import Rule


class KaizalaActionSensor(KaizalaSensor):
    """Wait until people have posted actions of a type: a photo from the site, for example.

    What the connector's own user has posted, such as the DAG's own question, does not count, unless ``count_own`` is set.

    The other arguments are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`; ``until`` counts people who have
    posted.

    :param action_type: ``"Image"``, ``"Document"``, ``"Job"``, ``"Survey"``, ``"Poll"``, ``"LetsMeet"``, ``"PhotoWithLocation"`` or
        ``"ShareLocation"`` (templated)
    :param since: actions that were posted before do not count: datetime or ISO 8601 text; the start of the DAG run by default
        (templated)
    :param count_own: whether actions of the connector's own user count
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict`, where each answer is one action: the responder is its
        sender, and ``answers`` its body as Kaizala lists it, with ``referenceId``
    """

    required_if_given: ClassVar[Sequence[str]] = ("since",)
    times = ("since",)
    arguments: ClassVar[Mapping[str, Check]] = {
        "action_type": checks.one_of(*LISTED_TYPES),
        "since": checks.optional(read_moment),
        "count_own": checks.flag,
    }
    template_fields: Sequence[str] = ("action_type", "since")

    def __init__(
        self,
        *,
        action_type: str,
        since: datetime | str | None = None,
        count_own: bool = False,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.action_type = action_type
        self.since = since
        self.count_own = count_own

    def check_rule(self, rule: Rule) -> None:
        """Refuse a quorum."""
        if rule.options():
            raise KaizalaInputError(
                "until: a quorum can never be reached, since posting chooses no option; give a count, or name the people"
            )

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return the new actions."""
        return NewActions(
            group_id,
            self.checked("action_type"),
            self.since_when(context),
            "" if self.checked("count_own") else None,
        )
