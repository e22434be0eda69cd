"""Waits by the thousand in a real triggerer: what they ask of Kaizala, what they cost, how soon a task goes on.

Each case is one run of a minute, after all triggers have begun and settled: our waits, with Kaizala's limits on; as many triggers
that sleep, for what any trigger costs; as many that each ask for their own action; and as many of ``HttpSensor(deferrable=True)``
of Airflow's HTTP provider. The last two would be throttled within seconds, so their server has no limits. Where they cannot keep up,
that is their figure: how many triggers had begun when the minute began, and how many had ended by themselves when it was over.
"""

from __future__ import annotations

import math
import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks import peers, waits_airflow
from benchmarks.load import LoadFailed
from benchmarks.processes import cpu_seconds
from benchmarks.waits_airflow import Triggerer, Use
from benchmarks.waits_kaizala import LIMITS, NO_LIMITS, Kaizala, Poll, connection, spread_polls, write_seed
from benchmarks.waits_kaizala import group_id as group_id_of
from demo.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.bench import Figures, Setting

NAME = "waits"
OWNS = ("waits.",)
SECONDS = 60.0
INTERVAL = 10.0
SETTLE_SECONDS = INTERVAL + 5
#: with many groups an access token of each comes first, a call each
SETTLE_MANY_SECONDS = 90.0

RESUME_WAITS, RESUME_ANSWERS = 500, 30
#: between two answers
PAUSE_SECONDS = (0.5, 5.5)

OURS = "airflow_provider_kaizala.triggers.wait.KaizalaWaitTrigger"
NAIVE = "benchmarks.waits_triggers.NaiveTrigger"
SLEEPING = "benchmarks.waits_triggers.SleepingTrigger"
HTTP = "airflow.providers.http.triggers.http.HttpSensorTrigger"


@dataclass(frozen=True)
class Case:
    """So many waits over so many groups."""

    groups: int
    waits: int

    @property
    def key(self) -> str:
        """How its figures begin."""
        return f"waits.{self.groups}.{self.waits}"


CASES = (Case(1, 100), Case(1, 1000), Case(1, 2000), Case(50, 1000))
RESUME = Case(1, RESUME_WAITS)
KINDS = ("ours", "sleeping", "naive", "http")
#: those that may fail to keep up, and how their figures are called
PEERS = {"naive": "naive", "http": "http_provider"}


@dataclass(frozen=True)
class Measured:
    """What one run brought.

    :param begun: triggers that had begun before the minute began
    :param ended: triggers that ended though nobody answered
    """

    begun: int
    ended: int
    calls_per_minute: float
    cpu_percent: float
    others_cpu_percent: float
    megabytes: float
    throttled: int
    start_seconds: float


class Stage:
    """Databases that every run begins with: Airflow's, and a server's with a poll for each wait."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        waits_airflow.allow_many_files()
        peers.install()
        self.airflow = waits_airflow.make_database(folder / "airflow")
        self.kaizala = folder / "kaizala.db"
        self.groups: dict[Case, list[str]] = {}
        sizes: list[int] = []
        for case in (*CASES, RESUME):
            self.groups[case] = [group_id_of(len(sizes) + number) for number in range(case.groups)]
            sizes += [case.waits // case.groups] * case.groups
        seed = folder / "seed.json"
        write_seed(seed, sizes)
        with Processes(folder) as processes:
            Kaizala(processes, self.kaizala, NO_LIMITS, seed)
        spread_polls(self.kaizala)

    def polls(self, server: Kaizala, case: Case) -> list[Poll]:
        """Return a poll for each wait of a case."""
        return [poll for group in self.groups[case] for poll in server.polls(group)]

    def home(self) -> Path:
        """Return a place for one triggerer."""
        return self.folder / f"home-{uuid.uuid4().hex[:8]}"


def our_triggers(polls: list[Poll]) -> tuple[str, list[dict[str, Any]]]:
    """Return our triggers, with what a sensor knows after its first look."""
    deadline = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    return OURS, [_ours(poll, deadline) for poll in polls]


def _ours(poll: Poll, deadline: str) -> dict[str, Any]:
    subject = {
        "kind": "responses",
        "group_id": poll.group_id,
        "action_id": poll.action_id,
        "action_type": poll.action_type,
        "sent_at": poll.sent_at,
    }
    until = {"kind": "any"}
    wait = {"subject": subject, "until": until, "deadline": deadline, "interval": INTERVAL, "settled": True}
    return {"wait": wait, "kaizala_conn_id": "kaizala_default"}


def other_triggers(kind: str, polls: list[Poll], token: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the triggers that ask one by one."""
    if kind == "naive":
        return NAIVE, [
            {
                "group_id": poll.group_id,
                "action_id": poll.action_id,
                "interval": INTERVAL,
                "kaizala_conn_id": "kaizala_default",
            }
            for poll in polls
        ]
    # That sensor waits while the answer is 404, so each asks for an action that is not there.
    return HTTP, [
        {
            "endpoint": f"v1/groups/{poll.group_id}/actions/{uuid.uuid4()}",
            "headers": {"accessToken": token},
            "data": {"getDetails": "true"},
            "method": "GET",
            "poke_interval": INTERVAL,
        }
        for poll in polls
    ]


