"""What is written down of the benches; what they measure is not tested here."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import re
import socket
import subprocess
import threading

import pytest

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.client.settings import Settings
from benchmarks import __main__ as command
from benchmarks import imports, message_server, peers, results, waits, waits_airflow
from benchmarks.load import NUMBER, LoadFailed, Measured, Plan, measure


def test_a_figure_is_its_median_with_the_least_and_the_most_beside_it():
    assert results.summarise({"server.rps": [5.0, 1.0, 4.0, 2.0, 30.0], "server.at": "now"}) == {
        "server.rps": 4.0,
        "server.rps.min": 1.0,
        "server.rps.max": 30.0,
        "server.at": "now",
    }
    with pytest.raises(ValueError, match=r"no samples of server\.rps"):
        results.summarise({"server.rps": []})


def test_results_of_other_benches_stay_and_own_ones_go():
    before = {"waits.calls": 6, "server.gone": 1, "server.rps": 2, "serverless.rps": 3}
    assert results.merge(before, ("server.",), {"server.rps": 4}) == {
        "waits.calls": 6,
        "serverless.rps": 3,
        "server.rps": 4,
    }
    with pytest.raises(ValueError, match=r"waits\.calls does not begin with server\."):
        results.merge(before, ("server.",), {"waits.calls": 5})


def test_results_are_written_and_read_back(tmp_path):
    path = tmp_path / "results.json"
    assert results.read(path) == {}
    results.write(path, {"b.rps": 1.5, "a.rps": 2})
    assert results.read(path) == {"a.rps": 2, "b.rps": 1.5}
    assert list(json.loads(path.read_text())) == ["a.rps", "b.rps"]
    assert os.listdir(tmp_path) == ["results.json"]


def test_one_bench_keeps_what_others_measured(tmp_path, monkeypatch):
    class Waits:
        NAME, OWNS = "waits", ("waits.",)

        @staticmethod
        def run(setting):
            setting.begin(setting.runs)
            for _ in range(setting.runs):
                setting.advance("once more")
            return {"waits.calls": [float(number) for number in range(setting.runs)]}

    path = tmp_path / "results.json"
    results.write(path, {"server.rps": 600, "waits.calls": 9, "machine.cores": 1000})
    monkeypatch.setattr(command, "BENCHES", {"waits": Waits})
    monkeypatch.setattr(command, "BUILD", tmp_path / "build")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["bench", "waits", "--output", str(path)])
    command.main()
    found = results.read(path)
    assert found["server.rps"] == 600
    assert [found[f"waits.calls{end}"] for end in ("", ".min", ".max")] == [2, 0, 4]
    assert found["waits.runs"] == 5
    assert found["machine.cores"] == os.cpu_count()
    assert {"machine.load1", "machine.python", "machine.fsync_ms"} <= set(found)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", found["waits.at"])
    assert found["waits.commit"] == results.commit(peers.ROOT)
    assert f"{os.cpu_count()} cores" in found["waits.machine"]
    assert os.listdir(tmp_path / "build") == []


def test_a_commit_has_a_plus_when_its_files_have_changed(tmp_path):
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Asha", "-c", "user.email=asha@example.com")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert results.commit(tmp_path) == "unknown"
    git("init")
    written = tmp_path / "benchmarks" / "results.json"
    written.parent.mkdir()
    for file in (written, tmp_path / "hook.py"):
        file.write_text("before")
    git("add", ".")
    git("commit", "-m", "Begin")
    clean = results.commit(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{10}", clean)
    written.write_text("figures of the bench before")
    assert results.commit(tmp_path) == clean
    (tmp_path / "hook.py").write_text("after")
    assert results.commit(tmp_path) == f"{clean}+"


def test_p99_is_the_time_that_99_of_100_stayed_within():
    assert Measured(1.0, [float(n) for n in range(1, 101)]).p99_ms == 99
    assert Measured(1.0, [float(n) for n in range(1000, 0, -1)]).p99_ms == 990
    assert Measured(1.0, [7.0]).p99_ms == 7
    assert Measured(2.0, [1.0] * 10).rps == 5


@pytest.fixture
def answering():
    """A server that answers each request with what it is told, in two pieces."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def start(reply: bytes) -> tuple[int, list[bytes]]:
        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                while request := connection.recv(65536):
                    heard.append(request)
                    connection.sendall(reply[:20])
                    connection.sendall(reply[20:])
                    if b"Connection: close" in reply:
                        return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1], heard

    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _plan(port: int, **more: object) -> Plan:
    return Plan(port, "POST / HTTP/1.1\r\n", NUMBER, connections=3, seconds=0.1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("closing", [False, True])
def test_the_load_counts_replies_and_numbers_requests(answering, closing):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + (b"Connection: close\r\n" if closing else b"")
    port, heard = answering(head + b"\r\ndone")
    measured = measure(_plan(port, expect="don", keep=True))
    count = len(measured.latencies_ms)
    assert count == len(heard) == len(measured.replies) > 3
    assert set(measured.replies) == {"done"}
    assert measured.reconnects == (count - 3 if closing else 0)
    bodies = [request.partition(b"\r\n\r\n")[2] for request in heard]
    assert len(set(bodies)) == count
    assert all(len(body) == len(NUMBER) for body in bodies)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\ndone",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\ndone",
    ],
)
def test_the_load_counts_nothing_but_what_was_asked_for(answering, reply):
    port, _ = answering(reply)
    with pytest.raises(LoadFailed):
        measure(_plan(port, expect="done"))


# --- waits ---------------------------------------------------------------------------------------------------------------


