"""Posting texts and listing actions on ``kaizala-server``, and moto's SQS for scale.

Each round starts each server anew on a database of its own: with a few messages in the group, with 100,000, with limits of calls,
two processes on one PostgreSQL if the machine has it, and moto. The load comes from another process over kept connections, and all
processes share the machine's cores. After its cells a Kaizala server is killed with SIGKILL, and its database must hold exactly the
messages it had accepted.
"""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import sqlite3
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from benchmarks.load import NUMBER, LoadFailed, Measured, Plan, run_load
from benchmarks.moto import start_moto
from benchmarks.processes import cpu_seconds, free_port, wait_until_it_answers
from demo.processes import Processes
from tests.on_postgres import create_database, is_installed, running_postgres

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Figures, Setting

NAME = "server"
OWNS = ("server.", "moto.")
GROUP = "11111111-1111-4111-8111-111111111111@1"
POLLS = 100
MANY = 100_000
#: a limit of calls a minute that is counted but does not bind
NEVER_REACHED = 10_000_000
WARM_UP_SECONDS = 0.7


class Cell(NamedTuple):
    """One measurement of a round: its keys begin with *key*."""

    key: str
    call: str
    connections: int


FEW_CELLS = tuple(
    Cell(f"server.{call}.{connections}", call, connections)
    for call in ("post_message", "get_actions")
    for connections in (1, 8)
)
MANY_CELLS = (
    Cell("server.post_message.100k", "post_message", 8),
    Cell("server.get_actions.100k", "get_actions", 8),
)
LIMITED_CELLS = (Cell("server.get_actions.limited", "get_actions", 8),)
#: over both processes together
POSTGRES_CELLS = (
    Cell("server.post_message.postgres", "post_message", 8),
    Cell("server.get_actions.postgres", "get_actions", 8),
)
MOTO_CELLS = (Cell("moto.1", "moto", 1), Cell("moto.8", "moto", 8))


class Kaizala:
    """A running ``kaizala-server`` as it ships.

    :param database: a file of SQLite, or the URL of a database
    :param limit: of calls per minute, of a connector and of a tenant; 0 for none
    :param name: of its process
    """

    def __init__(
        self, processes: Processes, database: Path | str, *, limit: int = 0, name: str = "kaizala-server"
    ) -> None:
        self._processes = processes
        self._database = database
        self._name = name
        self.port = free_port()
        self.accepted: set[str] = set()
        self._calls = 0
        processes.start(
            name,
            [sys.executable, "-m", "airflow_provider_kaizala.server", "serve", "--port", str(self.port), "--seed", "demo",
             "--database", database if isinstance(database, str) else f"sqlite:///{database}",
             "--connector-limit", str(limit), "--tenant-limit", str(limit)],
            {},
        )  # fmt: skip
        wait_until_it_answers(self.port, "/healthz", processes)
        self._http = http.client.HTTPConnection("127.0.0.1", self.port)
        credentials = {
            "applicationId": "demo-connector",
            "applicationSecret": "demo-secret",
            "refreshToken": "demo-refresh-token",
        }
        self._token = self._call("GET", "/v1/accessToken", credentials)["accessToken"]

    def _call(self, method: str, path: str, headers: dict[str, str], body: object = None) -> Any:
        content = None if body is None else json.dumps(body)
        self._http.request(method, path, content, {"Content-Type": "application/json", **headers})
        reply = self._http.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise LoadFailed(f"{method} {path}: {reply.status} {text[:300]!r}")
        return json.loads(text)

    def post_polls(self) -> None:
        """Post what is listed later."""
        for number in range(POLLS):
            poll = {
                "title": f"Is store {number} open?",
                "choices": [{"title": choice} for choice in ("Yes", "No")],
            }
            self._call(
                "POST",
                f"/v1/groups/{GROUP}/actions",
                {"accessToken": self._token},
                {"actionType": "Poll", "actionBody": poll},
            )

    def plan(self, call: str, connections: int, seconds: float) -> Plan:
        """Return how one of the two calls is made."""
        headers = f"accessToken: {self._token}\r\nAccept: */*\r\n"
        if call == "get_actions":
            return Plan(
                port=self.port,
                head=f"GET /v1/groups/{GROUP}/actions?actionType=Poll HTTP/1.1\r\n{headers}",
                expect='"hasMore":true',
                connections=connections,
                seconds=seconds,
            )
        return Plan(
            port=self.port,
            head=f"POST /v1/groups/{GROUP}/messages HTTP/1.1\r\n{headers}Content-Type: application/json\r\n",
            body=json.dumps({"message": f"Store 12 is open, till {NUMBER} is counted"}),
            expect='"referenceId"',
            connections=connections,
            seconds=seconds,
            keep=True,
        )

    def measure(self, call: str, connections: int, seconds: float) -> tuple[Measured, float]:
        """Put one call under load; return what came of it, and the CPU time of the server per call in milliseconds."""
        pid = self._processes.running[self._name].pid
        before = cpu_seconds(pid)
        measured = run_load(self.plan(call, connections, seconds))
        cpu_ms = (cpu_seconds(pid) - before) * 1000 / len(measured.latencies_ms)
        if call == "post_message":
            self._calls += len(measured.latencies_ms)
            self.accepted |= {json.loads(reply)["referenceId"] for reply in measured.replies}
        return measured, cpu_ms

    def stop(self) -> None:
        """Stop it in the ordinary way."""
        self._http.close()
        process = self._processes.running.pop(self._name)
        process.send_signal(signal.SIGTERM)
        process.wait(20)

    def kill_and_count(self, before: int) -> int:
        """Kill it as a crash would, and hold its database against what it had accepted; return how much that was."""
        self._http.close()
        self._processes.kill(self._name)
        with sqlite3.connect(self._database) as found:
            stored = {row[0] for row in found.execute("SELECT reference_id FROM post WHERE kind = 'text'")}
            entries = found.execute(
                "SELECT count(*) FROM feed_entry JOIN post USING (reference_id) WHERE kind = 'text'"
            ).fetchone()[0]
        found.close()
        expected = before + self._calls
        if (
            len(self.accepted) != self._calls
            or not self.accepted <= stored
            or {len(stored), entries} != {expected}
        ):
            raise LoadFailed(
                f"{self._calls} messages accepted, {len(stored) - before} stored, {entries - before} in the group, "
                f"{len(self.accepted - stored)} lost"
            )
        return self._calls


