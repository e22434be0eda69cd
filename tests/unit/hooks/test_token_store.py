from __future__ import annotations

import json
import re

import pytest

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.client.settings import Grant
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, Tokens
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.hooks.token_store import VariableTokenStore, store_for

GRANT = Grant("user", "configured-refresh-token")
TOKENS = Tokens(
    "the-access-token", 4_000_000_000_000, "https://kms.kaiza.la", "the-rotated-token", GRANT.seed
)


@pytest.fixture
def store(variables):
    return VariableTokenStore("my_kaizala")


@pytest.mark.parametrize(
    ("conn_id", "grant", "key"),
    [
        ("kaizala_default", "user", "kaizala_token_kaizala_default_user"),
        ("my kaizala/é", "user", "kaizala_token_my_kaizala___user"),
        (
            "k",
            "11111111-1111-4111-8111-111111111111@1",
            "kaizala_token_k_11111111-1111-4111-8111-111111111111@1",
        ),
    ],
)
def test_the_name_of_the_variable(conn_id, grant, key):
    """Users find it in their list of Variables, and it outlives an upgrade."""
    assert VariableTokenStore(conn_id).key(Grant(grant, "x")) == key


def test_the_name_is_one_that_airflow_hides():
    from airflow.providers.common.compat.sdk import redact

    key = VariableTokenStore("c").key(GRANT)
    assert redact("anything", name=key) == "***"


def test_a_long_name_fits_into_airflows_table():
    assert len(VariableTokenStore("c" * 250).key(Grant("g" * 200, "x"))) <= 250


def test_round_trip(store, variables):
    assert store.load(GRANT) is None
    store.save(GRANT, TOKENS)
    assert store.load(GRANT) == TOKENS
    assert store.load(Grant("another", "configured-refresh-token")) is None
    assert VariableTokenStore("other").load(GRANT) is None
    kept = json.loads(variables["kaizala_token_my_kaizala_user"])
    assert kept == {
        "access_token": "the-access-token",
        "expires_ms": 4_000_000_000_000,
        "endpoint_url": "https://kms.kaiza.la",
        "refresh_token": "the-rotated-token",
        "seed": GRANT.seed,
    }
    assert "configured-refresh-token" not in str(variables)


@pytest.mark.parametrize("spoilt", ["", "{", "[]", "null", "5", '{"access_token": "x"}', '"text"'])
def test_broken_json_is_as_nothing(store, variables, spoilt, logs):
    variables[store.key(GRANT)] = spoilt
    assert store.load(GRANT) is None
    assert logs.of("error") == []


def hello(group):
    return calls.send_message(group, Message("Hello"))


def test_tokens_of_another_configured_token_are_void(kaizala, connect, group, variables):
    """The token in the connection was changed by hand: what grew from the old one must not be used."""
    KaizalaHook().run(hello(group))
    connect(extra={"group_refresh_tokens": {group: "a-new-refresh-token"}})
    KaizalaHook().run(hello(group))
    assert [call.headers["refreshtoken"] for call in kaizala.token_calls] == [
        "refresh-token-of-the-group",
        "a-new-refresh-token",
    ]
    (kept,) = variables.values()
    assert json.loads(kept)["access_token"] == "access-token-for-a-new-refresh-token"


def test_a_rotated_token_is_used_next_time(kaizala, group, variables):
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

    def test_the_task_goes_on(self, kaizala, group, logs):
        assert KaizalaHook().run(hello(group)).reference_id
        key = f"kaizala_token_kaizala_default_{group}"
        assert logs.of("error") == []
        assert logs.of("warning") == [
            f"WARNING Variable {key} cannot be read (RuntimeError); asking Kaizala for a token ",
            f"WARNING Variable {key} cannot be written (RuntimeError); tokens are not shared ",
        ]

    def test_a_rotated_token_that_is_lost_is_an_error(self, kaizala, group, logs):
        kaizala.tokens.append(lambda request: kaizala.token(request, refresh="the-rotated-token"))
        assert KaizalaHook().run(hello(group)).reference_id
        (line,) = logs.of("error")
        assert re.search(
            rf"a new refresh token for {group} of connection kaizala_default, and Variable", line
        )
        assert "mend that before the configured refresh token ends" in line
        assert "the-rotated-token" not in logs.text
        assert "access-token-for" not in logs.text


def test_which_store(monkeypatch):
    monkeypatch.setattr(compat, "airflow_keeps_variables", lambda: True)
    store = store_for("my_kaizala")
    assert isinstance(store, VariableTokenStore)
    assert store.conn_id == "my_kaizala"
    monkeypatch.setattr(compat, "airflow_keeps_variables", lambda: False)
    assert isinstance(store_for("my_kaizala"), MemoryTokenStore)