class _Processes:
    """Begins some triggers instead of a triggerer."""

    def __init__(self, home, begun: int) -> None:
        self.logs = home / "logs" / "dag_id=waits" / "run_id=bench" / "task_id=wait"
        self.begun = begun

    def start(self, name, command, env):
        for number in range(self.begun):
            log = self.logs / f"map_index={number}" / "attempt=1.log.trigger.1.log"
            log.parent.mkdir(parents=True)
            log.touch()

    def check(self) -> None:
        pass


def _triggerer(tmp_path, monkeypatch, begun: int, count: int) -> waits_airflow.Triggerer:
    monkeypatch.setattr(waits_airflow, "START_SECONDS", 0.1)
    monkeypatch.setattr(waits_airflow, "run_to_end", lambda *_: "")
    (tmp_path / "airflow.db").touch()
    arguments = [{"number": number} for number in range(count)]
    home = tmp_path / "home"
    return waits_airflow.Triggerer(
        _Processes(home, begun), home, tmp_path / "airflow.db", (waits.NAIVE, arguments), {}
    )


def _ready(triggerer: waits_airflow.Triggerer, monkeypatch, ended: int) -> None:
    uses = iter([waits_airflow.Use(0.0, 1.0, 2.0, 300.0), waits_airflow.Use(60.0, 61.0, 62.0, 300.0)])
    monkeypatch.setattr(triggerer, "use", lambda: next(uses))
    monkeypatch.setattr(triggerer, "ended", lambda: ended)
    monkeypatch.setattr(triggerer, "resumed", lambda: dict.fromkeys(range(ended)))
    monkeypatch.setattr("time.sleep", lambda seconds: None)


@pytest.mark.parametrize("kind", ["naive", "http"])
def test_how_many_triggers_of_a_peer_had_begun_is_a_figure(tmp_path, monkeypatch, kind):
    case = waits.Case(1, 5)
    slow = _triggerer(tmp_path, monkeypatch, 3, case.waits)
    assert slow.begun == 3
    _ready(slow, monkeypatch, ended=1)
    measured = waits.watch(slow, None, case, kind)
    figures = waits.figures_of(case, dict.fromkeys(waits.KINDS, measured))
    name = waits.PEERS[kind]
    assert figures[f"waits.1.5.{name}_begun"] == 3
    assert figures[f"waits.1.5.{name}_ended"] == 1
    assert f"waits.1.5.{name}_calls_per_minute" in figures


@pytest.mark.parametrize("kind", ["ours", "sleeping"])
def test_triggers_of_ours_that_have_not_begun_are_no_figure(tmp_path, monkeypatch, kind):
    slow = _triggerer(tmp_path, monkeypatch, 3, 5)
    with pytest.raises(LoadFailed, match=f"{kind}: 3 of 5 triggers had begun"):
        waits.watch(slow, None, waits.Case(1, 5), kind)


def test_waits_of_ours_that_end_by_themselves_are_no_figure(tmp_path, monkeypatch):
    all_began = _triggerer(tmp_path, monkeypatch, 5, 5)
    _ready(all_began, monkeypatch, ended=1)
    with pytest.raises(LoadFailed, match="a wait has ended though nobody has answered"):
        waits.watch(all_began, None, waits.Case(1, 5), "ours")


# --- imports -------------------------------------------------------------------------------------------------------------


def test_every_operator_and_sensor_module_of_ours_is_imported():
    modules = imports.our_modules()
    assert len(modules) == len(set(modules))
    loaded = [importlib.import_module(name) for name in modules]
    defined = {name for module in loaded for name in vars(module)}
    for package in ("operators", "sensors"):
        public = importlib.import_module(f"airflow_provider_kaizala.{package}").__all__
        assert set(public) <= defined


def test_the_dag_of_the_bench_of_imports_has_five_tasks():
    dag = importlib.import_module("benchmarks.imports_dag_kaizala").approve.dag
    assert len(dag.tasks) == 5


def test_what_is_compiled_for_a_bench_is_kept_as_it_is_for_other_providers(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "4")
    environment = peers.environment(tmp_path, {"http_default": "http://127.0.0.1"})
    assert not {"PYTHONDONTWRITEBYTECODE", "AIRFLOW__CORE__PARALLELISM"} & set(environment)
    assert environment["AIRFLOW_CONN_HTTP_DEFAULT"] == "http://127.0.0.1"


# --- messages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def running_message_server():
    """The server in a thread."""
    loop = asyncio.new_event_loop()
    shop = message_server.Shop(0)
    exchanges: list[message_server.Exchange] = []

    def accept() -> message_server.Exchange:
        exchanges.append(message_server.Exchange(shop))
        return exchanges[-1]

    server = loop.run_until_complete(loop.create_server(accept, "127.0.0.1", 0))
    shop.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield shop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    for each in exchanges:
        each.transport.close()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


def test_the_server_of_the_bench_of_messages_answers_our_client(running_message_server):
    settings = Settings(
        "bench", "secret", f"http://127.0.0.1:{running_message_server.port}", refresh_token="token"
    )
    with KaizalaClient(settings) as client:
        posted = [
            client.run(calls.send_message("g", Message(text))) for text in ("Good morning", "Good night")
        ]
    assert len({each.reference_id for each in posted}) == 2
    assert running_message_server.posts == 2
    assert json.loads(running_message_server.last["body"]) == {"message": "Good night"}


def test_the_server_of_the_bench_of_messages_closes_when_it_is_asked_to(running_message_server):
    with socket.create_connection(("127.0.0.1", running_message_server.port)) as connection:
        connection.sendall(
            b"POST /webhooks/12/store-12 HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{"
        )
        connection.sendall(b"}")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 204 ")
