"""Events of what polling has found: the same JSON as Kaizala's webhooks post, so that they can be stored and read in the same way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.models import ActionDetails, Response

#: how the ids of these events begin; those of Kaizala's webhooks are UUIDs
PULLED = "pulled-"


def key(*parts: object) -> str:
    """Return a short text that stands for something that was found, the same whenever it is found."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def action_key(action: Response) -> str:
    """Return the key of a new action, as :class:`~airflow_provider_kaizala.waiting.subjects.NewActions` lists it."""
    return key(action.response_id)


def response_key(action_id: str, response: Response) -> str:
    """Return the key of a response. One that was edited has another key, a job that is done has only one."""
    who = response.responder
    is_job = response.completed is not None
    return key(
        action_id,
        (None if is_job else response.response_id) or who.id or who.mobile_number,
        None if is_job else response.responded_at,
    )


def member_key(member: Response) -> str:
    """Return the key of a member, as :class:`~airflow_provider_kaizala.waiting.subjects.NewMembers` lists them."""
    return key(member.response_id, member.responder.mobile_number)


def action_created(group_id: str, event_type: str, action: Response) -> dict[str, Any]:
    """Return the event of a new action."""
    data = {**action.answers, "actionId": action.response_id, "groupId": group_id}
    return _event(group_id, event_type, data, action)


def response_given(
    group_id: str, event_type: str, action_id: str, details: ActionDetails, response: Response
) -> dict[str, Any]:
    """Return the event of a response."""
    who = response.responder
    data: dict[str, Any] = {
        "actionId": action_id,
        "groupId": group_id,
        "title": details.title,
        "responseId": response.response_id,
    }
    if response.completed is not None:
        job = {"assignee": who.mobile_number, "assigneeName": who.name, "isCompleted": response.completed}
        return _event(group_id, event_type, {**data, "responseDetails": {"response": job}}, response)
    answers = [{"title": title, "answer": answer} for title, answer in response.answers.items()]
    if response.responded_at:
        moment = int(response.responded_at.timestamp() * 1000)
        answers.append({"title": "ResponseTime", "type": "DateTime", "isInvisible": True, "answer": moment})
    data |= {
        "responder": who.mobile_number,
        "responderId": who.id,
        "responderName": who.name,
        "isAnonymous": bool(details.is_anonymous),
        "responseDetails": {"responseWithQuestions": answers},
    }
    return _event(group_id, event_type, data, response)


def member_added(group_id: str, member: Response) -> dict[str, Any]:
    """Return the event of a person who has joined."""
    who = member.responder
    data = {
        "member": who.mobile_number,
        "memberId": who.id or member.response_id,
        "memberName": who.name,
        "type": member.answers.get("role"),
    }
    return _event(group_id, "MemberAdded", data, None)


def _event(group_id: str, event_type: str, data: dict[str, Any], by: Response | None) -> dict[str, Any]:
    who = by.responder if by else None
    return {
        "objectId": group_id,
        "objectType": "Group",
        "eventType": event_type,
        "data": data,
        "fromUser": (who and who.mobile_number) or "",
        "fromUserId": (who and who.id) or "",
        "fromUserName": (who and who.name) or "",
    }
