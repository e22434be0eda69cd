"""Webhooks that stay alive: the operator and the commands, inside real Airflow, against the real server, which delivers events."""

from __future__ import annotations

import itertools
import json
import re
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS

from airflow_provider_kaizala.cli.commands import main
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES, NewWebhook
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.operators import KaizalaEnsureWebhooksOperator
from airflow_provider_kaizala.push.subscriptions import Subscription
from demo.people import ASHA, RAVI
from demo.stack import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow

SECRET = "the secret of the webhooks"
TOKEN = Subscription("kaizala_default", "Group", GROUP).token(SECRET)
SECOND = "22222222-2222-4222-8222-222222222222@1"
FORBIDDEN = "33333333-3333-4333-8333-333333333333@1"
_numbers = itertools.count()


class Receiver(ThreadingHTTPServer):
    """An address that echoes and takes events, as the receiver in Airflow's API server does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.events: list[tuple[str, str]] = []
        self.posts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self.echo(parse_qs(urlsplit(self.path).query)["validationToken"][0])

    def echo(self, token: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(token)))
        self.end_headers()
        self.wfile.write(token.encode())

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "check" in query:
            self.echo(query["check"][0])
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.events.append((body["eventType"], self.headers["kz-callback-token"]))
        self.server.posts += 1
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receive() -> Iterator[Callable[[], Receiver]]:
    """Start receivers."""
    running: list[tuple[Receiver, Thread]] = []

    def start() -> Receiver:
        server = Receiver()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def receiver(receive: Callable[[], Receiver]) -> Receiver:
    """An address that echoes and takes events."""
    return receive()


@pytest.fixture
def conn(kaizala_connect: Callable[..., Any]) -> Any:
    """The connection, with a secret for webhooks."""
    return kaizala_connect("kaizala_default", webhook_secret=SECRET)


@pytest.fixture
def ensured(conn: Any, outcome: Any) -> Callable[..., Any]:
    """Run the operator in a DAG; return what it handed on, or None if it failed."""

    def run(receiver: Receiver, **given: Any) -> Any:
        with DAG(
            f"ensure_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)
        ) as dag:
            KaizalaEnsureWebhooksOperator(task_id="t", public_url=receiver.url, **given)
        states, values = outcome(dag)
        return values["t"] if states["t"] == "success" else None

    return run


def run(call: Any) -> Any:
    hook = KaizalaHook()
    try:
        return hook.run(call)
    finally:
        hook.close()


def there(group_id: str = GROUP) -> list[Any]:
    return list(run(calls.list_webhooks(group_id)))


def create(url: str, **given: Any) -> str:
    """Create a webhook by hand."""
    usual = {"callback_token": TOKEN, "event_types": EVENT_TYPES, "expires": timedelta(days=700)}
    webhook_id: str = run(
        calls.create_webhook(NewWebhook(GROUP, "Group", callback_url=url, **{**usual, **given}))
    )
    return webhook_id


def ids(result: Any) -> dict[str, list[str]]:
    """What became of webhooks: kind to ids, without what became of none."""
    return {
        kind: [each["webhook_id"] for each in steps]
        for kind, steps in result.items()
        if isinstance(steps, list) and steps
    }


def wait_until(fits: Callable[[], Any], what: str) -> None:
    until = time.monotonic() + 30
    while not fits():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def test_it_is_created_once_and_brings_events(
    ensured: Any, receiver: Receiver, kaizala_server: KaizalaServer, kaizala_people: Any
) -> None:
    first = ensured(receiver)
    (made,) = there()
    assert ids(first) == {"created": [made.id]}
    assert first["created"][0] == {"group_id": GROUP, "webhook_id": made.id, "reason": "the group has none"}
    assert made.event_types == EVENT_TYPES
    assert made.callback_url == Subscription("kaizala_default", "Group", GROUP).callback_url(receiver.url)
    assert ids(ensured(receiver)) == {"unchanged": [made.id]}
    assert [each.id for each in there()] == [made.id]
    assert len(kaizala_server.journal(operation="updateWebhook")) == 0
    kaizala_people.ravi.says("Hello")
    wait_until(lambda: receiver.events, "no event came")
    assert receiver.events == [("TextMessageCreated", TOKEN)]


def test_a_dry_run_creates_nothing(ensured: Any, receiver: Receiver) -> None:
    result = ensured(receiver, dry_run="{{ 1 == 1 }}")
    assert ids(result) == {"created": [None]}
    assert result["dry_run"] is True
    assert there() == []


def test_what_kaizala_has_disabled_works_again(
    ensured: Any, receiver: Receiver, kaizala_server: KaizalaServer, kaizala_people: Any
) -> None:
    """And what could not be delivered meanwhile comes."""
    (made,) = ids(ensured(receiver))["created"]
    receiver.status = 503
    kaizala_server.freeze()
    kaizala_people.ravi.says("While Airflow is down")
    for attempt in range(1, 8):
        wait_until(lambda number=attempt: receiver.posts >= number, f"attempt {attempt} did not come")
        kaizala_server.advance(timedelta(hours=25))
    wait_until(lambda: not there()[0].active, "the webhook is still active")
    receiver.status = 200
    result = ensured(receiver)
    assert ids(result) == {"reactivated": [made]}
    assert result["reactivated"][0]["reason"] == "Kaizala has disabled it"
    wait_until(lambda: receiver.events, "no event came")
    assert receiver.events == [("TextMessageCreated", TOKEN)]
    assert ids(ensured(receiver)) == {"unchanged": [made]}


def test_after_a_move_events_go_to_the_new_address(
    ensured: Any, receive: Callable[[], Receiver], kaizala_people: Any
) -> None:
    old, new = receive(), receive()
    (made,) = ids(ensured(old))["created"]
    assert ids(ensured(new)) == {"replaced": [made]}
    assert [each.callback_url.startswith(new.url) for each in there()] == [True]
    kaizala_people.ravi.says("Hello")
    wait_until(lambda: new.events, "no event came")
    assert (old.events, new.events) == ([], [("TextMessageCreated", TOKEN)])


def test_it_is_renewed_near_the_end(ensured: Any, receiver: Receiver) -> None:
    url = Subscription("kaizala_default", "Group", GROUP).callback_url(receiver.url)
    made = create(url, expires=timedelta(days=29))
    assert ids(ensured(receiver, expires=timedelta(days=365))) == {"renewed": [made]}
    (webhook,) = there()
    assert timedelta(days=364) < webhook.expires_at - datetime.now(tz=UTC) < timedelta(days=366)
    assert ids(ensured(receiver, expires=timedelta(days=365))) == {"unchanged": [made]}


def test_another_secret_is_another_token(
    ensured: Any, receiver: Receiver, kaizala_connect: Callable[..., Any]
) -> None:
    (made,) = ids(ensured(receiver))["created"]
    kaizala_connect("kaizala_default", webhook_secret="another secret")
    assert ids(ensured(receiver)) == {"updated": [made]}
    token = Subscription("kaizala_default", "Group", GROUP).token("another secret")
    assert [each.callback_token for each in there()] == [token]


def test_duplicates_go_and_others_stay(ensured: Any, receiver: Receiver) -> None:
    url = Subscription("kaizala_default", "Group", GROUP).callback_url(receiver.url)
    others = [
        create(f"{receiver.url}/kaizala/another?on=Group%2F{GROUP}"),
        create(f"{receiver.url}/elsewhere?validation=1", callback_token="of somebody else"),
        create(f"{receiver.url}/staging/kaizala/kaizala_default", callback_token="of another Airflow"),
    ]
    first, second = create(url), create(url)
    assert ids(ensured(receiver)) == {"unchanged": [first], "removed": [second]}
    assert {each.id for each in there()} == {first, *others}
    result = ensured(receiver, remove_unneeded=True, event_types=["JobResponse"])
    assert ids(result) == {"updated": [first]}
    assert {each.id for each in there()} == {first, *others}
    assert {each.event_types for each in there() if each.id == first} == {("JobResponse",)}


def test_a_forbidden_group_does_not_keep_the_others_from_being_dealt_with(
    ensured: Any, receiver: Receiver, kaizala_server: KaizalaServer
) -> None:
    # Asha, whose token the connection holds, is in none but the second
    kaizala_server.seed(
        {
            "groups": [
                {"id": FORBIDDEN, "name": "Not hers", "admins": [RAVI], "members": []},
                {"id": SECOND, "name": "Store 13", "admins": [ASHA], "members": [RAVI]},
            ]
        }
    )
    assert ensured(receiver, group_ids=[GROUP, FORBIDDEN, SECOND]) is None
    assert len(there(GROUP)) == len(there(SECOND)) == 1


def test_groups_that_are_no_longer_needed_lose_their_webhook(
    ensured: Any, receiver: Receiver, kaizala_server: KaizalaServer
) -> None:
    kaizala_server.seed({"groups": [{"id": SECOND, "name": "Store 13", "admins": [ASHA], "members": [RAVI]}]})
    first, second = ids(ensured(receiver, group_ids=[GROUP, SECOND]))["created"]
    assert ids(ensured(receiver)) == {"unchanged": [first]}
    assert ids(ensured(receiver, remove_unneeded=True)) == {"unchanged": [first], "removed": [second]}
    assert there(SECOND) == []


def test_nothing_is_created_where_the_receiver_does_not_answer(
    ensured: Any, receive: Callable[[], Receiver], kaizala_server: KaizalaServer
) -> None:
    gone = receive()
    gone.shutdown()
    gone.server_close()
    assert ensured(gone) is None
    kaizala_itself = type("Elsewhere", (), {"url": kaizala_server.url})
    assert ensured(kaizala_itself) is None
    assert there() == []
    assert not kaizala_server.journal(operation="createWebhook")


# --- the commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(conn: Any, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run ``airflow-kaizala webhooks ...``; return the exit code and what it prints, which holds no secret."""

    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["webhooks", *words])
        out, err = capfd.readouterr()
        secrets = (SECRET, TOKEN, conn["password"], *conn["extra"]["group_refresh_tokens"].values())
        assert not [secret for secret in secrets if secret in out + err]
        assert "Traceback" not in err
        return code, out, err

    return call


