"""What is sent and what comes back. Only this package knows the wire's casing and units."""

from __future__ import annotations

from airflow_provider_kaizala.client.models.checks import Location, Property, Question
from airflow_provider_kaizala.client.models.received import (
    AccessToken,
    ActionDetails,
    ActionPage,
    CreatedGroup,
    Failure,
    Group,
    ListedAction,
    Member,
    Person,
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
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError

__all__ = [
    "AccessToken",
    "Action",
    "ActionDetails",
    "ActionPage",
    "Announcement",
    "Audience",
    "CreatedGroup",
    "Failure",
    "Group",
    "Job",
    "ListedAction",
    "Location",
    "Media",
    "Meeting",
    "Member",
    "Message",
    "Package",
    "Person",
    "Poll",
    "Posted",
    "Property",
    "Question",
    "Response",
    "Sent",
    "Survey",
    "UnreadableReplyError",
    "media_type",
]