def measure(stage: Stage, kind: str, case: Case) -> Measured:
    """Run one case of one kind."""
    with Processes(stage.folder) as processes:
        if kind == "sleeping":
            sleeping = SLEEPING, [{"number": number} for number in range(case.waits)]
            triggerer = Triggerer(processes, stage.home(), stage.airflow, sleeping, {})
            return watch(triggerer, None, case, kind)
        limited = kind == "ours"
        server = Kaizala(processes, stage.kaizala, LIMITS if limited else NO_LIMITS)
        polls = stage.polls(server, case)
        if len(polls) != case.waits:
            raise LoadFailed(f"{len(polls)} polls for {case.waits} waits")
        connections = {
            "kaizala_default": connection(server.url, stage.groups[case], limited=limited),
            "http_default": server.url,
        }
        triggers = our_triggers(polls) if limited else other_triggers(kind, polls, server.token())
        triggerer = Triggerer(processes, stage.home(), stage.airflow, triggers, connections)
        measured = watch(triggerer, server, case, kind)
        expected = {"ours": {200}, "naive": {200}, "http": {404}}[kind]
        statuses = server.statuses(min(1000, max(int(measured.calls_per_minute * 0.5), 1)))
        if kind != "ours" and statuses != expected:
            raise LoadFailed(f"{kind} got {sorted(statuses)}")
        return measured


def watch(triggerer: Triggerer, server: Kaizala | None, case: Case, kind: str) -> Measured:
    """Measure a minute of a running triggerer.

    :raises LoadFailed: if triggers have not begun, or have ended, that are not a peer's
    """
    if triggerer.begun < case.waits and kind not in PEERS:
        raise LoadFailed(
            f"{kind}: {triggerer.begun} of {case.waits} triggers had begun after {triggerer.start_seconds:.0f} s"
        )

    def calls() -> int:
        return server.calls() if server else 0

    def server_cpu() -> float:
        return cpu_seconds(server.process.pid) if server else 0.0

    time.sleep(SETTLE_SECONDS if case.groups == 1 or server is None else SETTLE_MANY_SECONDS)
    calls_before, server_before, before = calls(), server_cpu(), triggerer.use()
    time.sleep(SECONDS)
    calls_after, server_after, after = calls(), server_cpu(), triggerer.use()
    if kind not in PEERS and triggerer.resumed():
        raise LoadFailed("a wait has ended though nobody has answered")
    took = after.at - before.at
    ours = after.cpu - before.cpu + server_after - server_before
    return Measured(
        begun=triggerer.begun,
        ended=triggerer.ended(),
        calls_per_minute=(calls_after - calls_before) * 60 / took,
        cpu_percent=(after.cpu - before.cpu) * 100 / took,
        others_cpu_percent=max(0.0, _machine(before, after) - ours) * 100 / took,
        megabytes=after.megabytes,
        throttled=server.throttled() if server else 0,
        start_seconds=triggerer.start_seconds,
    )


def _machine(before: Use, after: Use) -> float:
    return after.machine_cpu - before.machine_cpu


