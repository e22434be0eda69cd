"""Metrics and spans of calls, waits, throttles and wakes: what is counted, with which tags, and that nothing leaks or breaks."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    Stats,
    TaskDeferred,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS

from airflow_provider_kaizala import compat
from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaNotFoundError
from airflow_provider_kaizala.hooks import KaizalaHook
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.tasks import wait_for_people
from airflow_provider_kaizala.triggers.accounts import Account
from airflow_provider_kaizala.triggers.pacing import Pacer

RAVI = "+910000000002"
DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"


class Metrics:
    """Airflow's metrics, written down."""

    def __init__(self):
        self.counted, self.timed = [], []

    def incr(self, name, *, tags):
        self.counted.append((name, tags))

    def timing(self, name, dt, *, tags):
        assert isinstance(dt, timedelta)
        self.timed.append((name, tags, dt.total_seconds()))

    def calls(self):
        return [tags for name, tags, _ in self.timed if name == "kaizala.call"]


@pytest.fixture
def metrics(monkeypatch):
    found = Metrics()
    monkeypatch.setattr(compat, "stats", lambda: found)
    return found


@pytest.fixture(params=["sync", "async"])
def run(request, kaizala):
    """Make a call through the hook, in a task's way or in a trigger's."""

    def sync_run(call):
        return KaizalaHook().run(call)

    def async_run(call):
        async def one():
            async with await KaizalaHook().get_async_conn() as client:
                return await client.run(call)

        return asyncio.run(one())

    return sync_run if request.param == "sync" else async_run


# --- calls -----------------------------------------------------------------------------------------------------------------


def test_each_call_is_measured_once_with_its_repeats(run, kaizala, metrics, group):
    kaizala.script = [kaizala.error(502), kaizala.default]
    run(calls.list_members(group))
    assert metrics.calls() == [{"operation": "listMembers", "outcome": "success"}]


def test_a_call_that_fails_says_how(run, kaizala, metrics, group):
    with pytest.raises(KaizalaNotFoundError):
        run(calls.get_action(group, "act-9"))
    assert metrics.calls() == [{"operation": "getAction", "outcome": "KaizalaNotFoundError"}]


def test_a_throttle_is_measured(run, kaizala, metrics, group):
    kaizala.script = [kaizala.error(429, retry_after="7"), kaizala.default]
    run(calls.list_members(group))
    assert ("kaizala.throttle", {"operation": "listMembers", "by": "kaizala"}, 7.0) in metrics.timed


def test_metrics_that_fail_break_no_call(run, kaizala, monkeypatch, group):
    def broken():
        raise RuntimeError("no metrics today")

    monkeypatch.setattr(compat, "stats", broken)
    assert len(run(calls.list_members(group))) == 3


def test_no_tag_holds_an_id_or_a_secret(run, kaizala, metrics, group, secrets_of_the_connection):
    run(calls.list_members(group))
    with pytest.raises(KaizalaError):
        run(calls.get_action(group, "act-9"))
    told = str(metrics.timed) + str(metrics.counted)
    assert not [each for each in (*secrets_of_the_connection, group, "act-9", "Name of") if each in told]


def test_waits_in_the_triggerer_measure_their_share(metrics, kaizala, group):
    """A call for which the share of waits has no room."""

    class Client:
        async def run(self, call):
            return "done"

    async def look():
        account = Account(KaizalaHook().connection.settings, Client())
        account.pacer = Pacer(60.0)
        account.pacer.turn = lambda urgency: asyncio.sleep(0.01, result=urgency > 0)
        await account.run(calls.list_members(group), 0)
        await account.run(calls.list_members(group), 1)

    asyncio.run(look())
    ((name, tags, seconds),) = metrics.timed
    assert (name, tags) == ("kaizala.throttle", {"operation": "listMembers", "by": "share_of_waits"})
    assert seconds > 0


# --- waits -----------------------------------------------------------------------------------------------------------------


def asked(kaizala, votes=()):
    def answer(request):
        if request.method == "POST" and request.path.endswith("/actions"):
            kaizala.poll(dict(votes), ["Yes", "No"], "act-1")
            return 200, {"referenceId": "ref-1", "actionId": "act-1"}
        return kaizala.default(request)

    kaizala.otherwise = answer


def ask(**changes):
    return ops.KaizalaAskPollOperator(
        **{"task_id": "ask", "question": "Tea?", "options": ["Yes", "No"], "until": "any", **changes}
    )


START = ("kaizala.wait.start", {"kind": "responses"})


def end(outcome):
    return "kaizala.wait.end", {"kind": "responses", "outcome": outcome}


def test_a_wait_that_is_met(kaizala, metrics, run_task):
    asked(kaizala, {RAVI: "Yes"})
    run_task(ask())
    assert metrics.counted == [START, end("met")]


def test_a_wait_that_can_no_longer_be_met(kaizala, metrics, run_task):
    asked(kaizala, {RAVI: "No"})
    run_task(ask(until={"kind": "quorum", "option": "Yes", "count": 1, "people": [RAVI]}))
    assert metrics.counted == [START, end("not_met")]


def test_a_wait_that_times_out(kaizala, metrics, run_task, monkeypatch):
    asked(kaizala)
    monkeypatch.setattr(wait_for_people, "LAST_LOOK", 5.0)
    monkeypatch.setattr("airflow_provider_kaizala.waiting.wait.Wait.seconds_left", lambda wait: 0.0)
    with pytest.raises(AirflowSensorTimeout):
        run_task(ask())
    assert metrics.counted == [START, end("timeout")]


