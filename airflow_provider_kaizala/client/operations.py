"""The 48 operations of the Kaizala connectors API: one row each. The only place with methods, paths and parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_kaizala.client.errors import KaizalaInputError, did_you_mean
from airflow_provider_kaizala.client.models import checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Operation(NamedTuple):
    """One operation.

    :param path: below ``/v1``; below the root if ``oauth``
    :param repeatable: whether sending it twice has the same effect as sending it once
    :param needed: required query parameters
    :param optional: optional query parameters
    :param sends: the body's form: ``json``, ``form``, ``files``, or None for no body
    :param signs_in: exchanges secrets for tokens: it carries no access token, and its reply must not be logged
    :param hands_out: requires an access token, and its reply contains another one
    :param oauth: belongs to the OAuth host, outside ``/v1``
    """

    method: str
    path: str
    repeatable: bool
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    sends: str | None = None
    signs_in: bool = False
    hands_out: bool = False
    oauth: bool = False

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """Names between braces in the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))


def _get(path: str, needed: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> Operation:
    return Operation("GET", path, True, needed, optional)


def _send(method: str, path: str, *, repeatable: bool, sends: str = "json", **more: Any) -> Operation:
    return Operation(method, path, repeatable, sends=sends, **more)


def _delete(path: str) -> Operation:
    return Operation("DELETE", path, True)


_G = "/groups/{groupId}"
_A = _G + "/actions/{actionId}"
_R = _G + "/reaction"
_FLOW = "/webhook/{objectType}/{eventType}"

OPERATIONS: dict[str, Operation] = {
    # sign in
    "generatePin": _send("POST", "/generatePin", repeatable=False, signs_in=True),
    "loginWithPinAndApplicationId": _send(
        "POST", "/loginWithPinAndApplicationId", repeatable=False, signs_in=True
    ),
    "getAccessToken": Operation("GET", "/accessToken", True, signs_in=True),
    "oauthAuthorize": Operation(
        "GET", "/api/Oauth/Authorize", True, ("client_id", "redirect_uri"), signs_in=True, oauth=True
    ),
    "oauthToken": Operation("POST", "/api/oauth/token", False, sends="form", signs_in=True, oauth=True),
    "getMe": _get("/users/me"),
    # groups
    "createGroup": _send("POST", "/groups", repeatable=False),
    "listGroups": _get("/groups", optional=("showDetail", "showDetails", "fetchAllGroups")),
    "getGroup": _get(_G),
    "listSubGroups": _get(_G + "/subGroups", optional=("fetchAllGroups",)),
    "createSubGroup": _send("POST", _G + "/subGroups", repeatable=False),
    "addSubGroups": _send("PUT", _G + "/subGroups", repeatable=True),
    "removeSubGroup": _delete(_G + "/subGroups/{subGroupId}"),
    "findTenantGroups": _get("/tenant/findGroupsByQuery", ("query",), ("resultsOffset", "pageSize")),
    # members and subscribers
    "listMembers": _get(_G + "/members"),
    "addMembers": _send("PUT", _G + "/members", repeatable=True),
    "updateMember": _send("PUT", _G + "/members/{memberId}", repeatable=True),
    "removeMember": _delete(_G + "/members/{memberId}"),
    "listSubscribers": _send("POST", _G + "/subscribers", repeatable=True),
    "listSubscribersGet": _get(_G + "/subscribers"),
    "addSubscribers": _send("PUT", _G + "/subscribers/add", repeatable=True),
    "removeSubscribers": _send("PUT", _G + "/subscribers/remove", repeatable=True),
    # posting
    "sendMessage": _send("POST", _G + "/messages", repeatable=False),
    # repeatable, since an upload alone shows nothing to the group
    "uploadMedia": _send("POST", "/media", repeatable=True, sends="files"),
    "uploadMediaFromUrl": _send("POST", "/media/url", repeatable=True),
    "uploadMediaFromAttachment": _send("POST", "/media/attachment", repeatable=True),
    "postAction": _send("POST", _G + "/actions", repeatable=False),
    # reading, changing and answering actions
    "listActions": _get(_G + "/actions", optional=("actionType", "id", "fromDate", "count")),
    "getAction": _get(_A, optional=("getDetails",)),
    "updateAction": _send("PUT", _A, repeatable=True),
    "updateActionProperties": _send("PUT", _A + "/properties", repeatable=True),
    "sendActionReminder": _send("POST", _A + "/reminder", repeatable=False),
    "postResponse": _send("POST", _A + "/responses", repeatable=False),
    # reactions
    "postReaction": _send("POST", _R, repeatable=False),
    "getGroupReactionSummary": _get(_R + "/summary", ("sourceGroupId",), ("cursor",)),
    "getReactionSummary": _get(_R + "/{referenceId}/summary", ("sourceGroupId",)),
    "getReactions": _get(_R + "/{referenceId}", ("sourceGroupId", "reactionType"), ("cursor",)),
    # webhooks
    "createWebhook": _send("POST", "/webhook", repeatable=False),
    "listWebhooks": _get("/webhook", ("objectId", "objectType")),
    "updateWebhook": _send("PUT", "/webhook/{webhookId}", repeatable=True),
    "deleteWebhook": _delete("/webhook/{webhookId}"),
    "flowSubscribe": Operation(
        "POST", _FLOW, False, ("objectId",), ("groupId", "actionPackageId"), sends="json"
    ),
    # bots
    "createBot": _send("POST", "/bot", repeatable=False),
    "listBots": _get("/bot"),
    "updateBot": _send("PUT", "/bot/{botUserId}", repeatable=True),
    "deleteBot": _delete("/bot/{botUserId}"),
    "getBotAccessToken": Operation("GET", "/bot/accessToken/{botUserId}", True, hands_out=True),
    "addBotToGroup": _send("POST", _G + "/bot", repeatable=True),
}


def find_operation(name: str) -> tuple[str, Operation]:
    """Return an operation by its operationId, in any case.

    :raises KaizalaInputError: if there is none; suggests similar names
    """
    given = name.strip().lower() if isinstance(name, str) else ""
    for known, operation in OPERATIONS.items():
        if known.lower() == given:
            return known, operation
    hint = did_you_mean(name, OPERATIONS) or f"; use one of {', '.join(OPERATIONS)}"
    raise KaizalaInputError(f"operation: {name!r} is not a known operationId{hint}")


def check_parameters(name: str, row: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against the operation; return them by their documented names."""
    if row.signs_in or row.hands_out:
        raise KaizalaInputError(
            f"operation: {name} exchanges secrets, which must not pass through a task. The hook obtains tokens; to sign in from a "
            "script, use the functions of airflow_provider_kaizala.client.calls"
        )
    known = {each.lower(): each for each in (*row.path_parameters, *row.needed, *row.optional)}
    unknown = sorted(str(key) for key in given if str(key).lower() not in known)
    if unknown:
        takes = ", ".join(known.values()) or "none"
        raise KaizalaInputError(f"parameters: {name} has no {', '.join(unknown)}; it accepts {takes}")
    found = {known[str(key).lower()]: value for key, value in given.items() if value is not None}
    missing = [each for each in (*row.path_parameters, *row.needed) if each not in found]
    if missing:
        raise KaizalaInputError(f"parameters: {name} also needs {', '.join(missing)}")
    for each in row.path_parameters:
        checks.resolved(f"parameters: {each}", found[each])
    return found


def check_body(name: str, row: Operation, body: Mapping[str, Any] | None, files: Sequence[Any]) -> None:
    """Refuse a body or files where the operation has none, and missing files."""
    if body is not None and row.sends != "json":
        raise KaizalaInputError(f"body: {name} has no JSON body")
    checks.json_value("body", body)
    if files and row.sends != "files":
        raise KaizalaInputError(f"files: {name} has no files")
    if row.sends == "files" and not files:
        raise KaizalaInputError(f"files: {name} needs at least one")
