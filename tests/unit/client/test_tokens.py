"""Tokens in the store: read back as they were, and a spoilt store costs a call and no more."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.settings import Grant
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, Tokens

WHOLE = {
    "access_token": "a",
    "expires_ms": 1,
    "endpoint_url": "https://x",
    "refresh_token": None,
    "seed": "s",
    "api_root": "https://k",
}


@given(
    st.builds(
        Tokens,
        st.text(min_size=1),
        st.integers(0, 2**53),
        st.text(),
        st.one_of(st.none(), st.text(min_size=1)),
        st.text(),
        st.text(),
    )
)
def test_tokens_survive_storing_and_loading(tokens):
    assert Tokens.from_json(tokens.to_json()) == tokens


def test_the_stored_form_of_tokens_does_not_change():
    """Other versions read it, so names only ever join these."""
    assert json.loads(Tokens("a", 1, "https://x", None, "s", "https://k").to_json()) == WHOLE
    assert Tokens.from_json(json.dumps({**WHOLE, "later": 1})) == Tokens(
        "a", 1, "https://x", None, "s", "https://k"
    )


@pytest.mark.parametrize("lacking", ["access_token", "expires_ms", "endpoint_url", "seed", "api_root"])
def test_stored_tokens_without_a_required_part_are_ignored(lacking):
    assert (
        Tokens.from_json(json.dumps({key: value for key, value in WHOLE.items() if key != lacking})) is None
    )


@pytest.mark.parametrize(
    "spoilt",
    ["", "null", "[]", '"text"', "7", "{}", "{", None, b"\xff\xfe\xfa", "[" * 50_000]
    + [json.dumps({**WHOLE, "expires_ms": odd}) for odd in ("soon", None, [], float("inf"), float("nan"))],
)
def test_a_corrupt_store_is_ignored(spoilt):
    assert Tokens.from_json(spoilt) is None


def test_an_empty_refresh_token_is_read_as_none():
    assert Tokens.from_json(json.dumps({**WHOLE, "refresh_token": ""})).refresh_token is None


def test_the_memory_store_separates_grants():
    store, tokens = MemoryTokenStore(), Tokens("a", 1, "https://x", None, "s", "https://k")
    user, group = Grant("user", "r"), Grant("g1", "r")
    assert store.load(user) is None
    store.save(user, tokens)
    assert (store.load(user), store.load(group)) == (tokens, None)