def test_the_commands(command: Any, receiver: Receiver) -> None:
    ensure = ("ensure", "--public-url", receiver.url)
    code, out, err = command(*ensure, "--dry-run")
    assert (code, there()) == (0, [])
    assert f"dry run: created: webhook (new) of group {GROUP}, the group has none" in out
    code, out, err = command("test")
    assert code == 1
    assert f"group {GROUP} has no webhook that calls this Airflow" in err
    code, out, err = command(*ensure, "--event", "JobResponse", "MemberAdded")
    (made,) = there()
    assert code == 0
    assert out.splitlines()[-2:] == [
        f"created: webhook {made.id} of group {GROUP}, the group has none",
        "1 created",
    ]
    assert made.event_types == ("JobResponse", "MemberAdded")
    foreign = create(f"{receiver.url}/elsewhere?key=of-somebody-else")

    code, out, err = command("list")
    address = f"{receiver.url}/kaizala/kaizala_default"
    until = f"{made.expires_at:%Y-%m-%d}"
    head, first, second = (re.split("  +", line) for line in out.splitlines())
    assert head == ["GROUP", "ID", "EVENTS", "WHERE", "STATE", "UNTIL"]
    assert first == [GROUP, made.id, "JobResponse, MemberAdded", address, "active", until]
    assert second[1:4] == [foreign, "all", f"{receiver.url}/elsewhere"]
    code, out, err = command("list", "--output", "json", "--group", GROUP)
    listed = json.loads(out)
    assert [(each["webhook_id"], each["ours"], each["state"]) for each in listed] == [
        (made.id, True, "active"),
        (foreign, False, "active"),
    ]
    assert "of-somebody-else" not in out

    code, out, err = command("test")
    assert (code, err) == (0, "")
    assert f"{receiver.url} reaches the receiver of connection 'kaizala_default'" in out
    assert f"webhook {made.id} of group {GROUP}: active, until {until}" in out

    code, out, err = command("remove", "--yes")
    assert (code, [each.id for each in there()]) == (0, [foreign])
    code, out, err = command("remove", "--yes", "--id", foreign)
    assert (code, there()) == (0, [])


