"""Wait for people who write messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.wire import read_moment
from airflow_provider_kaizala.push.feed import EventFeed
from airflow_provider_kaizala.push.settings import receiver_url
from airflow_provider_kaizala.sensors.base import KaizalaSensor, SensorArguments
from airflow_provider_kaizala.tasks.arguments import is_literal
from airflow_provider_kaizala.waiting.pattern import check_pattern
from airflow_provider_kaizala.waiting.people import Eligible
from airflow_provider_kaizala.waiting.subjects import Messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import ActionDetails, Response
    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.waiting.results import ResultDict
    from airflow_provider_kaizala.waiting.rules import Rule
    from airflow_provider_kaizala.waiting.wait import Wait


class KaizalaMessageSensor(KaizalaSensor):
    r"""Wait until people have written messages: "done", for example.

    .. code-block:: python

        KaizalaMessageSensor(task_id="wait", pattern=r"(?i)^done\b", people=["+910000000002"], deferrable=True)

    Kaizala lists no messages, so they come from Airflow's webhook receiver: this needs Airflow 3.0 or newer, a webhook of the group,
    the connection in ``[kaizala] webhook_connections`` (of API server and triggerer), and its extra ``webhook_secret``. What the
    connector's own user has written does not count, unless ``count_own`` is set.

    The other arguments are those of :class:`~airflow_provider_kaizala.sensors.base.KaizalaSensor`; ``until`` counts people who have
    written such a message.

    :param pattern: a regular expression that must be found in the text, in the syntax of RE2, which is Python's without lookaround and
        back references; ``(?i)`` at its beginning ignores case, ``\pL`` is a letter of any script (templated)
    :param people: phone numbers of the only people whose messages count; everyone's by default (templated)
    :param reply_to: reference id of the message or action that they must reply to, such as ``ask.output["reference_id"]``. Only
        ``kaizala-server`` tells what a message replies to; Microsoft's hosted service did not (templated)
    :param since: messages that Airflow received before do not count: datetime or ISO 8601 text; the start of the DAG run by default
        (templated)
    :param count_own: whether messages of the connector's own user count
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict`, where each answer is one message: ``answers`` is an
        :class:`~airflow_provider_kaizala.push.events.EventDict`, with ``text``, ``person``, ``reply_to`` and ``at``.
        The last one that counts is also in the field ``message``, None if there is none. ``answers`` are the last 100 messages
        that count, and before them the last one of each person who has written none of these
    """

    required_if_given: ClassVar[Sequence[str]] = ("pattern", "people", "reply_to", "since")
    times = ("since",)
    arguments: ClassVar[Mapping[str, Check]] = {
        "pattern": checks.optional(check_pattern),
        "people": checks.optional(checks.phones),
        "reply_to": checks.optional(checks.identifier),
        "since": checks.optional(read_moment),
        "count_own": checks.flag,
    }
    template_fields: Sequence[str] = ("pattern", "people", "reply_to", "since")

    def __init__(
        self,
        *,
        pattern: str | None = None,
        people: Sequence[str] | None = None,
        reply_to: str | None = None,
        since: datetime | str | None = None,
        count_own: bool = False,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        compat.need_push("KaizalaMessageSensor")
        super().__init__(**kwargs)
        self.pattern = pattern
        self.people = people
        self.reply_to = reply_to
        self.since = since
        self.count_own = count_own
        self._read_to: int | None = None
        self._answers: Sequence[Response] = ()

    def check_rule(self, rule: Rule) -> None:
        """Refuse a quorum, and what the people whose messages count can never meet.

        :raises KaizalaInputError: says why
        """
        if rule.options():
            raise KaizalaInputError(
                "until: a quorum can never be reached, since a message chooses no option; give a count, or name the people"
            )
        if self.people is not None and is_literal(self.people):
            counting = dict.fromkeys(self.checked("people"))
            rule.within(Eligible(counting, described="people whose messages count"))

    def subject(self, group_id: str, context: Context) -> Messages:
        """Return the messages."""
        return Messages(
            group_id,
            self.kaizala_conn_id,
            self.since_when(context),
            self.checked("pattern"),
            self.checked("reply_to"),
            "" if self.checked("count_own") else None,
            self.checked("people"),
        )

    def _begin(self, context: Context) -> Wait:
        return replace(super()._begin(context), voters=self.checked("people"))

    def read_once(self, wait: Wait) -> tuple[Wait, ActionDetails]:
        """Read what has come since the look before."""
        subject = cast("Messages", wait.subject)
        feed = EventFeed(self.kaizala_conn_id, self.hook.connection.webhook_secret, receiver_url())
        try:
            while True:
                after = subject.since if self._read_to is None else self._read_to
                page = feed.read(after, subject.group_id, subject.event_types)
                self._answers = subject.newest((*self._answers, *subject.answers(page.events)))
                self._read_to = page.cursor
                if not page.events:
                    break
        finally:
            feed.close()
        return self.hook.read(wait.settle(subject.details(self._answers)))

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Return the result, with the last message that counts."""
        answers = result["answers"]
        return {**result, "message": answers[-1]["answers"] if answers else None}
