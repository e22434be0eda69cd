"""Tell a group what happened in Airflow, from callbacks and deadlines."""

from __future__ import annotations

import logging
from copy import copy
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.notifier import BaseNotifier

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.models import Audience, Message, checks
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.templating import TEMPLATE_EXT, LiteralsStay, is_literal

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from airflow.providers.common.compat.sdk import Context
    from jinja2 import Environment

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Posted

log = logging.getLogger(__name__)

#: what may be there depends on who calls: a task, a DAG run or a deadline
DEFAULT_TEXT = (
    "{% if ti %}Task {{ ti.dag_id }}.{{ ti.task_id }} is {{ ti.state }} (run {{ ti.run_id }})"
    "{% else %}DAG {{ dag_run.dag_id }} (run {{ dag_run.run_id or dag_run.dag_run_id }})"
    "{% if deadline %} missed its deadline{% elif dag_run.state %} is {{ dag_run.state }}{% endif %}{% endif %}"
    "{% if exception %}: {{ exception }}{% elif reason %}: {{ reason }}{% endif %}"
)


class KaizalaNotifier(LiteralsStay, BaseNotifier):
    """Post a text to a group from ``on_failure_callback`` and its kin, or from a deadline.

    It never turns a task's failure into another error: whatever goes wrong here is logged and that is all. What a template
    names and the context lacks comes out empty, since a message with a gap is better than none.

    :param text: what to say, cut at 4,000 characters; by default which task or DAG is in which state (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param subscribers: phone numbers of chosen subscribers of a hub group (templated)
    :param send_to_all_subscribers: to all subscribers of a hub group
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>` (templated)
    :param bound: seconds that sending may last
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
        bound: float = 30.0,
        context: Context | None = None,
    ) -> None:
        self.text = text
        self.group_id = group_id
        self.subscribers = subscribers
        self.send_to_all_subscribers = send_to_all_subscribers
        self.kaizala_conn_id = kaizala_conn_id
        self.bound = bound
        if is_literal(text):
            checks.title("text", text)
        if group_id is not None and is_literal(group_id):
            checks.group_id("group_id", group_id)
        if subscribers is not None and is_literal(subscribers):
            checks.phones("subscribers", subscribers)
        super().__init__(**compat.notifier_context(context))

    def get_template_env(self, dag: Any = None) -> Environment:
        """Return an environment in which what is missing is empty, and so is what is inside it."""
        from jinja2 import ChainableUndefined

        return super().get_template_env(dag=dag).overlay(undefined=ChainableUndefined)

    def _update_context(self, context: Context) -> Context:
        """Let a context without a DAG pass: Airflow 2 wants the key to be there."""
        context.setdefault("dag", None)  # type: ignore[typeddict-item]
        merged: Context = super()._update_context(context)
        return merged

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """Render all fields. What comes out empty is empty then: Airflow 2 would send the template itself."""
        env = jinja_env or self.get_template_env(dag=context.get("dag"))
        for name in self.template_fields:
            setattr(self, name, self.render_template(getattr(self, name), context, env, set()))

    # --- sending -------------------------------------------------------------------------------------------------------

    def _call(self, hook: KaizalaHook) -> Call[Posted]:
        from airflow_provider_kaizala.client import calls

        text = str(self.text)  # a DAG that renders native objects makes numbers of some
        if len(text) > checks.TEXT_LIMIT:
            text = text[: checks.TEXT_LIMIT - 1] + "…"
        audience = Audience(
            subscribers=checks.optional(checks.phones)("subscribers", self.subscribers),
            send_to_all_subscribers=self.send_to_all_subscribers,
        )
        return calls.send_message(hook.group(self.group_id), Message(text), audience)

    def notify(self, context: Context) -> None:
        """Send it."""
        hook = KaizalaHook(self.kaizala_conn_id, total_timeout=self.bound)
        with hook.get_conn() as client:
            client.run(self._call(hook))

    async def async_notify(self, context: Context) -> None:
        """Send it, from the triggerer."""
        hook = KaizalaHook(self.kaizala_conn_id, total_timeout=self.bound)
        async with await hook.get_async_conn() as client:
            await client.run(self._call(hook))

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
        log.warning("The Kaizala group was not told: %s: %s", type(error).__name__, error)
