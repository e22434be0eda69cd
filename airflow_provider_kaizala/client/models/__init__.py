"""What is sent and what comes back. Only this package knows the wire's casing and units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.models.bots import *
    from airflow_provider_kaizala.client.models.forms import *
    from airflow_provider_kaizala.client.models.groups import *
    from airflow_provider_kaizala.client.models.people import *
    from airflow_provider_kaizala.client.models.reactions import *
    from airflow_provider_kaizala.client.models.received import *
    from airflow_provider_kaizala.client.models.sent import *
    from airflow_provider_kaizala.client.models.tokens import *
    from airflow_provider_kaizala.client.models.webhooks import *
    from airflow_provider_kaizala.client.models.wire import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "bots": "Bot",
            "forms": "Location PROPERTY_TYPES Property QUESTION_TYPES Question",
            "groups": "CreatedGroup Group GroupTree Member Subscriber SubscriberOutcome",
            "people": "Person",
            "reactions": "Reaction ReactionCounts",
            "received": "ActionDetails ActionPage Failure ListedAction Posted Response Webhook",
            "sent": "Action Announcement Audience GROUP_TYPES Job MEMBERS_PER_CALL Media Meeting Message Package Poll "
            "REACTION_TYPES Sent Survey media_type",
            "tokens": "AccessToken BotToken RefreshToken",
            "webhooks": "EVENT_TYPES NewWebhook OBJECT_TYPES WebhookChange",
            "wire": "UnreadableReplyError",
        },
    )
