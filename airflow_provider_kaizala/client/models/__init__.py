"""What is sent and what comes back. Only this package knows the wire's casing and units."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.models.bots import Bot
    from airflow_provider_kaizala.client.models.forms import (
        PROPERTY_TYPES,
        QUESTION_TYPES,
        Location,
        Property,
        Question,
    )
    from airflow_provider_kaizala.client.models.groups import (
        CreatedGroup,
        Group,
        GroupTree,
        Member,
        Subscriber,
        SubscriberOutcome,
    )
    from airflow_provider_kaizala.client.models.people import Person
    from airflow_provider_kaizala.client.models.reactions import (
        Reaction,
        ReactionCounts,
    )
    from airflow_provider_kaizala.client.models.received import (
        ActionDetails,
        ActionPage,
        Failure,
        ListedAction,
        Posted,
        Response,
        Webhook,
    )
    from airflow_provider_kaizala.client.models.sent import (
        REACTION_TYPES,
        Action,
        Announcement,
        Audience,
        Job,
        Media,
        Meeting,
        Message,
        Package,
        Poll,
        Sent,
        Survey,
        media_type,
    )
    from airflow_provider_kaizala.client.models.tokens import (
        AccessToken,
        BotToken,
        RefreshToken,
    )
    from airflow_provider_kaizala.client.models.webhooks import (
        EVENT_TYPES,
        OBJECT_TYPES,
        NewWebhook,
        WebhookChange,
    )
    from airflow_provider_kaizala.client.models.wire import UnreadableReplyError

__all__ = [
    "EVENT_TYPES",
    "OBJECT_TYPES",
    "PROPERTY_TYPES",
    "QUESTION_TYPES",
    "REACTION_TYPES",
    "AccessToken",
    "Action",
    "ActionDetails",
    "ActionPage",
    "Announcement",
    "Audience",
    "Bot",
    "BotToken",
    "CreatedGroup",
    "Failure",
    "Group",
    "GroupTree",
    "Job",
    "ListedAction",
    "Location",
    "Media",
    "Meeting",
    "Member",
    "Message",
    "NewWebhook",
    "Package",
    "Person",
    "Poll",
    "Posted",
    "Property",
    "Question",
    "Reaction",
    "ReactionCounts",
    "RefreshToken",
    "Response",
    "Sent",
    "Subscriber",
    "SubscriberOutcome",
    "Survey",
    "UnreadableReplyError",
    "Webhook",
    "WebhookChange",
    "media_type",
]

#: where each name is defined; its module is loaded when the name is first used
__lazy_imports: dict[str, str] = {
    "AccessToken": "tokens",
    "Action": "sent",
    "ActionDetails": "received",
    "ActionPage": "received",
    "Announcement": "sent",
    "Audience": "sent",
    "Bot": "bots",
    "BotToken": "tokens",
    "CreatedGroup": "groups",
    "EVENT_TYPES": "webhooks",
    "Failure": "received",
    "Group": "groups",
    "GroupTree": "groups",
    "Job": "sent",
    "ListedAction": "received",
    "Location": "forms",
    "Media": "sent",
    "Meeting": "sent",
    "Member": "groups",
    "Message": "sent",
    "NewWebhook": "webhooks",
    "OBJECT_TYPES": "webhooks",
    "PROPERTY_TYPES": "forms",
    "Package": "sent",
    "Person": "people",
    "Poll": "sent",
    "Posted": "received",
    "Property": "forms",
    "QUESTION_TYPES": "forms",
    "Question": "forms",
    "REACTION_TYPES": "sent",
    "Reaction": "reactions",
    "ReactionCounts": "reactions",
    "RefreshToken": "tokens",
    "Response": "received",
    "Sent": "sent",
    "Subscriber": "groups",
    "SubscriberOutcome": "groups",
    "Survey": "sent",
    "UnreadableReplyError": "wire",
    "Webhook": "received",
    "WebhookChange": "webhooks",
    "media_type": "sent",
}


def __getattr__(name: str) -> Any:
    if module := __lazy_imports.get(name):
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