def measure_resumption(stage: Stage, advance: Callable[[str], None]) -> tuple[list[float], int]:
    """Let people answer one by one; return the seconds from each answer until its task may go on, and how many calls were refused."""
    dice = random.Random(2026)
    with Processes(stage.folder) as processes:
        server = Kaizala(processes, stage.kaizala, LIMITS)
        polls = stage.polls(server, RESUME)
        connections = {"kaizala_default": connection(server.url, stage.groups[RESUME], limited=True)}
        triggerer = Triggerer(processes, stage.home(), stage.airflow, our_triggers(polls), connections)
        time.sleep(SETTLE_SECONDS)
        answered: dict[int, datetime] = {}
        for number in dice.sample(range(RESUME_WAITS), RESUME_ANSWERS):
            time.sleep(dice.uniform(*PAUSE_SECONDS))
            answered[number] = datetime.now(UTC)
            server.vote(polls[number])
        until = time.monotonic() + 120
        while triggerer.resumed().keys() != answered.keys():
            processes.check()
            if time.monotonic() > until:
                raise LoadFailed(f"{len(triggerer.resumed())} of {len(answered)} tasks go on")
            time.sleep(1)
        resumed = triggerer.resumed()
        seconds = [(resumed[number] - moment).total_seconds() for number, moment in answered.items()]
        advance(f"answer to resumption: at most {max(seconds):.1f} s")
        return seconds, server.throttled()


def percentile(values: list[float], part: float) -> float:
    """Return the value that such a part of all stay within."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * part) - 1]


def run(setting: Setting) -> Figures:
    """Run each case once."""
    setting.begin(len(CASES) * len(KINDS) + 1)
    stage = Stage(setting.folder)
    setting.advance("databases are there")
    figures: Figures = {}
    found: dict[tuple[str, Case], Measured] = {}
    for case in CASES:
        for kind in KINDS:
            # what sleeps has no groups
            alike = Case(1, case.waits) if kind == "sleeping" else case
            if (kind, alike) not in found:
                measured = found[kind, alike] = measure(stage, kind, alike)
                setting.advance(
                    f"{alike.key} {kind}: {measured.calls_per_minute:.0f} calls/min, {measured.cpu_percent:.1f} % CPU, "
                    f"{measured.megabytes:.0f} MB"
                )
            found[kind, case] = found[kind, alike]
        figures |= figures_of(case, {kind: found[kind, case] for kind in KINDS})
    seconds, throttled = measure_resumption(stage, setting.advance)
    figures |= {
        "waits.resume_p50_s": round(percentile(seconds, 0.5), 2),
        "waits.resume_p95_s": round(percentile(seconds, 0.95), 2),
        "waits.resume_most_s": round(max(seconds), 2),
        "waits.resume_throttled": throttled,
        "waits.interval_s": INTERVAL,
        "waits.seconds": SECONDS,
        "waits.others_cpu_percent_most": round(max(each.others_cpu_percent for each in found.values()), 1),
        "waits.runs": 1,
    }
    return figures


def figures_of(case: Case, found: dict[str, Measured]) -> Figures:
    """Return the figures of a case."""
    ours, sleeping = found["ours"], found["sleeping"]
    figures: Figures = {
        f"{case.key}.calls_per_minute": round(ours.calls_per_minute, 1),
        f"{case.key}.throttled": ours.throttled,
        f"{case.key}.cpu_percent": round(ours.cpu_percent, 2),
        f"{case.key}.sleeping_cpu_percent": round(sleeping.cpu_percent, 2),
        f"{case.key}.cpu_percent_over_sleeping": round(ours.cpu_percent - sleeping.cpu_percent, 2),
        f"{case.key}.mb": round(ours.megabytes, 1),
        f"{case.key}.mb_over_sleeping": round(ours.megabytes - sleeping.megabytes, 1),
        f"{case.key}.start_s": round(ours.start_seconds, 1),
    }
    for kind, name in PEERS.items():
        peer = found[kind]
        figures |= {
            f"{case.key}.{name}_begun": peer.begun,
            f"{case.key}.{name}_ended": peer.ended,
            f"{case.key}.{name}_calls_per_minute": round(peer.calls_per_minute, 1),
            f"{case.key}.{name}_cpu_percent_over_sleeping": round(peer.cpu_percent - sleeping.cpu_percent, 2),
        }
    return figures
