"""Webhooks in a real Airflow: how soon people's answers and messages take effect, and how many events the receiver takes.

A real Kaizala server delivers to a real API server with two processes; scheduler, dag-processor and triggerer run beside it, on SQLite
and, if the machine has it, on PostgreSQL. All share the machine's cores with what sends the events. The steps, for each database:

- somebody answers a poll that a task waits for: until its trigger fires, and until the body of the task goes on; the same for a task
  that has just begun to wait, which Airflow would fail if it went on earlier than 8 s later;
- somebody writes: until a run starts, and until its task processes the event. The peer's receiver gets the same events, but not from
  the Kaizala server, with which it cannot be registered;
- a steady stream of events, then a burst: each event must be stored once and processed by one run;
- 16 connections that send events with a wrong token, as fast as they are refused, while verified events come;
- without scheduler, dag-processor and triggerer: events for our receiver and for the peer's, in turn, each with a DAG to announce to.

The answers once more without a webhook, by polling once a minute. ``--seconds 0.3`` measures a tenth of everything, for a quick look.
"""

from __future__ import annotations

import math
import os
import random
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala import compat
from benchmarks import peers, push_load
from benchmarks.load import LoadFailed, run_load
from benchmarks.push_airflow import PEER, PushStack, seconds_of
from benchmarks.push_notes import read_notes
from demo.stack import GROUP
from tests.on_postgres import create_database, is_installed, running_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchmarks.bench import Figures, Setting
    from benchmarks.push_load import Plan

NAME = "push"
OWNS = ("push.",)
#: what ``--seconds`` is by default, with which everything is measured in full
FULL_SECONDS = 3.0
ANSWERS, EARLY_ANSWERS, MESSAGES, POLLED = 100, 10, 40, 40
STREAM_SECONDS, BURST = 60.0, 2000
#: events per second of the stream
RATES = {"sqlite": 50, "postgresql": 200}
#: connections that these come over
SENDERS = 32
FLOOD_SECONDS, FLOOD_CONNECTIONS, VERIFIED_PER_SECOND = 10.0, 16, 20
ALONE_SECONDS = 10.0
#: seconds between two looks without webhooks, as the DAGs say
POLL_SECONDS = 60.0
#: seconds that a task has waited at least before somebody answers, so that the answer need not wait for Airflow
PARKED = 10.0
PERCENTILES = {"p50": 0.5, "p95": 0.95}


class Bench:
    """The figures of one run, and how much of everything is measured."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.figures: Figures = {}
        self.part = min(1.0, setting.seconds / FULL_SECONDS)
        #: of the machine, at each step
        self.loads: list[float] = []

    def some(self, full: float, least: int = 3) -> int:
        """Return how many of so many are measured."""
        return max(least, round(full * self.part))

    def note(self, key: str, seconds: list[float], line: str) -> None:
        """Keep percentiles of times."""
        for name, part in PERCENTILES.items():
            self.figures[f"{key}_{name}_s"] = round(percentile(seconds, part), 3)
        self.figures[f"{key}_samples"] = len(seconds)
        p50, p95 = (percentile(seconds, part) for part in PERCENTILES.values())
        self.advance(f"{line}: p50 {p50:.2f} s, p95 {p95:.2f} s")

    def add(self, key: str, value: float) -> None:
        """Keep one sample of a figure."""
        samples = self.figures.setdefault(key, [])
        assert isinstance(samples, list)  # noqa: S101
        samples.append(value)

    def advance(self, line: str) -> None:
        """Tell that a step is done, and keep what it has measured."""
        self.loads.append(os.getloadavg()[0])
        self.setting.keep(self.all())
        self.setting.advance(f"{line} (load {self.loads[-1]:.1f})")

    def all(self) -> Figures:
        """Return what has been measured."""
        return {**self.figures, "push.part": round(self.part, 3), "push.load1": self.loads}


def percentile(values: list[float], part: float) -> float:
    """Return the value that such a part of all stay within."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * part) - 1]


