"""Tell a group what happened in Airflow, from callbacks and deadlines."""

from __future__ import annotations

import logging
from copy import copy
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.notifier import BaseNotifier
from jinja2 import ChainableUndefined

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Audience
from airflow_provider_kaizala.client.readings import afollow, follow
from airflow_provider_kaizala.client.tell import tell
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.arguments import TEMPLATE_EXT, KeepLiterals, is_literal

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context
    from jinja2 import Environment

    from airflow_provider_kaizala.client.models import Posted
    from airflow_provider_kaizala.client.readings import Reading

log = logging.getLogger(__name__)

#: the context depends on who calls: a task, a DAG run or a deadline; a state is text or an enum. That of a DAG run has a reason, and
#: some task of the run
DEFAULT_TEXT = (
    "{% if required_action %}{{ task.subject }} ({{ task.options | join(' / ') }})\nAnswer in Airflow: {{ required_action }}"
    "{% elif ti and not reason %}Task {{ ti.dag_id }}.{{ ti.task_id }} is {{ ti.state.value or ti.state or 'running' }}"
    " (run {{ ti.run_id }})"
    "{% else %}DAG {{ dag_run.dag_id or dag.dag_id }} (run {{ dag_run.run_id or dag_run.dag_run_id or run_id }})"
    "{% if deadline %} missed its deadline"
    "{% elif dag_run.state %} is {{ dag_run.state.value or dag_run.state }}{% endif %}{% endif %}"
    "{% if exception %}: {{ exception }}"
    "{% elif reason and reason != (dag_run.state.value or dag_run.state) %}: {{ reason }}{% endif %}"
)


class KaizalaNotifier(KeepLiterals, BaseNotifier):
    """Post a text to a group from ``on_failure_callback`` and its kin, from a deadline, or for a question of an ``HITLOperator``.

    For a question, ``HITLOperator(notifiers=[KaizalaNotifier()], ...)``, the default text says what is asked and where to answer. In a
    text of your own, ``{{ required_action }}`` is that address in Airflow's UI, below ``[api] base_url``; it is empty elsewhere.

    It never turns a task's failure into another error: whatever goes wrong here is only logged. What a template names and the
    context lacks renders empty, since a message with a gap is better than none. Where Kaizala accepts no plain messages, as in a
    group that has sub-groups, the text is posted as an announcement.

    :param text: the text, cut at 4,000 characters; by default which task or DAG is in which state (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param subscribers: phone numbers of chosen subscribers of a hub group (templated)
    :param send_to_all_subscribers: post to all subscribers of a hub group
    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    :param total_timeout: seconds, or a timedelta, that each call may take, its repeats included
    """

    template_fields: Sequence[str] = ("text", "group_id", "subscribers", "kaizala_conn_id")
    template_ext: Sequence[str] = TEMPLATE_EXT

    def __init__(
        self,
        text: str = DEFAULT_TEXT,
        *,
        group_id: str | None = None,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool = False,
        kaizala_conn_id: str = KaizalaHook.default_conn_name,
        total_timeout: float | timedelta = 30.0,
        context: Context | None = None,
    ) -> None:
        self.text = text
        self.group_id = group_id
        self.subscribers = subscribers
        self.send_to_all_subscribers = checks.flag("send_to_all_subscribers", send_to_all_subscribers)
        self.kaizala_conn_id = kaizala_conn_id
        self.total_timeout = checks.seconds("total_timeout", total_timeout)
        if is_literal(text):
            checks.title("text", text)
        if group_id is not None and is_literal(group_id):
            checks.group_id("group_id", group_id)
        if is_literal(subscribers):
            Audience(subscribers, self.send_to_all_subscribers)
        if is_literal(kaizala_conn_id):
            checks.title("kaizala_conn_id", kaizala_conn_id)
        super().__init__(**compat.notifier_context(context))

    def get_template_env(self, dag: Any = None) -> Environment:
        """Return an environment in which missing values, and their attributes, render empty."""
        # the serialized DAG, which dag.test() gives to callbacks of a DAG, has none
        known = dag if hasattr(dag, "get_template_env") else None
        return super().get_template_env(dag=known).overlay(undefined=ChainableUndefined)

    def _update_context(self, context: Context) -> Context:
        """Accept a context without a DAG, since Airflow 2 requires the key; add where a question can be answered."""
        context.setdefault("dag", None)  # type: ignore[typeddict-item]
        context["required_action"] = compat.required_action(context)  # type: ignore[typeddict-unknown-key]
        merged: Context = super()._update_context(context)
        return merged

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """Render all fields, also to an empty text: Airflow 2 would keep the template then."""
        env = jinja_env or self.get_template_env(dag=context.get("dag"))
        for name in self.template_fields:
            setattr(self, name, self.render_template(getattr(self, name), context, env, set()))

    # --- sending -------------------------------------------------------------------------------------------------------

    def _calls(self, hook: KaizalaHook) -> Reading[Posted]:
        subscribers = checks.optional(checks.phones)("subscribers", self.subscribers)
        audience = Audience(subscribers, self.send_to_all_subscribers)
        # a DAG that renders native objects turns some texts into numbers
        return tell(hook.group(self.group_id), str(self.text), audience)

    def notify(self, context: Context) -> None:
        """Post the text."""
        hook = KaizalaHook(self.kaizala_conn_id, total_timeout=self.total_timeout)
        with hook.get_conn() as client:
            follow(self._calls(hook), client.run)

    async def async_notify(self, context: Context) -> None:
        """Post it, from the triggerer."""
        hook = KaizalaHook(self.kaizala_conn_id, total_timeout=self.total_timeout)
        async with await hook.get_async_conn() as client:
            await afollow(self._calls(hook), client.run)

    # --- and never make things worse -----------------------------------------------------------------------------------

    def __call__(self, *args: Any) -> None:
        """Render and send; log what goes wrong. Rendered is a copy, since one notifier may serve many tasks."""
        try:
            super(KaizalaNotifier, copy(self)).__call__(*args)
        except Exception as error:  # noqa: BLE001
            self._failed(error)

    def __await__(self) -> Generator[Any, None, None]:
        """Render and send, from the triggerer; log what goes wrong."""
        return copy(self)._send_safely().__await__()

    async def _send_safely(self) -> None:
        try:
            self._update_context(self.context)
            self.render_template_fields(self.context)
            await self.async_notify(self.context)
        except Exception as error:  # noqa: BLE001
            self._failed(error)

    @staticmethod
    def _failed(error: Exception) -> None:
        log.warning("The message to the Kaizala group was not sent: %s: %s", type(error).__name__, error)
