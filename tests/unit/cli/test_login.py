"""``login``: what is asked for, where secrets come from, and what is stored. The database is tested in tests/airflow/test_cli.py."""

from __future__ import annotations

import json
import stat

import pytest

from airflow_provider_kaizala.cli import connections, login
from tests.unit.cli.conftest import G1, G2

WORDS = ("login", "--conn-id", "new", "--phone", "+910000000002")
WHERE = ("--host", "https://kaizala.example", "--connector-id", "my-connector")
TOKEN, SECRET, PIN = "the-new-refresh-token", "the-typed-secret", "739152"


@pytest.fixture
def stored(monkeypatch):
    """What was written into Airflow's database."""
    kept = []

    def write(conn_id, fields):
        kept.append((conn_id, json.loads(json.dumps(fields))))
        return len(kept) == 1

    monkeypatch.setattr(login, "write_connection", write)
    monkeypatch.setattr(login, "need_database", lambda: None)
    return kept


@pytest.fixture
def sign_in(command, kaizala):
    """Let a sign-in succeed; return a command whose output holds no secret."""
    default = kaizala.default

    def answer(request):
        if request.path == "/generatePin":
            return 200, {}
        if request.path == "/loginWithPinAndApplicationId":
            return 200, {
                "refreshToken": TOKEN,
                "refreshTokenExpiry": 1_827_446_400_000,
                "endpointUrl": "https://kms.kaiza.la/",
            }
        if request.path == "/groups":
            groups = [{"groupId": G1, "groupName": "Store 12"}, {"groupId": G2, "groupName": "Attic"}]
            return 200, {"groups": groups}
        return default(request)

    kaizala.otherwise = answer

    def run(*words):
        code, out, err = command(*words)
        assert not [secret for secret in (TOKEN, SECRET, PIN) if secret in out + err]
        return code, out, err

    return run


def calls(kaizala):
    return [request.path for request in kaizala.requests]


def test_secrets_come_from_stdin_where_there_is_no_terminal(sign_in, kaizala, typed, stored):
    typed(SECRET, PIN)
    code, out, err = sign_in(*WORDS, *WHERE)
    assert code == 0
    assert calls(kaizala)[:2] == ["/generatePin", "/loginWithPinAndApplicationId"]
    assert kaizala.requests[1].json == {
        "mobileNumber": "+910000000002", "applicationId": "my-connector", "applicationSecret": SECRET, "pin": PIN,
    }  # fmt: skip
    ((conn_id, fields),) = stored
    assert conn_id == "new"
    assert fields == {
        "host": "https://kaizala.example", "port": None, "schema": None, "login": "my-connector", "password": SECRET,
        "extra": {"refresh_token": TOKEN},
    }  # fmt: skip
    assert out.splitlines() == [
        "connection 'new' was created: connector my-connector at https://kaizala.example, refresh token of +910000000002 until 2027-11-29",
        "it reaches 2 groups: Attic, Store 12",
    ]
    assert "next: airflow-kaizala check --conn-id new" in err


def test_a_person_is_asked_for_everything(sign_in, kaizala, typed, stored):
    typed("https://kaizala.example", "my-connector", SECRET, "+910000000002", PIN, terminal=True)
    code, _, err = sign_in("login", "--conn-id", "new")
    assert code == 0
    assert "Address of the API [https://api.kaiza.la]: Connector id: " in err
    assert stored[0][1]["login"] == "my-connector"


def test_the_address_has_a_default(sign_in, typed, stored):
    typed("", "my-connector", SECRET, "+910000000002", PIN, terminal=True)
    assert sign_in("login", "--conn-id", "new")[0] == 0
    assert stored[0][1]["host"] == "https://api.kaiza.la"


