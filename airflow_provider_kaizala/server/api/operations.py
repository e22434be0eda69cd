"""The 48 operations of the API: the one table from which the routes, the names of the control plane and the tests come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from starlette.routing import Route

from airflow_provider_kaizala.server.api import (
    actions,
    auth,
    bots,
    groups,
    media,
    media_sources,
    members,
    messages,
    reactions,
    responses,
    subscribers,
    webhooks,
)
from airflow_provider_kaizala.server.api.calls import Endpoint, Reply, Runs, Takes, answer
from airflow_provider_kaizala.server.domain.context import (
    ACTION_AND_RESPONSES,
    GROUP_INFORMATION,
    GROUP_MEMBER_LIST,
    MEDIA,
    OUTGOING_WEBHOOKS,
    REACTIONS,
    TENANT_DATA,
    TEXT_MESSAGE,
    USER_PROFILE,
    Operation,
)
from airflow_provider_kaizala.server.domain.ids import canonical

OPEN, ADMITTED, READ, WRITE = Runs.OPEN, Runs.ADMITTED, Runs.READ, Runs.WRITE
NOTHING, QUERY, BODY = Takes.NOTHING, Takes.QUERY, Takes.BODY
ATTACHMENT, UPLOAD = Takes.ATTACHMENT, Takes.UPLOAD


def _me(op: Operation) -> Reply:
    # A bot has no number.
    mobile = {"mobileNumber": op.caller.mobile} if op.caller.mobile else {}
    return {"id": op.caller.person_id, **mobile, "name": op.caller.name, "profilePic": op.caller.profile_pic}


_G = "/groups/{groupId}"
_A = f"{_G}/actions/{{actionId}}"
# Without a handler where the page answers; a path that another one's parameter would take stands before it.
_TABLE = (
    # operationId, method, path, permission of the connector, how it runs, what it takes, handler
    ("generatePin", "POST", "/generatePin", None, OPEN, BODY, auth.generate_pin),
    ("loginWithPinAndApplicationId", "POST", "/loginWithPinAndApplicationId", None, OPEN, BODY, auth.login_with_pin),
    ("getAccessToken", "GET", "/accessToken", None, OPEN, NOTHING, auth.get_access_token),
    ("oauthAuthorize", "GET", "/api/Oauth/Authorize", None, OPEN, QUERY, None),
    ("oauthToken", "POST", "/api/oauth/token", None, OPEN, BODY, auth.exchange_code),
    ("getMe", "GET", "/users/me", USER_PROFILE, READ, NOTHING, _me),
    ("createGroup", "POST", "/groups", GROUP_INFORMATION, WRITE, BODY, groups.create_group),
    ("listGroups", "GET", "/groups", GROUP_INFORMATION, READ, QUERY, groups.list_groups),
    ("getGroup", "GET", _G, GROUP_INFORMATION, READ, NOTHING, groups.get_group),
    ("listSubGroups", "GET", f"{_G}/subGroups", GROUP_INFORMATION, READ, QUERY, groups.list_sub_groups),
    ("createSubGroup", "POST", f"{_G}/subGroups", GROUP_INFORMATION, WRITE, BODY, groups.create_sub_group),
    ("addSubGroups", "PUT", f"{_G}/subGroups", GROUP_INFORMATION, WRITE, BODY, groups.attach_sub_groups),
    ("removeSubGroup", "DELETE", f"{_G}/subGroups/{{subGroupId}}", GROUP_INFORMATION, WRITE, NOTHING, groups.detach_sub_group),
    ("listMembers", "GET", f"{_G}/members", GROUP_MEMBER_LIST, READ, NOTHING, members.list_members),
    ("addMembers", "PUT", f"{_G}/members", GROUP_MEMBER_LIST, WRITE, BODY, members.add_members),
    ("updateMember", "PUT", f"{_G}/members/{{memberId}}", GROUP_MEMBER_LIST, WRITE, BODY, members.update_member),
    ("removeMember", "DELETE", f"{_G}/members/{{memberId}}", GROUP_MEMBER_LIST, WRITE, NOTHING, members.remove_member),
    ("listSubscribers", "POST", f"{_G}/subscribers", GROUP_MEMBER_LIST, READ, BODY, subscribers.list_subscribers),
    ("listSubscribersGet", "GET", f"{_G}/subscribers", GROUP_MEMBER_LIST, READ, NOTHING, subscribers.first_subscribers),
    ("addSubscribers", "PUT", f"{_G}/subscribers/add", GROUP_MEMBER_LIST, WRITE, BODY, subscribers.add_subscribers),
    ("removeSubscribers", "PUT", f"{_G}/subscribers/remove", GROUP_MEMBER_LIST, WRITE, BODY, subscribers.remove_subscribers),
    ("sendMessage", "POST", f"{_G}/messages", TEXT_MESSAGE, WRITE, BODY, messages.send_message),
    ("uploadMedia", "POST", "/media", MEDIA, ADMITTED, UPLOAD, media.upload_media),
    ("uploadMediaFromUrl", "POST", "/media/url", MEDIA, ADMITTED, BODY, media_sources.upload_media_from_url),
    ("uploadMediaFromAttachment", "POST", "/media/attachment", MEDIA, ADMITTED, ATTACHMENT, media_sources.upload_media_from_attachment),
    ("postAction", "POST", f"{_G}/actions", ACTION_AND_RESPONSES, WRITE, BODY, actions.post_action),
    ("listActions", "GET", f"{_G}/actions", ACTION_AND_RESPONSES, READ, QUERY, actions.list_actions),
    ("getAction", "GET", _A, ACTION_AND_RESPONSES, READ, QUERY, actions.get_action),
    ("updateAction", "PUT", _A, ACTION_AND_RESPONSES, WRITE, BODY, actions.update_action),
    ("updateActionProperties", "PUT", f"{_A}/properties", ACTION_AND_RESPONSES, WRITE, BODY, actions.update_properties),
    ("postResponse", "POST", f"{_A}/responses", ACTION_AND_RESPONSES, WRITE, BODY, responses.post_response),
    ("sendActionReminder", "POST", f"{_A}/reminder", ACTION_AND_RESPONSES, WRITE, BODY, actions.send_reminder),
    ("postReaction", "POST", f"{_G}/reaction", REACTIONS, WRITE, BODY, reactions.post_reaction),
    ("getGroupReactionSummary", "GET", f"{_G}/reaction/summary", REACTIONS, READ, QUERY, reactions.group_summary),
    ("getReactionSummary", "GET", f"{_G}/reaction/{{referenceId}}/summary", REACTIONS, READ, QUERY, reactions.reference_summary),
    ("getReactions", "GET", f"{_G}/reaction/{{referenceId}}", REACTIONS, READ, QUERY, reactions.list_reactions),
    ("createWebhook", "POST", "/webhook", OUTGOING_WEBHOOKS, ADMITTED, BODY, webhooks.create_webhook),
    ("listWebhooks", "GET", "/webhook", OUTGOING_WEBHOOKS, READ, QUERY, webhooks.list_webhooks),
    ("updateWebhook", "PUT", "/webhook/{webhookId}", OUTGOING_WEBHOOKS, ADMITTED, BODY, webhooks.update_webhook),
    ("deleteWebhook", "DELETE", "/webhook/{webhookId}", OUTGOING_WEBHOOKS, WRITE, NOTHING, webhooks.delete_webhook),
    ("flowSubscribe", "POST", "/webhook/{objectType}/{eventType}", OUTGOING_WEBHOOKS, ADMITTED, BODY, webhooks.flow_subscribe),
    ("createBot", "POST", "/bot", None, WRITE, BODY, bots.create_bot),
    ("listBots", "GET", "/bot", None, READ, NOTHING, bots.list_bots),
    ("updateBot", "PUT", "/bot/{botUserId}", None, WRITE, BODY, bots.update_bot),
    ("deleteBot", "DELETE", "/bot/{botUserId}", None, WRITE, NOTHING, bots.delete_bot),
    ("getBotAccessToken", "GET", "/bot/accessToken/{botUserId}", None, WRITE, NOTHING, bots.bot_access_token),
    ("addBotToGroup", "POST", f"{_G}/bot", GROUP_MEMBER_LIST, WRITE, BODY, bots.add_bot_to_group),
    ("findTenantGroups", "GET", "/tenant/findGroupsByQuery", TENANT_DATA, READ, QUERY, groups.find_groups),
)  # fmt: skip
OPERATIONS = {row[0]: Endpoint(*row) for row in _TABLE}


def routes() -> Iterator[Route]:
    """Yield the routes of the API."""
    for endpoint in OPERATIONS.values():
        if endpoint.handle is None:
            continue
        paths = [f"/v1{endpoint.path}", *([endpoint.path] if endpoint.path.startswith("/api/") else ())]
        for path in paths:
            yield Route(
                path,
                partial(answer, endpoint, endpoint.handle),
                methods=[endpoint.method],
                name=endpoint.name,
            )


# --- Which operation a request calls ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Called:
    """What a request calls: the operation, or None outside of the API; and the group and action of its path."""

    operation: str | None
    group: str | None = None
    action: str | None = None


def _pattern(path: str) -> re.Pattern[str]:
    start = "(?:/v1)?" if path.startswith("/api/") else "/v1"
    return re.compile(start + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path), re.IGNORECASE)


# By method and number of parts: a few patterns are tried instead of all.
_PATTERNS: dict[tuple[str, int], list[tuple[str, re.Pattern[str]]]] = {}
for _one in OPERATIONS.values():
    for _prefix in ("/v1", "") if _one.path.startswith("/api/") else ("/v1",):
        _shape = _one.method, (_prefix + _one.path).count("/")
        _PATTERNS.setdefault(_shape, []).append((_one.name, _pattern(_one.path)))


def called(method: str, path: str) -> Called:
    """Find the operation of a request with a tidy path; the first of the table that fits."""
    for operation, pattern in _PATTERNS.get(("GET" if method == "HEAD" else method, path.count("/")), ()):
        if found := pattern.fullmatch(path):
            ids = found.groupdict()
            return Called(
                operation,
                canonical(ids["groupId"]) if "groupId" in ids else None,
                canonical(ids["actionId"]) if "actionId" in ids else None,
            )
    return Called(None)
