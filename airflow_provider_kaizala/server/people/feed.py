"""What a person sees of a group: ``GET /people/groups/{groupId}/feed?after=&before=&count=``.

Reply: ``{"items": [...], "after": 17, "hasMore": false}``, oldest first. ``after`` is a cursor: pass it on to get what
came later; it is safe to follow while others write, as a group's sequence grows in the order of commits. With ``before``
come the latest items before that ``seq``, and ``hasMore`` tells of older ones. Changes of an item (votes, likes) do not
move it, but raise its ``revision``; read ``after`` one lower, or ``GET /people/actions/{actionId}``.

Each item::

    {"seq": 17, "kind": "poll", "referenceId": "...", "actionId": "..." | null, "groupId": "...",
     "sender": {"mobileNumber": "+91...", "name": "Asha", "id": "..."}, "sentAt": "2024-03-22T18:29:59.123Z",
     "title": "...", "text": "...", "replyToReferenceId": "..." | null, "likes": 0, "comments": 0, "liked": false, "revision": 0}

``kind`` is text, announcement, media, poll, survey, job, letsMeet, package, reminder, memberAdded or memberRemoved. A
reminder looks like the action it repeats, as ``actionType`` tells, and replies to it. With it come:

- media, announcement: ``media`` ``[{"mediaUrl", "mediaFileName", "url", "fileName"}]``; media also ``mediaType``
- memberAdded, memberRemoved: ``members`` ``[{"mobileNumber", "name", "id"}]``
- all that have an action: ``actionType``, as in the REST API
- poll, survey, job, letsMeet, package: ``responseCount``, ``expiryDate`` (ISO or null), ``myAnswer``, ``mayAnswer``
- poll, letsMeet: ``choices`` ``[{"title", "count"?, "image"?}]`` (``count`` if the caller may see results); ``myAnswer``
  is the title chosen, or null
- survey, package: ``questions`` ``[{"title", "type", "isInvisible", "options": [{"title"}]}]``,
  ``acceptMultipleResponses``, ``isAnonymous``; ``myAnswer`` is ``{"responseId", "answers": [...]}`` of the latest answer,
  or null; package also ``packageId`` and ``properties``
- job: ``assignees`` ``[{"mobileNumber", "name", "id", "isCompleted"}]``, ``dueDate``, ``isCompleted``; ``myAnswer`` is
  ``{"isCompleted"}`` for an assignee, else null
- letsMeet: ``startingTime``, ``duration`` (minutes), ``agenda``, ``place``?
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, ScalarSelect, and_, func, or_, select

from airflow_provider_kaizala.server.domain.access import BELOW, GroupAccess, find_group
from airflow_provider_kaizala.server.domain.action_records import (
    ActionRecord,
    find_action_by_id,
    find_actions,
)
from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.errors import denied, not_found
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.media import as_announced
from airflow_provider_kaizala.server.domain.times import iso_ms
from airflow_provider_kaizala.server.people.feed_actions import FeedParts, action_part
from airflow_provider_kaizala.server.store import tables as t

_f, _p, _w = t.feed_entry.c, t.post.c, t.person.c
_mine = t.reaction.alias("mine")
# A reminder shows the action it repeats, and so changes with that action's own post.
ORIGIN = t.post.alias("origin")
ORIGIN_OF_POST = and_(_p.kind == "reminder", ORIGIN.c.reference_id == _p.reply_to)
SHOWN_REVISION = _p.revision + func.coalesce(ORIGIN.c.revision, 0)


def _count(reaction_type: str) -> ScalarSelect[int]:
    """Count the reactions of one type on a post of the statement."""
    r = t.reaction.c
    its = select(func.count()).where(r.reference_id == _p.reference_id, r.reaction_type == reaction_type)
    return its.correlate(t.post).scalar_subquery()


_LIKES, _COMMENTS = _count("Like").label("likes"), _count("Comment").label("comments")


def find_feed(op: Operation, group_id: str) -> GroupAccess:
    """Return a group whose feed the caller may read; 403 and 404 as ever."""
    access = find_group(op, group_id)
    if access.role == BELOW:
        raise denied("You are not a member of this group", "no_group")
    return access


def read_feed(
    op: Operation, access: GroupAccess, count: int, *, after: int = 0, before: int | None = None
) -> dict[str, Any]:
    """Return items of a group: the next after a cursor, or the latest before one."""
    wanted = _items(op, access).where(_f.seq > after).limit(count + 1)
    if before is None:
        found = op.conn.execute(wanted.order_by(_f.seq)).mappings().all()
        page = list(found[:count])
    else:
        found = op.conn.execute(wanted.where(_f.seq < before).order_by(_f.seq.desc())).mappings().all()
        page = list(found[count - 1 :: -1])
    return {
        "items": _shown(op, page),
        "after": page[-1]["seq"] if page else after,
        "hasMore": len(found) > count,
    }


def _items(op: Operation, access: GroupAccess) -> Any:
    query = (
        select(
            _f.seq,
            t.post,
            _w.mobile.label("sender_mobile"),
            _w.name.label("sender_name"),
            _mine.c.id.label("my_like"),
            SHOWN_REVISION.label("shown_revision"),
            _LIKES,
            _COMMENTS,
        )
        .join(t.post, _p.reference_id == _f.reference_id)
        .outerjoin(ORIGIN, ORIGIN_OF_POST)
        .join(t.person, _w.id == _p.sender_id)
        .outerjoin(
            _mine,
            and_(
                _mine.c.reference_id == _p.reference_id,
                _mine.c.person_id == op.caller.person_id,
                _mine.c.reaction_type == "Like",
            ),
        )
        .where(_f.group_id == access.id, _p.deleted_ms.is_(None))
    )
    if access.role == SUBSCRIBER:
        r = t.post_recipient.c
        chosen = select(r.person_id).where(
            r.reference_id == _p.reference_id, r.person_id == op.caller.person_id
        )
        query = query.where(or_(_p.audience == "all", chosen.exists()))
    return query


def _shown(op: Operation, rows: Sequence[RowMapping]) -> list[dict[str, object]]:
    """Return items, in a number of statements that does not depend on how many there are."""
    actions = find_actions(op, list({row["action_id"] for row in rows if row["action_id"]}))
    parts = FeedParts(op, list(actions))
    return [_item(op, row, actions, parts) for row in rows]


def _item(
    op: Operation, row: RowMapping, actions: Mapping[str, ActionRecord], parts: FeedParts
) -> dict[str, object]:
    detail = json.loads(row["detail_json"] or "{}")
    item: dict[str, object] = {
        "seq": row["seq"],
        "kind": row["kind"],
        "referenceId": row["reference_id"],
        "actionId": None if row["kind"] == "media" else row["action_id"],
        "groupId": row["group_id"],
        "sender": {
            "mobileNumber": row["sender_mobile"] or "",
            "name": row["sender_name"],
            "id": row["sender_id"],
        },
        "sentAt": iso_ms(row["sent_ms"]),
        "title": "",
        "text": row["text"],
        "replyToReferenceId": row["reply_to"],
        "likes": row["likes"],
        "comments": row["comments"],
        "liked": row["my_like"] is not None,
        "revision": row["shown_revision"],
    }
    if "members" in detail:
        item["members"] = detail["members"]
    if row["action_id"]:
        action = actions.get(row["action_id"])
        if action is None:
            raise not_found("The action")
        item["title"] = action.row["title"]
        item["actionType"] = action.public_type
        item |= _media_part(op, action) if action.type in _SHOWN_AS_MEDIA else action_part(op, action, parts)
    return item


_SHOWN_AS_MEDIA = ("Announcement", "Image", "Document", "Audio", "Video", "Album")


def _media_part(op: Operation, action: ActionRecord) -> dict[str, object]:
    media = [as_announced(ref) for ref in action.detail.get("media", [])]
    return {"media": media} if action.type == "Announcement" else {"media": media, "mediaType": action.type}


def read_post(op: Operation, access: GroupAccess, reference_id: str) -> dict[str, object]:
    """Return the feed item of a post as a group sees it now."""
    found = op.conn.execute(_items(op, access).where(_f.reference_id == canonical(reference_id)))
    row = found.mappings().first()
    if row is None:
        raise not_found("The message")
    return _shown(op, [row])[0]


def read_item(op: Operation, action_id: str) -> dict[str, object]:
    """Return the feed item of one action as it is now."""
    action = find_action_by_id(op, action_id)
    row = (
        op.conn.execute(_items(op, action.access).where(_f.reference_id == action.row["reference_id"]))
        .mappings()
        .first()
    )
    if row is None:
        raise not_found("The action")
    return _shown(op, [row])[0]
