"""Access tokens: fetched, shared, renewed once, rotated; which grant a call uses."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.effects import Load, Save, Send, Sleep
from airflow_provider_kaizala.client.errors import (
    KaizalaAuthError,
    KaizalaBadRequestError,
    KaizalaNoReplyError,
    KaizalaUnknownOutcomeError,
    KaizalaUnreachableError,
    KaizalaUntrustedHostError,
)
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.client.policy import RENEWAL_GRACE, RENEWAL_POLL
from airflow_provider_kaizala.client.settings import USER_GRANT, Grant, Timeouts
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, Tokens

USER = Grant(USER_GRANT, "refresh-token-of-the-user")
POSTED = {"referenceId": "ref-1"}
NOBODY = {"members": []}


@pytest.fixture
def get(group):
    return calls.list_members(group)


@pytest.fixture
def stored(world):
    """Make tokens as another task would have stored them."""

    def make(
        access="stored-access",
        refresh=None,
        hours=5,
        seed=USER.seed,
        endpoint="https://kms.kaiza.la",
        api_root="https://api.kaiza.la",
    ):
        return Tokens(access, int((world.wall + hours * 3600) * 1000), endpoint, refresh, seed, api_root)

    return make


def refresh_tokens(world):
    return [send.headers["refreshToken"] for send in world.token_calls]


def used(world):
    return [send.headers["accessToken"] for send in world.calls]


class TestCaching:
    def test_the_second_call_makes_no_token_call(self, world, get):
        world.replies = [world.reply(200, NOBODY)] * 2
        world.run(get)
        world.run(get)
        assert len(world.token_calls) == 1
        assert used(world) == ["access-1"] * 2

    def test_load_then_fetch_then_save_then_call(self, world, get):
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert [line.split()[0] for line in world.log] == ["load", "token", "save", "call"]
        assert world.saved == [
            Tokens(
                "access-1",
                int((world.wall + 86_400) * 1000),
                "https://kms.kaiza.la",
                None,
                USER.seed,
                "https://api.kaiza.la",
            )
        ]

    def test_a_stored_token_costs_no_token_call(self, world, get, stored):
        world.store.save(USER, stored())
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert [line.split()[0] for line in world.log] == ["load", "call"]
        assert used(world) == ["stored-access"]

    def test_stored_tokens_of_another_seed_are_ignored(self, world, get, stored):
        world.store.save(USER, stored(seed="another", refresh="of-an-older-connection"))
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert used(world) == ["access-1"]
        assert refresh_tokens(world) == [USER.refresh_token]
        assert world.saved[-1].refresh_token is None

    def test_stored_tokens_that_point_at_a_foreign_host_are_not_used(self, world, get, stored):
        world.store.save(USER, stored(endpoint="https://evil.example"))
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert used(world) == ["access-1"]
        assert not any("evil" in send.url for send in world.sends)

    def test_stored_tokens_of_another_address_of_the_connection_are_not_used(self, world, get, stored):
        """Such as another port, where another server runs; what was rotated there may be good here."""
        world.store.save(USER, stored(api_root="https://api.kaiza.la:8443", refresh="rotated"))
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert used(world) == ["access-1"]
        assert refresh_tokens(world) == ["rotated"]
        assert world.saved[-1].api_root == "https://api.kaiza.la"

    @pytest.mark.parametrize(("seconds_left", "calls_made"), [(61, 0), (60, 1), (0, 1), (-10, 1)])
    def test_a_token_that_is_about_to_expire_is_renewed_first(
        self, world, get, stored, seconds_left, calls_made
    ):
        world.store.save(USER, stored(hours=seconds_left / 3600))
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert len(world.token_calls) == calls_made

    def test_an_expired_token_is_looked_up_in_the_store_before_it_is_renewed(self, world, get, stored):
        world.replies = [world.reply(200, NOBODY)] * 2
        world.run(get)
        world.clock, world.wall = world.clock + 90_000, world.wall + 90_000
        later = dataclasses.replace(stored("another-task"), expires_ms=int((world.wall + 3600) * 1000))
        world.store.save(USER, later)
        world.run(get)
        assert used(world) == ["access-1", "another-task"]
        assert len(world.token_calls) == 1

    def test_other_calls_wait_for_a_slow_renewal(self, world, get):
        first, second = world.policy.perform(get), world.policy.perform(get)
        assert isinstance(next(first), Load)
        assert isinstance(first.send(None), Send)
        assert isinstance(next(second), Sleep)
        save = first.send(world.token())
        assert isinstance(save, Save)
        call = second.send(None)
        assert isinstance(call, Send)
        assert call.headers["accessToken"] == "access-1"

    def test_a_failed_renewal_does_not_block_the_next_call(self, world, get):
        world.tokens = [world.error(401)]
        with pytest.raises(KaizalaAuthError):
            world.run(get)
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert RENEWAL_POLL not in world.sleeps

    def test_a_call_does_not_wait_for_another_renewal_beyond_its_bound(self, world, get):
        first, second = world.policy.perform(get), world.policy.perform(get, within=1)
        next(first)
        first.send(None)
        assert next(second) == Sleep(RENEWAL_POLL)
        world.clock += 1
        with pytest.raises(
            KaizalaUnreachableError,
            match=r"renewing the access token with the user's refresh token; nothing was sent",
        ):
            second.send(None)


class TestRefusedToken:
    @pytest.mark.parametrize(
        ("status", "code"),
        [(401, None), (401, "Unauthenticated"), (400, "InvalidToken"), (403, "invalidtoken"), (500, "InvalidToken"),
         (200, "InvalidToken"), (404, "TokenExpired")],
    )  # fmt: skip
    def test_a_refused_token_is_renewed_and_the_call_repeated_once(self, world, group, status, code):
        refused = world.reply(status, {"message": "no", "errorCode": code} if code else None)
        world.replies = [refused, world.reply(200, POSTED)]
        assert world.run(calls.send_message(group, Message("Hello"))).reference_id == "ref-1"
        assert used(world) == ["access-1", "access-2"]
        assert len(world.token_calls) == 2

    def test_a_second_refusal_is_raised(self, world, group):
        world.replies = [world.error(401, "InvalidToken", "token refused")] * 2
        with pytest.raises(KaizalaAuthError, match="token refused") as caught:
            world.run(calls.send_message(group, Message("Hello")))
        assert len(world.calls) == 2
        assert len(world.token_calls) == 2
        assert (caught.value.operation, caught.value.group_id) == ("sendMessage", group)

    def test_another_tasks_newer_token_needs_no_token_call(self, world, get, stored):
        def refuse(send):
            world.store.save(USER, stored("another-task"))
            return world.error(401)

        world.replies = [refuse, world.reply(200, NOBODY)]
        world.run(get)
        assert used(world) == ["access-1", "another-task"]
        assert len(world.token_calls) == 1

    def test_a_refused_token_is_not_loaded_from_the_store_again(self, world, get, stored):
        world.store.save(USER, stored())
        world.replies = [world.error(401), world.reply(200, NOBODY)]
        world.run(get)
        assert used(world) == ["stored-access", "access-1"]

    def test_a_post_whose_second_attempt_is_lost_has_an_unknown_outcome(self, world, group):
        world.replies = [world.error(401), world.failure(sent=True)]
        with pytest.raises(KaizalaUnknownOutcomeError):
            world.run(calls.send_message(group, Message("Hello")))
        assert len(world.calls) == 2

    def test_a_refused_connector_names_the_grant_and_sends_no_call(self, world, get):
        world.tokens = [
            world.error(401, "Unauthenticated", "Dont have correct applicationId and secret in header!")
        ]
        with pytest.raises(
            KaizalaAuthError, match=r"Dont have .* the user's refresh token.*check connector id"
        ) as caught:
            world.run(get)
        assert caught.value.operation == "getAccessToken"
        assert len(world.sends) == 1

    def test_token_calls_are_repeated_like_reads(self, world, group):
        world.tokens = [world.failure(sent=True), world.reply(500), world.reply(200, {"accessToken": "half"})]
        world.replies = [world.reply(200, POSTED)]
        world.run(calls.send_message(group, Message("Hello")))
        assert len(world.token_calls) == 4
        assert len(world.calls) == 1

    def test_a_failing_token_call_is_not_an_unknown_outcome_of_the_post(self, world, group):
        world.tokens = [world.failure(sent=True)] * 5
        with pytest.raises(KaizalaNoReplyError, match="getAccessToken"):
            world.run(calls.send_message(group, Message("Hello")))
        assert world.calls == []

    def test_other_refusals_do_not_renew_the_token(self, world, get):
        world.replies = [world.error(400)]
        with pytest.raises(KaizalaBadRequestError):
            world.run(get)
        assert len(world.token_calls) == 1


class TestRotation:
    def test_a_new_refresh_token_is_saved_before_anything_else_happens(self, world, get):
        world.tokens = [world.token(refresh="rotated-1")]
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert [line.split()[0] for line in world.log] == ["load", "token", "save", "call"]
        assert world.saved[0].refresh_token == "rotated-1"
        assert world.saved[0].seed == USER.seed

    def test_a_rotated_refresh_token_is_used_from_then_on(self, world, get):
        world.tokens = [world.token(refresh="rotated-1"), world.token(refresh="rotated-2")]
        world.replies = [world.reply(200, NOBODY), world.error(401), world.reply(200, NOBODY)]
        world.run(get)
        world.run(get)
        assert refresh_tokens(world) == [USER.refresh_token, "rotated-1"]
        assert world.saved[-1].refresh_token == "rotated-2"

    @pytest.mark.parametrize("empty", [None, ""])
    def test_an_empty_refresh_token_keeps_the_rotated_one(self, world, get, stored, empty):
        world.store.save(USER, stored(refresh="rotated-1", hours=-1))
        world.tokens = [world.token(refresh=empty)]
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert refresh_tokens(world) == ["rotated-1"]
        assert world.saved[-1].refresh_token == "rotated-1"

    def test_a_refused_rotated_token_falls_back_to_the_configured_one(self, world, get, stored):
        world.store.save(USER, stored(refresh="dead", hours=-1))
        world.tokens = [world.error(401)]
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert refresh_tokens(world) == ["dead", USER.refresh_token]
        assert world.saved[-1].refresh_token is None

    def test_when_both_are_refused_the_error_names_the_grant(self, world, get, stored):
        world.store.save(USER, stored(refresh="dead", hours=-1))
        world.tokens = [world.error(401), world.error(401)]
        with pytest.raises(KaizalaAuthError, match="the user's refresh token"):
            world.run(get)
        assert len(world.sends) == 2

    def test_a_rotation_by_another_process_is_found_after_a_refusal(self, world, get, stored):
        """Rotation may end the old refresh token at once, while this process is about to use it."""

        def refuse(send):
            world.store.save(USER, stored("another-process", refresh="rotated-1"))
            return world.error(401)

        world.tokens = [refuse]
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert used(world) == ["another-process"]
        assert world.sleeps == []

    def test_a_rotation_that_another_process_is_still_storing_is_waited_for(self, world, get, stored):
        world.tokens = [world.error(401)]
        world.replies = [world.reply(200, NOBODY)]
        world.on_sleep = lambda: world.store.save(USER, stored("another-process", refresh="rotated-1"))
        world.run(get)
        assert used(world) == ["another-process"]
        assert world.sleeps == [RENEWAL_GRACE]

    def test_a_newer_refresh_token_without_a_usable_access_token_is_tried(self, world, get, stored):
        def refuse(send):
            world.store.save(USER, stored(refresh="rotated-2", hours=-1))
            return world.error(401)

        world.store.save(USER, stored(refresh="rotated-1", hours=-1))
        world.tokens = [refuse]
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert refresh_tokens(world) == ["rotated-1", "rotated-2"]
        assert world.saved[-1].refresh_token == "rotated-2"

    def test_no_refresh_token_is_tried_twice(self, world, get, stored):
        world.store.save(USER, stored(refresh="dead", hours=-1))
        world.tokens = [world.error(401), world.error(401)]
        with pytest.raises(KaizalaAuthError):
            world.run(get)
        assert refresh_tokens(world) == ["dead", USER.refresh_token]
        assert world.sleeps == [RENEWAL_GRACE]

    def test_a_refusal_near_the_end_of_the_bound_is_raised_at_once(self, make_world, get):
        world = make_world(timeouts=Timeouts(total=0.9))
        world.tokens = [world.error(401)]
        with pytest.raises(KaizalaAuthError):
            world.run(get)
        assert world.sleeps == []

    def test_a_rotated_token_is_not_lost_to_a_foreign_endpoint(self, world, get):
        world.tokens = [world.token(refresh="rotated-1", endpoint="https://evil.example/")]
        with pytest.raises(KaizalaUntrustedHostError):
            world.run(get)
        assert world.saved[-1].refresh_token == "rotated-1"
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert refresh_tokens(world) == [USER.refresh_token, "rotated-1"]
        assert not any("evil" in send.url for send in world.sends)

    def test_a_move_does_not_undo_another_calls_rotation(self, world, get):
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        slow = world.policy.perform(get)
        next(slow)
        slow.send(world.reply(308, location="https://kms1.kaiza.la"))
        world.tokens = [world.token(refresh="rotated-1")]
        world.replies = [world.error(401), world.reply(200, NOBODY)]
        world.run(get)
        saved = None
        with pytest.raises(StopIteration):
            saved = slow.send(world.reply(200, NOBODY))
        assert saved is None
        assert world.store.load(USER).refresh_token == "rotated-1"


class TestGrants:
    def test_a_groups_token_wins_over_the_users(self, make_world, get, group):
        world = make_world(group_refresh_tokens={group.upper(): "refresh-of-the-group"})
        world.replies = [world.reply(200, NOBODY)]
        world.run(get)
        assert refresh_tokens(world) == ["refresh-of-the-group"]
        assert world.log[0] == f"load {group.upper()}"

    def test_each_grant_has_its_own_token(self, make_world, get, group):
        world = make_world(group_refresh_tokens={group: "refresh-of-the-group"})
        world.replies = [world.reply(200, NOBODY), world.reply(200, {"groups": []}), world.reply(200, NOBODY)]
        for call in (get, calls.list_groups(), get):
            world.run(call)
        assert refresh_tokens(world) == ["refresh-of-the-group", USER.refresh_token]
        assert used(world) == ["access-1", "access-2", "access-1"]

    def test_renewals_of_two_grants_neither_wait_for_nor_serve_each_other(self, make_world, get, group):
        world = make_world(group_refresh_tokens={group: "refresh-of-the-group"})
        of_group, of_user = world.policy.perform(get), world.policy.perform(calls.list_groups())
        assert next(of_group) == Load(Grant(group, "refresh-of-the-group"))
        asked_for_group = of_group.send(None)
        assert next(of_user) == Load(USER)
        asked_for_user = of_user.send(None)
        assert asked_for_group.headers["refreshToken"] == "refresh-of-the-group"
        assert asked_for_user.headers["refreshToken"] == USER.refresh_token
        assert isinstance(of_user.send(world.token("access-of-the-user")), Save)
        assert of_user.send(None).headers["accessToken"] == "access-of-the-user"
        assert isinstance(of_group.send(world.token("access-of-the-group")), Save)
        assert of_group.send(None).headers["accessToken"] == "access-of-the-group"

    def test_an_upload_uses_the_token_of_its_group(self, make_world, group):
        world = make_world(group_refresh_tokens={group: "refresh-of-the-group"})
        world.replies = [world.reply(200, {"mediaResource": "m"})]
        world.run(calls.upload_media(group, []))
        assert refresh_tokens(world) == ["refresh-of-the-group"]

    def test_a_refused_group_token_names_the_group(self, make_world, get, group):
        world = make_world(group_refresh_tokens={group: "refresh-of-the-group"})
        world.tokens = [world.error(401)]
        with pytest.raises(KaizalaAuthError, match=f"refresh token of group {group}"):
            world.run(get)
        assert len(world.sends) == 1

    def test_two_clients_share_a_store(self, make_world, get):
        store = MemoryTokenStore()
        for number in range(3):
            world = make_world(store=store)
            world.replies = [world.reply(200, NOBODY)]
            world.run(get)
            assert len(world.token_calls) == (0 if number else 1)
