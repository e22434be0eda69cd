"""Which connection and which group a command works with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_kaizala.cli.account import Account, CommandHook, read_duration
from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaNotFoundError
from tests.unit.cli.conftest import G1, G2, G3

NAMES = {G1: "Store 12", G2: "Store 13", G3: "store 13 "}


def test_a_group_is_found_by_name_in_any_case_or_by_id(groups):
    groups(NAMES)
    account = Account("kaizala_default")
    assert account.group_id("store 12") == G1
    assert account.group_id(f" {G2} ") == G2
    assert account.group_ids(["Store 12", G1, G2]) == [G1, G2]


def test_an_id_is_not_looked_up(kaizala, groups):
    groups(NAMES)
    Account("kaizala_default").group_id(G2)
    assert kaizala.requests == []


def test_a_name_of_two_groups_is_refused_with_their_ids(groups):
    groups(NAMES)
    with pytest.raises(
        KaizalaInputError, match=f"'Store 13' is the name of 2 groups; give the id of one: {G2}, {G3}"
    ):
        Account("kaizala_default").group_id("Store 13")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Stor 12", "did you mean 'Store 12'?"),
        ("Kitchen", "see `airflow-kaizala groups`"),
        ("", "is called ''"),
    ],
)
def test_an_unknown_name_is_refused(groups, name, says):
    groups(NAMES)
    with pytest.raises(KaizalaInputError) as error:
        Account("kaizala_default").group_id(name)
    assert says in str(error.value)


def test_without_a_name_it_is_the_default_group(kaizala, group, groups):
    assert Account("kaizala_default").group_id(None) == group
    groups(NAMES)
    with pytest.raises(
        KaizalaInputError, match="give the name or the id of a group, or set the extra default_group"
    ):
        Account("kaizala_default").group_id(None)


def test_where_groups_may_not_be_listed_an_id_is_needed(kaizala, group):
    kaizala.script = [kaizala.error(403, message="permission")] * 2
    with pytest.raises(
        KaizalaInputError, match=r"'Store 12' cannot be looked up .* give the id of the group"
    ):
        Account("kaizala_default").group_id("Store 12")


def test_groups_of_both_kinds_of_tokens_are_listed_once(kaizala, group):
    kaizala.script = [
        (200, {"groupId": group, "groupName": "Store 12"}),
        (
            200,
            {
                "groups": [
                    {"groupId": group.upper(), "groupName": "Store 12"},
                    {"groupId": G2, "groupName": "Attic"},
                ]
            },
        ),
    ]
    found = [(each.name, each.group_id, token) for each, token in Account("kaizala_default").list_groups()]
    assert found == [("Attic", G2, "user"), ("Store 12", group, "group")]


@pytest.mark.parametrize(
    ("script", "what"), [([404], "group {group}"), ([200, 403], "the groups of the user")]
)
def test_a_token_that_reads_no_groups_is_a_warning_if_another_one_does(kaizala, group, capsys, script, what):
    replies = {200: (200, {"groupId": group, "groupName": "Store 12"})}
    kaizala.script = [replies.get(status) or kaizala.error(status) for status in script]
    account = Account("kaizala_default")
    assert [each.name for each, _ in account.groups] == ["Store 12"]
    assert account.group_id("Store 12") == group
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {what.format(group=group)} cannot be read: ")


def test_if_no_token_reads_groups_it_is_an_error(kaizala, group, capsys):
    kaizala.script = [kaizala.error(404, message="no such group"), kaizala.error(403)]
    with pytest.raises(KaizalaNotFoundError, match="no such group"):
        Account("kaizala_default").list_groups()
    assert capsys.readouterr().err == ""


def test_a_connection_of_another_type_is_refused(kaizala, connect):
    connect(conn_type="http")
    with pytest.raises(KaizalaInputError, match="has the type 'http'; give one of the type 'kaizala'"):
        _ = Account("kaizala_default").connection


def test_an_unreadable_environment_variable_does_not_matter_to_a_secrets_backend_that_comes_first(
    kaizala, monkeypatch
):
    found = CommandHook.get_connection("kaizala_default")
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", "{broken")
    monkeypatch.setattr("airflow_provider_kaizala.compat.stored_connection", lambda conn_id: found)
    monkeypatch.setattr(
        "airflow_provider_kaizala.cli.account.connection_home", lambda conn_id: "VaultBackend"
    )
    assert CommandHook.get_connection("kaizala_default") is found


def test_a_command_does_not_try_as_long_as_a_task(kaizala):
    settings = Account("kaizala_default").connection.settings
    assert (settings.retries, settings.timeouts.connect) == (1, 10)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("2H", 7200), (" 1d ", 86_400), ("366d", 366 * 86_400)],
)
def test_durations(text, seconds):
    assert read_duration("--timeout", text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "x", "-1s", "0", "0.5s", "1w", "1h30m", "367d", "1e9", "٣s", "nan", "9" * 400]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(KaizalaInputError, match=r"--timeout: .* is not a time of at least 1 s"):
        read_duration("--timeout", text)
