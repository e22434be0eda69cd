"""Which events a try of a task is given, and when they count as processed."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.models.asset import AssetModel, DagScheduleAssetReference
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import OperationalError

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError
from airflow_provider_kaizala.push import announce, batches, inbox
from airflow_provider_kaizala.push.asks import Ask
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.batches import settle_all, take
from airflow_provider_kaizala.push.pages import read_page
from airflow_provider_kaizala.push.receiver import prune_events
from airflow_provider_kaizala.push.settings import PushSettings
from airflow_provider_kaizala.push.subscriptions import Subscription, listener_token
from airflow_provider_kaizala.push.tables import batch, bell, event, reader
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
    from collections.abc import Callable, Iterator

    import httpx

ALL = asset_uri("kaizala_default", GROUP)
URL = "/kaizala/kaizala_default/batches"
TOKEN = listener_token(SECRET, "kaizala_default")
OTHER = Subscription("kaizala_default", "Group", "another")


def ask(number: int = 1, run: str = "run1", **given: Any) -> Ask:
    """What a try asks for.

    :param number: tells tries apart
    """
    start = Ask("dag", "task", run, -1, str(UUID(int=number)), GROUP)
    return replace(start, **given)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[int, str | None]:
    """The states of tries; those that are not in it run."""
    found: dict[int, str | None] = {}
    monkeypatch.setattr(batches, "_state", lambda session, try_id: found.get(UUID(try_id).int, "running"))
    return found


@pytest.fixture
def post(sender: Sender, states: dict[int, str | None]) -> Callable[..., None]:
    def post(*event_ids: str, subscription: Subscription = SUBSCRIPTION, **changes: Any) -> None:
        for event_id in event_ids:
            body = message(event_id, objectId=subscription.object_id, **changes)
            assert sender.post(body, subscription).status_code == 200

    return post


def given(asked: Ask) -> list[str] | None:
    """The ids of the events that a try gets in all, None if it gets none since another works on events."""
    ids: list[str] = []
    while (taken := take("kaizala_default", asked)) is not None and taken.events:
        ids += [json.loads(body)["eventId"] for _, _, body in taken.events]
        asked = replace(asked, reached=taken.cursor)
    return None if taken is None else ids


def cursor_of(event_id: str) -> int:
    (found,) = (row.id for row in stored() if row.event_id == event_id)
    return int(found)


# --- processed or not --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["success", "skipped"])
def test_events_are_processed_once_the_task_has_ended_well(
    post: Callable[..., None], states: dict[int, str | None], state: str
) -> None:
    post("e1", "e2")
    assert given(ask(1)) == ["e1", "e2"]
    states[1] = state
    post("e3")
    assert given(ask(2, "run2")) == ["e3"]


@pytest.mark.parametrize("state", ["failed", "up_for_retry", "upstream_failed", "removed", None])
def test_a_try_that_has_not_ended_well_has_processed_nothing(
    post: Callable[..., None], states: dict[int, str | None], state: str | None
) -> None:
    post("e1")
    assert given(ask(1)) == ["e1"]
    states[1] = state
    post("e2")
    assert given(ask(2)) == ["e1", "e2"], "the retry"
    states[2] = state
    assert given(ask(3, "run2")) == ["e1", "e2"], "the next run"


@pytest.mark.parametrize(
    "state", ["running", "deferred", "scheduled", "queued", "up_for_reschedule", "restarting", "new"]
)
def test_one_run_at_a_time_is_given_events(
    post: Callable[..., None], states: dict[int, str | None], state: str
) -> None:
    """Also in a state that this version does not know."""
    post("e1")
    assert given(ask(1)) == ["e1"]
    states[1] = state
    post("e2")
    assert given(ask(2, "run2")) is None
    states[1] = "success"
    assert given(ask(3, "run3")) == ["e2"]


def test_a_task_that_asks_again_gets_what_has_come_since(post: Callable[..., None]) -> None:
    post("e1")
    assert given(ask(1)) == ["e1"]
    post("e2")
    assert given(ask(1)) == ["e2"]


def test_what_a_task_has_left_is_for_the_next_run(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    post("e1", "e2", "e3")
    assert take("kaizala_default", ask(1)) is not None
    taken = take("kaizala_default", ask(1, reached=cursor_of("e1"), limit=0))
    assert taken is not None
    assert taken.events == ()
    states[1] = "success"
    assert given(ask(2, "run2")) == ["e2", "e3"]


def test_events_that_were_not_taken_are_not_processed(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    """A page was sent, and the task has ended before it looked at it."""
    post("e1")
    take("kaizala_default", ask(1))
    states[1] = "success"
    assert given(ask(2, "run2")) == ["e1"]


def test_a_task_that_is_cleared_gets_the_same_events_and_no_others(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    post("e1", "e2")
    given(ask(1))
    states[1] = "success"
    post("e3")
    assert given(ask(2, "run2")) == ["e3"]
    states[2] = "success"
    post("e4")
    assert given(ask(3, "run1")) == ["e1", "e2"]
    states[3] = "failed"
    assert given(ask(4, "run1")) == ["e1", "e2"], "its retry"
    assert given(ask(5, "run2")) == ["e3"]
    assert given(ask(6, "run3")) == ["e4"]


def test_a_task_that_is_cleared_before_any_other_run_gets_the_same_events(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    post("e1")
    given(ask(1))
    states[1] = "success"
    post("e2")
    assert given(ask(2, "run1")) == ["e1"]
    assert given(ask(3, "run2")) == ["e2"], "meanwhile, too"


def test_a_task_that_is_cleared_after_a_failure_gets_what_is_left(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    post("e1")
    given(ask(1))
    states[1] = "failed"
    assert given(ask(2, "run2")) == ["e1"]
    states[2] = "success"
    assert given(ask(3, "run1")) == []


def test_a_task_without_events_gets_new_ones_when_it_is_cleared(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    assert given(ask(1)) == []
    states[1] = "success"
    post("e1")
    assert given(ask(2)) == ["e1"]


# --- who shares events -------------------------------------------------------------------------------------------------------


def test_tasks_and_assets_have_cursors_of_their_own(post: Callable[..., None]) -> None:
    post("e1")
    post("e2", eventType="JobResponse")
    post("e3", subscription=OTHER)
    assert given(ask(1)) == ["e1", "e2"]
    assert given(ask(2, task_id="another")) == ["e1", "e2"]
    assert given(ask(3, dag_id="another")) == ["e1", "e2"]
    assert given(ask(4, event_type="JobResponse")) == ["e2"]
    assert given(ask(5, group_id="another")) == ["e3"]
    assert take("second", ask(6)) is not None
    assert given(ask(7)) is None


def test_the_instances_of_a_mapped_task_share_events(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    post("e1")
    assert given(ask(1, map_index=0)) == ["e1"]
    assert given(ask(2, map_index=1)) is None
    states[1] = "success"
    assert given(ask(3, map_index=1)) == []
    assert given(ask(4, map_index=0)) == ["e1"], "cleared"


def test_names_that_run_together_are_told_apart(post: Callable[..., None]) -> None:
    assert ask(dag_id="ab", task_id="c").reader_id("x") != ask(dag_id="a", task_id="bc").reader_id("x")


@pytest.fixture
def schedule(declare: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """Schedule a DAG on the asset, so many seconds ago."""
    declare(ALL)

    def schedule(seconds: float, dag_id: str = "dag") -> None:
        with create_session() as session:
            asset_id = session.scalar(select(AssetModel.id))
            session.add(DagModel(dag_id=dag_id, bundle_name="tests", fileloc="dags.py"))
            session.flush()
            at = datetime.now(tz=UTC) - timedelta(seconds=seconds)
            session.add(DagScheduleAssetReference(asset_id=asset_id, dag_id=dag_id, created_at=at))

    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
    yield schedule
    with create_session() as session:
        for model in (DagScheduleAssetReference, DagModel, DagBundleModel):
            session.execute(delete(model))


def received_seconds_ago(event_id: str, seconds: float) -> None:
    with create_session() as session:
        at = datetime.now(tz=UTC) - timedelta(seconds=seconds)
        session.execute(update(event).where(event.c.event_id == event_id).values(received_at=at))


def test_a_dag_that_is_new_begins_with_what_came_since_it_was_scheduled(
    post: Callable[..., None], states: dict[int, str | None], schedule: Callable[..., None]
) -> None:
    """Not with what other DAGs have processed for weeks."""
    post("e1", "e2", "e3")
    for event_id, seconds in (("e1", 90), ("e2", 30), ("e3", 10)):
        received_seconds_ago(event_id, seconds)
    schedule(60)
    schedule(5, "newer")
    assert given(ask(1, dag_id="newer")) == []
    assert given(ask(2)) == ["e2", "e3"]
    states[2] = "failed"
    assert given(ask(3, "run2")) == ["e2", "e3"], "later it goes by its cursor"
    assert given(ask(4, dag_id="not scheduled on it")) == ["e1", "e2", "e3"]


def test_a_task_that_is_new_in_its_dag_begins_where_the_others_are(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    """It was renamed, perhaps."""
    post("e1", "e2")
    assert given(ask(1)) == ["e1", "e2"]
    assert given(ask(2, task_id="beside")) == ["e1", "e2"], "in the same run"
    states[1] = "success"
    assert given(ask(3, task_id="behind")) == ["e1", "e2"], "in the same run, after the first has ended"
    settle_all()
    assert given(ask(4, task_id="far behind")) == ["e1", "e2"], "and when that is known"
    post("e3")
    assert given(ask(5, "run2", task_id="renamed")) == ["e3"], "in a later run"
    assert given(ask(6, "run2", dag_id="another")) == ["e1", "e2", "e3"]
    assert given(ask(7, "run2", task_id="renamed", group_id="another")) == []


def test_only_one_of_many_that_ask_at_once_is_given_events(post: Callable[..., None]) -> None:
    post("e1")
    found: list[Any] = []
    barrier = threading.Barrier(4)

    def run(number: int) -> None:
        barrier.wait()
        found.append(given(ask(number, f"run{number}")))

    threads = [threading.Thread(target=run, args=[number]) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found, key=str) == [None, None, None, ["e1"]]


# --- the bell ----------------------------------------------------------------------------------------------------------------


def is_pending() -> bool:
    with create_session() as session:
        return bool(session.scalar(select(bell.c.pending)))


@pytest.fixture
def rung(post: Callable[..., None], declare: Callable[..., None]) -> Callable[..., None]:
    """Post events, and let the bell be silent afterwards."""
    declare(ALL)

    def rung(*event_ids: str) -> None:
        post(*event_ids)
        with create_session() as session:
            session.execute(bell.update().values(pending=False))

    return rung


def test_another_run_starts_for_what_came_while_one_was_working(
    rung: Callable[..., None], states: dict[int, str | None]
) -> None:
    rung("e1")
    given(ask(1))
    rung("e2")
    assert given(ask(2, "run2")) is None
    assert settle_all() == 0
    assert not is_pending()
    states[1] = "success"
    assert settle_all() == 1
    assert is_pending()
    assert settle_all() == 0
    assert given(ask(3, "run3")) == ["e2"]


def test_another_run_starts_for_what_a_task_has_left(
    rung: Callable[..., None], states: dict[int, str | None]
) -> None:
    rung("e1", "e2")
    take("kaizala_default", ask(1))
    take("kaizala_default", ask(1, reached=cursor_of("e1"), limit=0))
    states[1] = "success"
    assert settle_all() == 1
    assert is_pending()


def test_no_run_starts_if_nothing_is_left(rung: Callable[..., None], states: dict[int, str | None]) -> None:
    rung("e1")
    given(ask(1))
    assert given(ask(2, "run2")) is None
    states[1] = "success"
    assert settle_all() == 1
    assert not is_pending()


def test_a_run_that_fails_does_not_start_the_next_one(
    rung: Callable[..., None], states: dict[int, str | None]
) -> None:
    """Else a task that can never succeed would run all the time."""
    rung("e1")
    given(ask(1))
    states[1] = "failed"
    assert settle_all() == 1
    assert not is_pending()


def test_a_run_that_was_sent_away_starts_again_after_a_failure(
    rung: Callable[..., None], states: dict[int, str | None]
) -> None:
    rung("e1")
    given(ask(1))
    assert given(ask(2, "run2")) is None
    states[1] = "failed"
    assert settle_all() == 1
    assert is_pending()
    assert given(ask(3, "run3")) == ["e1"]
    states[3] = "failed"
    with create_session() as session:
        session.execute(bell.update().values(pending=False))
    assert settle_all() == 1
    assert not is_pending(), "once"


def test_a_task_that_takes_nothing_starts_no_runs(
    rung: Callable[..., None], states: dict[int, str | None]
) -> None:
    rung("e1")
    take("kaizala_default", ask(1))
    states[1] = "success"
    assert settle_all() == 1
    assert not is_pending()


def test_the_bell_rings_for_what_is_left_though_it_never_rang(
    post: Callable[..., None], declare: Callable[..., None], states: dict[int, str | None]
) -> None:
    """The first events came before the DAG was there, and somebody has started it by hand."""
    post("e1", "e2")
    declare(ALL)
    take("kaizala_default", ask(1))
    take("kaizala_default", ask(1, reached=cursor_of("e1"), limit=0))
    states[1] = "success"
    settle_all()
    assert announce.ring_again() == 1
    assert [uri for uri, _ in asset_events()] == [ALL]


def test_two_processes_may_ring_for_the_first_time_at_once() -> None:
    """Here the other one inserts the bell between our look and our insert."""
    late = {"conn_id": "kaizala_default", "group_id": GROUP, "event_type": ""}
    with create_session() as session:
        session.execute(delete(bell))
        session.execute(insert(bell).values(**late, rung_at=datetime.now(tz=UTC), pending=False))
    with create_session(scoped=False) as session:
        execute, looks = session.execute, [SimpleNamespace(rowcount=0)]
        session.execute = lambda *given: looks.pop() if looks else execute(*given)  # type: ignore[method-assign,assignment]
        announce.ring_later(session, *late.values())
    with create_session() as session:
        assert session.scalar(select(bell.c.pending)) is True


def test_several_processes_settle_once(rung: Callable[..., None], states: dict[int, str | None]) -> None:
    rung("e1")
    given(ask(1))
    states[1] = "success"
    counts: list[int] = []
    barrier = threading.Barrier(3)

    def settle() -> None:
        barrier.wait()
        counts.append(settle_all())

    threads = [threading.Thread(target=settle) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(counts) == 1
    with create_session() as session:
        assert len(session.execute(select(batch)).all()) == 1


def test_what_runs_have_processed_is_forgotten_with_the_events(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    post("e1")
    given(ask(1))
    states[1] = "success"
    settle_all()
    with create_session() as session:
        session.execute(batch.update().values(processed_at=datetime.now(tz=UTC) - timedelta(days=8)))
    prune_events(PushSettings(keep_days=9))
    with create_session() as session:
        assert len(session.execute(select(batch)).all()) == 1
    prune_events(PushSettings(keep_days=7))
    with create_session() as session:
        assert session.execute(select(batch)).all() == []
        assert len(session.execute(select(reader)).all()) == 1, "the cursor stays"


def test_tasks_of_dags_that_no_longer_read_are_forgotten(
    post: Callable[..., None], states: dict[int, str | None]
) -> None:
    post("e1")
    for number, (dag, task) in enumerate([("old", "a"), ("both", "a"), ("both", "b"), ("works", "a")]):
        given(ask(number, dag_id=dag, task_id=task))
        if dag != "works":
            states[number] = "success"
    settle_all()
    with create_session() as session:
        long_ago = datetime.now(tz=UTC) - timedelta(days=9)
        session.execute(reader.update().where(reader.c.task_id == "a").values(asked_at=long_ago))
    prune_events(PushSettings(keep_days=9))
    assert dags() == ["both", "both", "old", "works"]
    prune_events(PushSettings(keep_days=7))
    assert dags() == ["both", "both", "works"], "one that reads, and one that has not ended, are kept"


def dags() -> list[str]:
    with create_session() as session:
        return sorted(session.scalars(select(reader.c.dag_id)))


def test_assets_that_no_longer_ring_are_forgotten(
    post: Callable[..., None], declare: Callable[..., None]
) -> None:
    declare(ALL)
    post("e1")
    long_ago = {"rung_at": datetime.now(tz=UTC) - timedelta(days=8)}
    for pending, left in ((True, 1), (False, 0)):
        with create_session() as session:
            session.execute(bell.update().values(**long_ago, pending=pending))
        prune_events(PushSettings(keep_days=9))
        prune_events(PushSettings(keep_days=7))
        with create_session() as session:
            assert len(session.execute(select(bell)).all()) == left
    post("e2")
    assert len(asset_events()) == 2, "it rings again"


# --- the endpoint ------------------------------------------------------------------------------------------------------------


def request(sender: Sender, body: Any, token: str | None = TOKEN, url: str = URL) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return sender.request("POST", url, content=content, headers=headers)


def test_events_are_handed_out_over_http(sender: Sender, post: Callable[..., None]) -> None:
    post("e1")
    page = read_page(request(sender, ask(1).to_wire()).content)
    assert [each.event_id for each in page.events] == ["e1"]
    assert read_page(request(sender, ask(1, reached=page.cursor).to_wire()).content).events == ()
    refused = request(sender, ask(2, "run2").to_wire())
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "Another try has been given events and has not ended",
    )


@pytest.mark.parametrize(
    "token", [None, "", "wrong", SECRET, SUBSCRIPTION.token(SECRET), listener_token(SECRET, "other")]
)
def test_only_who_reads_events_is_given_any(sender: Sender, token: str | None) -> None:
    response = request(sender, ask(1).to_wire(), token)
    assert (response.status_code, response.content) == (404, b'{"detail":"Not Found"}')
    with create_session() as session:
        assert session.execute(select(reader)).all() == []


def test_a_connection_that_has_not_opted_in_hands_out_nothing(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    define_connection(monkeypatch, "other")
    response = request(sender, ask(1).to_wire(), listener_token(SECRET, "other"), "/kaizala/other/batches")
    assert response.status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": ""},
        {"dag_id": "d" * 251},
        {"task_id": None},
        {"run_id": {}},
        {"try_id": "one"},
        {"try_id": "'; DROP TABLE"},
        {"group_id": "g" * 251},
        {"event_type": "E" * 65},
        {"map_index": -2},
        {"map_index": "x"},
        {"map_index": 2**31},
        {"reached": 2**63},
        {"limit": 501},
        {"limit": True},
    ],
)
def test_a_request_that_is_none_is_refused(sender: Sender, change: dict[str, Any]) -> None:
    response = request(sender, {**ask(1).to_wire(), **change})
    assert response.status_code == 400
    assert response.json()["detail"].startswith("the request")
    with pytest.raises(UnreadableReplyError):
        Ask.read({**ask(1).to_wire(), **change})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(sender: Sender, body: bytes) -> None:
    assert request(sender, body).status_code == 400


def test_database_trouble_is_answered_with_try_later(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise OperationalError("SELECT secret", {}, Exception("locked"))

    monkeypatch.setattr(inbox, "page", broken)
    assert request(sender, ask(1).to_wire()).status_code == 503
    assert "Events could not be read: Exception: locked" in caplog.text
    with create_session() as session:
        assert session.execute(select(reader)).all() == [], "all or nothing"


def test_what_is_asked_survives_the_way() -> None:
    asked = ask(7, "run7", map_index=3, event_type="JobResponse", reached=9, limit=0)
    assert Ask.read(json.loads(json.dumps(asked.to_wire()))) == asked
