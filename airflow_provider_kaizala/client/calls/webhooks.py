"""Calls about webhooks, with which Kaizala calls back."""

from __future__ import annotations

from airflow_provider_kaizala.client.calls.call import Call, listed, make, sent, text
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.received import Webhook
from airflow_provider_kaizala.client.models.webhooks import (
    EVENT_TYPES,
    OBJECT_TYPES,
    NewWebhook,
    WebhookChange,
    url_secrets,
)
from airflow_provider_kaizala.client.models.wire import Wire


def _secrets(change: WebhookChange) -> tuple[str, ...]:
    """Return the callback token and secrets in the address: Kaizala may repeat them in an error message."""
    token = (change.callback_token,) if change.callback_token else ()
    return (*token, *url_secrets(change.callback_url or ""))


def create_webhook(webhook: NewWebhook, group_id: str | None = None) -> Call[str]:
    """Create a webhook; returns its id. Kaizala validates the address with an echo request before it replies.

    :param group_id: the group whose grant the call uses
    """
    secrets = _secrets(webhook)
    return make("createWebhook", text("webhookId"), group_id, body=webhook.to_wire, secrets=secrets)


def list_webhooks(
    object_id: str, object_type: str = "Group", group_id: str | None = None
) -> Call[tuple[Webhook, ...]]:
    """List the webhooks of a group, an action or an action package."""
    query = {
        "objectId": checks.identifier("object_id", object_id),
        "objectType": checks.one_of(*OBJECT_TYPES)("object_type", object_type),
    }
    return make("listWebhooks", listed("webhooks", Webhook.read), group_id, query=query)


def update_webhook(webhook_id: str, change: WebhookChange, group_id: str | None = None) -> Call[bool]:
    """Change a webhook, or re-enable it with ``active=True``."""
    if change == WebhookChange():
        raise KaizalaInputError("change: nothing to change; set at least one field")
    path, secrets = {"webhookId": webhook_id}, _secrets(change)
    return make("updateWebhook", sent, group_id, at=path, body=change.to_wire, secrets=secrets)


def delete_webhook(webhook_id: str, group_id: str | None = None) -> Call[bool]:
    """Delete a webhook."""
    return make("deleteWebhook", sent, group_id, at={"webhookId": webhook_id})


def flow_subscribe(
    object_type: str,
    event_type: str,
    object_id: str,
    callback_url: str,
    *,
    group_id: str | None = None,
    action_package_id: str | None = None,
) -> Call[str | None]:
    """Subscribe as Power Automate did; returns the webhook id if the reply contains it."""
    at = {
        "objectType": checks.one_of(*OBJECT_TYPES[:2])("object_type", object_type),
        "eventType": checks.one_of(*EVENT_TYPES)("event_type", event_type),
    }
    return make(
        "flowSubscribe",
        lambda reply: Wire(reply or {}).text("webhookId", "id"),
        group_id,
        at=at,
        query={"objectId": object_id, "groupId": group_id, "actionPackageId": action_package_id},
        body={"CallbackUrl": checks.title("callback_url", callback_url)},
        secrets=url_secrets(callback_url),
    )
