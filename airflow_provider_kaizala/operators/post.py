"""What all operators that post have in common."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.client.models import Audience, Posted, Sent
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator
from airflow_provider_kaizala.templating import is_literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.calls import Call


class PostedResult(TypedDict):
    """What an operator that posts returns. ``action_id`` is None for texts and media."""

    group_id: str
    reference_id: str
    action_id: str | None


class KaizalaPostOperator(KaizalaGroupOperator):
    """Base of the operators that post to a group.

    A subclass names in ``sends`` the model of what it posts, and has an attribute of the same name for each of the model's
    fields: those are checked when the DAG is parsed as far as they are literal, and all of them when the task runs.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param subscribers: phone numbers of chosen subscribers of a hub group (templated)
    :param send_to_all_subscribers: to all subscribers of a hub group
    :param reply_to_reference_id: the ``reference_id`` of what this answers (templated)
    :param fail_on_partial: fail if Kaizala names people whom it could not reach; else they are only logged. The task is
        then not retried, since the others have it already
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "reference_id", "action_id"}``, each also by itself: ``ask.output["action_id"]``
    """

    sends: ClassVar[type[Sent]]
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subscribers = subscribers
        self.send_to_all_subscribers = send_to_all_subscribers
        self.reply_to_reference_id = reply_to_reference_id
        self.fail_on_partial = fail_on_partial

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
        return {each.name: getattr(self, each.name) for each in fields(model) if hasattr(self, each.name)}

    def sent(self, **more: Any) -> Any:
        """Return what is to be posted, checked whole, with what only the run could tell in *more*."""
        return self.sends(**{**self._given(self.sends), **more})

    # --- posting ---------------------------------------------------------------------------------------------------------

    def call(self, group_id: str, audience: Audience) -> Call[Posted]:
        """Return the call that posts; files are uploaded here."""
        from airflow_provider_kaizala.client import calls

        return calls.post_action(group_id, self.sent(), audience)

    def work(self) -> Mapping[str, Any]:
        """Post."""
        group_id = self.group()
        posted = self.hook.run(self.call(group_id, Audience(**self._given(Audience))))
        self.log.info(
            "Posted to group %s: reference %s, action %s", group_id, posted.reference_id, posted.action_id
        )
        self.tell_of_failures(group_id, posted)
        result: PostedResult = {
            "group_id": group_id,
            "reference_id": posted.reference_id,
            "action_id": posted.action_id,
        }
        return dict(result)

    def tell_of_failures(self, group_id: str, posted: Posted) -> None:
        """Say whom a post did not reach.

        :raises AirflowFailException: if it did not reach all, and ``fail_on_partial`` is set
        """
        if not posted.failed:
            return
        missed = "; ".join(str(failure) for failure in posted.failed)
        if self.fail_on_partial:
            raise AirflowFailException(
                f"posted to group {group_id} as {posted.reference_id}, but not to all ({missed}); "
                "not retried, since the others have it: send it to those people alone"
            )
        self.log.warning("Posted to group %s, but not to all: %s", group_id, missed)
