"""Reads that come in pages: how they go on, when they end, and that nothing comes twice."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from airflow_provider_kaizala.client import AsyncKaizalaClient, KaizalaClient, calls
from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaNoReplyError
from airflow_provider_kaizala.client.models import UnreadableReplyError
from airflow_provider_kaizala.client.paging import Walk

START = 1_700_000_000


def walk(paged, serve, limit=50):
    """Read all pages of *paged* from *serve*, a function of a call; return the items and the calls."""
    steps, items, made = Walk(paged), [], []
    while steps.call is not None:
        assert len(made) < limit, "it never ends"
        made.append(steps.call)
        items += steps.take(steps.call.parse(serve(steps.call)))
    return items, made


class ManyActions:
    """Serves actions as the service does: oldest first from ``fromDate`` on, at most so many a page."""

    def __init__(self, seconds, most=10_000):
        self.actions = [(f"r{number}", second) for number, second in enumerate(sorted(seconds))]
        self.most = most

    def __call__(self, call):
        start, count = int(call.query.get("fromDate", 0)), min(int(call.query["count"]), self.most)
        found = [(name, second) for name, second in self.actions if second >= start]
        items = [
            {"referenceId": name, "actionType": "Poll", "creationTime": second, "actionBody": {}}
            for name, second in found[:count]
        ]
        return {"actions": items, "hasMore": len(found) > count}


class TestActions:
    @pytest.mark.parametrize("count", [1, 2, 3, 30])
    def test_every_action_is_listed_once_and_in_order(self, group, count):
        seconds = [
            START,
            START,
            START,
            START + 1,
            START + 1,
            START + 7,
            START + 8,
            START + 8,
            START + 8,
            START + 8,
        ]
        found, _ = walk(calls.list_actions(group, "Poll", count=count), ManyActions(seconds))
        assert [each.reference_id for each in found] == [f"r{number}" for number in range(10)]

    def test_more_actions_of_one_second_than_fit_on_a_page_are_all_listed(self, group):
        found, made = walk(calls.list_actions(group, "Poll"), ManyActions([START] * 200 + [START + 1]))
        assert len(found) == 201
        assert [call.query["count"] for call in made] == ["30", "30", "60", "120", "240"]

    def test_more_actions_of_one_second_than_kaizala_returns_raise_instead_of_looping(self, group):
        with pytest.raises(
            KaizalaNoReplyError, match="listActions: the reply names a next page that was already read"
        ):
            walk(calls.list_actions(group, "Poll"), ManyActions([START] * 200, most=50))

    def test_listing_starts_at_a_given_time(self, group):
        since = datetime.fromtimestamp(START + 1.9, tz=UTC)
        found, made = walk(
            calls.list_actions(group, "Poll", since), ManyActions([START, START + 1, START + 2])
        )
        assert [each.reference_id for each in found] == ["r1", "r2"]
        assert made[0].query["fromDate"] == str(START + 1)


class TestSubscribers:
    def test_reading_follows_the_cursor_until_there_is_none(self, group):
        pages = {
            None: {"subscribers": [{"id": "u1"}, {"id": "u2"}], "cursor": "c1"},
            "c1": {"subscribers": [{"id": "u2"}, {"mobileNumber": "+910000000003"}], "cursor": "c2"},
            "c2": {"subscribers": []},
        }
        found, made = walk(calls.list_subscribers(group), lambda call: pages[call.body(None).get("cursor")])
        assert [each.id or each.mobile_number for each in found] == ["u1", "u2", "+910000000003"]
        assert [call.body(None) for call in made] == [
            {"count": 50}, {"count": 50, "cursor": "c1"}, {"count": 50, "cursor": "c2"}]  # fmt: skip

    def test_a_repeated_cursor_raises_instead_of_looping(self, group):
        with pytest.raises(KaizalaNoReplyError, match="listSubscribers"):
            walk(calls.list_subscribers(group), lambda call: {"subscribers": [], "cursor": "again"})


class TestReactions:
    def test_reading_ends_with_an_empty_page_since_every_page_has_a_cursor(self, group):
        def serve(call):
            at = int(call.query.get("cursor", 0))
            left = [number for number in (11, 12, 13) if number > at][:2]
            details = [{"reactionId": f"x{n}", "userId": "u", "lastModifiedTime": n} for n in left]
            return {"cursor": left[-1] if left else at, "reactionDetails": details}

        found, made = walk(calls.list_reactions(group, "r", "Like"), serve)
        assert [each.reaction_id for each in found] == ["x11", "x12", "x13"]
        assert [call.query.get("cursor") for call in made] == [None, "12", "13"]

    def test_a_count_that_changes_meanwhile_is_listed_again(self, group):
        pages = {
            None: {"cursor": 5, "summary": [{"referenceId": "r", "reactionsCountMap": {"like": 1}}]},
            "5": {
                "cursor": 6,
                "summary": [{"referenceId": "r", "reactionsCountMap": {"like": 2, "comment": 1}}],
            },
            "6": {"cursor": 6, "summary": []},
        }
        found, _ = walk(calls.list_reaction_counts(group), lambda call: pages[call.query.get("cursor")])
        assert [(each.likes, each.comments) for each in found] == [(1, 0), (2, 1)]

    def test_a_page_with_items_but_no_cursor_is_unreadable(self, group):
        first = calls.list_reaction_counts(group).call(None)
        with pytest.raises(UnreadableReplyError, match="cursor"):
            first.parse({"summary": [{"referenceId": "r", "reactionsCountMap": {}}]})


class TestTenantSearch:
    NAMES = tuple(f"g{number}" for number in range(101))

    def serve(self, call, most=1000, heeds_offset=True):
        at = int(call.query["resultsOffset"]) if heeds_offset else 0
        size = min(int(call.query["pageSize"]), most)
        return {"groups": [{"groupId": name, "groupName": name} for name in self.NAMES[at : at + size]]}

    @pytest.mark.parametrize(("most", "calls_made"), [(1000, 4), (50, 4), (10, 12), (101, 4)])
    def test_reading_ends_with_an_empty_page(self, most, calls_made):
        """Also where the service gives fewer than were asked for, ten say, as is its default."""
        found, made = walk(calls.find_tenant_groups("g"), lambda call: self.serve(call, most))
        assert [each.group_id for each in found] == list(self.NAMES)
        assert len(made) == calls_made

    def test_a_server_that_ignores_offsets_does_not_cause_an_endless_read(self):
        found, made = walk(
            calls.find_tenant_groups("g"), lambda call: self.serve(call, 10, heeds_offset=False)
        )
        assert [each.group_id for each in found] == list(self.NAMES[:10])
        assert len(made) == 2

    def test_a_search_may_find_nothing(self):
        assert walk(calls.find_tenant_groups("g"), lambda call: {"groups": []})[0] == []


class TestClients:
    """Both clients ask for a page when its first item is wanted, not before."""

    def pages(self, world):
        world.replies = [
            world.reply(200, {"subscribers": [{"id": "u1"}], "cursor": "c1"}),
            world.reply(200, {"subscribers": [{"id": "u2"}]}),
        ]

    def test_sync(self, world, group, monkeypatch):
        client = KaizalaClient(world.settings)
        monkeypatch.setattr(client, "run", world.run)
        self.pages(world)
        items = client.iterate(calls.list_subscribers(group))
        assert world.calls == []
        assert next(items).id == "u1"
        assert len(world.calls) == 1
        assert [each.id for each in items] == ["u2"]
        assert [json.loads(send.content) for send in world.calls] == [
            {"count": 50},
            {"count": 50, "cursor": "c1"},
        ]

    def test_async(self, world, group, monkeypatch):
        client = AsyncKaizalaClient(world.settings)

        async def run(call):
            return world.run(call)

        monkeypatch.setattr(client, "run", run)
        self.pages(world)

        async def read():
            return [each.id async for each in client.iterate(calls.list_subscribers(group))]

        assert asyncio.run(read()) == ["u1", "u2"]


def test_run_refuses_pages_and_iterate_refuses_single_calls(make_settings):
    with KaizalaClient(make_settings()) as client:
        with pytest.raises(KaizalaInputError, match="listSubscribers returns pages: pass it to iterate"):
            client.run(calls.list_subscribers("g1"))
        with pytest.raises(KaizalaInputError, match="getMe does not return pages: pass it to run"):
            next(client.iterate(calls.get_me()))

    async def both():
        async with AsyncKaizalaClient(make_settings()) as client:
            with pytest.raises(KaizalaInputError, match="pass it to iterate"):
                await client.run(calls.list_subscribers("g1"))
            with pytest.raises(KaizalaInputError, match="pass it to run"):
                await anext(client.iterate(calls.get_me()))

    asyncio.run(both())
