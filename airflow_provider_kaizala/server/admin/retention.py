"""How long things are kept, and what a person may ask for: purge, export, erase."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update

from airflow_provider_kaizala.server.admin import people
from airflow_provider_kaizala.server.admin.session import Admin, AdminError, administration
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.media_files import MediaFiles

POSTS_AT_ONCE = 500
ERASED_NAME = "Former member"
#: what a group was told about who came and went
_NAMING = ("memberAdded", "memberRemoved")
#: posts that are a text, with a title or files or without
_WRITTEN = ("text", "media", "announcement")
_MEDIA_ID = re.compile(r"[\w-]{48}", re.ASCII)
Shown = dict[str, object]


# --- purge -------------------------------------------------------------------------------------------------------------------


def purge(database: str, media: MediaFiles, before_ms: int) -> Shown:
    """Delete what was posted before a time, with its answers, reactions and files, and what else is over since then.

    It works in small transactions, so that the server goes on meanwhile.

    :raises AdminError: if the time is before the year 1, or the database cannot be used
    """
    try:
        before = iso(before_ms)
    except OverflowError:
        raise AdminError(
            "the age reaches back to before the year 1; give a shorter one: 90d, 12w, 6m, 2y"
        ) from None
    counts = {"posts": 0, "answers": 0, "reactions": 0, "deliveries": 0, "files": 0}
    while True:
        with administration(database) as admin:
            done = _purge_posts(admin, before_ms)
        for name, count in done.items():
            counts[name] += count
        if not done["posts"]:
            break
    with administration(database) as admin:
        counts["deliveries"] = _purge_rest(admin, before_ms)
        unused = _take_unused_files(admin, before_ms)
    for file_id in unused:
        media.discard(file_id)
    counts["files"] = len(unused)
    return {"before": before, **counts}


def _purge_posts(admin: Admin, before_ms: int) -> dict[str, int]:
    conn, p, a = admin.conn, t.post.c, t.action.c
    posts = list(
        conn.execute(select(p.reference_id).where(p.sent_ms < before_ms).limit(POSTS_AT_ONCE)).scalars()
    )
    if not posts:
        return {"posts": 0}
    actions = select(a.id).where(a.reference_id.in_(posts))
    reactions = conn.execute(delete(t.reaction).where(t.reaction.c.reference_id.in_(posts))).rowcount
    answers = conn.execute(delete(t.response).where(t.response.c.action_id.in_(actions))).rowcount
    for table in (t.job_assignment, t.action_property, t.question):
        conn.execute(delete(table).where(table.c.action_id.in_(actions)))
    for table in (t.action, t.post_recipient, t.feed_entry, t.post):
        conn.execute(delete(table).where(table.c.reference_id.in_(posts)))
    return {"posts": len(posts), "answers": answers, "reactions": reactions}


def _purge_rest(admin: Admin, before_ms: int) -> int:
    conn, d = admin.conn, t.webhook_delivery.c
    for column in (
        t.pin_backoff.c.changed_ms,
        t.audit_entry.c.at_ms,
        t.form_sent.c.at_ms,
        t.person_session.c.expires_ms,
        t.oauth_code.c.expires_ms,
        t.access_token.c.expires_ms,
        t.refresh_token.c.expires_ms,
    ):
        conn.execute(delete(column.table).where(column < before_ms))
    return conn.execute(delete(t.webhook_delivery).where(d.finished_ms < before_ms)).rowcount


def _take_unused_files(admin: Admin, before_ms: int) -> list[str]:
    """Delete the uploads from before a time that nothing names any more; return the ids of their files."""
    conn, r, f = admin.conn, t.media_resource.c, t.media_file.c
    old: dict[str, set[str]] = {}
    for resource_id, file_id in conn.execute(
        select(r.id, f.id).join(t.media_file, f.resource_id == r.id).where(r.created_ms < before_ms)
    ):
        old.setdefault(resource_id, set()).add(file_id)
    named = set().union(*map(_ids_in, _texts_that_name_files(admin)))
    gone = [resource for resource, files in old.items() if not named & {resource, *files}]
    for start in range(0, len(gone), POSTS_AT_ONCE):
        some = gone[start : start + POSTS_AT_ONCE]
        conn.execute(delete(t.media_file).where(f.resource_id.in_(some)))
        conn.execute(delete(t.media_resource).where(r.id.in_(some)))
    return [file_id for resource in gone for file_id in old[resource]]


def _ids_in(text: object) -> set[str]:
    return set(_MEDIA_ID.findall(str(text or "")))


def _texts_that_name_files(admin: Admin) -> Iterable[object]:
    g = t.chat_group.c
    for column in (
        t.post.c.detail_json,
        t.action.c.detail_json,
        t.question.c.options_json,
        t.response.c.answers_json,
        t.job_assignment.c.notes,
        t.action_property.c.value,
        t.person.c.profile_pic,
        g.image_url,
        g.background_url,
    ):
        yield from admin.conn.execute(
            select(column), execution_options={"yield_per": POSTS_AT_ONCE}
        ).scalars()


# --- one person ----------------------------------------------------------------------------------------------------------------


def export(admin: Admin, mobile: str) -> Shown:
    """Return everything that is kept about a person, secrets excepted."""
    conn, person = admin.conn, people.find(admin, mobile)
    who = person["id"]

    def rows(table: Any, column: ColumnElement[Any], *leave_out: str) -> Sequence[Shown]:
        found = conn.execute(select(table).where(column == who)).mappings()
        return [{name: value for name, value in row.items() if name not in leave_out} for row in found]

    return {
        "person": {name: value for name, value in person.items() if name != "pin_hash"},
        "memberships": rows(t.membership, t.membership.c.person_id),
        "subscriptions": rows(t.subscription, t.subscription.c.person_id),
        "posts": rows(t.post, t.post.c.sender_id),
        "answers": rows(t.response, t.response.c.person_id),
        "jobs": rows(t.job_assignment, t.job_assignment.c.person_id),
        "reactions": rows(t.reaction, t.reaction.c.person_id),
        "uploads": rows(t.media_resource, t.media_resource.c.uploader_id),
        "grants": rows(t.connector_grant, t.connector_grant.c.person_id),
        "sessions": rows(t.person_session, t.person_session.c.person_id, "token_hash"),
        "auditLog": [
            dict(row) for row in conn.execute(select(t.audit_entry).where(_told_of(who, mobile))).mappings()
        ],
    }


def _told_of(person_id: str, mobile: str) -> ColumnElement[bool]:
    a = t.audit_entry.c
    return or_(a.person_id == person_id, a.mobile == mobile, a.detail_json.contains(mobile, autoescape=True))


def erase(admin: Admin, mobile: str) -> Shown:
    """Delete a person as :func:`people.delete` does, and everything that tells who it was.

    Name and number go, also where the group was told who came and went; so do the texts of their messages and announcements,
    captions, comments and places. What they voted and answered stays, without a name; what they uploaded stays until it is purged.
    """
    conn = admin.conn
    who = str(people.delete(admin, mobile)["personId"])
    p, d = t.post.c, t.webhook_delivery.c
    conn.execute(update(t.person).where(t.person.c.id == who).values(name=ERASED_NAME, profile_pic=""))
    written = (p.sender_id == who, p.kind.in_(_WRITTEN))
    titled = t.action.c.reference_id.in_(select(p.reference_id).where(*written))
    conn.execute(update(t.action).where(titled).values(title=""))
    conn.execute(update(t.post).where(*written).values(text=""))
    for reference_id, detail in conn.execute(
        select(p.reference_id, p.detail_json).where(
            p.kind.in_(_NAMING), p.detail_json.contains(mobile, autoescape=True)
        )
    ).all():
        named = [_nameless(one) if one["id"] == who else one for one in json.loads(detail)["members"]]
        changed = json.dumps({"members": named}, ensure_ascii=False)
        conn.execute(update(t.post).where(p.reference_id == reference_id).values(detail_json=changed))
    conn.execute(update(t.reaction).where(t.reaction.c.person_id == who).values(comment=""))
    unnamed = {"responder_name": ERASED_NAME, "location_json": None}
    conn.execute(update(t.response).where(t.response.c.person_id == who).values(**unnamed))
    # What is still to be delivered tells others that the person has left.
    told = d.payload_json.contains(mobile, autoescape=True)
    conn.execute(delete(t.webhook_delivery).where(d.finished_ms.is_not(None), told))
    conn.execute(delete(t.audit_entry).where(_told_of(who, mobile)))
    return {"personId": who, "name": ERASED_NAME}


def _nameless(member: dict[str, str]) -> dict[str, str]:
    return {**member, "name": ERASED_NAME, "mobileNumber": ""}
