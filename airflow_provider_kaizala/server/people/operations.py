"""What a person does: reads groups, writes, votes, answers, completes, likes and comments."""

from __future__ import annotations

from sqlalchemy import select

from airflow_provider_kaizala.server.api.action_bodies import read_place
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.api.messages import read_reply_to
from airflow_provider_kaizala.server.api.responses import read_answers
from airflow_provider_kaizala.server.domain import messages, reactions, responses
from airflow_provider_kaizala.server.domain.access import find_group, need_member
from airflow_provider_kaizala.server.domain.action_records import find_action_by_id
from airflow_provider_kaizala.server.domain.context import SUBSCRIBER, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.messages import MAX_TEXT
from airflow_provider_kaizala.server.people import feed
from airflow_provider_kaizala.server.store import tables as t

Reply = dict[str, object]
DEFAULT_COUNT = 50
MAX_COUNT = 200


def list_groups(op: Operation) -> Reply:
    """Return the caller's groups, member or subscriber, by name."""
    g, m, s = t.chat_group.c, t.membership.c, t.subscription.c
    me = op.caller.person_id
    member = op.conn.execute(
        select(g.id, g.name, g.group_type, g.last_seq, m.role)
        .join(t.membership, m.group_id == g.id)
        .where(m.person_id == me, g.deleted_ms.is_(None))
    ).all()
    known = {row.id for row in member}
    subscribed = op.conn.execute(
        select(g.id, g.name, g.group_type, g.last_seq)
        .join(t.subscription, s.group_id == g.id)
        .where(s.person_id == me, g.deleted_ms.is_(None))
    ).all()
    rows = [(*row,) for row in member] + [(*row, SUBSCRIBER) for row in subscribed if row.id not in known]
    rows.sort(key=lambda row: (row[1], row[0]))
    names = ("groupId", "groupName", "groupType", "lastSeq", "role")
    return {"groups": [dict(zip(names, row, strict=True)) for row in rows]}


def read_feed(op: Operation, group_id: str, query: Fields) -> Reply:
    """Return what came in a group after a cursor."""
    access = feed.find_feed(op, group_id)
    after, before = query.integer("after", least=0) or 0, query.integer("before", least=0)
    count = min(query.integer("count", least=1) or DEFAULT_COUNT, MAX_COUNT)
    return feed.read_feed(op, access, count, after=after, before=before)


def write_text(op: Operation, group_id: str, fields: Fields) -> Reply:
    """Write a text in a group."""
    access = need_member(find_group(op, group_id))
    text = fields.text("text", most=MAX_TEXT)
    return {"referenceId": messages.write_text(op, access, text, read_reply_to(fields))}


def vote(op: Operation, action_id: str, fields: Fields) -> Reply:
    """Vote in a poll or answer a meeting."""
    choice = fields.raw("choice")
    if choice is None:
        raise bad_request("choice is required")
    return {"responseId": responses.vote(op, find_action_by_id(op, action_id), choice)}


def answer(op: Operation, action_id: str, fields: Fields) -> Reply:
    """Answer a survey or package by position; ``responseId`` edits an answer."""
    if not fields.has("answers"):
        raise bad_request("answers is required")
    location = fields.object("location")
    action = find_action_by_id(op, action_id)
    given = fields.items("answers")
    response_id = fields.optional_text("responseId", most=128)
    place = None if location is None else read_place(location)
    form = responses.open_form(op, action)
    answers = read_answers(op, form.questions, given)
    return {"responseId": responses.answer(op, form, answers, response_id=response_id, place=place)}


def complete(op: Operation, action_id: str, fields: Fields) -> Reply:
    """Complete a job, or take that back."""
    action = find_action_by_id(op, action_id)
    return {"responseId": responses.complete_job(op, action, fields.boolean("isCompleted", default=True))}


def like(op: Operation, reference_id: str, _fields: Fields) -> Reply:
    """Like something posted, once."""
    return {"reactionId": reactions.react_by_reference(op, reference_id, "Like", "")}


def comment(op: Operation, reference_id: str, fields: Fields) -> Reply:
    """Comment on something posted."""
    return {"reactionId": reactions.react_by_reference(op, reference_id, "Comment", fields.text("text"))}
