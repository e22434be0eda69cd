"""Calls about likes and comments."""

from __future__ import annotations

from typing import Any

from airflow_provider_kaizala.client.calls.call import Call, listed, make, text
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.reactions import Reaction, ReactionCounts
from airflow_provider_kaizala.client.models.sent import REACTION_TYPES
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire, filled
from airflow_provider_kaizala.client.paging import Page, Paged

_counts = listed("summary", ReactionCounts.read)


def post_reaction(
    group_id: str,
    reference_id: str,
    reaction_type: str = "Like",
    comment: str | None = None,
    *,
    source_group_id: str | None = None,
) -> Call[str]:
    """Like something or comment on it; returns the reaction id.

    :param reference_id: reference id of the post
    :param reaction_type: ``Like``, which is safe to repeat, or ``Comment``, which is not
    :param source_group_id: the group in which it was posted, if that is a parent of *group_id*
    """
    kind = checks.one_of(*REACTION_TYPES)("reaction_type", reaction_type)
    if kind == "Comment":
        checks.text("comment", comment)
    elif comment:
        raise KaizalaInputError("comment: a Like has no text; leave it out, or set reaction_type to Comment")
    body = filled(
        referenceId=checks.identifier("reference_id", reference_id),
        sourceGroupId=source_group_id or group_id,
        reactionType=kind,
        comment=comment,
    )
    return make("postReaction", text("reactionId"), group_id, body=body, repeatable=kind == "Like")


def count_reactions(
    group_id: str, reference_id: str, *, source_group_id: str | None = None
) -> Call[ReactionCounts]:
    """Count the likes and comments of one post."""

    def read(body: Any) -> ReactionCounts:
        found = _counts(body)
        return found[0] if found else ReactionCounts(reference_id, 0, 0)

    query = {"sourceGroupId": source_group_id or group_id}
    return make("getReactionSummary", read, group_id, at={"referenceId": reference_id}, query=query)


def list_reaction_counts(
    group_id: str, *, source_group_id: str | None = None, cursor: int = 0
) -> Paged[ReactionCounts]:
    """Count the reactions of every post in a group that changed after *cursor*. A post that changes meanwhile is listed again."""

    def page(at: int | None) -> Call[Page[ReactionCounts]]:
        query = {"sourceGroupId": source_group_id or group_id, "cursor": at or cursor or None}
        return make("getGroupReactionSummary", lambda body: _page(_counts(body), body), group_id, query=query)

    return Paged(page)


def list_reactions(
    group_id: str,
    reference_id: str,
    reaction_type: str,
    *,
    source_group_id: str | None = None,
    cursor: int = 0,
) -> Paged[Reaction]:
    """List the likes or comments of one post after *cursor*, oldest first."""
    kind = checks.one_of(*REACTION_TYPES)("reaction_type", reaction_type)
    read = listed("reactionDetails", Reaction.read)

    def page(at: int | None) -> Call[Page[Reaction]]:
        query = {
            "sourceGroupId": source_group_id or group_id,
            "reactionType": kind,
            "cursor": at or cursor or None,
        }
        path = {"referenceId": reference_id}
        return make("getReactions", lambda body: _page(read(body), body), group_id, at=path, query=query)

    return Paged(page, key=lambda reaction: reaction.reaction_id)


def _page(items: tuple[Any, ...], body: Any) -> Page[Any]:
    """Return a page. The reply always contains a cursor, so only an empty page is the last one."""
    cursor = Wire(body).integer("cursor")
    if items and cursor is None:
        raise UnreadableReplyError("the reply contains no cursor")
    return Page(items, cursor if items else None)