# --- answers -----------------------------------------------------------------------------------------------------------------


class Waits:
    """A run with so many tasks that each wait for an answer."""

    def __init__(self, stack: PushStack, count: int) -> None:
        self._stack = stack
        self.run_id = stack.trigger("answers", {"waits": count})
        stack.wait_for(f"{count} waits", lambda: self._states() == ["deferred"] * count, 900)
        self.action_ids: list[str] = stack.xcom("answers", self.run_id, "ask")
        self._ravi = stack.ravi
        #: when each was answered
        self.answered: dict[int, float] = {}

    def _rows(self) -> list[Any]:
        query = "SELECT map_index, state, scheduled_dttm FROM task_instance WHERE run_id = :run AND task_id = 'wait'"
        return self._stack.sql(query + " AND map_index >= 0", run=self.run_id)

    def _states(self) -> list[str]:
        return [row.state for row in self._rows()]

    def answer(self, number: int) -> None:
        """Let somebody answer."""
        self.answered[number] = time.time()
        self._ravi.vote(self.action_ids[number], "Yes")

    def bodies(self) -> dict[int, float]:
        """Return when the bodies of tasks went on."""
        notes = read_notes(self._stack.notes, "body")
        return {each["number"]: each["at"] for each in notes if each["run"] == self.run_id}

    def fired(self) -> dict[int, float]:
        """Wait until all tasks have ended, and return when their triggers had fired."""
        self._stack.wait_for("all tasks", lambda: set(self._states()) == {"success"}, 300)
        return {row.map_index: moment(row.scheduled_dttm) for row in self._rows()}

    def since(self, moments: Mapping[int, float]) -> list[float]:
        """Return the seconds since the answers."""
        return [moments[number] - at for number, at in self.answered.items()]


def measure_answers(bench: Bench, stack: PushStack, key: str) -> None:
    """Let somebody answer one after the other what tasks wait for."""
    waits, dice = Waits(stack, bench.some(ANSWERS)), random.Random(2026)
    time.sleep(PARKED)
    for number in dice.sample(range(len(waits.action_ids)), len(waits.action_ids)):
        waits.answer(number)
        stack.wait_for("the task", lambda: len(waits.bodies()) == len(waits.answered), 120)
        time.sleep(dice.uniform(0.5, 1.5))
    bench.note(f"{key}_to_trigger", waits.since(waits.fired()), f"{key} to trigger")
    bench.note(f"{key}_to_body", waits.since(waits.bodies()), f"{key} to body")


def measure_early_answers(bench: Bench, stack: PushStack, key: str) -> None:
    """Let somebody answer as soon as a task waits; return what it takes beyond the time that Airflow needs to park a task."""
    beyond = []
    for _ in range(bench.some(EARLY_ANSWERS)):
        waits = Waits(stack, 1)
        waits.answer(0)
        beyond.append(waits.fired()[0] - waits.answered[0] - compat.PARKING)
    bench.note(f"{key}_to_trigger_beyond_floor", beyond, f"{key} to trigger, beyond {compat.PARKING} s")


def measure_polling(bench: Bench, stack: PushStack, key: str) -> None:
    """Let people answer at random moments, with tasks and a watcher that poll once a minute."""
    waits, dice = Waits(stack, bench.some(POLLED)), random.Random(2026)
    time.sleep(POLL_SECONDS)  # the watcher begins with what there is now
    for number in range(len(waits.action_ids)):
        waits.answer(number)
        time.sleep(dice.uniform(1, 9))
    bench.note(f"{key}.answer_to_trigger", waits.since(waits.fired()), f"{key} answer to trigger")
    bench.note(f"{key}.answer_to_body", waits.since(waits.bodies()), f"{key} answer to body")

    def heard() -> dict[int, str]:
        found = [
            (action_id, each["run"])
            for each in read_notes(stack.notes, "heard")
            for action_id in each["actions"]
        ]
        return {waits.action_ids.index(action_id): run_id for action_id, run_id in found}

    stack.wait_for("the runs", lambda: heard().keys() == waits.answered.keys(), 2 * POLL_SECONDS + 60)
    starts = {run["dag_run_id"]: seconds_of(run["start_date"]) for run in stack.runs("on_answers")}
    bench.note(
        f"{key}.answer_to_run",
        waits.since({number: starts[run_id] for number, run_id in heard().items()}),
        f"{key} answer to run",
    )


