"""kaizala_events in a task, against the receiver."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    Asset,
)
from airflow.sdk.definitions.asset import AssetUniqueKey

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client import requests_transport
from airflow_provider_kaizala.client.effects import Reply, Send, TransportFailure
from airflow_provider_kaizala.push import batches, consumer, kaizala_events
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.feed import FeedError
from airflow_provider_kaizala.push.subscriptions import Subscription
from tests.unit.push.sender import GROUP, SECRET, SUBSCRIPTION, Sender, define_connection, message

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = Asset(asset_uri("kaizala_default", GROUP))
JOBS = Asset(asset_uri("kaizala_default", GROUP, "JobResponse"))
OTHER = Asset(asset_uri("kaizala_default", "another"))
ELSEWHERE = Asset("s3://bucket/key")


class Airflow:
    """The receiver, and what Airflow knows of tries.

    :ivar states: try number to state
    :ivar sent: what was sent to the receiver
    :ivar is_down: whether the receiver cannot be reached
    :ivar fails: how many more requests fail before the receiver can be reached again
    :ivar now: seconds on the clock by which the task waits
    """

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.states: dict[int, str] = {}
        self.context: dict[str, Any] = {}
        self.sent: list[Send] = []
        self.is_down = False
        self.fails = 0
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def exchange(self, send: Send) -> Reply:
        self.sent.append(send)
        self.fails -= 1
        if self.is_down or self.fails >= 0:
            raise TransportFailure("connection refused", sent=False)
        parts = urlsplit(send.url)
        response = self.sender.request(
            send.method, f"{parts.path}?{parts.query}", content=send.content, headers=dict(send.headers)
        )
        return Reply.read(response.status_code, response.headers, response.content)

    def close(self) -> None:
        """Close nothing."""

    def post(self, *event_ids: str, group_id: str = GROUP, **changes: Any) -> None:
        subscription = Subscription("kaizala_default", "Group", group_id)
        for event_id in event_ids:
            self.sender.post(message(event_id, objectId=group_id, **changes), subscription)

    def begin(
        self,
        number: int,
        schedule: Any = ALL,
        triggered_by: Sequence[Asset] = (),
        run: str = "run1",
    ) -> None:
        """Begin a try."""
        ti = SimpleNamespace(dag_id="dag", task_id="task", run_id=run, map_index=-1, id=UUID(int=number))
        self.context = {
            "ti": ti,
            "dag": DAG("dag", schedule=schedule),
            "triggering_asset_events": {AssetUniqueKey.from_asset(each): [] for each in triggered_by},
        }


@pytest.fixture
def airflow(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    airflow = Airflow(sender)
    monkeypatch.setattr(requests_transport, "RequestsTransport", lambda network: airflow)
    monkeypatch.setattr(consumer, "get_current_context", lambda: airflow.context)
    monkeypatch.setattr(consumer, "time", SimpleNamespace(monotonic=lambda: airflow.now, sleep=airflow.sleep))
    monkeypatch.setattr(
        batches, "_state", lambda session, try_id: airflow.states.get(UUID(try_id).int, "running")
    )
    return airflow


def ids(*args: Any, **kwargs: Any) -> list[str]:
    return [event.event_id for event in kaizala_events(*args, **kwargs)]


# --- what a run gets ---------------------------------------------------------------------------------------------------------


def test_a_run_gets_all_events_that_are_not_processed(airflow: Airflow) -> None:
    airflow.post("e1", "e2")
    airflow.begin(1, triggered_by=[ALL])
    events = list(kaizala_events())
    assert [(each.event_id, each.text, each.person.name) for each in events] == [
        ("e1", "Hello", "Asha"),
        ("e2", "Hello", "Asha"),
    ]
    airflow.states[1] = "success"
    airflow.post("e3", "e4")
    airflow.begin(2, triggered_by=[ALL], run="run2")
    assert ids() == ["e3", "e4"], "more than the events that started it"


def test_a_retry_gets_the_same_events(airflow: Airflow) -> None:
    airflow.post("e1")
    airflow.begin(1)
    assert ids() == ["e1"]
    airflow.states[1] = "failed"
    airflow.post("e2")
    airflow.begin(2)
    assert ids() == ["e1", "e2"]


def test_many_events_come_in_pages_as_they_are_needed(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kaizala.push.batches.MOST_EVENTS", 2)
    airflow.post(*(f"e{number}" for number in range(5)))
    airflow.begin(1)
    events = kaizala_events()
    assert airflow.sent == [], "lazily"
    assert [next(events).event_id for _ in range(2)] == ["e0", "e1"]
    assert len(airflow.sent) == 1
    assert [each.event_id for each in events] == ["e2", "e3", "e4"]
    assert len(airflow.sent) == 4


def test_a_task_that_stops_early_leaves_the_rest(airflow: Airflow) -> None:
    airflow.post("e1", "e2", "e3")
    airflow.begin(1)
    for event in kaizala_events():
        if event.event_id == "e2":
            break
    airflow.states[1] = "success"
    airflow.begin(2, run="run2")
    assert ids() == ["e3"], "and the one at which it stopped is processed"


def test_a_task_that_takes_one_event_at_a_time(airflow: Airflow) -> None:
    airflow.post("e1", "e2")
    for number, wanted in enumerate(["e1", "e2", None], 1):
        airflow.begin(number, run=f"run{number}")
        event = next(kaizala_events(), None)
        assert (event.event_id if event else None) == wanted
        del event
        airflow.states[number] = "success"


def test_a_task_that_only_looks_whether_there_are_events(airflow: Airflow) -> None:
    airflow.post("e1")
    airflow.begin(1)
    kaizala_events()
    assert airflow.sent == []
    airflow.states[1] = "success"
    airflow.begin(2, run="run2")
    assert ids() == ["e1"]


def test_two_loops_in_one_task_do_not_get_the_same_events(airflow: Airflow) -> None:
    airflow.post("e1")
    airflow.begin(1)
    assert ids() == ["e1"]
    airflow.post("e2")
    assert ids() == ["e2"]


def test_a_run_beside_another_gets_none(airflow: Airflow, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    airflow.post("e1")
    airflow.begin(1)
    events = kaizala_events()
    assert next(events).event_id == "e1"
    airflow.begin(2, run="run2")
    assert ids() == []
    assert "another run is working on events, so this one gets none" in caplog.text


# --- which assets ------------------------------------------------------------------------------------------------------------


def test_a_run_by_hand_reads_what_the_dag_is_scheduled_on(airflow: Airflow) -> None:
    airflow.post("e1")
    airflow.post("e2", group_id="another")
    airflow.begin(1, schedule=(ALL & ELSEWHERE) | OTHER)
    assert ids() == ["e1", "e2"]
    airflow.begin(2, schedule=[JOBS], run="run2")
    assert ids() == []


def test_a_run_reads_the_assets_that_started_it(airflow: Airflow) -> None:
    airflow.post("e1")
    airflow.post("e2", group_id="another")
    airflow.begin(1, ALL | OTHER, [OTHER, ELSEWHERE])
    assert ids() == ["e2"]


def test_the_asset_may_be_named(airflow: Airflow) -> None:
    airflow.post("e1")
    airflow.post("e2", eventType="JobResponse")
    airflow.post("e3", group_id="another")
    airflow.begin(1, schedule=None)
    assert ids(asset=JOBS) == ["e2"]
    assert ids(asset=OTHER.uri) == ["e3"]


def test_asset_events_may_be_handed_over(airflow: Airflow) -> None:
    airflow.post("e1")
    airflow.begin(1, OTHER, [OTHER])
    assert ids({AssetUniqueKey.from_asset(ALL): []}) == ["e1"]


def test_a_dag_without_a_kaizala_asset(airflow: Airflow) -> None:
    airflow.begin(1, ELSEWHERE, [ELSEWHERE])
    with pytest.raises(AirflowFailException, match="found no Kaizala asset: the DAG is not scheduled on one"):
        kaizala_events()


@pytest.mark.parametrize(
    "uri", ["kaizala://c", "s3://bucket", "kaizala://c/groups/g/Nothing", "http://[", ""]
)
def test_an_asset_that_is_none_of_ours(airflow: Airflow, uri: str) -> None:
    airflow.begin(1)
    with pytest.raises(AirflowFailException, match=r"Kaizala asset|not an event type"):
        kaizala_events(asset=uri)


# --- what goes wrong ---------------------------------------------------------------------------------------------------------


def test_a_connection_without_a_secret_fails_at_once(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    define_connection(monkeypatch, "kaizala_default", webhook_secret="")
    airflow.begin(1)
    with pytest.raises(AirflowFailException, match="'kaizala_default' has no extra webhook_secret"):
        ids()


def test_a_receiver_that_is_down_is_worth_a_retry(airflow: Airflow) -> None:
    airflow.is_down = True
    airflow.begin(1)
    with pytest.raises(FeedError, match="connection refused"):
        ids()


@pytest.mark.parametrize("fails", [1, 7])
def test_a_short_outage_is_waited_out(airflow: Airflow, fails: int, caplog: pytest.LogCaptureFixture) -> None:
    airflow.post("e1", "e2")
    airflow.begin(1)
    airflow.fails = fails
    events = kaizala_events()
    assert next(events).event_id == "e1"
    airflow.fails = fails
    assert [each.event_id for each in events] == ["e2"]
    airflow.states[1] = "success"
    airflow.begin(2, run="run2")
    assert ids() == [], "what was processed before the outage is known as processed"
    assert caplog.text.count("will retry in") == 2 * fails
    assert "will retry in 1 s: " in caplog.text
    assert "connection refused" in caplog.text


def test_a_receiver_that_stays_down_after_the_last_event_fails_the_task(airflow: Airflow) -> None:
    """Else nobody would know that the events are processed."""
    airflow.post("e1")
    airflow.begin(1)
    events = kaizala_events()
    assert next(events).event_id == "e1"
    airflow.is_down = True
    with pytest.raises(FeedError):
        list(events)
    assert airflow.now == 60


def test_a_task_that_stops_early_waits_until_the_receiver_knows_how_far_it_came(airflow: Airflow) -> None:
    airflow.post("e1", "e2")
    airflow.begin(1)
    events: Any = kaizala_events()
    assert next(events).event_id == "e1"
    airflow.fails = 3
    events.close()
    airflow.states[1] = "success"
    airflow.begin(2, run="run2")
    assert ids() == ["e2"]


def test_a_receiver_that_goes_down_before_a_task_stops_early_lets_it_go_on(
    airflow: Airflow, caplog: pytest.LogCaptureFixture
) -> None:
    airflow.post("e1", "e2")
    airflow.begin(1)
    events: Any = kaizala_events()
    next(events)
    airflow.is_down = True
    events.close()
    assert "the next run will get the last events again" in caplog.text
    airflow.is_down = False
    airflow.states[1] = "success"
    airflow.begin(2, run="run2")
    assert ids() == ["e1", "e2"]


def test_no_secret_is_in_a_request(airflow: Airflow) -> None:
    airflow.begin(1)
    ids()
    (send,) = airflow.sent
    assert SECRET not in f"{send.url} {send.content!r} {send.headers}"
    assert SUBSCRIPTION.token(SECRET) not in str(send.headers)


def test_airflow_2_says_that_it_has_no_events(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", False)
    airflow.begin(1)
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"needs Airflow 3\.0 or newer"):
        kaizala_events()
