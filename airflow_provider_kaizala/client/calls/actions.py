"""Calls that read, change and answer actions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.call import Body, Call, make, sent
from airflow_provider_kaizala.client.calls.posting import DEFAULT_AUDIENCE
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.forms import PROPERTY_TYPES, Location, Property
from airflow_provider_kaizala.client.models.received import ActionDetails, ActionPage, ListedAction, Posted
from airflow_provider_kaizala.client.models.sent import Audience, Job
from airflow_provider_kaizala.client.models.wire import Wire, filled, read_moment
from airflow_provider_kaizala.client.paging import Page, Paged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACTIONS_PER_PAGE = 30
#: the largest page asked for: more actions of one second than this cannot be read, since a page starts at a whole second
MOST_OF_ONE_SECOND = 10_000
LAST_WRITE_WINS = -1


def list_actions(
    group_id: str, action_type: str, since: datetime | str | None = None, count: int = ACTIONS_PER_PAGE
) -> Paged[ListedAction]:
    """Read the actions of one type, oldest first.

    :param since: only actions posted in this second or later
    :param count: how many to fetch with each call
    """
    first = None if since is None else int(read_moment("since", since).timestamp())
    kind, most = checks.title("action_type", action_type), checks.whole_number(1)("count", count)

    def page(mark: tuple[int | None, int] | None) -> Call[Page[ListedAction]]:
        start, size = mark or (first, most)
        query = {"actionType": kind, "fromDate": start, "count": size}
        return make("listActions", lambda body: _read_page(body, start, size), group_id, query=query)

    return Paged(page, key=lambda action: action.reference_id)


def _read_page(body: Any, start: int | None, size: int) -> Page[ListedAction]:
    """Read a page. There is no cursor: the next page starts in the second of the last action, and repeats that action."""
    page = ActionPage.read(body)
    if not page.has_more:
        return Page(page.actions)
    seconds = [int(action.sent_at.timestamp()) for action in page.actions if action.sent_at]
    last = max(seconds, default=None)
    if last is not None and (start is None or last > start):
        return Page(page.actions, (last, size))
    return Page(page.actions, (start, min(size * 2, MOST_OF_ONE_SECOND)))


def get_action(group_id: str, action_id: str) -> Call[ActionDetails]:
    """Read one action with all its responses."""
    path, query = {"actionId": action_id}, {"getDetails": True}
    return make("getAction", ActionDetails.read, group_id, at=path, query=query)


def update_action(
    group_id: str,
    action_id: str,
    properties: Sequence[Property],
    *,
    version: int = LAST_WRITE_WINS,
    notify: bool = False,
    audience: Audience = DEFAULT_AUDIENCE,
) -> Call[bool]:
    """Change properties of a card in place.

    :param version: refuse the change unless the card still has this version; -1 for any
    :param notify: notify the subscribers
    """
    body = {
        "version": version,
        "updateProperties": [each.to_wire() for each in _some(properties)],
        **filled(sendNotificationToSubscribers=notify),
        **_no_reply(audience).to_wire(),
    }
    return _change("updateAction", group_id, action_id, body, version)


def update_action_properties(
    group_id: str,
    action_id: str,
    properties: Sequence[Property],
    *,
    version: int = LAST_WRITE_WINS,
    notify_group: str | None = None,
) -> Call[bool]:
    """Change properties of a card with the older operation, which sends types as numbers.

    :param notify_group: id of the group to notify
    """
    numbered = [
        {
            "propertyType": "Custom",
            "name": each.name,
            "type": PROPERTY_TYPES.index(each.type),
            "value": each.value,
        }
        for each in _some(properties)
    ]
    body = {"version": version, "actionProperties": numbered, **filled(notificationTargetGroup=notify_group)}
    return _change("updateActionProperties", group_id, action_id, body, version)


def _some(properties: Sequence[Property]) -> Sequence[Property]:
    if not properties:
        raise KaizalaInputError("properties is empty; give at least one to change")
    return properties


def _change(operation: str, group_id: str, action_id: str, body: Body, version: int) -> Call[bool]:
    # with a version, a repeated request is refused although the first one succeeded
    repeatable = version == LAST_WRITE_WINS
    return make(operation, sent, group_id, at={"actionId": action_id}, body=body, repeatable=repeatable)


def send_reminder(group_id: str, action_id: str, audience: Audience = DEFAULT_AUDIENCE) -> Call[Posted]:
    """Remind people of an action; in a hub group, the subscribers of *audience*."""
    body = _no_reply(audience).to_wire()
    return make("sendActionReminder", Posted.read, group_id, at={"actionId": action_id}, body=body)


def _no_reply(audience: Audience) -> Audience:
    if audience.reply_to_reference_id:
        raise KaizalaInputError(
            "reply_to_reference_id: only a message or a new action can reply to another; leave it out"
        )
    return audience


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

    :param answers: one for each question, in their order: text, number, list of texts, time, :class:`Location`, or None
    :param package_id: for a custom action
    :param response_id: an earlier response to edit, which makes the call safe to repeat
    """
    listed = checks.ordered("answers", answers, "answers")
    place = location and location.to_wire()
    body = {
        **({"id": package_id} if package_id else {"actionType": "Survey"}),
        "actionBody": {
            "Answers": [_answer(f"answer {at}", each) for at, each in enumerate(listed, 1)],
            **filled(responseName=name, responseLocation=place),
        },
        **filled(responseId=response_id),
    }
    return _respond(group_id, action_id, body, repeatable=response_id is not None)


def _answer(name: str, value: Any) -> Any:
    """Return an answer as it is sent: times as epoch seconds, locations by their short names."""
    if isinstance(value, Location):
        return {"lt": value.latitude, "lg": value.longitude, **filled(n=value.name)}
    if isinstance(value, datetime):
        return int(read_moment(name, value).timestamp())
    return checks.json_value(name, value)


def complete_job(group_id: str, action_id: str, done: bool = True) -> Call[str | None]:
    """Mark a job as done by the token's user. Marking it twice has no further effect."""
    body = {"actionType": Job.action_type, "actionBody": {"isCompleted": checks.flag("done", done)}}
    return _respond(group_id, action_id, body, repeatable=True)


def _respond(group_id: str, action_id: str, body: Mapping[str, Any], *, repeatable: bool) -> Call[str | None]:
    def read(reply: Any) -> str | None:
        return Wire(reply or {}).text("responseId")

    path = {"actionId": action_id}
    return make("postResponse", read, group_id, at=path, body=body, repeatable=repeatable)