@pytest.fixture
def stored(airflow_db: None, kaizala_server: KaizalaServer) -> Iterator[str]:
    """The id of a connection in Airflow's database."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    fields = kaizala_server.connection(webhook_secret=SECRET)
    with create_session() as session:
        session.add(Connection(conn_id="stored", **{**fields, "extra": json.dumps(fields["extra"])}))
    yield "stored"
    with create_session() as session:
        session.query(Connection).filter_by(conn_id="stored").delete()


def test_a_connection_in_the_database_is_found(stored: str, command: Any, receiver: Receiver) -> None:
    code, out, _ = command("ensure", "--conn-id", stored, "--public-url", receiver.url)
    assert (code, out.splitlines()[-1]) == (0, "1 created")
    assert [urlsplit(each.callback_url).path for each in there()] == ["/kaizala/stored"]


@pytest.mark.skipif(not AIRFLOW_V_3_2_PLUS, reason="Airflow has commands of providers since 3.2")
def test_airflow_has_the_commands(command: Any, receiver: Receiver, capfd: Any) -> None:
    from airflow.cli import cli_parser

    command("ensure", "--public-url", receiver.url)
    (made,) = there()
    parser = cli_parser.get_parser()
    for words, code in [
        (["list", "--output", "json"], None),
        (["test", "--public-url", "http://127.0.0.1:1"], 1),
    ]:
        args = parser.parse_args(["kaizala", "webhooks", *words])
        capfd.readouterr()
        if code is None:
            args.func(args)
            assert [each["webhook_id"] for each in json.loads(capfd.readouterr().out)] == [made.id]
        else:
            with pytest.raises(SystemExit) as exits:
                args.func(args)
            assert exits.value.code == code


def test_a_webhook_that_is_disabled_fails_the_test(command: Any, receiver: Receiver) -> None:
    command("ensure", "--public-url", receiver.url)
    (made,) = there()
    run(calls.update_webhook(made.id, calls.webhooks.WebhookChange(active=False)))
    code, out, err = command("test", "--public-url", receiver.url)
    assert code == 1
    assert f"webhook {made.id} of group {GROUP}: disabled" in out
    assert "error: not all webhooks are active; run: webhooks ensure" in err


def test_commands_that_cannot_do_it_say_why(
    command: Any, receiver: Receiver, kaizala_server: KaizalaServer, kaizala_connect: Any
) -> None:
    url = receiver.url
    create(f"{url}/elsewhere")
    for words, exit_code, says in [
        (("list", "--conn-id", "nowhere"), 2, "there is no connection 'nowhere' that this command can read"),
        (("list", "--group", "a/b"), 2, "--group: the connection reaches no group that is called 'a/b'"),
        (("list", "--group", SECOND), 1, f"group {SECOND}: listWebhooks failed"),
        (("ensure", "--public-url", "me"), 2, "public_url must be an https:// address"),
        (("ensure", "--public-url", url, "--event", "X"), 2, "event_types must be one of"),
        (("ensure", "--public-url", url, "--group", SECOND), 1, f"group {SECOND}: listWebhooks failed"),
        (("ensure", "--public-url", kaizala_server.url), 1, "is not the receiver of connection"),
        (("remove", "--id", "w1"), 2, f"--id: no such webhook in {GROUP}: w1"),
        (("remove", "--id", there()[0].id), 2, "nobody can be asked for confirmation; give --yes"),
    ]:
        code, _, err = command(*words)
        assert (code, says in err) == (exit_code, True), (words, err)
    assert len(there()) == 1
    kaizala_connect("kaizala_default")
    code, _, err = command("ensure", "--public-url", url)
    assert code == 2
    assert "extra webhook_secret is missing" in err


@pytest.mark.parametrize(
    "words", [["webhooks"], ["webhooks", "ensure"], ["webhooks", "list", "--output", "xml"]]
)
def test_a_wrong_command_says_where_its_usage_is(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exits:
        main(words)
    assert exits.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.endswith(f"; see airflow-kaizala {' '.join(words[:2])} --help\n")
