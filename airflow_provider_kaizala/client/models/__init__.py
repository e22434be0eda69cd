"""What is sent and what comes back. Only this package knows the wire's casing and units."""

from __future__ import annotations

from airflow_provider_kaizala.client.models.bots import Bot
from airflow_provider_kaizala.client.models.checks import Location, Property, Question
from airflow_provider_kaizala.client.models.groups import (
    CreatedGroup,
    Group,
    GroupTree,
    Member,
    Person,
    Subscriber,
    SubscriberOutcome,
)
from airflow_provider_kaizala.client.models.reactions import REACTION_TYPES, Reaction, ReactionCounts
from airflow_provider_kaizala.client.models.received import (
    ActionDetails,
    ActionPage,
    Failure,
    ListedAction,
    Posted,
    Response,
)
from airflow_provider_kaizala.client.models.sent import (
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
from airflow_provider_kaizala.client.models.tokens import AccessToken, BotToken, RefreshToken
from airflow_provider_kaizala.client.models.webhooks import (
    EVENT_TYPES,
    OBJECT_TYPES,
    NewWebhook,
    Webhook,
    WebhookChange,
)
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError

__all__ = [
    "EVENT_TYPES",
    "OBJECT_TYPES",
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
