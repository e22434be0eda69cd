"""What all operators have in common, and all that post."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Audience, Sent
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.arguments import TaskArguments, is_literal
from airflow_provider_kaizala.tasks.base import (
    ConnectionArguments,
    GroupArguments,
    KaizalaGroupTask,
    KaizalaTask,
)
from airflow_provider_kaizala.tasks.links import KaizalaGroupLink, KaizalaPostLink, push_links
from airflow_provider_kaizala.tasks.post_once import (
    Done,
    PostOnce,
    find_action,
    fingerprint,
    on_unknown_outcome,
    posted_outcome,
)
from airflow_provider_kaizala.tasks.state import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Failure, Posted
    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.tasks.post_once import Outcome

T = TypeVar("T")


class KaizalaOperator(KaizalaTask, BaseOperator):
    """Base of all operators. A subclass does its work in :meth:`run_task`.

    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    """

    #: models of which the operator has an attribute for each field, or for some, of the same name
    models: ClassVar[Sequence[type[Sent]]] = ()
    template_fields: Sequence[str] = ("kaizala_conn_id",)
    ui_color = "#d9eefb"

    def __init__(
        self, *, kaizala_conn_id: str = KaizalaHook.default_conn_name, **kwargs: Unpack[TaskArguments]
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)  # so that ask.output["action_id"] works
        super().__init__(**kwargs)
        self.kaizala_conn_id = kaizala_conn_id

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed."""
        super().check_arguments()
        for model in self.models:
            self.check_model(model)

    def check_model(self, model: type[Sent]) -> None:
        """Check the arguments that make up a model: each that is literal by itself, and all together once all are literal."""
        given = self.given(model)
        known = {name: value for name, value in given.items() if is_literal(value)}
        for name, value in known.items():
            model.check(name, value)
        required = {each.name for each in fields(model) if each.default is MISSING}
        if required <= known.keys() == given.keys():
            model(**known)

    def given(self, model: type[Sent]) -> dict[str, Any]:
        """Return the arguments that make up a model."""
        return {each.name: self.resolved(each.name) for each in fields(model) if hasattr(self, each.name)}


class KaizalaGroupOperator(KaizalaGroupTask, KaizalaOperator):
    """Base of the operators that work in one group.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    """

    template_fields: Sequence[str] = ("group_id",)

    def __init__(self, *, group_id: str | None = None, **kwargs: Unpack[ConnectionArguments]) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id


class CreateArguments(GroupArguments, total=False):
    """Arguments of :class:`KaizalaCreateOperator`."""

    on_unknown_outcome: str


class KaizalaCreateOperator(KaizalaGroupOperator):
    """Base of the operators that create something in a group, once, however often the task is tried.

    On Airflow 3.3 and newer a retry that finds what an earlier try has created returns that. Before, nothing is kept between
    tries, and a retry creates it again. A task that is cleared by hand creates it again on all versions.

    Kaizala has no idempotency key. If no readable answer comes back, it is unknown whether something was created: what Kaizala
    lists is then looked up, and for the rest ``on_unknown_outcome`` decides. On Airflow 3.3 and newer the same holds for a retry
    after the worker died during the call.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param on_unknown_outcome: what to do if it is unknown whether it was created: ``"fail"`` without a retry, or ``"resend"`` once
        more in the same try: people may see it twice
    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    """

    arguments: ClassVar[Mapping[str, Check]] = {"on_unknown_outcome": on_unknown_outcome}

    def __init__(self, *, on_unknown_outcome: str = "fail", **kwargs: Unpack[GroupArguments]) -> None:
        super().__init__(**kwargs)
        self.on_unknown_outcome = on_unknown_outcome

    def once(self, context: Context, what: str, *, across_clearing: bool = False) -> PostOnce:
        """Return how to make the call of this task once.

        :param what: what the call does, for messages
        :param across_clearing: whether what was created before the task was cleared by hand counts
        """
        resend = self.checked("on_unknown_outcome") == "resend"
        return PostOnce(self.hook, TaskState(context), what, resend=resend, across_clearing=across_clearing)

    def create(self, context: Context, what: str, call: Call[T], outcome: Callable[[T], Outcome]) -> Done[T]:
        """Make a call, unless an earlier try has.

        :param what: what the call does, for messages
        :param outcome: turns the call's value into what the task remembers
        """
        once = self.once(context, what)
        earlier = once.earlier_outcome()
        return Done(earlier) if earlier is not None else once.send(call, outcome)


class PostedResult(TypedDict):
    """What an operator that posts returns. ``action_id`` is None for texts and media."""

    group_id: str
    reference_id: str
    action_id: str | None


class PostArguments(CreateArguments, total=False):
    """Arguments of :class:`KaizalaPostOperator`."""

    subscribers: Sequence[str] | None
    send_to_all_subscribers: bool | str
    reply_to_reference_id: str | None
    fail_on_partial: bool


