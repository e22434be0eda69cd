from __future__ import annotations

import json
import re

import pytest

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.client.settings import Grant
from airflow_provider_kaizala.client.tokens import Tokens
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.hooks.token_store import VariableTokenStore

GRANT = Grant("user", "configured-refresh-token")
TOKENS = Tokens(
    "the-access-token",
    4_000_000_000_000,
    "https://kms.kaiza.la",
    "the-rotated-token",
    GRANT.seed,
    "https://api.kaiza.la",
)


@pytest.fixture
def store(variables):
    return VariableTokenStore()


@pytest.mark.parametrize(
    ("grant", "name"),
    [
        ("user", "user"),
        ("11111111-1111-4111-8111-111111111111@1", "11111111-1111-4111-8111-111111111111@1"),
        ("a group/é", "a_group__"),
    ],
)
def test_the_variable_is_named_after_the_grant_and_its_refresh_token(grant, name):
    """Users find it in their list of Variables, and it outlives an upgrade."""
    key = VariableTokenStore.key(Grant(grant, "configured-refresh-token"))
    assert key == f"kaizala_token_{name}_{GRANT.seed}"
    assert re.fullmatch("[0-9a-f]{16}", GRANT.seed)
    assert "configured" not in key


def test_another_refresh_token_is_stored_under_another_name():
    assert VariableTokenStore.key(Grant("user", "new")) != VariableTokenStore.key(Grant("user", "old"))


def test_the_name_is_one_that_airflow_hides():
    from airflow.providers.common.compat.sdk import redact

    assert redact("anything", name=VariableTokenStore.key(GRANT)) == "***"


def test_a_long_name_fits_into_airflows_table_and_keeps_its_seed():
    key = VariableTokenStore.key(Grant("g" * 400, "x"))
    assert len(key) <= 250
    assert key.endswith(Grant("g", "x").seed)


def test_tokens_are_stored_as_json_and_loaded(store, variables):
    assert store.load(GRANT) is None
    store.save(GRANT, TOKENS)
    assert store.load(GRANT) == TOKENS
    assert store.load(Grant("another", "configured-refresh-token")) is None
    assert VariableTokenStore().load(GRANT) == TOKENS
    kept = json.loads(variables[f"kaizala_token_user_{GRANT.seed}"])
    assert kept == {
        "access_token": "the-access-token",
        "expires_ms": 4_000_000_000_000,
        "endpoint_url": "https://kms.kaiza.la",
        "refresh_token": "the-rotated-token",
        "seed": GRANT.seed,
        "api_root": "https://api.kaiza.la",
    }
    assert "configured-refresh-token" not in str(variables)


@pytest.mark.parametrize("spoilt", ["", "{", "[]", "null", "5", '{"access_token": "x"}', '"text"'])
def test_broken_json_is_ignored(store, variables, spoilt, logs):
    variables[store.key(GRANT)] = spoilt
    assert store.load(GRANT) is None
    assert logs.of("error") == []


def hello(group):
    return calls.send_message(group, Message("Hello"))


def test_a_changed_refresh_token_gets_tokens_of_its_own(kaizala, connect, group, variables):
    """The token in the connection was changed by hand: what grew from the old one must not be used."""
    KaizalaHook().run(hello(group))
    connect(extra={"group_refresh_tokens": {group: "a-new-refresh-token"}})
    KaizalaHook().run(hello(group))
    assert [call.headers["refreshtoken"] for call in kaizala.token_calls] == [
        "refresh-token-of-the-group",
        "a-new-refresh-token",
    ]
    kept = variables[VariableTokenStore.key(Grant(group, "a-new-refresh-token"))]
    assert json.loads(kept)["access_token"] == "access-token-for-a-new-refresh-token"


def test_a_rotated_refresh_token_is_used_by_the_next_task(kaizala, group, variables):
    kaizala.tokens.append(lambda request: kaizala.token(request, refresh="the-rotated-token"))
    KaizalaHook().run(hello(group))
    (key,) = variables
    variables[key] = json.dumps({**json.loads(variables[key]), "expires_ms": 1})
    KaizalaHook().run(hello(group))
    assert kaizala.token_calls[-1].headers["refreshtoken"] == "the-rotated-token"
    assert json.loads(variables[key])["refresh_token"] == "the-rotated-token", "and it is kept on"


class TestOutOfOrder:
    """A Variable backend that fails costs a call and a line in the log, not the task."""

    @pytest.fixture(autouse=True)
    def broken(self, kaizala, monkeypatch):
        def fail(*args):
            raise RuntimeError("the backend says: the-rotated-token, access-token-for-x")

        monkeypatch.setattr(compat, "get_variable", fail)
        monkeypatch.setattr(compat, "set_variable", fail)

    def test_a_failing_variable_backend_costs_a_warning(self, kaizala, group, logs):
        assert KaizalaHook().run(hello(group)).reference_id
        key = VariableTokenStore.key(Grant(group, "refresh-token-of-the-group"))
        assert logs.of("error") == []
        assert logs.of("warning") == [
            f"WARNING Variable {key} cannot be read (RuntimeError); asking Kaizala for a token ",
            f"WARNING Variable {key} cannot be written (RuntimeError); tokens are not shared ",
        ]

    def test_a_lost_refresh_token_is_logged_as_an_error(self, kaizala, group, logs):
        kaizala.tokens.append(lambda request: kaizala.token(request, refresh="the-rotated-token"))
        assert KaizalaHook().run(hello(group)).reference_id
        (line,) = logs.of("error")
        assert re.search(
            rf"a new refresh token for grant {group}, but Variable kaizala_token_.* cannot be written", line
        )
        assert "Fix that before the configured refresh token stops working" in line
        assert "the-rotated-token" not in logs.text
        assert "access-token-for" not in logs.text
