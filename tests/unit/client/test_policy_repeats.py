"""What repeating means for calls of their own kinds: a deletion that went through unheard, a sign-in outside /v1."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import (
    KaizalaAuthError,
    KaizalaNotFoundError,
    KaizalaUnknownOutcomeError,
)


class TestDeletions:
    def test_a_404_after_an_unanswered_delete_means_deleted(self, world, group):
        world.replies = [world.failure(sent=True), world.error(404)]
        assert world.run(calls.remove_member(group, "u1")) is True

    def test_a_404_after_a_server_error_means_deleted(self, world, group):
        world.replies = [world.error(500), world.error(404)]
        assert world.run(calls.delete_webhook("w1")) is True

    @pytest.mark.parametrize("before", ["nothing", "never connected", "throttled"])
    def test_a_404_for_the_first_delete_is_an_error(self, world, group, before):
        first = {
            "nothing": [],
            "never connected": [world.failure(sent=False)],
            "throttled": [world.error(429, retry_after="1")],
        }[before]
        world.replies = [*first, world.error(404)]
        with pytest.raises(KaizalaNotFoundError):
            world.run(calls.remove_sub_group(group, "g2"))

    def test_a_404_after_an_unanswered_call_of_another_kind_is_an_error(self, world, group):
        world.replies = [world.failure(sent=True), world.error(404)]
        with pytest.raises(KaizalaNotFoundError):
            world.run(calls.update_member(group, "u1", "Admin"))


class TestSigningIn:
    def test_the_code_is_sent_to_the_oauth_host_as_a_form(self, world):
        world.replies = [world.token(access="a", refresh="r")]
        token = world.run(calls.oauth_token("connector-1", "s3cret-x", "c0de & more"))
        assert (token.access_token, token.refresh_token) == ("a", "r")
        (send,) = world.calls
        assert (send.method, send.url) == ("POST", "https://ds.kaiza.la/api/oauth/token")
        assert send.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert parse_qs(send.content.decode()) == {
            "client_id": ["connector-1"], "client_secret": ["s3cret-x"], "code": ["c0de & more"]}  # fmt: skip
        assert "accessToken" not in send.headers

    def test_only_the_hosted_service_has_a_separate_oauth_host(self, make_settings):
        assert make_settings(api_root="http://127.0.0.1:8080/").oauth_root == "http://127.0.0.1:8080"
        assert make_settings().oauth_root == "https://ds.kaiza.la"
        assert make_settings(api_root="https://API.kaiza.la:443/").oauth_root == "https://ds.kaiza.la"

    def test_a_pin_is_sent_once_and_never_shown(self, world):
        world.replies = [world.error(401, message="PIN 471193 of +910000000001 is wrong")]
        with pytest.raises(KaizalaAuthError) as caught:
            world.run(calls.login_with_pin("+910000000001", "connector-1", "s3cret-x", "471193"))
        assert "471193" not in str(caught.value)
        world.replies = [world.failure(sent=True, detail="reset while 471193 went out")]
        with pytest.raises(KaizalaUnknownOutcomeError) as unknown:
            world.run(calls.login_with_pin("+910000000001", "connector-1", "s3cret-x", "471193"))
        assert "471193" not in str(unknown.value)
        assert [send.url for send in world.calls] == [
            "https://api.kaiza.la/v1/loginWithPinAndApplicationId"
        ] * 2


class TestWhoseToken:
    def test_a_call_that_involves_other_groups_uses_the_users_token(self, make_settings, group):
        both = make_settings(group_refresh_tokens={group: "r-group"})
        assert both.grant_for(group).name == group
        assert both.grant_for(group, prefer_user=True).name == "user"
        only = make_settings(refresh_token=None, group_refresh_tokens={group: "r-group"})
        assert only.grant_for(group, prefer_user=True).name == group

    def test_attaching_a_group_uses_the_users_token(self, world, group):
        world.replies = [world.reply(200, {"result": "true"})]
        world.settings.group_refresh_tokens[group] = "r-group"
        world.run(calls.add_sub_groups(group, ["g2"]))
        assert [send.headers["refreshToken"] for send in world.token_calls] == ["refresh-token-of-the-user"]
