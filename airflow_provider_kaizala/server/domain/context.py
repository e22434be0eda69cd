"""What every operation works with: the transaction, the time, the caller."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.store.media_links import MediaLink

GROUP_INFORMATION = "Group Information"
GROUP_MEMBER_LIST = "Group Member List"
TEXT_MESSAGE = "Text Message"
ACTION_AND_RESPONSES = "Action & Responses"
USER_PROFILE = "User Profile"
MEDIA = "Media"
OUTGOING_WEBHOOKS = "Outgoing Webhooks"
TENANT_DATA = "Tenant Data"
REACTIONS = "Reactions"
PERMISSIONS = (
    GROUP_INFORMATION,
    GROUP_MEMBER_LIST,
    TEXT_MESSAGE,
    ACTION_AND_RESPONSES,
    USER_PROFILE,
    MEDIA,
    OUTGOING_WEBHOOKS,
    TENANT_DATA,
    REACTIONS,
)

USER, GROUP, TENANT, SESSION = "user", "group", "tenant", "session"
ADMIN, MEMBER, SUBSCRIBER = "Admin", "Member", "Subscriber"
HUB = "ConnectGroup"


@dataclass(frozen=True)
class Caller:
    """Who calls, and under which grant.

    :param kind: user, group or tenant for the three kinds of refresh token; session for a person on the page
    :param scope_group_id: the one group of a group token
    """

    kind: str
    tenant_id: str
    person_id: str
    name: str
    mobile: str
    profile_pic: str | MediaLink
    connector_id: str = ""
    grant_id: str = ""
    scope_group_id: str | None = None
    is_tenant_admin: bool = False


@dataclass(frozen=True)
class Operation:
    """One running operation: its transaction, its moment, its caller."""

    conn: Connection
    now_ms: int
    caller: Caller
