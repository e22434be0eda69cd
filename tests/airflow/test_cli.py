"""The commands inside real Airflow: what they write into its database, and the messages that its receiver has stored."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS

from airflow_provider_kaizala.cli.commands import main
from demo.people import RAVI
from demo.stack import GROUP, WEBHOOK_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow


@pytest.fixture
def command(
    airflow_db: None, kaizala_server: KaizalaServer, capfd: pytest.CaptureFixture[str], monkeypatch: Any
) -> Callable[..., Any]:
    """Run a command, with lines in stdin; return the exit code, stdout and stderr."""

    def run(*words: str, lines: tuple[str, ...] = ()) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        capfd.readouterr()
        code = main([*words])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


@pytest.fixture
def database(airflow_db: None) -> Iterator[Callable[[], Any]]:
    """Read the connection ``cli`` in Airflow's database."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    def read() -> dict[str, Any] | None:
        with create_session() as session:
            found = session.query(Connection).filter_by(conn_id="cli").first()
            if found is None:
                return None
            names = ("conn_type", "host", "port", "login", "password", "description")
            return {**{name: getattr(found, name) for name in names}, "extra": json.loads(found.extra)}

    yield read
    with create_session() as session:
        session.query(Connection).filter_by(conn_id="cli").delete()


def login(server: KaizalaServer, *more: str) -> tuple[str, ...]:
    return ("login", "--conn-id", "cli", "--phone", RAVI, *more)


def where(server: KaizalaServer) -> tuple[str, ...]:
    return ("--host", server.url, "--connector-id", "demo-connector")


def test_login_creates_a_connection_that_works(
    command: Any, database: Any, kaizala_server: KaizalaServer
) -> None:
    words = login(kaizala_server, *where(kaizala_server), "--default-group", "store 12")
    code, out, err = command(*words, lines=("demo-secret", "1234"))
    assert code == 0, err
    stored = database()
    assert {name: stored[name] for name in ("conn_type", "host", "port", "login", "password")} == {
        "conn_type": "kaizala", "host": kaizala_server.url, "port": None, "login": "demo-connector", "password": "demo-secret",
    }  # fmt: skip
    token = stored["extra"].pop("refresh_token")
    assert stored["extra"] == {"default_group": GROUP}
    assert not [secret for secret in (token, "demo-secret", "1234") if secret in out + err]
    code, out, _ = command("check", "--conn-id", "cli", "-o", "json")
    assert code == 0
    assert {each["step"]: each["result"] for each in json.loads(out)} == dict.fromkeys(
        ("connection", "fields", "host", "clock", "connector", "user token", "default group", "token store"),
        "ok",
    )
    assert json.loads(out)[0]["detail"] == "cli, from Airflow's database"
    code, out, _ = command("send", "Hello", "--conn-id", "cli", "-o", "json")
    assert code == 0
    [posted] = kaizala_server.assert_posted("Hello", kind="text")
    assert posted["referenceId"] == json.loads(out)["reference_id"]


def test_login_updates_a_connection_and_keeps_the_rest(
    command: Any, database: Any, kaizala_server: KaizalaServer
) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    extra = {"timeout": 7, "refresh_token": "an-old-one", "group_refresh_tokens": '{"g": "t"}'}
    host, _, port = kaizala_server.url.removeprefix("http://").partition(":")
    with create_session() as session:
        session.add(
            Connection(
                conn_id="cli", conn_type="kaizala", host=f"http://{host}", port=int(port), login="demo-connector", password="demo-secret",
                description="mine", extra=json.dumps(extra),
            )
        )  # fmt: skip
    code, out, err = command(*login(kaizala_server), lines=("1234",))
    assert code == 0, err
    assert out.startswith("connection 'cli' was updated: ")
    stored = database()
    assert (stored["host"], stored["port"], stored["description"]) == (f"http://{host}", int(port), "mine")
    assert stored["extra"].pop("refresh_token") not in ("an-old-one", "", None)
    # there is only one group
    assert stored["extra"] == {"timeout": 7, "group_refresh_tokens": '{"g": "t"}', "default_group": GROUP}


@pytest.mark.parametrize(
    "words", [("login", "--phone", RAVI), ("check",), ("groups",)], ids=lambda words: words[0]
)
def test_an_unreadable_environment_variable_is_not_passed_over_for_the_database(
    command: Any, database: Any, kaizala_server: KaizalaServer, monkeypatch: Any, words: tuple[str, ...]
) -> None:
    command(*login(kaizala_server, *where(kaizala_server)), lines=("demo-secret", "1234"))
    before = database()
    monkeypatch.setenv("AIRFLOW_CONN_CLI", "{broken")
    code, out, err = command(*words, "--conn-id", "cli", lines=("1234",))
    assert code == 2
    shown = " ".join((out + err).split())
    assert "the environment variable AIRFLOW_CONN_CLI is set, but Airflow cannot read it" in shown
    assert database() == before