def add_messages(database: Path, count: int) -> None:
    """Put messages into the group without going through the server, which must not run: the rows are those it writes itself."""
    with sqlite3.connect(database) as base:
        last = base.execute("SELECT last_seq FROM chat_group WHERE id = ?", (GROUP,)).fetchone()[0]
        sender = base.execute("SELECT id FROM person ORDER BY mobile LIMIT 1").fetchone()[0]
        now_ms = base.execute("SELECT max(sent_ms) FROM post").fetchone()[0]
        ids = [str(uuid.uuid4()) for _ in range(count)]
        base.executemany(
            "INSERT INTO post (reference_id, group_id, kind, sender_id, sent_ms, text, audience)"
            " VALUES (?, ?, 'text', ?, ?, ?, 'members')",
            (
                (one, GROUP, sender, now_ms, f"Store 12 is open, till {n:010d} is counted")
                for n, one in enumerate(ids)
            ),
        )
        base.executemany(
            "INSERT INTO feed_entry (group_id, seq, reference_id) VALUES (?, ?, ?)",
            ((GROUP, last + n, one) for n, one in enumerate(ids, 1)),
        )
        base.execute("UPDATE chat_group SET last_seq = ? WHERE id = ?", (last + count, GROUP))
    base.close()


class Pair:
    """Two ``kaizala-server`` on one PostgreSQL."""

    def __init__(self, processes: Processes, database: str) -> None:
        self._database = database
        self._servers = [Kaizala(processes, database, name=f"kaizala-server-{number}") for number in (1, 2)]
        self._servers[0].post_polls()

    def measure(self, call: str, connections: int, seconds: float) -> tuple[Measured, float]:
        """Put one call under load on both at once; return what came of it, and their CPU time per call in milliseconds."""
        half = connections // len(self._servers)
        with ThreadPoolExecutor(len(self._servers)) as pool:
            parts = [*pool.map(lambda server: server.measure(call, half, seconds), self._servers)]
        latencies = [one for measured, _ in parts for one in measured.latencies_ms]
        cpu_ms = sum(cpu * len(measured.latencies_ms) for measured, cpu in parts) / len(latencies)
        return Measured(max(measured.seconds for measured, _ in parts), latencies), cpu_ms

    def stop_and_count(self) -> int:
        """Stop both, and hold their database against what they had accepted; return how much that was."""
        for server in self._servers:
            server.stop()
        accepted = set().union(*(server.accepted for server in self._servers))
        with closing(psycopg.connect(self._database.replace("+psycopg", ""))) as found:
            rows = found.execute("SELECT reference_id FROM post WHERE kind = 'text'").fetchall()
        if accepted != {str(row[0]) for row in rows} or len(rows) != len(accepted):
            raise LoadFailed(f"{len(accepted)} messages accepted, {len(rows)} stored")
        return len(accepted)