class KaizalaPostOperator(KaizalaCreateOperator):
    """Base of the operators that post to a group, once.

    If it is unknown whether a poll, a survey, a job or a meeting was posted, it is looked up in the group by sender, type, title,
    options and time: exactly one that fits is taken as what was posted; if several do, the task fails. If none does, and for
    what Kaizala does not list (texts, announcements, media, custom actions), ``on_unknown_outcome`` decides. A retry posts what
    it could look up and did not find.

    A subclass names in ``sends`` the model of what it posts, and has an attribute of the same name for each of the model's
    fields: those that are literal are checked when the DAG is parsed, and all of them when the task runs.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param subscribers: phone numbers of chosen subscribers of a hub group (templated)
    :param send_to_all_subscribers: post to all subscribers of a hub group (templated)
    :param reply_to_reference_id: the ``reference_id`` of the post that this one replies to (templated)
    :param fail_on_partial: fail if Kaizala names people whom the post could not reach; by default they are only logged. The
        task is then not retried, since the others have it already
    :param on_unknown_outcome: what to do if it is unknown whether it was posted: ``"fail"`` without a retry, or ``"resend"``
        once more in the same try: people may see it twice
    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    :return: ``{"group_id", "reference_id", "action_id"}``, each also by itself: ``ask.output["action_id"]``
    """

    sends: ClassVar[type[Sent]]
    operator_extra_links = (KaizalaPostLink(), KaizalaGroupLink())
    models = (Audience,)
    arguments: ClassVar[Mapping[str, Check]] = {"fail_on_partial": checks.flag}
    required_if_given: ClassVar[Sequence[str]] = ("subscribers", "reply_to_reference_id")
    template_fields: Sequence[str] = ("subscribers", "send_to_all_subscribers", "reply_to_reference_id")

    def __init__(
        self,
        *,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool | str = False,
        reply_to_reference_id: str | None = None,
        fail_on_partial: bool = False,
        **kwargs: Unpack[CreateArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.subscribers = subscribers
        self.send_to_all_subscribers = send_to_all_subscribers
        self.reply_to_reference_id = reply_to_reference_id
        self.fail_on_partial = fail_on_partial

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed."""
        super().check_arguments()
        self.check_model(self.sends)

    def content(self, group_id: str) -> Any:
        """Return what is posted, checked; files are uploaded here."""
        return self.sends(**self.given(self.sends))

    def call(self, group_id: str, content: Any, audience: Audience) -> Call[Posted]:
        """Return the call that posts the content."""
        return calls.post_action(group_id, content, audience)

    def post(self, context: Context, *, across_clearing: bool = False) -> Outcome:
        """Post, unless an earlier try has; return ``group_id``, ``reference_id``, ``action_id`` and ``at``, the ISO 8601 time.

        :param across_clearing: whether what was posted before the task was cleared by hand counts
        """
        if across_clearing:
            TaskState(context).begin()
        once = self.once(context, f"posting {self.sends.__name__.lower()}", across_clearing=across_clearing)
        # before the connection is read for its default group, since it may not be readable now
        earlier = once.earlier_outcome()
        if earlier is not None:
            self._link(earlier, context)
            return earlier
        group_id = self.group()
        once.what += f" to group {group_id}"
        audience = Audience(**self.given(Audience))
        content = self.content(group_id)
        wanted = fingerprint(content)
        now = datetime.now(tz=UTC)
        done = once.send(
            self.call(group_id, content, audience),
            lambda posted: posted_outcome(group_id, posted.reference_id, posted.action_id, now),
            find_action(self.hook, TaskState(context), group_id, wanted) if wanted else None,
        )
        self._link(done.outcome, context)
        self._report_failures(done.outcome, done.value.failed if done.value else ())
        return done.outcome

    def _link(self, outcome: Outcome, context: Context) -> None:
        push_links(self, context, outcome["group_id"], outcome["reference_id"])

    def run_task(self, context: Context) -> Any:
        """Post, and return the ids."""
        outcome = self.post(context)
        return {name: outcome[name] for name in PostedResult.__annotations__}

    def _report_failures(self, outcome: Outcome, failed: Sequence[Failure]) -> None:
        """Log whom the post did not reach.

        :raises AirflowFailException: instead, if ``fail_on_partial`` is set
        """
        if not failed:
            return
        missed = "; ".join(map(str, failed))
        if self.checked("fail_on_partial"):
            raise AirflowFailException(
                f"posted to group {outcome['group_id']} as {outcome['reference_id']}, but not to everyone ({missed}); "
                "not retried, since the others have it: post it to these people alone"
            )
        self.log.warning("Posted to group %s, but not to everyone: %s", outcome["group_id"], missed)
