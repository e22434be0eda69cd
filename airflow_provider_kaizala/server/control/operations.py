"""The 48 operations of the API by their operationId, and which of them a request calls."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_kaizala.server.domain.ids import canonical

# operationId: method and path, as in the contract's OpenAPI file; paths without a leading /api stand under /v1.
OPERATIONS = {
    "generatePin": "POST /generatePin",
    "loginWithPinAndApplicationId": "POST /loginWithPinAndApplicationId",
    "getAccessToken": "GET /accessToken",
    "oauthAuthorize": "GET /api/Oauth/Authorize",
    "oauthToken": "POST /api/oauth/token",
    "getMe": "GET /users/me",
    "createGroup": "POST /groups",
    "listGroups": "GET /groups",
    "getGroup": "GET /groups/{groupId}",
    "listSubGroups": "GET /groups/{groupId}/subGroups",
    "createSubGroup": "POST /groups/{groupId}/subGroups",
    "addSubGroups": "PUT /groups/{groupId}/subGroups",
    "removeSubGroup": "DELETE /groups/{groupId}/subGroups/{subGroupId}",
    "listMembers": "GET /groups/{groupId}/members",
    "addMembers": "PUT /groups/{groupId}/members",
    "updateMember": "PUT /groups/{groupId}/members/{memberId}",
    "removeMember": "DELETE /groups/{groupId}/members/{memberId}",
    "listSubscribers": "POST /groups/{groupId}/subscribers",
    "listSubscribersGet": "GET /groups/{groupId}/subscribers",
    "addSubscribers": "PUT /groups/{groupId}/subscribers/add",
    "removeSubscribers": "PUT /groups/{groupId}/subscribers/remove",
    "sendMessage": "POST /groups/{groupId}/messages",
    "uploadMedia": "POST /media",
    "uploadMediaFromUrl": "POST /media/url",
    "uploadMediaFromAttachment": "POST /media/attachment",
    "postAction": "POST /groups/{groupId}/actions",
    "listActions": "GET /groups/{groupId}/actions",
    "getAction": "GET /groups/{groupId}/actions/{actionId}",
    "updateAction": "PUT /groups/{groupId}/actions/{actionId}",
    "updateActionProperties": "PUT /groups/{groupId}/actions/{actionId}/properties",
    "postResponse": "POST /groups/{groupId}/actions/{actionId}/responses",
    "sendActionReminder": "POST /groups/{groupId}/actions/{actionId}/reminder",
    "postReaction": "POST /groups/{groupId}/reaction",
    "getGroupReactionSummary": "GET /groups/{groupId}/reaction/summary",
    "getReactionSummary": "GET /groups/{groupId}/reaction/{referenceId}/summary",
    "getReactions": "GET /groups/{groupId}/reaction/{referenceId}",
    "createWebhook": "POST /webhook",
    "listWebhooks": "GET /webhook",
    "updateWebhook": "PUT /webhook/{webhookId}",
    "deleteWebhook": "DELETE /webhook/{webhookId}",
    "flowSubscribe": "POST /webhook/{objectType}/{eventType}",
    "createBot": "POST /bot",
    "listBots": "GET /bot",
    "updateBot": "PUT /bot/{botUserId}",
    "deleteBot": "DELETE /bot/{botUserId}",
    "getBotAccessToken": "GET /bot/accessToken/{botUserId}",
    "addBotToGroup": "POST /groups/{groupId}/bot",
    "findTenantGroups": "GET /tenant/findGroupsByQuery",
}
# What the server itself calls; faults do not apply to them, the journal shows them.
CALLBACKS = ("validateCallback", "deliverEvent")


def _pattern(path: str) -> re.Pattern[str]:
    start = "(?:/v1)?" if path.startswith("/api/") else "/v1"
    return re.compile(start + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path), re.IGNORECASE)


_ROUTES = [
    (operation, method, _pattern(path))
    for operation, (method, path) in ((name, route.split(" ", 1)) for name, route in OPERATIONS.items())
]


@dataclass(frozen=True)
class Called:
    """What a request calls: the operation, or None outside of the API; and the group and action of its path."""

    operation: str | None
    group: str | None = None
    action: str | None = None


def called(method: str, path: str) -> Called:
    """Find the operation of a request with a tidy path. A summary is no reaction: the first that fits wins."""
    for operation, wanted, pattern in _ROUTES:
        if method == wanted and (found := pattern.fullmatch(path)):
            ids = found.groupdict()
            return Called(
                operation,
                canonical(ids["groupId"]) if "groupId" in ids else None,
                canonical(ids["actionId"]) if "actionId" in ids else None,
            )
    return Called(None)