def test_of_an_existing_connection_only_phone_and_pin_are_asked_for(
    sign_in, kaizala, typed, stored, connect, monkeypatch
):
    connect(host="https://kaizala.example", port=8443, extra={"timeout": 5})
    monkeypatch.setattr(login, "connection_home", lambda conn_id: connections.DATABASE)
    typed(PIN)
    code, _, _ = sign_in("login", "--phone", "+910000000002", "--have-pin")
    assert code == 0
    assert calls(kaizala)[0] == "/loginWithPinAndApplicationId"
    fields = stored[0][1]
    assert (fields["host"], fields["port"], fields["password"]) == (
        "https://kaizala.example",
        8443,
        "secret-of-the-connector",
    )
    assert fields["extra"]["timeout"] == 5
    assert fields["extra"]["refresh_token"] == TOKEN
    assert "group_refresh_tokens" in fields["extra"]


def test_the_secret_of_an_existing_connection_can_be_replaced(sign_in, typed, stored, monkeypatch):
    monkeypatch.setattr(login, "connection_home", lambda conn_id: connections.DATABASE)
    typed(SECRET, PIN)
    assert sign_in("login", "--phone", "+910000000002", "--ask-secret")[0] == 0
    assert stored[0][1]["password"] == SECRET


@pytest.mark.parametrize(
    "words", [("--host", "https://other.example"), ("--connector-id", "another")], ids=lambda words: words[0]
)
def test_secret_and_tokens_of_a_connection_are_not_used_with_another_host_or_connector(
    sign_in, kaizala, typed, stored, connect, monkeypatch, secrets_of_the_connection, words
):
    connect(host="https://kaizala.example", extra={"allowed_hosts": "b.example", "timeout": 5})
    monkeypatch.setattr(login, "connection_home", lambda conn_id: connections.DATABASE)
    typed(SECRET, PIN)
    code, _, err = sign_in("login", "--phone", "+910000000002", *words)
    assert code == 0
    assert err.splitlines()[0] == (
        "connection 'kaizala_default' has another host or connector id, so its secret is not used, and these extras will be removed: "
        "refresh_token, group_refresh_tokens, default_group, allowed_hosts"
    )
    fields = stored[-1][1]
    assert fields["password"] == SECRET
    assert fields["extra"] == {
        "refresh_token": TOKEN, "timeout": 5,
        "callback_token": "callback-token-of-the-connector", "webhook_secret": "webhook-secret-of-the-connector",
        "calls_per_minute": 0,
    }  # fmt: skip
    sent = "".join(f"{each.headers}{each.body}" for each in kaizala.requests)
    assert not [secret for secret in secrets_of_the_connection if secret in sent]


def test_the_same_host_written_in_another_way_is_no_other_host(
    sign_in, kaizala, typed, stored, connect, monkeypatch
):
    connect(host="kaizala.example", port=8443)
    monkeypatch.setattr(login, "connection_home", lambda conn_id: connections.DATABASE)
    typed(PIN)
    assert sign_in("login", "--phone", "+910000000002", "--host", "https://kaizala.example:8443/v1")[0] == 0
    assert stored[-1][1]["password"] == "secret-of-the-connector"
    assert "group_refresh_tokens" in stored[-1][1]["extra"]


def test_the_default_group_is_given_by_name(sign_in, typed, stored):
    typed(SECRET, PIN)
    assert sign_in(*WORDS, *WHERE, "--default-group", "store 12")[0] == 0
    assert [fields["extra"].get("default_group") for _, fields in stored] == [None, G1]


def test_a_wrong_default_group_does_not_lose_the_token(sign_in, typed, stored):
    typed(SECRET, PIN)
    code, out, err = sign_in(*WORDS, *WHERE, "--default-group", "Stor 12")
    assert code == 1
    assert err.splitlines()[-1].endswith(
        "--default-group: the connection reaches no group that is called 'Stor 12'; did you mean 'Store 12'?"
    )
    assert stored[0][1]["extra"]["refresh_token"] == TOKEN
    assert "was created" in out


