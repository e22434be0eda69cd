"""Tokens: every documented variant of what comes back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import (
    AccessToken,
    BotToken,
    Person,
    RefreshToken,
    UnreadableReplyError,
)
from tests.unit.client.casings import CASINGS

AT = datetime(2018, 3, 23, 10, 26, 22, 956_000, tzinfo=UTC)
MS = 1521800782956


class TestTokens:
    @CASINGS
    @pytest.mark.parametrize("endpoint", ["https://kms.kaiza.la/", "https://kms.kaiza.la", None])
    def test_the_reply_of_a_pin_sign_in_is_read(self, endpoint, spell):
        body = {"refreshToken": "r3fresh", "grantedScope": "groupinfo.read", "refreshTokenExpiry": MS}
        found = RefreshToken.read(spell(body | {"endpointUrl": endpoint} if endpoint else body))
        assert found == RefreshToken("r3fresh", AT, endpoint, "groupinfo.read")
        assert "r3fresh" not in repr(found)

    def test_a_sign_in_reply_with_required_fields_only_is_read(self):
        assert RefreshToken.read({"refreshToken": "r"}) == RefreshToken("r", None, None, None)

    @CASINGS
    def test_a_bots_token_is_read(self, spell):
        found = BotToken.read(
            spell({"accessToken": "b0t", "accessTokenExpiry": str(MS), "scope": "token.write"})
        )
        assert found == BotToken("b0t", AT, "token.write")
        assert "b0t" not in repr(found)

    @pytest.mark.parametrize(
        ("model", "body", "lacking"),
        [(RefreshToken, {}, "refreshToken"), (RefreshToken, {"refreshToken": ""}, "refreshToken"),
         (BotToken, {"accessTokenExpiry": MS}, "accessToken"), (BotToken, {"accessToken": "b"}, "accessTokenExpiry"),
         (BotToken, {"accessToken": "b", "accessTokenExpiry": "soon"}, "accessTokenExpiry")],
    )  # fmt: skip
    def test_a_missing_required_field_is_unreadable(self, model, body, lacking):
        with pytest.raises(UnreadableReplyError, match=lacking):
            model.read(body)

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://kms.kaiza.la/",
            "https://kms.kaiza.la",
            "https://kms.kaiza.la//",
            "https://kms.kaiza.la/v1/",
        ],
    )
    def test_calls_go_to_the_endpoint_with_or_without_trailing_slash(self, world, endpoint):
        world.endpoint = endpoint
        world.replies = [world.reply(200, {"id": "u1"})]
        assert world.run(calls.get_me()) == Person(None, None, "u1")
        assert [send.url for send in world.calls] == ["https://kms.kaiza.la/v1/users/me"]

    @pytest.mark.parametrize("more", [{"refreshToken": None}, {"refreshToken": ""}, {}])
    def test_an_oauth_sign_in_may_return_no_refresh_token(self, more):
        body = {"accessToken": "a", "endpointUrl": "https://kms.kaiza.la", "accessTokenExpiry": MS, **more}
        assert calls.oauth_token("c", "s", "x").parse(body) == AccessToken(
            "a", "https://kms.kaiza.la", AT, None, None
        )