def moment(found: Any) -> float:
    """Return a time of the database in seconds since the epoch."""
    return seconds_of(f"{found}+00:00" if isinstance(found, str) else found.isoformat())


# --- messages ----------------------------------------------------------------------------------------------------------------


def measure_messages(
    bench: Bench, stack: PushStack, key: str, dag_id: str, write: Callable[[], None], count: int
) -> None:
    """Let something happen, wait for the run that it starts, and so on."""
    starts, processed = [], []
    for number in range(count + 2):  # the first two warm everything up
        began = time.time()
        write()
        stack.wait_for("the run", lambda began=began: _has_run(stack, dag_id, began), 120)  # type: ignore[misc]
        run = stack.runs(dag_id, began)[0]
        (at,) = [
            each["at"] for each in read_notes(stack.notes, "processed") if each["run"] == run["dag_run_id"]
        ]
        if number >= 2:
            starts.append(seconds_of(run["start_date"]) - began)
            processed.append(at - began)
        time.sleep(1.2)  # the bell may ring again
        stack.wait_for("its end", lambda: stack.is_quiet(dag_id), 60)
    bench.note(f"{key}_to_run", starts, f"{key} to run")
    bench.note(f"{key}_to_body", processed, f"{key} to body")


def _has_run(stack: PushStack, dag_id: str, began: float) -> bool:
    found = stack.runs(dag_id, began)
    return bool(found) and found[0]["state"] == "success"


# --- streams and bursts ------------------------------------------------------------------------------------------------------


def measure_stream(bench: Bench, stack: PushStack, key: str, plan: Plan) -> None:
    """Send events at a steady rate, and see what becomes of each."""
    sent = push_load.send(plan)
    bench.add(f"{key}.per_second", sent.per_second)
    bench.add(f"{key}.p95_ms", sent.percentile_ms(0.95))
    bench.add(f"{key}.sent_again", sent.refused)
    late = settle(stack, plan, sent.ended)
    bench.add(f"{key}.processed_after_s", late)
    bench.advance(
        f"{key}: {sent.per_second:.0f}/s, p95 {sent.percentile_ms(0.95):.0f} ms, {sent.refused} sent again, all processed "
        f"{late:.1f} s after the last"
    )


def settle(stack: PushStack, plan: Plan, last: float) -> float:
    """Wait until all events of a plan are processed; return the seconds from the last one.

    :raises LoadFailed: if one is lost, stored or processed twice, or never processed
    """
    expected = {push_load.event_id(plan.prefix, number) for number in range(plan.count)}
    stored = stack.stored(plan.prefix)
    if len(stored) != plan.count or set(stored) != expected:
        raise LoadFailed(
            f"{plan.count} events were taken, {len(set(stored))} are stored, in {len(stored)} rows"
        )
    stack.wait_for(
        "processing of all", lambda: set(stack.processed(plan.prefix)) == expected, 120 + plan.count / 50
    )
    processed = stack.processed(plan.prefix)
    if len(processed) != plan.count:
        raise LoadFailed(f"{len(processed) - plan.count} events were processed twice")
    return stack.processed_at(plan.prefix) - last


# --- strangers ---------------------------------------------------------------------------------------------------------------


def measure_flood(bench: Bench, stack: PushStack, key: str) -> None:
    """Send events with a wrong token as fast as they are refused, while verified events come."""
    seconds = max(3.0, FLOOD_SECONDS * bench.part)
    verified = push_load.start(
        stack.plan("verified", round(VERIFIED_PER_SECOND * seconds), VERIFIED_PER_SECOND)
    )
    flood = run_load(stack.flood(FLOOD_CONNECTIONS, seconds))
    sent = push_load.finish(verified)
    bench.add(f"{key}.refused_per_second", flood.rps)
    bench.add(f"{key}.verified_p95_ms", sent.percentile_ms(0.95))
    bench.add(f"{key}.verified_sent_again", sent.refused)
    bench.advance(f"{key}: {flood.rps:.0f}/s refused, verified p95 {sent.percentile_ms(0.95):.0f} ms")