def prepare(processes: Processes, folder: Path) -> tuple[Path, Path]:
    """Make the two databases each round begins with."""
    few, many = folder / "few.db", folder / "many.db"
    server = Kaizala(processes, few)
    server.post_polls()
    server.stop()
    shutil.copy(few, many)
    add_messages(many, MANY)
    return few, many


def run(setting: Setting) -> Figures:
    """Measure everything, the targets in another order each round."""
    samples: dict[str, list[float]] = {}
    accepted = 0

    def take(cell: Cell, measured: Measured, cpu_ms: float | None = None) -> None:
        keys = [cell.key]
        if cell.key == "moto.8" or cell.key.endswith((".post_message.8", ".get_actions.8")):
            keys.append(cell.key.removesuffix(".8"))
        for key in keys:
            samples.setdefault(f"{key}.rps", []).append(measured.rps)
            samples.setdefault(f"{key}.p99_ms", []).append(measured.p99_ms)
            if cpu_ms is not None:
                samples.setdefault(f"{key}.cpu_ms", []).append(cpu_ms)
        setting.advance(f"{cell.key}: {measured.rps:.0f}/s, p99 {measured.p99_ms:.1f} ms")

    def measure_kaizala(template: Path, cells: tuple[Cell, ...], before: int, limit: int = 0) -> None:
        nonlocal accepted
        database = setting.folder / "kaizala.db"
        for old in setting.folder.glob("kaizala.db*"):
            old.unlink() if old.is_file() else shutil.rmtree(old)
        shutil.copy(template, database)
        server = Kaizala(processes, database, limit=limit)
        for call in ("post_message", "get_actions"):
            server.measure(call, 8, WARM_UP_SECONDS)
        for cell in cells:
            take(cell, *server.measure(cell.call, cell.connections, setting.seconds))
        accepted += server.kill_and_count(before)

    def measure_postgres() -> None:
        nonlocal accepted
        with running_postgres(fsync=True) as url:
            pair = Pair(processes, create_database(url))
            for call in ("post_message", "get_actions"):
                pair.measure(call, 8, WARM_UP_SECONDS)
            for cell in POSTGRES_CELLS:
                take(cell, *pair.measure(cell.call, cell.connections, setting.seconds))
            accepted += pair.stop_and_count()

    def measure_moto() -> None:
        with start_moto(processes) as moto:
            run_load(moto.plan(8, WARM_UP_SECONDS))
            for cell in MOTO_CELLS:
                take(cell, run_load(moto.plan(cell.connections, setting.seconds)))

    with Processes(setting.folder) as processes:
        cells = [
            *FEW_CELLS,
            *MANY_CELLS,
            *LIMITED_CELLS,
            *MOTO_CELLS,
            *(POSTGRES_CELLS if is_installed() else ()),
        ]
        setting.begin(setting.runs * len(cells))
        few, many = prepare(processes, setting.folder)
        targets = [
            lambda: measure_kaizala(few, FEW_CELLS, 0),
            lambda: measure_kaizala(many, MANY_CELLS, MANY),
            lambda: measure_kaizala(few, LIMITED_CELLS, 0, NEVER_REACHED),
            measure_moto,
            *([measure_postgres] if is_installed() else []),
        ]
        for round_number in range(setting.runs):
            turn = round_number % len(targets)
            for target in targets[turn:] + targets[:turn]:
                target()
    posts, moto = samples["server.post_message.rps"], samples["moto.rps"]
    samples["server.post_message.over_moto"] = [
        ours / theirs for ours, theirs in zip(posts, moto, strict=True)
    ]
    # Every one of them was found in its database after the server was killed; else there would be no figures.
    return {**samples, "server.post_message.found_after_kill": accepted}
