"""One function for each REST operation: what to send, how to read the reply, and whether it is safe to repeat.

A call that is not safe to repeat (it posts something anew) is never sent twice when its outcome is unknown.
``group_id`` names the group whose grant the call uses; None stands for the user's own token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import (
    AccessToken,
    Action,
    ActionDetails,
    ActionPage,
    Audience,
    CreatedGroup,
    Group,
    Job,
    Location,
    Member,
    Message,
    Person,
    Posted,
    checks,
)
from airflow_provider_kaizala.client.models.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from airflow_provider_kaizala.client.multipart import Part

T = TypeVar("T")
NOBODY = Audience()


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call, not yet sent.

    :param operation: operationId, as the contract names it
    :param path: below ``/v1``
    :param parse: reads the JSON of a 2xx reply
    :param repeatable: whether sending it twice does no more than sending it once
    :param body: makes the JSON body when the call is sent, since due times count from then
    """

    operation: str
    method: str
    path: str
    parse: Callable[[Any], T]
    repeatable: bool
    group_id: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[datetime], Mapping[str, Any]] | None = None
    parts: tuple[Part, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    needs_token: bool = True


def _id(value: str) -> str:
    """Return an id as a segment of a path; one of dots alone would name another path."""
    if not value.strip(". "):
        raise KaizalaInputError(f"{value!r} is no id; give the id as Kaizala gave it")
    return quote(value, safe="@")


def _group_path(group_id: str, rest: str = "") -> str:
    return f"/groups/{_id(group_id)}{rest}"


def _fixed(body: Mapping[str, Any]) -> Callable[[datetime], Mapping[str, Any]]:
    return lambda now: body


def _done(body: Any) -> bool:
    """Read a reply that says little: ``{}``, or ``result`` as true or ``"true"``."""
    return Wire(body or {}).flag("result") is not False


# --- sign in -----------------------------------------------------------------------------------------------------------


def access_token(connector_id: str, connector_secret: str, refresh_token: str) -> Call[AccessToken]:
    """Trade connector and refresh token for an access token of 24 hours. The three travel as headers."""
    return Call(
        "getAccessToken",
        "GET",
        "/accessToken",
        AccessToken.read,
        repeatable=True,
        headers={
            "applicationId": connector_id,
            "applicationSecret": connector_secret,
            "refreshToken": refresh_token,
        },
        needs_token=False,
    )


def get_me(group_id: str | None = None) -> Call[Person]:
    """Profile of the token's user; with *group_id*, of the admin who granted that group."""
    return Call("getMe", "GET", "/users/me", Person.read, repeatable=True, group_id=group_id)


# --- groups and members ------------------------------------------------------------------------------------------------


def list_groups(group_id: str | None = None) -> Call[tuple[Group, ...]]:
    """Groups the token sees."""
    return Call(
        "listGroups",
        "GET",
        "/groups",
        lambda body: Wire(body).items("groups", Group.read, required=True),
        repeatable=True,
        group_id=group_id,
        query={"showDetails": "true"},
    )


def get_group(group_id: str) -> Call[Group]:
    """One group."""
    return Call("getGroup", "GET", _group_path(group_id), Group.read, repeatable=True, group_id=group_id)


def create_group(
    name: str,
    welcome_message: str,
    members: Sequence[str] = (),
    group_type: str = "Group",
    parent: str | None = None,
) -> Call[CreatedGroup]:
    """Create a group; with the grant of group *parent*, Kaizala makes it a sub-group of that one.

    :param members: phone numbers, at most 100
    :param group_type: ``Group``, or ``ConnectGroup`` for hub and spoke
    """
    body: dict[str, Any] = {
        "name": checks.title("name", name),
        "welcomeMessage": checks.title("welcome_message", welcome_message),
        "groupType": group_type,
    }
    if members:
        body["members"] = list(checks.phones("members", members))
        if len(body["members"]) > 100:
            raise KaizalaInputError(
                f"members: {len(body['members'])} given; Kaizala takes at most 100 with a new group, add the others after"
            )
    return Call(
        "createGroup",
        "POST",
        "/groups",
        CreatedGroup.read,
        repeatable=False,
        group_id=parent,
        body=_fixed(body),
    )


def list_members(group_id: str) -> Call[tuple[Member, ...]]:
    """Members of a group."""
    return Call(
        "listMembers",
        "GET",
        _group_path(group_id, "/members"),
        lambda body: Wire(body).items("members", Member.read, required=True),
        repeatable=True,
        group_id=group_id,
    )


def add_members(group_id: str, members: Sequence[str]) -> Call[bool]:
    """Add members by phone number."""
    return Call(
        "addMembers",
        "PUT",
        _group_path(group_id, "/members"),
        _done,
        repeatable=True,
        group_id=group_id,
        body=_fixed({"members": list(checks.phones("members", members))}),
    )


def remove_member(group_id: str, member_id: str) -> Call[bool]:
    """Remove a member, by the id that :func:`list_members` gives."""
    return Call(
        "removeMember",
        "DELETE",
        _group_path(group_id, f"/members/{_id(member_id)}"),
        _done,
        repeatable=True,
        group_id=group_id,
    )


# --- posting -----------------------------------------------------------------------------------------------------------


def send_message(group_id: str, message: Message, audience: Audience = NOBODY) -> Call[Posted]:
    """Post a text."""
    return Call(
        "sendMessage",
        "POST",
        _group_path(group_id, "/messages"),
        Posted.read,
        repeatable=False,
        group_id=group_id,
        body=_fixed({"message": message.text, **audience.to_wire()}),
    )


def upload_media(group_id: str | None, parts: Sequence[Part]) -> Call[str]:
    """Upload a file, or several for an album; returns the media resource. An upload alone shows nobody anything."""
    return Call(
        "uploadMedia",
        "POST",
        "/media",
        lambda body: Wire(body).need("mediaResource"),
        repeatable=True,
        group_id=group_id,
        parts=tuple(parts),
    )


def post_action(group_id: str, action: Action, audience: Audience = NOBODY) -> Call[Posted]:
    """Post an action of any type."""
    return Call(
        "postAction",
        "POST",
        _group_path(group_id, "/actions"),
        Posted.read,
        repeatable=False,
        group_id=group_id,
        body=lambda now: {**action.to_wire(now), **audience.to_wire()},
    )


# --- reading and answering ---------------------------------------------------------------------------------------------


def list_actions(
    group_id: str, action_type: str, since: datetime | None = None, count: int | None = None
) -> Call[ActionPage]:
    """Actions of one type, oldest first, from *since* on (whole seconds, included)."""
    query = {"actionType": action_type}
    if since is not None:
        query["fromDate"] = str(int(since.timestamp()))
    if count is not None:
        query["count"] = str(count)
    return Call(
        "listActions",
        "GET",
        _group_path(group_id, "/actions"),
        ActionPage.read,
        repeatable=True,
        group_id=group_id,
        query=query,
    )


def get_action(group_id: str, action_id: str) -> Call[ActionDetails]:
    """One action with all its responses: the one way this package reads who has answered."""
    return Call(
        "getAction",
        "GET",
        _group_path(group_id, f"/actions/{_id(action_id)}"),
        ActionDetails.read,
        repeatable=True,
        group_id=group_id,
        query={"getDetails": "true"},
    )


def post_response(
    group_id: str,
    action_id: str,
    answers: Sequence[Any],
    *,
    package_id: str | None = None,
    response_id: str | None = None,
    name: str | None = None,
    location: Location | None = None,
) -> Call[str | None]:
    """Answer a survey or a custom action as the token's user; returns the response id.

    :param answers: one for each question, in their order
    :param package_id: for a custom action
    :param response_id: an earlier response, to edit it; which makes the call safe to repeat
    """
    inner: dict[str, Any] = {"Answers": list(answers)}
    if name:
        inner["responseName"] = name
    if location:
        inner["responseLocation"] = location.to_wire()
    body: dict[str, Any] = {"id": package_id} if package_id else {"actionType": "Survey"}
    body["actionBody"] = inner
    if response_id:
        body["responseId"] = response_id
    return _respond(group_id, action_id, body, repeatable=response_id is not None)


def complete_job(group_id: str, action_id: str, done: bool = True) -> Call[str | None]:
    """Mark a job as done by the token's user; to say it twice changes nothing."""
    body = {"actionType": Job.action_type, "actionBody": {"isCompleted": done}}
    return _respond(group_id, action_id, body, repeatable=True)


def _respond(group_id: str, action_id: str, body: Mapping[str, Any], *, repeatable: bool) -> Call[str | None]:
    return Call(
        "postResponse",
        "POST",
        _group_path(group_id, f"/actions/{_id(action_id)}/responses"),
        lambda reply: Wire(reply or {}).text("responseId"),
        repeatable=repeatable,
        group_id=group_id,
        body=_fixed(body),
    )
