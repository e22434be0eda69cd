"""Reactions: every documented variant of what comes back, and bad input for what goes out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Reaction, ReactionCounts, UnreadableReplyError
from tests.unit.client.casings import CASINGS

G = "11111111-1111-4111-8111-111111111111@1"
AT = datetime(2018, 3, 23, 10, 26, 22, 956_000, tzinfo=UTC)
MS = 1521800782956


class TestReactions:
    @CASINGS
    def test_reaction_counts_are_read(self, spell):
        body = {"summary": [{"referenceId": "r1", "reactionsCountMap": {"like": 2, "comment": "1"}}]}
        assert calls.count_reactions(G, "r1").parse(spell(body)) == ReactionCounts("r1", 2, 1)

    @pytest.mark.parametrize("counts", [{}, None, {"like": None}])
    def test_a_reaction_type_that_is_left_out_counts_as_zero(self, counts):
        assert ReactionCounts.read({"referenceId": "r", "reactionsCountMap": counts}) == ReactionCounts(
            "r", 0, 0
        )
        assert calls.count_reactions(G, "r").parse({"summary": []}) == ReactionCounts("r", 0, 0)

    @CASINGS
    @pytest.mark.parametrize(
        ("more", "comment"),
        [({}, None), ({"comment": None}, None), ({"comment": ""}, None), ({"comment": "شكرا 🎉"}, "شكرا 🎉")],
    )
    def test_a_reaction_is_read(self, more, comment, spell):
        body = {"reactionId": "x1", "userId": "u1", "lastModifiedTime": MS, **more}
        page = (
            calls.list_reactions(G, "r1", "Comment")
            .call(None)
            .parse(spell({"cursor": 636529296000000001, "reactionDetails": [body]}))
        )
        assert page.items == (Reaction("x1", "u1", AT, comment),)
        assert page.next == 636529296000000001  # .NET ticks, to the last digit

    @pytest.mark.parametrize("lacking", ["reactionId", "userId"])
    def test_a_missing_required_field_is_unreadable(self, lacking):
        with pytest.raises(UnreadableReplyError, match=lacking):
            Reaction.read({"reactionId": "x", "userId": "u", lacking: ""})

    @pytest.mark.parametrize(
        ("make", "message"),
        [(lambda: calls.post_reaction(G, "r", "Love"), "reaction_type must be one of Like, Comment"),
         (lambda: calls.post_reaction(G, "", "Like"), "reference_id is empty"),
         (lambda: calls.post_reaction(G, "r", "Comment"), "comment must be a string, not None"),
         (lambda: calls.post_reaction(G, "r", "Comment", "x" * 4001), "comment has 4001 characters"),
         (lambda: calls.post_reaction(G, "r", "Like", "nice"), "comment: a Like has no text"),
         (lambda: calls.list_reactions(G, "r", "Dislike"), "reaction_type must be one of .*not 'Dislike'"),
         (lambda: calls.count_reactions(G, ""), "is not a valid id|If a template was to render it")],
    )  # fmt: skip
    def test_bad_arguments_are_refused_by_name(self, make, message):
        with pytest.raises(KaizalaInputError, match=message):
            make()