def test_a_wrong_pin_changes_nothing(command: Any, database: Any, kaizala_server: KaizalaServer) -> None:
    code, out, err = command(*login(kaizala_server, *where(kaizala_server)), lines=("demo-secret", "0000"))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: the sign-in was refused (")
    assert database() is None


def test_without_a_database_nobody_signs_in(
    command: Any, kaizala_server: KaizalaServer, monkeypatch: Any
) -> None:
    """The sign-in would end the token that is in use, and the new one could not be stored."""
    from contextlib import contextmanager

    @contextmanager
    def broken() -> Iterator[Any]:
        raise RuntimeError("no such table: connection")
        yield

    monkeypatch.setattr("airflow_provider_kaizala.cli.connections.create_session", broken)
    code, out, err = command(*login(kaizala_server, *where(kaizala_server)), lines=("demo-secret", "1234"))
    assert (code, out) == (1, "")
    assert (
        "connections in Airflow's database cannot be read or changed (RuntimeError); is [database] sql_alchemy_conn right"
        in err
    )
    assert not kaizala_server.journal(operation="generatePin")


def test_rotated_tokens_move_into_the_connection(
    command: Any, database: Any, kaizala_server: KaizalaServer
) -> None:
    command(*login(kaizala_server, *where(kaizala_server)), lines=("demo-secret", "1234"))
    before = database()["extra"]["refresh_token"]
    code, out, err = command("tokens", "rotate", "--conn-id", "cli")
    assert (code, err, database()["extra"]["refresh_token"]) == (0, "", before)
    kaizala_server.rotation_ends_old_token()
    kaizala_server.advance(timedelta(days=330))
    code, out, err = command("tokens", "rotate", "--conn-id", "cli")
    assert code == 0
    assert err == "1 rotated refresh token moved into connection 'cli'\n"
    after = database()["extra"]["refresh_token"]
    assert after != before
    assert not [token for token in (before, after) if token in out + err]
    # with the new one as the configured one, and what was stored for the old one of no use
    code, out, err = command("groups", "--conn-id", "cli")
    assert code == 0, err
    code, out, _ = command("tokens", "status", "--conn-id", "cli")
    assert re.search(r"^user +\w+ +\S+ +as configured$", out, re.MULTILINE)


def test_a_rotated_group_token_moves_too(command: Any, database: Any, kaizala_server: KaizalaServer) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    fields = kaizala_server.connection()
    with create_session() as session:
        session.add(Connection(conn_id="cli", **{**fields, "extra": json.dumps(fields["extra"])}))
    kaizala_server.advance(timedelta(days=330))
    code, _, err = command("tokens", "rotate", "--conn-id", "cli")
    assert (code, err) == (0, "2 rotated refresh tokens moved into connection 'cli'\n")
    extra = database()["extra"]
    assert extra["refresh_token"] != fields["extra"]["refresh_token"]
    assert list(extra["group_refresh_tokens"]) == [GROUP]
    assert extra["group_refresh_tokens"] != fields["extra"]["group_refresh_tokens"]
    assert extra["default_group"] == fields["extra"]["default_group"]


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 receives no webhooks")
def test_tail_shows_messages_that_airflow_has_received(
    command: Any,
    receiver: str,
    kaizala_connect: Any,
    kaizala_people: Any,
    kaizala_server: KaizalaServer,
    monkeypatch: Any,
) -> None:
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "kaizala_default")
    kaizala_connect("kaizala_default", webhook_secret=WEBHOOK_SECRET)
    assert command("webhooks", "ensure", "--public-url", receiver)[0] == 0
    kaizala_people.ravi.says("Hello to those who tail")  # other tests leave messages of their own
    looks = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("airflow_provider_kaizala.cli.tail.pause", pause)
    for _ in range(100):  # until the server has delivered it
        looks.clear()
        code, out, _ = command("tail", "--since", "1h", "-o", "json", "--interval", "1s")
        rows = [row for row in map(json.loads, out.splitlines()) if row["text"] == "Hello to those who tail"]
        if rows:
            break
    assert code == 130
    assert [(row["kind"], row["person"]) for row in rows] == [("Message", "Ravi")]


@pytest.mark.skipif(not AIRFLOW_V_3_2_PLUS, reason="Airflow has commands of providers since 3.2")
def test_airflow_has_the_commands(command: Any, kaizala_connect: Any, capfd: Any) -> None:
    from airflow.cli import cli_parser

    kaizala_connect("kaizala_default")
    parser = cli_parser.get_parser()
    args = parser.parse_args(["kaizala", "groups", "--output", "json"])
    capfd.readouterr()
    args.func(args)
    assert [each["group_id"] for each in json.loads(capfd.readouterr().out)] == [GROUP]
    args = parser.parse_args(["kaizala", "members", "--group", "nobody"])
    with pytest.raises(SystemExit) as exits:
        args.func(args)
    assert exits.value.code == 2
    assert capfd.readouterr().err.startswith("error: --group: ")
    args = parser.parse_args(["kaizala", "server", "serve", "--port", "0"])
    assert args.arguments == ["serve", "--port", "0"]