def test_a_wait_that_fails(kaizala, metrics, run_task):
    asked(kaizala)
    kaizala.script = [kaizala.otherwise, kaizala.error(403)]
    with pytest.raises(AirflowFailException):
        run_task(ask())
    assert metrics.counted == [START, end("error")]


def test_a_deferred_wait_that_lasts_longer_than_execution_timeout(kaizala, metrics, run_task):
    asked(kaizala)
    with pytest.raises(TaskDeferred) as deferred:
        run_task(ask(deferrable=True))
    trigger = deferred.value.trigger
    carry = {**trigger.carry, "ends_by": "2026-01-01T00:00:00+00:00"}
    event = {"status": "wake", "wait": trigger.wait, "carry": carry, "seen": None}
    with pytest.raises(AirflowTaskTimeout):
        ask(task_id="again").execute_complete({}, event)
    assert metrics.counted == [START, end("timeout")]


@pytest.mark.parametrize(("status", "outcome"), [("success", "met"), ("error", "error")])
def test_a_deferred_wait_begins_and_ends_once(kaizala, metrics, run_task, status, outcome):
    asked(kaizala)
    with pytest.raises(TaskDeferred) as deferred:
        run_task(ask(deferrable=True))
    assert metrics.counted == [START]
    trigger = deferred.value.trigger
    seen = {"result": {"met": True, "answers": []}, "text": "1 of 1"}
    event = {"status": status, "wait": trigger.wait, "carry": trigger.carry, "seen": seen, "message": "gone"}
    try:
        ask(task_id="again").execute_complete({}, event)
    except AirflowFailException:
        assert status == "error"
    assert metrics.counted == [START, end(outcome)]


def test_a_retry_that_continues_a_wait_is_not_another_one(kaizala, metrics, run_task, store):
    asked(kaizala)
    for _ in range(2):
        with pytest.raises(TaskDeferred):
            run_task(ask(deferrable=True), task_state_store=store)
    assert metrics.counted == [START]


def test_an_event_that_wakes_a_poll(kaizala, metrics, group):
    account = Account(KaizalaHook().connection.settings, None)
    rung = []
    poll = SimpleNamespace(kind="responses", group_id=group, event_types=("PollResponse",), ring=rung.append)
    account._polls["one"] = poll
    account.ring(event(group, "PollResponse"))
    account.ring(event(group, "MemberAdded"))
    assert rung == ["act-1"]
    assert metrics.counted == [("kaizala.wake", {"kind": "responses"})]


def event(group_id, event_type):
    found = SimpleNamespace(event_type=event_type, group_id=group_id, action_id="act-1")
    assert {"event_type", "group_id", "action_id"} <= {*dir(KaizalaEvent), *KaizalaEvent.__annotations__}
    return found


# --- Airflow's metrics -------------------------------------------------------------------------------------------------------


def test_a_task_uses_the_metrics_of_the_task_sdk(monkeypatch):
    monkeypatch.delitem(sys.modules, "airflow.jobs.triggerer_job_runner", raising=False)
    assert compat.stats() is Stats


@pytest.mark.skipif(not AIRFLOW_V_3_2_PLUS, reason="before Airflow 3.2 there is one kind of metrics")
def test_a_triggerer_uses_the_metrics_of_the_core(monkeypatch):
    from airflow.observability.stats import Stats as CoreStats

    monkeypatch.setitem(sys.modules, "airflow.jobs.triggerer_job_runner", ModuleType("runner"))
    assert compat.stats() is CoreStats
    assert CoreStats is not Stats


def test_every_metric_is_documented():
    source = Path(compat.__file__).parent
    named = {
        name
        for folder in ("hooks", "tasks", "triggers", "operators")
        for path in (source / folder).glob("*.py")
        for name in re.findall(r'"(kaizala\.(?:call|throttle|wait|wake)[a-z_.]*)"', path.read_text("utf-8"))
    }
    assert named == set(re.findall(r"^\| `(kaizala\.[a-z_.]+)`", DOCS.read_text("utf-8"), re.MULTILINE))
    assert len(named) == 5


# --- spans -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def spans(monkeypatch):
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(compat, "tracer", lambda: provider.get_tracer("test"))
    return exporter.get_finished_spans


def test_each_call_has_a_span(run, spans, metrics, kaizala, group):
    kaizala.script = [kaizala.error(502), kaizala.default]
    run(calls.list_members(group))
    (span,) = spans()
    assert span.name == "kaizala listMembers"
    assert dict(span.attributes) == {
        "kaizala.operation": "listMembers",
        "http.request.method": "GET",
        "kaizala.outcome": "success",
    }
    assert span.status.is_ok


def test_the_span_of_a_call_that_fails_quotes_nothing(run, spans, metrics, kaizala, group):
    kaizala.script = [kaizala.error(400, message="Meera's number is wrong")]
    with pytest.raises(KaizalaError):
        run(calls.list_members(group))
    (span,) = spans()
    assert span.attributes["kaizala.outcome"] == "KaizalaBadRequestError"
    assert not span.status.is_ok
    assert "Meera" not in span.to_json()


def test_there_are_no_spans_unless_airflow_traces(monkeypatch):
    assert compat.tracer() is None
    monkeypatch.setenv("AIRFLOW__TRACES__OTEL_ON", "True")
    assert (compat.tracer() is not None) is bool(AIRFLOW_V_3_2_PLUS)