# --- receivers alone ---------------------------------------------------------------------------------------------------------


def measure_receivers(bench: Bench, stack: PushStack, key: str) -> None:
    """Send the same events to our receiver and to the peer's, in turn, while nothing else of Airflow runs."""
    for name in ("scheduler", "dag-processor", "triggerer"):
        stack.processes.kill(name)
    plans = {"ours": stack.plan, "peer": stack.peer_plan}
    for plan in plans.values():
        push_load.send(plan("warm", 50))
    for number in range(max(bench.setting.runs, 2)):
        order = list(plans) if number % 2 else list(reversed(plans))
        rates = {}
        for name in order:
            count = max(100, round(ALONE_SECONDS * bench.part * (100 if name == "ours" else 40)))
            sent = push_load.send(plans[name]("alone", count))
            rates[name] = sent.per_second
            bench.add(f"{key}.{name}.per_second", sent.per_second)
            bench.add(f"{key}.{name}.p95_ms", sent.percentile_ms(0.95))
            steady = push_load.send(plans[name]("steady", max(60, round(200 * bench.part)), 20))
            bench.add(f"{key}.{name}.p95_at_20_per_second_ms", steady.percentile_ms(0.95))
        bench.add(f"{key}.ours_over_peer", rates["ours"] / rates["peer"])
        bench.advance(f"{key}: ours {rates['ours']:.0f}/s, the peer's {rates['peer']:.0f}/s")


# --- all of it ---------------------------------------------------------------------------------------------------------------


def measure_database(bench: Bench, folder: Path, name: str, database: str | None) -> None:
    """Measure everything on one database."""
    folder.mkdir()
    with PushStack(folder, ("on_messages", "on_peer", "answers"), database) as stack:
        stack.subscribe()
        key, ravi, count = f"push.{name}", stack.ravi, bench.some(MESSAGES)
        measure_answers(bench, stack, f"{key}.answer")
        measure_early_answers(bench, stack, f"{key}.early_answer")
        measure_messages(
            bench, stack, f"{key}.message", "on_messages", lambda: ravi.say(GROUP, "Open"), count
        )
        measure_messages(bench, stack, f"{key}.peer_event", "on_peer", lambda: _post_one(stack), count)
        rate = RATES[name]
        for _ in range(bench.setting.runs):
            many = round(rate * STREAM_SECONDS * bench.part)
            measure_stream(bench, stack, f"{key}.stream", stack.plan("stream", many, rate, SENDERS))
            measure_stream(bench, stack, f"{key}.burst", stack.plan("burst", bench.some(BURST), 0, SENDERS))
            measure_flood(bench, stack, f"{key}.flood")
        measure_receivers(bench, stack, f"{key}.receiver")


def _post_one(stack: PushStack) -> None:
    push_load.send(stack.peer_plan("one", 1))


def run(setting: Setting) -> Figures:
    """Measure everything."""
    bench = Bench(setting)
    databases = [name for name in RATES if name == "sqlite" or is_installed()]
    setting.begin(len(databases) * (7 + 3 * setting.runs + max(setting.runs, 2)) + 3)
    peers.install(PEER, peers.ROOT / "benchmarks" / "push-peer-requirements.txt")
    for name in databases:
        with ExitStack() as stack:
            server = None if name == "sqlite" else stack.enter_context(running_postgres(fsync=True))
            measure_database(bench, setting.folder / name, name, server and create_database(server))
    (setting.folder / "pull").mkdir()
    with PushStack(setting.folder / "pull", ("answers", "on_answers")) as airflow:
        measure_polling(bench, airflow, "push.pull")
    return bench.all()
