"""What the pages show, read in one transaction each; times are ISO 8601 or epoch milliseconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, and_, select

from airflow_provider_kaizala.server.domain.access import GroupAccess
from airflow_provider_kaizala.server.domain.action_records import received
from airflow_provider_kaizala.server.domain.context import ADMIN, MEMBER, SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.hierarchy import children
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.media import files_of
from airflow_provider_kaizala.server.people.feed import find_feed, read_feed, read_post
from airflow_provider_kaizala.server.people.waiting import waiting_for
from airflow_provider_kaizala.server.store import tables as t

Shown = dict[str, Any]

PAGE = 20
_a, _p, _f, _w = t.action.c, t.post.c, t.feed_entry.c, t.person.c


def excerpt(item: Shown) -> str:
    """Return the first words of a post."""
    text = str(item.get("title") or item.get("text") or "").strip()
    return text if len(text) <= 80 else text[:79].rstrip() + "…"


# --- A group ----------------------------------------------------------------------------------------------------------
def _heading(op: Operation, access: GroupAccess) -> Shown:
    """Return what all pages of a group show of it."""
    may_write = access.role == ADMIN or (access.role == MEMBER and not access.is_hub)
    return {
        "id": access.id,
        "name": access.group["name"],
        "welcome": access.group["welcome_message"],
        "lastSeq": access.group["last_seq"],
        "isHub": access.is_hub,
        "isAdmin": access.role == ADMIN,
        "isMember": access.role in (ADMIN, MEMBER),
        "mayWrite": may_write,
        "mayChat": may_write and not children(op.conn, access.id),
    }


def group_heading(op: Operation, group_id: str) -> Shown:
    """Return what all pages of a group show."""
    return {"me": op.caller, "group": _heading(op, find_feed(op, group_id))}


def group_page(op: Operation, group_id: str, before: int | None) -> Shown:
    """Return a group with its latest posts, or those before one, newest first."""
    access = find_feed(op, group_id)
    start = access.group["last_seq"] + 1 if before is None else before
    page = read_feed(op, access, PAGE, before=start)
    items = page["items"][::-1]
    return {
        "me": op.caller,
        "group": _heading(op, access),
        "items": decorated(op, access, items),
        "older": items[-1]["seq"] if items and page["hasMore"] else None,
        "waiting": waiting_for(op, [access.id]) if before is None else [],
    }


def newer(op: Operation, group_id: str, after: int) -> Shown:
    """Return what came after a place in a group, newest first."""
    access = find_feed(op, group_id)
    page = read_feed(op, access, PAGE, after=after)
    return {
        "me": op.caller,
        "group": _heading(op, access),
        "items": decorated(op, access, page["items"][::-1]),
        "after": page["after"],
        "more": page["hasMore"],
        "waiting": waiting_for(op, [access.id]),
    }


def decorated(op: Operation, access: GroupAccess, items: list[Shown]) -> list[Shown]:
    """Add the sizes of its photos, what a post answers, whether it is over, and who sees the answers."""
    quoted = _quoted(op, access, [item["replyToReferenceId"] for item in items if item["replyToReferenceId"]])
    files = [one["url"].id for item in items for one in item.get("media", ())]
    sizes = {one.id: (one.width, one.height) for one in files_of(op, files)} if files else {}
    for item in items:
        for one in item.get("media", ()):
            one["width"], one["height"] = sizes.get(one["url"].id, (None, None))
        item["quoted"] = quoted.get(item["replyToReferenceId"])
        item["mine"] = item["sender"]["id"] == op.caller.person_id
        if "questions" in item:
            item["questions"] = _asked(item["questions"])
        item["seesWho"] = bool(item["actionId"]) and (access.role == ADMIN or item["mine"])
    return items


def _asked(questions: list[Shown]) -> list[Shown]:
    """Return questions as a form asks them: none if none can be seen, and each option once."""
    if all(one["isInvisible"] for one in questions):
        return []
    return [
        {**one, "options": list({option["title"]: option for option in one["options"]}.values())}
        for one in questions
    ]


def replied_to(op: Operation, group_id: str, reference_id: str) -> Shown | None:
    """Return the post that is being replied to, None if it is not in the group's feed."""
    reference_id = canonical(reference_id)
    quoted = _quoted(op, find_feed(op, group_id), [reference_id] if reference_id else [])
    return {"referenceId": reference_id, **quoted[reference_id]} if reference_id in quoted else None


def _quoted(op: Operation, access: GroupAccess, references: list[str]) -> dict[str, Shown]:
    """Return what is answered: only posts that stand in this group's feed."""
    if not references:
        return {}
    rows = op.conn.execute(
        select(_p.reference_id, _p.kind, _p.text, _a.title, _a.action_type, _w.name, _p.audience)
        .join(t.feed_entry, and_(_f.reference_id == _p.reference_id, _f.group_id == access.id))
        .join(t.person, _w.id == _p.sender_id)
        .outerjoin(t.action, _a.id == _p.action_id)
        .where(_p.reference_id.in_(references), _p.deleted_ms.is_(None))
    )
    sent = received(op, references) if access.role == SUBSCRIBER else set()
    shown = [
        row for row in rows if access.role != SUBSCRIBER or row.audience == "all" or row.reference_id in sent
    ]
    return {
        row.reference_id: {
            "kind": row.kind,
            "mediaType": row.action_type,
            "sender": row.name,
            "text": excerpt({"title": row.title, "text": row.text}),
        }
        for row in shown
    }


# --- One post ---------------------------------------------------------------------------------------------------------
def one_post(op: Operation, group_id: str, reference_id: str) -> Shown:
    """Return a post as a group's feed shows it."""
    access = find_feed(op, group_id)
    item: Shown = read_post(op, access, reference_id)
    return {"me": op.caller, "group": _heading(op, access), "item": decorated(op, access, [item])[0]}


def comments(op: Operation, reference_id: str) -> list[Shown]:
    """Return the latest comments of a post, oldest first."""
    c = t.reaction.c
    rows: list[Row[Any]] = list(
        op.conn.execute(
            select(c.id, c.comment, c.modified_ms, _w.name, _w.id.label("person_id"))
            .join(t.person, _w.id == c.person_id)
            .where(c.reference_id == canonical(reference_id), c.reaction_type == "Comment")
            .order_by(c.modified_ticks.desc())
            .limit(200)
        )
    )
    return [
        {
            "id": row.id,
            "text": row.comment,
            "at": row.modified_ms,
            "name": row.name,
            "personId": row.person_id,
        }
        for row in reversed(rows)
    ]