def test_a_file_for_a_secrets_backend(sign_in, typed, tmp_path, stored):
    typed(SECRET, PIN)
    path = tmp_path / "connection.json"
    code, out, _ = sign_in(*WORDS, *WHERE, "--file", str(path), "--default-group", "Attic")
    assert code == 0
    assert f"connection 'new' is in {path}" in out
    assert stored == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {
        "new": {
            "conn_type": "kaizala", "host": "https://kaizala.example", "port": None, "schema": None, "login": "my-connector",
            "password": SECRET, "extra": {"refresh_token": TOKEN, "default_group": G2},
        }
    }  # fmt: skip


def test_a_file_that_exists_is_not_overwritten(sign_in, kaizala, typed, tmp_path):
    path = tmp_path / "connection.json"
    path.write_text("mine")
    code, _, err = sign_in(*WORDS, *WHERE, "--file", str(path))
    assert code == 2
    assert f"--file: {path} cannot be created: File exists" in err
    assert (path.read_text(), kaizala.requests) == ("mine", [])


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([(502, {})], "a PIN was asked for, but no readable reply came back (status 502)"),
        (
            [(200, {}), (502, {})],
            "run login again: the refresh token that the connection had before may no longer be valid",
        ),
    ],
)
def test_a_lost_reply_to_the_sign_in_is_no_lost_post(sign_in, kaizala, typed, stored, replies, says):
    typed(SECRET, PIN)
    kaizala.script = replies
    code, out, err = sign_in(*WORDS, *WHERE)
    assert (code, out, stored) == (1, "", [])
    assert says in err
    assert "group" not in err


def test_no_file_is_left_if_the_sign_in_fails(sign_in, kaizala, typed, tmp_path):
    typed(SECRET, PIN)
    kaizala.script = [(200, {}), kaizala.error(401, message="Wrong phone number or PIN")]
    path = tmp_path / "connection.json"
    code, _, err = sign_in(*WORDS, *WHERE, "--file", str(path))
    assert code == 1
    assert (
        "the sign-in was refused (Wrong phone number or PIN): check phone number, PIN, connector id and secret"
        in err
    )
    assert not path.exists()


def test_a_connection_that_cannot_be_changed_is_refused_before_anything_is_asked(sign_in, kaizala, stored):
    code, _, err = sign_in("login", "--phone", "+910000000002")
    assert code == 2
    assert (
        "connection 'kaizala_default' comes from EnvironmentVariablesBackend, which this command does not change"
        in err
    )
    assert "--file" in err
    assert kaizala.requests == []


def test_the_only_group_is_the_default_group_unless_there_is_one(
    sign_in, kaizala, typed, stored, monkeypatch
):
    default = kaizala.otherwise

    def answer(request):
        only_one = 200, {"groups": [{"groupId": G1, "groupName": "Store 12"}]}
        return only_one if request.path == "/groups" else default(request)

    kaizala.otherwise = answer
    typed(SECRET, PIN)
    code, out, _ = sign_in(*WORDS, *WHERE)
    assert (code, out.splitlines()[-1]) == (0, "default_group was set to Store 12")
    assert stored[-1][1]["extra"]["default_group"] == G1
    monkeypatch.setattr(login, "connection_home", lambda conn_id: connections.DATABASE)
    typed(PIN)
    before = len(stored)
    assert sign_in("login", "--phone", "+910000000002")[0] == 0
    assert len(stored) == before + 1
    assert stored[-1][1]["extra"]["default_group"] != G1


def test_groups_that_cannot_be_read_are_a_warning(sign_in, kaizala, typed, stored):
    typed(SECRET, PIN)
    kaizala.tokens = [ConnectionRefusedError("away")] * 9
    code, _, err = sign_in(*WORDS, *WHERE)
    assert code == 0
    assert "warning: the groups cannot be read" in err
    assert len(stored) == 1


def test_an_id_of_a_default_group_needs_no_list_of_groups(sign_in, kaizala, typed, stored):
    typed(SECRET, PIN)
    kaizala.tokens = [ConnectionRefusedError("away")] * 9
    assert sign_in(*WORDS, *WHERE, "--default-group", f" {G2} ")[0] == 0
    assert stored[-1][1]["extra"] == {"refresh_token": TOKEN, "default_group": G2}


