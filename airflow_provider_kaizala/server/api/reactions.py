"""Likes and comments over REST."""

from __future__ import annotations

from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import reactions
from airflow_provider_kaizala.server.domain.access import find_group
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request


def post_reaction(op: Operation, group_id: str, fields: Fields) -> Reply:
    """Like or comment on something posted in ``sourceGroupId``, seen in the group of the path."""
    access = find_group(op, group_id)
    reference_id = fields.text("referenceId", most=128)
    source = fields.text("sourceGroupId", most=128)
    kind = _kind(fields)
    comment = fields.text("comment") if kind == "Comment" else ""
    reference_id = reactions.find_post(op, access, reference_id, source)
    return {"reactionId": reactions.react(op, access.id, reference_id, kind, comment)}


def group_summary(op: Operation, group_id: str, query: Fields) -> Reply:
    """Count reactions on everything in a group that changed after ``cursor``."""
    access = find_group(op, group_id)
    _source, cursor = _source_and_cursor(op, query)
    counts, cursor = reactions.list_counts(op, access, cursor)
    return {"cursor": cursor, "summary": [_shown(one) for one in counts]}


def reference_summary(op: Operation, group_id: str, reference_id: str, query: Fields) -> Reply:
    """Count reactions on one post."""
    access = find_group(op, group_id)
    source, _cursor = _source_and_cursor(op, query)
    reference_id = reactions.find_post(op, access, reference_id, source)
    return {"summary": [_shown(one) for one in reactions.count(op, [reference_id])]}


def list_reactions(op: Operation, group_id: str, reference_id: str, query: Fields) -> Reply:
    """List reactions of one type on one post that came after ``cursor``."""
    access = find_group(op, group_id)
    kind = _kind(query)
    source, cursor = _source_and_cursor(op, query)
    reference_id = reactions.find_post(op, access, reference_id, source)
    rows, cursor = reactions.list_reactions(op, reference_id, kind, cursor)
    return {
        "cursor": cursor,
        "reactionDetails": [
            {
                "reactionId": row.id,
                "userId": row.person_id,
                "lastModifiedTime": row.modified_ms,
                **({"comment": row.comment} if kind == "Comment" else {}),
            }
            for row in rows
        ],
    }


def _kind(fields: Fields) -> str:
    kind = fields.choice(reactions.TYPES, "reactionType")
    if kind is None:
        raise bad_request("reactionType is required")
    return kind


def _source_and_cursor(op: Operation, query: Fields) -> tuple[str, int]:
    source = query.text("sourceGroupId", most=128)
    reactions.need_source(op, source)
    return source, query.integer("cursor", least=0, most=2**63 - 1) or 0


def _shown(counts: reactions.Counts) -> Reply:
    count_map = {"like": counts.likes, "comment": counts.comments}
    return {"referenceId": counts.reference_id, "reactionsCountMap": count_map}
