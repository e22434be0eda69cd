"""What all operators that post have in common."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.client.models import Audience, Posted, Sent, checks
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator
from airflow_provider_kaizala.tasks.memory import Memory
from airflow_provider_kaizala.tasks.posting import (
    ON_UNKNOWN_OUTCOME,
    Fingerprint,
    Post,
    PostOnce,
    fingerprint,
    posted_before,
)
from airflow_provider_kaizala.templating import is_literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Failure


class PostedResult(TypedDict):
    """What an operator that posts returns. ``action_id`` is None for texts and media."""

    group_id: str
    reference_id: str
    action_id: str | None


class KaizalaPostOperator(KaizalaGroupOperator):
    """Base of the operators that post to a group, once.

    On Airflow 3.3 and newer a retry that finds noted what an earlier try has posted returns that; before, tasks keep no notes, and
    a retry posts. A task that is cleared by hand posts anew, on all of them.

    Kaizala has no idempotency key. If no readable answer comes back, polls, surveys, jobs and meetings are looked for in the group
    by sender, type, title, choices and time: exactly one that fits is taken as what was posted; if several do, the task fails.
    Where none is found, and for what Kaizala does not list (texts, announcements, media, custom actions), ``on_unknown_outcome``
    decides. On Airflow 3.3 that holds for a retry too, if the worker died while it posted; save that it posts what it could look
    for and did not find.

    A subclass names in ``sends`` the model of what it posts, and has an attribute of the same name for each of the model's
    fields: those are checked when the DAG is parsed as far as they are literal, and all of them when the task runs.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param subscribers: phone numbers of chosen subscribers of a hub group (templated)
    :param send_to_all_subscribers: to all subscribers of a hub group
    :param reply_to_reference_id: the ``reference_id`` of what this answers (templated)
    :param fail_on_partial: fail if Kaizala names people whom it could not reach; else they are only logged. The task is
        then not retried, since the others have it already
    :param on_unknown_outcome: what to do when it is unknown whether it was posted: ``"fail"``, without a retry, or ``"resend"``,
        once more in the same try: people may see it twice
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "reference_id", "action_id"}``, each also by itself: ``ask.output["action_id"]``
    """

    sends: ClassVar[type[Sent]]
    decisive: ClassVar[Sequence[str]] = (
        "subscribers",
        "reply_to_reference_id",
        *KaizalaGroupOperator.decisive,
    )
    template_fields: Sequence[str] = (
        "group_id",
        "subscribers",
        "send_to_all_subscribers",
        "reply_to_reference_id",
        "kaizala_conn_id",
    )

    def __init__(
        self,
        *,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool = False,
        reply_to_reference_id: str | None = None,
        fail_on_partial: bool = False,
        on_unknown_outcome: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subscribers = subscribers
        self.send_to_all_subscribers = send_to_all_subscribers
        self.reply_to_reference_id = reply_to_reference_id
        self.fail_on_partial = fail_on_partial
        self.on_unknown_outcome = checks.one_of(*ON_UNKNOWN_OUTCOME)("on_unknown_outcome", on_unknown_outcome)

    # --- arguments -------------------------------------------------------------------------------------------------------

    def check_literals(self) -> None:
        """Check the arguments that are known now. Each subclass calls it at the end of ``__init__``.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        super().check_literals()
        for model in (self.sends, Audience):
            given = self._given(model)
            known = {name: value for name, value in given.items() if is_literal(value)}
            for name, value in known.items():
                model.check(name, value)
            if given and len(known) == len(fields(model)):
                model(**known)

    def _given(self, model: type[Sent]) -> dict[str, Any]:
        return {each.name: self.there(each.name) for each in fields(model) if hasattr(self, each.name)}

    def sent(self, **more: Any) -> Any:
        """Return what is to be posted, checked whole, with what only the run could tell in *more*."""
        return self.sends(**{**self._given(self.sends), **more})

    # --- posting ---------------------------------------------------------------------------------------------------------

    def call(self, group_id: str, audience: Audience) -> Call[Posted]:
        """Return the call that posts; files are uploaded here."""
        from airflow_provider_kaizala.client import calls

        return calls.post_action(group_id, self.sent(), audience)

    def known_by(self) -> Fingerprint | None:
        """Return by what it is found among the actions of a group; None if it cannot be."""
        return fingerprint(self.sent())

    def post(self, memory: Memory, *, over_clearing: bool = False) -> Post:
        """Post, unless an earlier try has.

        :param over_clearing: whether what was posted before the task was cleared by hand counts
        """
        before = posted_before(memory, over_clearing=over_clearing)
        if before is not None:
            return before
        group_id, audience = self.group(), Audience(**self._given(Audience))
        sending = PostOnce(
            self.hook,
            memory,
            group_id,
            self.known_by(),
            resend=self.on_unknown_outcome == "resend",
            over_clearing=over_clearing,
        )
        post, failed = sending.post(lambda: self.call(group_id, audience))
        self._tell_of_failures(post, failed)
        return post

    def _execute(self, context: Context) -> Any:
        post = self.post(Memory(context))
        result: PostedResult = {
            "group_id": post.group_id,
            "reference_id": post.reference_id,
            "action_id": post.action_id,
        }
        return dict(result)

    def _tell_of_failures(self, post: Post, failed: Sequence[Failure]) -> None:
        """Say whom a post did not reach.

        :raises AirflowFailException: if it did not reach all, and ``fail_on_partial`` is set
        """
        if not failed:
            return
        missed = "; ".join(map(str, failed))
        if self.fail_on_partial:
            raise AirflowFailException(
                f"posted to group {post.group_id} as {post.reference_id}, but not to all ({missed}); "
                "not retried, since the others have it: send it to those people alone"
            )
        self.log.warning("Posted to group %s, but not to all: %s", post.group_id, missed)