def test_a_name_of_a_default_group_cannot_be_looked_up_where_groups_cannot_be_read(
    sign_in, kaizala, typed, stored
):
    typed(SECRET, PIN)
    kaizala.tokens = [ConnectionRefusedError("away")] * 9
    code, _, err = sign_in(*WORDS, *WHERE, "--default-group", "Attic")
    assert code == 1
    assert "--default-group: 'Attic' cannot be looked up; the refresh token is stored" in err
    assert "reaches no group" not in err
    assert stored[-1][1]["extra"] == {"refresh_token": TOKEN}


@pytest.mark.parametrize(
    ("words", "lines", "says"),
    [
        (
            ("login", "--conn-id", "new"),
            [],
            "--connector-id is missing, and there is no terminal to ask for it",
        ),
        ((*WORDS, *WHERE), [], "Connector secret: it is empty"),
        ((*WORDS, *WHERE), [SECRET], "PIN: it is empty"),
        (
            (*WORDS, "--connector-id", "c", "--host", "http://kaizala.example"),
            [SECRET],
            "plain http would expose the credentials",
        ),
        ((*WORDS[:3], "--phone", "12", *WHERE), [SECRET], "--phone"),
        ((*WORDS[:3], *WHERE), [SECRET], "--phone is missing, and there is no terminal to ask for it"),
    ],
)
def test_what_is_missing_or_wrong_is_said(sign_in, kaizala, typed, stored, words, lines, says):
    typed(*lines)
    code, out, err = sign_in(*words)
    assert (code, out, stored) == (2, "", [])
    assert says in err.splitlines()[-1]
    assert "/loginWithPinAndApplicationId" not in calls(kaizala)


def test_a_host_that_cannot_be_one_is_refused_before_anything_is_asked(sign_in, kaizala, stored):
    code, _, err = sign_in(*WORDS, "--host", "my kaizala/", "--connector-id", "my-connector")
    assert code == 2
    assert err.startswith("error: host 'my kaizala/' is not a valid address; give a host name")
    assert (kaizala.requests, stored) == ([], [])


def test_a_person_who_ends_the_input_is_told_so(sign_in, typed, stored):
    typed(terminal=True)
    code, _, err = sign_in("login", "--conn-id", "new", *WHERE[:2])
    assert (code, err.splitlines()[-1]) == (
        2,
        "Connector id: error: stdin has ended where an answer was expected",
    )


@pytest.mark.parametrize("conn_id", ["", "a b", "a\n", "x" * 251])
@pytest.mark.parametrize("more", [[], ["--file", "kaizala.json"]], ids=["database", "file"])
def test_an_id_that_airflow_cannot_store_is_refused(sign_in, kaizala, stored, conn_id, more):
    code, out, err = sign_in("login", "--conn-id", conn_id, "--phone", "+910000000002", *WHERE, *more)
    assert (code, out, stored, kaizala.requests) == (2, "", [], [])
    assert err == (
        f"error: --conn-id: {conn_id!r} is not a valid id of a connection; give 1 to 250 letters, digits and characters "
        "of _ - . : / \\ # ! ( )\n"
    )


def test_a_connection_of_another_type_is_not_changed(sign_in, connect, kaizala, stored):
    connect("new", conn_type="http")
    code, _, err = sign_in(*WORDS, *WHERE)
    assert code == 2
    assert "connection 'new' has the type 'http'" in err
    assert kaizala.requests == []


def test_a_connection_whose_environment_variable_cannot_be_read_is_not_created_elsewhere(
    sign_in, kaizala, stored, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_NEW", "{bad-secret")
    code, out, err = sign_in(*WORDS, *WHERE)
    assert (code, out, stored, kaizala.requests) == (2, "", [], [])
    assert "the environment variable AIRFLOW_CONN_NEW is set, but Airflow cannot read it" in err
    assert "bad-secret" not in err
