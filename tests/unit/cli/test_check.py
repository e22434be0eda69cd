"""``check``: each step of a connection, what is wrong, and what to do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_kaizala.cli import account

REFUSED = "Dont have correct applicationId and secret in header!"


@pytest.fixture
def check(command, kaizala):
    """Run ``check``; return the exit code, and step to result, detail and advice."""

    def run(date=None):
        headers = {"Date": format_datetime(datetime.now(tz=UTC))} if date is None else date
        kaizala.tokens.insert(0, (401, {"errorCode": "Unauthenticated"}, headers))
        code, out, err = command("check", "--output", "json")
        assert err == ""
        steps = json.loads(out)
        return code, {each["step"]: (each["result"], each["detail"], each["advice"]) for each in steps}

    return run


def results(steps):
    return {name: result for name, (result, _, _) in steps.items()}


def test_a_connection_that_works(check, kaizala, group):
    code, steps = check()
    assert code == 0
    assert set(results(steps).values()) == {"ok"}
    assert list(steps) == [
        "connection",
        "fields",
        "host",
        "clock",
        "connector",
        "user token",
        "group token",
        "token store",
    ]
    assert steps["connection"][1] == "kaizala_default, from an environment variable"
    assert steps["fields"][1] == "connector connector-1, host https://api.kaiza.la"
    assert steps["clock"][1] == "within 30 s of the host's"
    assert steps["user token"][1] == "reaches 1 group: Store 12"
    assert steps["group token"][1] == f"reaches Store 12 ({group})"
    assert kaizala.requests[0].path == "/accessToken"
    assert "refreshtoken" not in kaizala.requests[0].headers


def test_tokens_are_renewed_although_stored_ones_are_valid(check, kaizala):
    check()
    before = len(kaizala.token_calls)
    check()
    assert len(kaizala.token_calls) == 2 * before


def test_a_table_says_what_to_do(command, kaizala, connect):
    connect(extra={"refresh_token": None, "group_refresh_tokens": None})
    kaizala.tokens = [(401, {})]
    code, out, _ = command("check", "--conn-id", "kaizala_default")
    assert code == 2
    assert re.search(
        r"^failed +refresh tokens +the connection has none. Run: airflow-kaizala login --conn-id kaizala_default$",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^skipped +connector ", out, re.MULTILINE)


def test_a_missing_connection(command, monkeypatch):
    monkeypatch.setattr(account, "need_database", lambda: None)
    code, out, _ = command("check", "--conn-id", "nowhere")
    assert code == 2
    assert (
        "there is no connection 'nowhere' that this command can read; create it with `airflow-kaizala login --conn-id nowhere`"
        in out
    )


def test_a_connection_that_may_be_in_a_database_which_cannot_be_read(command, monkeypatch):
    def fail():
        raise AirflowException("the database is away")

    monkeypatch.setattr(account, "need_database", fail)
    code, out, _ = command("check", "--conn-id", "nowhere")
    assert code == 2
    assert "there is no connection 'nowhere' that this command can read; the database is away" in out


@pytest.mark.parametrize(
    "value",
    [
        "{bad-secret",
        "kaizala://a:bad-secret@host:port",
        # Airflow 2 reads it as a connection without extras
        *(['{"conn_type": "kaizala", "extra": "{bad-secret"}'] if AIRFLOW_V_3_0_PLUS else []),
    ],
)
def test_an_environment_variable_that_airflow_cannot_read_is_not_a_missing_connection(
    command, kaizala, monkeypatch, value
):
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", value)
    code, out, err = command("check")
    assert code == 2
    assert "the environment variable AIRFLOW_CONN_KAIZALA_DEFAULT is set, but Airflow cannot read it" in out
    assert "login" not in out
    assert "bad-secret" not in out + err
    assert kaizala.requests == []


def test_an_invalid_field(command, connect):
    connect(extra={"timeout": "soon"})
    code, out, _ = command("check")
    assert code == 2
    assert "connection 'kaizala_default': extra timeout must be a number" in out


def test_an_extra_verify_that_names_no_file(check, kaizala, connect):
    connect(extra={"verify": "/nowhere/ca.pem"})
    code, steps = check()
    assert code == 2
    assert steps["host"][0] == "failed"
    assert steps["host"][1].startswith("extra verify: the file or folder '/nowhere/ca.pem' does not exist")
    assert kaizala.requests == []


def test_no_network(command, kaizala):
    kaizala.tokens = [ConnectionRefusedError("refused")]
    code, out, _ = command("check")
    assert code == 3
    assert re.search(
        r"^failed +host +api.kaiza.la: .*refused. Check the host and port of the connection",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^skipped +connector +the host was not reached$", out, re.MULTILINE)
    assert len(kaizala.requests) == 1


@pytest.mark.parametrize(("seconds", "words"), [(120, "behind"), (-120, "ahead of")])
def test_a_clock_that_is_wrong_is_a_warning(check, seconds, words):
    code, steps = check({"Date": format_datetime(datetime.now(tz=UTC) + timedelta(seconds=seconds))})
    assert code == 0
    result, detail, advice = steps["clock"]
    assert result == "warning"
    assert re.fullmatch(rf"this machine is 1[12]\d s {words} the host", detail)
    assert "NTP" in advice


@pytest.mark.parametrize("date", [{}, {"Date": "yesterday"}])
def test_a_host_whose_reply_has_no_valid_date(check, date):
    assert check(date)[1]["clock"][0] == "skipped"


def refusing(kaizala, *tokens):
    """Refuse these refresh tokens."""

    def answer(request):
        if request.headers.get("refreshtoken") in tokens:
            return kaizala.error(401, "Unauthenticated", REFUSED)
        return kaizala.token(request)

    kaizala.tokens += [answer] * 20


def test_if_all_is_refused_nobody_can_tell_which_part_is_wrong(check, kaizala):
    refusing(kaizala, "refresh-token-of-the-user", "refresh-token-of-the-group")
    code, steps = check()
    assert code == 1
    assert steps["connector"][0] == steps["user token"][0] == steps["group token"][0] == "failed"
    assert "Kaizala does not tell which" in steps["connector"][2]
    assert "token store" not in steps


def test_if_one_token_is_accepted_the_other_one_is_wrong(check, kaizala, group):
    refusing(kaizala, "refresh-token-of-the-group")
    code, steps = check()
    assert code == 1
    assert results(steps) == {
        "connection": "ok", "fields": "ok", "host": "ok", "clock": "ok", "connector": "ok", "user token": "ok",
        "group token": "failed", "token store": "ok",
    }  # fmt: skip
    assert REFUSED in steps["group token"][1]
    assert steps["group token"][2] == f"Have an admin of group {group} grant it to the connector again"


def test_a_default_group_that_is_gone(check, kaizala, connect, group):
    connect(extra={"group_refresh_tokens": None})
    kaizala.script = [(200, {"groups": []}), kaizala.error(404)]
    code, steps = check()
    assert code == 1
    assert steps["user token"][:2] == ("ok", "the user is in no group")
    assert steps["default group"][0] == "failed"
    assert steps["default group"][2] == "Correct the extra default_group; see: airflow-kaizala groups"


def test_a_connector_that_may_not_read_groups(check, kaizala, connect):
    connect(extra={"group_refresh_tokens": None, "default_group": None})
    kaizala.script = [kaizala.error(403, message="no permission")]
    code, steps = check()
    assert code == 0
    assert steps["user token"][0] == "warning"
    assert "Group Information" in steps["user token"][2]


@pytest.mark.parametrize(("failing", "connector"), [("tokens", "skipped"), ("script", "ok")])
def test_what_may_pass_is_no_mistake_of_the_connection(check, kaizala, connect, failing, connector):
    connect(extra={"group_refresh_tokens": None, "default_group": None})
    setattr(kaizala, failing, [(503, {})] * 2)
    code, steps = check()
    assert code == 3
    assert results(steps)["connector"] == connector
    assert steps["user token"][::2] == ("failed", "Try again later")


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ((403, "<html>"), "getAccessToken failed (403)"),
        ((404, "<html>"), "getAccessToken failed (404)"),
        (
            (302, "", {"Location": "https://me:pw@sso.example/login?token=s3cret"}),
            "getAccessToken failed (302): it leads to https://sso.example, and redirects of this kind are not followed",
        ),
    ],
)
def test_whatever_replies_instead_of_kaizala_accepts_nothing(check, kaizala, connect, reply, says):
    connect(extra={"group_refresh_tokens": None, "default_group": None})
    kaizala.tokens = [reply] * 2
    code, steps = check()
    assert code == 1
    assert results(steps)["connector"] == "skipped"
    assert list(steps)[-1] == "user token"
    result, detail, advice = steps["user token"]
    assert (result, detail[: len("the user's refresh token: ") + len(says)]) == (
        "failed",
        f"the user's refresh token: {says}",
    )
    assert advice.startswith("Check the connection's host and the path in it")
    assert "s3cret" not in str(steps)
    assert "pw@" not in str(steps)


def test_tokens_that_cannot_be_stored(check, kaizala, monkeypatch, command):
    def fail(key, value, description):
        raise RuntimeError

    monkeypatch.setattr("airflow_provider_kaizala.compat.set_variable", fail)
    code, steps = check()
    assert code == 0
    assert steps["token store"][0] == "warning"
    kaizala.tokens = [(401, {}), *[lambda request: kaizala.token(request, refresh="rotated-one")] * 2]
    code, out, err = command("check")
    assert code == 1
    assert "a new refresh token could not be stored in Variable kaizala_token_user_" in out
    assert "rotated-one" not in out + err
