"""``tokens status`` and ``tokens rotate``. What is written into Airflow's database is tested in tests/airflow/test_cli.py."""

from __future__ import annotations

import json
import re

import pytest


def test_status_asks_nobody(command, kaizala, group):
    code, out, _ = command("tokens", "status")
    assert code == 0
    assert kaizala.requests == []
    assert [re.split("  +", line) for line in out.splitlines()] == [
        ["GRANT", "ACCESS TOKEN", "UNTIL", "REFRESH TOKEN"],
        ["user", "none", "as configured"],
        [group, "none", "as configured"],
    ]


def test_status_shows_what_is_stored(command, kaizala, group, variables):
    command("members")
    _, out, _ = command("tokens", "status", "--output", "json")
    user, own = json.loads(out)
    assert (user["access_token"], own["access_token"]) == ("none", "valid")
    assert own["until"] > "20"
    assert own["variable"] in variables
    text = variables[own["variable"]]
    variables[own["variable"]] = json.dumps(
        {**json.loads(text), "expires_ms": 1, "refresh_token": "rotated-one"}
    )
    _, out, _ = command("tokens", "status", "--output", "json")
    assert [json.loads(out)[1][name] for name in ("access_token", "refresh_token")] == ["expired", "rotated"]
    assert "rotated-one" not in out


def test_status_does_not_call_the_token_of_another_server_valid(command, kaizala, group, variables):
    command("members")
    (name,) = (name for name in variables if group in name)
    variables[name] = json.dumps({**json.loads(variables[name]), "api_root": "http://127.0.0.1:9"})
    _, out, _ = command("tokens", "status", "--output", "json")
    assert json.loads(out)[1]["access_token"] == "none"


def test_rotate_renews_valid_tokens(command, kaizala, group):
    for count in (2, 4):
        code, out, err = command("tokens", "rotate")
        assert (code, err) == (0, "")
        assert len(kaizala.token_calls) == count
        assert [line.split()[:2] for line in out.splitlines()[1:]] == [["user", "valid"], [group, "valid"]]


def test_a_rotated_token_stays_in_its_variable_if_the_connection_cannot_be_changed(
    command, kaizala, variables
):
    kaizala.tokens = [lambda request: kaizala.token(request, refresh="rotated-one")]
    code, out, err = command("tokens", "rotate")
    assert code == 0
    assert out.splitlines()[1].split()[-1] == "rotated"
    assert "1 rotated refresh token kept in Airflow's Variables" in err
    assert "connection 'kaizala_default' comes from EnvironmentVariablesBackend" in err
    assert any("rotated-one" in value for value in variables.values())
    assert "rotated-one" not in out + err


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_does_not_keep_the_others(command, kaizala, group, status):
    kaizala.tokens = [kaizala.error(status)]
    code, out, err = command("tokens", "rotate")
    assert code == 1
    assert err.startswith(f"error: getAccessToken failed ({status}")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [group]


def test_a_rotated_token_that_is_lost_is_an_error(command, kaizala, monkeypatch, connect):
    def fail(key, value, description):
        raise RuntimeError

    connect(extra={"group_refresh_tokens": None})
    monkeypatch.setattr("airflow_provider_kaizala.compat.set_variable", fail)
    kaizala.tokens = [lambda request: kaizala.token(request, refresh="rotated-one")]
    code, out, err = command("tokens", "rotate")
    assert code == 1
    assert (
        "warning: Kaizala issued a new refresh token for grant user, but Variable kaizala_token_user_" in err
    )
    assert "rotated-one" not in out + err


@pytest.mark.parametrize("stored_before", [False, True])
def test_access_tokens_that_cannot_be_stored_are_an_error(
    command, kaizala, group, monkeypatch, stored_before
):
    def fail(key, value, description):
        raise RuntimeError

    if stored_before:
        command("tokens", "rotate")
    monkeypatch.setattr("airflow_provider_kaizala.compat.set_variable", fail)
    code, out, err = command("tokens", "rotate")
    assert (code, out) == (1, "")
    assert err == (
        f"error: the access token of user, {group} was renewed, but cannot be stored in Airflow's Variables, where tasks would find it; "
        "check that this command can write Airflow's database, and run: airflow db migrate\n"
    )


def test_if_no_token_is_renewed_only_the_errors_are_shown(command, kaizala, connect):
    connect(extra={"group_refresh_tokens": None})
    kaizala.tokens = [kaizala.error(401)]
    code, out, err = command("tokens", "rotate")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("error: getAccessToken failed (401")


@pytest.mark.parametrize("status", [403])
def test_a_connector_that_may_not_read_people_gets_tokens_too(command, kaizala, status):
    kaizala.script = [kaizala.error(status)] * 2
    assert command("tokens", "rotate")[0] == 0
