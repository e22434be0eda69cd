"""Which subscription an address names, and the token of each."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.push.subscriptions import Subscription, check_token, derive, listener_token

GROUP = Subscription("kaizala_default", "Group", "74943849802190eaea3810")


@pytest.mark.parametrize("public_url", ["https://airflow.example.com", "https://airflow.example.com/"])
def test_the_address_names_connection_and_object(public_url: str) -> None:
    url = GROUP.callback_url(public_url)
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("airflow.example.com", "/kaizala/kaizala_default")
    assert parse_qs(parts.query) == {"on": ["Group/74943849802190eaea3810"]}


def test_an_address_under_a_path() -> None:
    assert GROUP.callback_url("https://example.com/airflow/").startswith(
        "https://example.com/airflow/kaizala/kaizala_default?"
    )


@pytest.mark.parametrize("conn_id", ["a/b", "a?b", "a b", "a#b", "ä"])
def test_odd_ids_are_escaped(conn_id: str) -> None:
    parts = urlsplit(Subscription(conn_id, "Action", "x&y=z/ü").callback_url("https://a.example"))
    assert parts.path.count("/") == 2
    assert parse_qs(parts.query) == {"on": ["Action/x&y=z/ü"]}


def test_what_an_address_names_is_read_again() -> None:
    for each in (
        GROUP,
        Subscription("c", "ActionPackage", "com.example/one"),
        Subscription("c", "Action", "5"),
    ):
        assert Subscription.read(each.conn_id, each.on) == each


@pytest.mark.parametrize("on", ["", "Group", "Group/", "/5", "group/5", "User/5", "Group/" + "x" * 251])
def test_what_names_no_subscription(on: str) -> None:
    assert Subscription.read("c", on) is None


def test_each_subscription_has_a_token_of_its_own() -> None:
    subscriptions = [
        GROUP,
        Subscription("other", "Group", GROUP.object_id),
        Subscription("kaizala_default", "Action", GROUP.object_id),
        Subscription("kaizala_default", "Group", "another"),
    ]
    tokens = {each.token(secret) for each in subscriptions for secret in ("one secret", "another secret")}
    assert len(tokens) == 8
    assert all(len(token) == 43 for token in tokens)
    assert GROUP.token("one secret") == Subscription("kaizala_default", "Group", GROUP.object_id).token(
        "one secret"
    )


def test_purposes_cannot_be_confused() -> None:
    assert derive("s", "a", "bc") != derive("s", "ab", "c")
    assert derive("s", "callback", "c", GROUP.on) != derive("s", "listen", "c")
    assert check_token("s", "c", GROUP.on) not in (
        derive("s", "callback", "c", GROUP.on),
        listener_token("s", "c"),
    )


def test_without_a_secret_there_is_no_token() -> None:
    with pytest.raises(KaizalaInputError, match="webhook_secret"):
        GROUP.token("")
