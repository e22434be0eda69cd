"""Let Kaizala call back: make, change and end webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaNotFoundError
from airflow_provider_kaizala.client.models import NewWebhook, Webhook, WebhookChange, checks
from airflow_provider_kaizala.client.models.webhooks import url_secrets
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from airflow_provider_kaizala.client.models.checks import Check

    Due = datetime | timedelta | str | None


class _WebhookOperator(KaizalaGroupOperator):
    """Base of those that say what a webhook is like. The callback token comes from the connection, never from a DAG.

    A token in the query of the address shows in no log; but Airflow's page of rendered templates shows the address.
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        name: WebhookChange.checks[name] for name in ("event_types", "callback_url", "context", "expires")
    }
    template_fields: Sequence[str] = (*arguments, *KaizalaGroupOperator.template_fields)

    def __init__(
        self,
        *,
        event_types: Sequence[str] | None = None,
        callback_url: str | None = None,
        context: str | None = None,
        expires: Due = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.event_types = event_types
        self.callback_url = callback_url
        self.context = context
        self.expires = expires

    def given(self) -> dict[str, Any]:
        """Return what was given, checked, and the connection's callback token."""
        checked = {name: self.checked(name) for name in _WebhookOperator.arguments}
        for secret in url_secrets(checked["callback_url"] or ""):
            mask_secret(secret)
        return {
            **checked,
            "callback_token": self.hook.connection.callback_token,
        }


class KaizalaCreateWebhookOperator(_WebhookOperator):
    """Have one webhook on a group or an action that calls an address. Safe to run again.

    If the object has a webhook to this address already, that one is brought up to date and woken up instead: two would
    bring every event twice.

    :param event_types: ``["TextMessageCreated", "SurveyResponse", …]``; all of them are in
        :data:`airflow_provider_kaizala.client.models.EVENT_TYPES` (templated)
    :param callback_url: where Kaizala posts events, over https; it asks there for an echo first, within 5 seconds. Airflow shows it
        among the rendered templates, so let a token be the connection's ``callback_token`` instead of standing here (templated)
    :param object_type: ``Group``, ``Action`` (one instance) or ``ActionPackage`` (in all groups) (templated)
    :param object_id: the action or package; a group's webhook is on *group_id* (templated)
    :param context: comes back with each event (templated)
    :param expires: when it ends: datetime, ISO 8601 text, or timedelta; Kaizala's default is 2 years (templated)
    :param group_id: the group, and whose grant is used; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`, whose extra ``callback_token`` each event
        carries in the header ``kz-callback-token``
    :return: ``{"webhook_id", "object_id", "object_type", "created"}``; ``created`` is False for one that was there
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        **_WebhookOperator.arguments,
        "object_type": WebhookChange.checks["object_type"],
        "object_id": checks.optional(checks.identifier),
    }
    template_fields: Sequence[str] = ("object_type", "object_id", *_WebhookOperator.template_fields)

    def __init__(
        self,
        *,
        event_types: Sequence[str],
        callback_url: str,
        object_type: str = "Group",
        object_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(event_types=event_types, callback_url=callback_url, **kwargs)
        self.object_type = object_type
        self.object_id = object_id
        self.check_literals()

    def check_literals(self) -> None:
        """Check the arguments that are known now.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        super().check_literals()
        if self.event_types is None or self.callback_url is None:
            raise KaizalaInputError("event_types and callback_url are both needed")
        is_group = isinstance(self.object_type, str) and self.object_type.strip().lower() == "group"
        if self.object_id is None and not is_group and "{" not in str(self.object_type):
            raise KaizalaInputError(f"object_id is missing; a webhook on an {self.object_type} needs it")
        if self.object_id is not None and is_group:
            raise KaizalaInputError("object_id: a webhook on a group takes group_id; leave object_id out")

    def work(self) -> dict[str, Any]:
        """Bring the webhook up to date that is there, or make one."""
        from airflow_provider_kaizala.client import calls

        group_id, object_type = self.group(), self.checked("object_type")
        object_id = group_id if object_type == "Group" else self.checked("object_id")
        webhook = NewWebhook(object_id=object_id, object_type=object_type, **self.given())
        here = self.hook.run(calls.list_webhooks(object_id, object_type, group_id))
        same = [each for each in here if each.callback_url == webhook.callback_url]
        if same:
            webhook_id = self._refresh(same, group_id)
        else:
            webhook_id = self.hook.run(calls.create_webhook(webhook, group_id))
            self.log.info("Created webhook %s on %s %s", webhook_id, object_type, object_id)
        return {
            "webhook_id": webhook_id,
            "object_id": object_id,
            "object_type": object_type,
            "created": not same,
        }

    def _refresh(self, same: Sequence[Webhook], group_id: str) -> str:
        from airflow_provider_kaizala.client import calls

        webhook_id = same[0].id
        if len(same) > 1:
            others = ", ".join(each.id for each in same[1:])
            self.log.warning("More webhooks call this address, so events come more than once: %s", others)
        self.hook.run(calls.update_webhook(webhook_id, WebhookChange(active=True, **self.given()), group_id))
        self.log.info("Webhook %s was there; it is up to date and active", webhook_id)
        return webhook_id


class KaizalaUpdateWebhookOperator(_WebhookOperator):
    """Change a webhook, or wake one that Kaizala put to rest after six failed deliveries. Safe to run again.

    :param webhook_id: the webhook (templated)
    :param active: True wakes it, False puts it to rest, None leaves it as it is (templated)
    :param event_types: new list of events; None leaves it as it is (templated)
    :param callback_url: new address; Kaizala asks there for an echo first (templated)
    :param context: new context (templated)
    :param expires: new end: datetime, ISO 8601 text, or timedelta (templated)
    :param group_id: whose grant is used; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`, whose ``callback_token`` goes along
    :return: ``{"webhook_id"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        **_WebhookOperator.arguments,
        "webhook_id": checks.identifier,
        "active": checks.optional(checks.flag),
    }
    template_fields: Sequence[str] = ("webhook_id", "active", *_WebhookOperator.template_fields)

    def __init__(self, *, webhook_id: str, active: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.webhook_id = webhook_id
        self.active = active
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """Change it."""
        from airflow_provider_kaizala.client import calls

        group_id, webhook_id = self.group(), self.checked("webhook_id")
        change = WebhookChange(active=self.checked("active"), **self.given())
        self.hook.run(calls.update_webhook(webhook_id, change, group_id))
        self.log.info("Changed webhook %s", webhook_id)
        return {"webhook_id": webhook_id}


class KaizalaDeleteWebhookOperator(KaizalaGroupOperator):
    """End a webhook; one that is gone already is passed over. Safe to run again.

    :param webhook_id: the webhook (templated)
    :param group_id: whose grant is used; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"webhook_id", "deleted"}``; ``deleted`` is False for one that was gone
    """

    arguments: ClassVar[Mapping[str, Check]] = {"webhook_id": checks.identifier}
    template_fields: Sequence[str] = ("webhook_id", *KaizalaGroupOperator.template_fields)

    def __init__(self, *, webhook_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.webhook_id = webhook_id
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """End it."""
        from airflow_provider_kaizala.client import calls

        webhook_id = self.checked("webhook_id")
        try:
            self.hook.run(calls.delete_webhook(webhook_id, self.group()))
        except KaizalaNotFoundError:
            self.log.info("Webhook %s is gone already", webhook_id)
            return {"webhook_id": webhook_id, "deleted": False}
        self.log.info("Deleted webhook %s", webhook_id)
        return {"webhook_id": webhook_id, "deleted": True}
