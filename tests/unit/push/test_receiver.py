"""What the receiver answers, stores and announces."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from airflow.models.asset import AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push import announce, inbox, receiver
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.bodies import MAX_BYTES, read_object
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.gate import Refusals
from airflow_provider_kaizala.push.settings import PushSettings
from airflow_provider_kaizala.push.subscriptions import Subscription, check_token
from airflow_provider_kaizala.push.tables import bell, event
from tests.unit.push.sender import (
    GROUP,
    SECRET,
    SUBSCRIPTION,
    Sender,
    asset_events,
    define_connection,
    message,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ALL = asset_uri("kaizala_default", GROUP)
MESSAGES = asset_uri("kaizala_default", GROUP, "TextMessageCreated")
OTHER = Subscription("kaizala_default", "Group", "another")
NOT_FOUND = (404, b'{"detail":"Not Found"}')


def answer(response: httpx.Response) -> tuple[int, bytes]:
    return response.status_code, response.content


# --- the validation ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["123456789012345", "a b+c&d", "~" * 1000])
def test_a_validation_token_is_echoed_as_plain_text(sender: Sender, token: str) -> None:
    url = SUBSCRIPTION.callback_url("")
    response = sender.request("GET", f"{url}&{httpx.QueryParams({'validationToken': token})}")
    assert (response.status_code, response.text) == (200, token)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    ["", "?validationToken=", "?validationToken=%3Cscript%3E", "?validationToken=a%0Ab", "?validationToken=%C3%BC",
     "?validationToken=" + "1" * 1001, "?validationToken=" + "1" * 60_000, "?other=1"],
)  # fmt: skip
def test_no_other_token_is_echoed(sender: Sender, query: str) -> None:
    assert answer(sender.request("GET", f"/kaizala/kaizala_default{query}")) == NOT_FOUND


@pytest.mark.parametrize("conn_id", ["other", "", "kaizala_default/x", "_events", "kaizala_default%00"])
def test_nothing_is_echoed_for_a_connection_that_has_not_opted_in(sender: Sender, conn_id: str) -> None:
    assert answer(sender.request("GET", f"/kaizala/{conn_id}?validationToken=5")) == NOT_FOUND


# --- the check -----------------------------------------------------------------------------------------------------------------


def check(sender: Sender, conn_id: str = "kaizala_default", nonce: str = "5", secret: str = SECRET) -> Any:
    token = check_token(secret, conn_id, nonce)
    url = f"/kaizala/{conn_id}?{httpx.QueryParams({'check': nonce})}"
    return answer(sender.request("POST", url, headers={"kz-callback-token": token}))


def test_whoever_has_the_secret_can_check_that_events_are_taken(sender: Sender) -> None:
    assert check(sender) == (200, b"5")
    assert check(sender, nonce="1" * 100) == (200, b"1" * 100)
    assert stored() == []


def test_a_check_tells_a_stranger_nothing(sender: Sender) -> None:
    assert check(sender, conn_id="other") == NOT_FOUND
    assert check(sender, secret="another secret") == NOT_FOUND
    assert check(sender, nonce="1" * 101) == NOT_FOUND
    url = "/kaizala/kaizala_default?check=5"
    for token in ("", SUBSCRIPTION.token(SECRET), check_token(SECRET, "kaizala_default", "6")):
        assert answer(sender.request("POST", url, headers={"kz-callback-token": token})) == NOT_FOUND


@pytest.mark.parametrize("secret", ["", None])
def test_a_check_of_a_connection_without_a_secret_fails(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    define_connection(monkeypatch, "kaizala_default", webhook_secret=secret)
    assert check(sender) == NOT_FOUND


def test_a_check_of_a_connection_that_does_not_exist_fails(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_KAIZALA_DEFAULT")
    assert check(sender) == NOT_FOUND
    assert sender.request("GET", "/kaizala/kaizala_default?validationToken=5").status_code == 200


def test_a_token_of_a_check_opens_nothing(sender: Sender) -> None:
    token = check_token(SECRET, "kaizala_default", SUBSCRIPTION.on)
    assert answer(sender.post(headers={"kz-callback-token": token})) == NOT_FOUND


def test_a_check_while_the_connection_cannot_be_read(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(conn_id: str) -> None:
        raise ConnectionError("no route to the vault")

    monkeypatch.setattr(receiver, "read_secret", fail)
    assert check(sender)[0] == 503


# --- who is refused ----------------------------------------------------------------------------------------------------------


def refused_requests() -> dict[str, tuple[str, dict[str, Any]]]:
    sender = Sender(PushSettings())
    url = SUBSCRIPTION.callback_url("")
    foreign = OTHER.token(SECRET)
    good = SUBSCRIPTION.token(SECRET)

    def post(address: str = url, **headers: Any) -> tuple[str, dict[str, Any]]:
        return address, sender.delivery(
            headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    return {
        "no token": post(kz_callback_token=None),
        "an empty token": post(kz_callback_token=""),
        "a wrong token": post(kz_callback_token="wrong"),
        "a token that is not ASCII": post(kz_callback_token=b"\xff\xfe"),
        "the secret itself": post(kz_callback_token=SECRET),
        "the token of another group": post(kz_callback_token=foreign),
        "the token at the address of another group": post(OTHER.callback_url(""), kz_callback_token=good),
        "a token without a subscription": post("/kaizala/kaizala_default"),
        "an invalid subscription": post("/kaizala/kaizala_default?on=Everything/1"),
        "a connection that has not opted in": post("/kaizala/other?on=Group/1"),
        "a connection that does not exist": post("/kaizala/missing?on=Group/1"),
        "a connection without a webhook_secret": post("/kaizala/no_secret?on=Group/1"),
        "an invalid connection": post("/kaizala/invalid?on=Group/1"),
        "no connection": post("/kaizala/"),
        "10 MB": post(kz_callback_token="wrong", content_length="10000000"),
        "another content type": post(kz_callback_token="wrong", content_type="text/html"),
    }


@pytest.mark.parametrize("name", refused_requests())
def test_every_refusal_is_the_same(sender: Sender, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    define_connection(monkeypatch, "other")
    define_connection(monkeypatch, "no_secret", webhook_secret="")
    define_connection(monkeypatch, "invalid", timeout="soon")
    sender = Sender(PushSettings(frozenset({"kaizala_default", "missing", "no_secret", "invalid"})))
    url, given = refused_requests()[name]
    response = sender.request("POST", url, **given)
    assert answer(response) == NOT_FOUND
    assert {*response.headers} == {"content-length", "content-type"}
    assert stored() == []


def test_a_body_is_not_read_before_the_token_is_verified(sender: Sender) -> None:
    async def body() -> AsyncIterator[bytes]:
        pytest.fail("read")
        yield b""

    assert answer(sender.post(content=body(), headers={"kz-callback-token": "wrong"})) == NOT_FOUND


def test_refusals_are_logged_without_secrets_and_without_a_traceback(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_kaizala")
    sender.receiver_app.state.receiver.refusals = Refusals(clock=lambda: 0.0)  # all within one second
    for _ in range(100):
        sender.post(headers={"kz-callback-token": "wrong-token"})
    (record,) = [each for each in caplog.records if each.name.startswith("airflow_provider_kaizala")]
    assert record.message.startswith("Refused a webhook request: POST without the token of its subscription")
    assert record.exc_info is None
    assert "wrong-token" not in caplog.text
    assert SECRET not in caplog.text


def test_a_secrets_backend_that_is_down(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Any) -> Any:
        raise ConnectionError("vault://user:hidden@host")

    monkeypatch.setattr(KaizalaHook, "connection", property(fail))
    response = sender.post()
    assert answer(response) == (503, b'{"detail":"Temporarily unavailable"}')
    assert response.headers["retry-after"] == "30"
    assert "hidden" not in caplog.text


# --- what is refused of those who are known --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Length": str(MAX_BYTES + 1)}, 413),
        (b"{}", {"Content-Length": "9" * 5000}, 413),
        (b'{"a": "' + b"x" * MAX_BYTES + b'"}', {}, 413),
        (None, {"Content-Type": "text/plain"}, 415),
        (None, {"Content-Type": None}, 415),
        (None, {"Content-Encoding": "gzip"}, 415),
        (b"", {}, 400),
        (b"{", {}, 400),
        (b'{"a": NaN}', {}, 400),
        (b'{"a":' * 64 + b"1" + b"}" * 64, {}, 400),
        (b"[]", {}, 400),
        (b'{"eventType": "TextMessageCreated"}', {}, 400),
        (b'{"eventId": "1"}', {}, 400),
        (message(eventId="a\u0000b"), {}, 400),
        (message(objectId="another"), {}, 400),
        (message(objectId=GROUP[:-1] + "2"), {}, 400),
        (message(objectType="Action"), {}, 400),
        (message(objectType=None, objectId=None, data={"groupId": "another"}), {}, 400),
    ],
)  # fmt: skip
def test_bad_events_have_no_effect(
    sender: Sender,
    declare: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    body: Any,
    headers: dict[str, Any],
    status: int,
) -> None:
    declare(ALL)
    response = sender.post(body, headers=headers)
    assert response.status_code == status
    assert set(response.json()) == {"detail"}
    assert stored() == []
    assert asset_events() == []
    ours = [each for each in caplog.records if each.name.startswith("airflow_provider_kaizala")]
    assert len(ours) == 1
    assert ours[0].exc_info is None


def test_a_body_without_a_declared_size_is_bounded_too(sender: Sender) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * (MAX_BYTES // 4)

    assert sender.post(content=body()).status_code == 413
    assert stored() == []


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_body_that_does_not_end(sender: Sender, monkeypatch: pytest.MonkeyPatch, goes_on: bool) -> None:
    monkeypatch.setattr(receiver, "LONGEST_BODY", 0.01)

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        while goes_on:
            await asyncio.sleep(0.001)
            yield b" "
        await asyncio.Event().wait()

    assert sender.post(content=body()).status_code == 408
    assert stored() == []


def test_a_sender_that_disconnects(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    scope = {
        "type": "http", "method": "POST", "path": "/kaizala_default", "root_path": "", "query_string": f"on={SUBSCRIPTION.on}".encode(),
        "headers": [(b"kz-callback-token", SUBSCRIPTION.token(SECRET).encode()), (b"content-type", b"application/json")],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(part: Any) -> None:
        sent.append(part)

    asyncio.run(sender.receiver_app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert stored() == []


def test_only_verified_events_count_for_the_rate_limit(sender: Sender) -> None:
    sender = Sender(PushSettings(frozenset({"kaizala_default"}), events_per_second=2))
    url = SUBSCRIPTION.callback_url("")
    wrong = ("POST", url, sender.delivery(headers={"kz-callback-token": "wrong"}))
    right = [("POST", url, sender.delivery(message(f"e{number}"))) for number in range(3)]
    statuses = [each.status_code for each in sender.requests(*[wrong] * 50, *right)]
    assert statuses[:50] == [404] * 50
    assert sorted(statuses[50:]) == [200, 200, 429]
    assert len(stored()) == 2
    limited = sender.post(message("e9"))
    assert limited.status_code == 429
    assert limited.headers["retry-after"] == "1"
    another = Subscription("kaizala_default", "Group", "another")
    assert sender.post(message("e9", objectId="another"), another).status_code == 200


# --- what is stored ----------------------------------------------------------------------------------------------------------


def test_an_event_is_stored_as_it_came(sender: Sender) -> None:
    body = json.dumps(message(data={"text": "Grüße \ud83d\ude00\u0000"}), indent=1).encode()
    began = datetime.now(tz=UTC)
    assert answer(sender.post(body)) == (200, b"{}")
    (row,) = stored()
    assert row.body.encode() == body
    assert (row.conn_id, row.object_type, row.object_id, row.group_id) == (
        "kaizala_default",
        "Group",
        GROUP,
        GROUP,
    )
    assert (row.event_id, row.event_type) == ("e1", "TextMessageCreated")
    with create_session() as session:
        ((row_id, received_at, text),), _ = inbox.page(session, "kaizala_default", GROUP)
    assert KaizalaEvent.read(read_object(text)).text == "Grüße 😀\ufffd"
    assert row_id == row.id
    assert began <= received_at <= datetime.now(tz=UTC)


def test_an_event_of_an_unknown_type_is_kept(sender: Sender) -> None:
    assert sender.post(message(eventType="BirthdayCelebrated", data={"cake": 1})).status_code == 200
    assert [row.event_type for row in stored()] == ["BirthdayCelebrated"]


def test_a_duplicate_changes_nothing(sender: Sender, declare: Callable[..., None]) -> None:
    declare(ALL)
    assert answer(sender.post()) == answer(sender.post(message(context="again"))) == (200, b"{}")
    assert len(stored()) == 1
    assert len(asset_events()) == 1
    with create_session() as session:
        assert session.scalar(select(bell.c.pending)) is False, "a duplicate is no reason to ring again"


def test_duplicates_at_once(sender: Sender) -> None:
    delivery = ("POST", SUBSCRIPTION.callback_url(""), sender.delivery())
    assert [each.status_code for each in sender.requests(*[delivery] * 10)] == [200] * 10
    assert len(stored()) == 1


def test_a_group_id_without_its_scale_unit_is_the_same_group(sender: Sender) -> None:
    assert sender.post(message(objectId=GROUP.partition("@")[0])).status_code == 200
    assert [row.group_id for row in stored()] == [GROUP]


def test_a_group_id_in_another_case_is_the_same_group(sender: Sender, declare: Callable[..., None]) -> None:
    group = "ABCDEF00-1111-4111-8111-111111111111@1"
    declare(asset_uri("kaizala_default", group))
    webhook = Subscription("kaizala_default", "Group", group)
    for number, (object_id, object_type) in enumerate([(group, "Group"), (group.lower(), "group")]):
        body = message(f"e{number}", objectId=object_id, objectType=object_type)
        assert sender.post(body, webhook).status_code == 200
    assert [row.group_id for row in stored()] == [group.lower()] * 2
    assert [uri for uri, _ in asset_events()] == [asset_uri("kaizala_default", group.lower())]


def test_an_event_of_an_action_proves_nothing_about_a_group(
    sender: Sender, declare: Callable[..., None]
) -> None:
    """Who holds the token of an action can start no DAG of a group, and hide no event of it."""
    declare(ALL)
    action = Subscription("kaizala_default", "Action", "a1")
    body = message(objectType="Action", objectId="a1", data={"groupId": GROUP})
    assert sender.post(body, action).status_code == 200
    assert asset_events() == []
    assert sender.post().status_code == 200
    assert [row.group_id for row in stored()] == [None, GROUP]
    assert len(asset_events()) == 1


def test_many_at_once_are_numbered_in_the_order_of_commits(sender: Sender) -> None:
    url = SUBSCRIPTION.callback_url("")
    seen: list[int] = []
    done = threading.Event()

    def read_on() -> None:
        while True:
            is_last = done.is_set()
            with create_session(scoped=False) as session:
                found, _ = inbox.page(session, "kaizala_default", after=seen[-1] if seen else 0)
            seen.extend(row_id for row_id, _, _ in found)
            if is_last:
                return

    reader = threading.Thread(target=read_on)
    reader.start()
    answers = sender.requests(
        *[("POST", url, sender.delivery(message(f"e{number}"))) for number in range(60)]
    )
    done.set()
    reader.join()
    assert {each.status_code for each in answers} == {200}
    assert seen == [row.id for row in stored()]
    assert len(seen) == 60


# --- database trouble ----------------------------------------------------------------------------------------------------------


def test_an_event_that_cannot_be_stored_is_refused_for_now(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("INSERT hidden", {"body": "hidden"}, Exception("database is locked\nhidden"))

    with monkeypatch.context() as broken:
        broken.setattr(inbox, "store", fail)
        for _ in range(5):
            response = sender.post()
            assert answer(response) == (503, b'{"detail":"Temporarily unavailable"}')
            assert response.headers["retry-after"] == "30"
    (record,) = [each for each in caplog.records if each.name.startswith("airflow_provider_kaizala")]
    assert "database is locked" in record.message
    assert "hidden" not in caplog.text
    assert sender.post().status_code == 200
    assert len(stored()) == 1


def test_an_event_and_its_asset_event_are_stored_together_or_not_at_all(
    sender: Sender, declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(ALL)
    with monkeypatch.context() as broken:
        broken.setattr(announce.asset_manager, "register_asset_change", lambda **_: 1 / 0)
        assert sender.post().status_code == 503
    assert stored() == []
    with create_session() as session:
        assert session.execute(select(bell)).all() == []
    assert sender.post().status_code == 200
    assert len(asset_events()) == 1


# --- the doorbell ------------------------------------------------------------------------------------------------------------


def test_the_assets_of_the_group_and_of_the_event_type_ring(
    sender: Sender, declare: Callable[..., None]
) -> None:
    for uri in (ALL, MESSAGES, asset_uri("kaizala_default", GROUP, "JobResponse"), asset_uri("other", GROUP)):
        declare(uri)
    sender.post()
    about = {"conn_id": "kaizala_default", "group_id": GROUP}
    assert sorted(asset_events()) == [(ALL, {"kaizala": about}), (MESSAGES, {"kaizala": about})]


def test_an_asset_that_no_dag_declares_does_not_ring(sender: Sender, declare: Callable[..., None]) -> None:
    declare(ALL, active=False)
    assert sender.post().status_code == 200
    assert asset_events() == []
    assert len(stored()) == 1
    with create_session() as session:
        assert session.execute(select(bell)).all() == []


def rung_seconds_ago(seconds: float) -> None:
    with create_session() as session:
        session.execute(update(bell).values(rung_at=datetime.now(tz=UTC) - timedelta(seconds=seconds)))


def test_a_burst_rings_once_and_once_more_after_its_last_event(
    sender: Sender, declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "PAUSE", timedelta(hours=1))  # so that it does not pass while this runs
    declare(ALL)
    sender.post(message("e0"))
    for number in range(1, 20):
        sender.post(message(f"e{number}"))
    assert len(asset_events()) == 1
    assert announce.ring_again() == 0, "not within the pause"
    rung_seconds_ago(3601)
    assert announce.ring_again() == 1
    assert announce.ring_again() == 0
    rung_seconds_ago(3601)
    assert announce.ring_again() == 0, "nothing has come since"
    assert len(asset_events()) == 2


def test_an_event_after_a_pause_rings_at_once(sender: Sender, declare: Callable[..., None]) -> None:
    declare(ALL)
    sender.post(message("e1"))
    rung_seconds_ago(1.1)
    sender.post(message("e2"))
    assert len(asset_events()) == 2
    rung_seconds_ago(1.1)
    assert announce.ring_again() == 0


def test_a_clock_that_was_wrong_silences_nothing(sender: Sender, declare: Callable[..., None]) -> None:
    declare(ALL)
    sender.post(message("e1"))
    rung_seconds_ago(-3600)
    sender.post(message("e2"))
    assert len(asset_events()) == 2


def test_several_processes_ring_again_once(sender: Sender, declare: Callable[..., None]) -> None:
    declare(ALL)
    sender.post(message("e1"))
    sender.post(message("e2"))
    with create_session() as session:
        session.execute(
            update(bell).values(pending=True, rung_at=datetime.now(tz=UTC) - timedelta(seconds=5))
        )
    counts: list[int] = []
    barrier = threading.Barrier(3)

    def ring() -> None:
        barrier.wait()
        counts.append(announce.ring_again())

    threads = [threading.Thread(target=ring) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(counts) == [0, 0, 1]
    assert len(asset_events()) == 2


def test_an_asset_that_was_removed_since_does_not_ring_again(
    sender: Sender, declare: Callable[..., None]
) -> None:
    declare(ALL)
    sender.post(message("e1"))
    with create_session() as session:
        session.execute(
            update(bell).values(pending=True, rung_at=datetime.now(tz=UTC) - timedelta(seconds=5))
        )
        session.delete(session.scalar(select(AssetModel).where(AssetModel.uri == ALL)).active)
    assert announce.ring_again() == 0
    with create_session() as session:
        assert session.scalar(select(bell.c.pending)) is False


# --- beside requests -----------------------------------------------------------------------------------------------------------


def test_the_app_rings_again_and_deletes_old_events_by_itself(
    sender: Sender, declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(ALL)
    sender.post(message("e1"))
    with create_session() as session:
        old = datetime.now(tz=UTC) - timedelta(days=31)
        session.execute(update(event).values(received_at=old))
        session.execute(update(bell).values(pending=True, rung_at=old))
    monkeypatch.setattr(receiver, "BELL_SECONDS", 0.01)
    monkeypatch.setattr(receiver, "PRUNE_SECONDS", 0.0)

    async def run() -> None:
        app = sender.receiver_app
        async with app.router.lifespan_context(app):
            while len(asset_events()) < 2 or stored():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 30))


def test_trouble_does_not_end_the_work_beside_requests(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def fail() -> int:
        calls.append(1)
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(announce, "ring_again", fail)
    monkeypatch.setattr(receiver, "BELL_SECONDS", 0.0)

    async def run() -> None:
        app = sender.receiver_app
        async with app.router.lifespan_context(app):
            while len(calls) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 30))
    assert len([each for each in caplog.records if "server closed" in each.message]) == 1, (
        "at most once a minute"
    )


def test_without_opted_in_connections_nothing_runs(database: None) -> None:
    async def run() -> None:
        app = Sender(PushSettings()).receiver_app
        async with app.router.lifespan_context(app):
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_no_documentation_is_served(sender: Sender) -> None:
    for path in ("docs", "redoc", "openapi.json"):
        assert answer(sender.request("GET", f"/kaizala/{path}")) == NOT_FOUND
