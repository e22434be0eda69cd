"""What watches a whole Airflow sees of our tasks: StatsD, OpenTelemetry, OpenLineage; and what the notifier says of its own questions."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.people import RAVI
from demo.stack import GROUP, Stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SECRETS = ("demo-secret", "demo-refresh-token", "demo-group-token")
DAG = """
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import KaizalaAskPollOperator

with DAG(
    "watched",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=5),
        callback=AsyncCallback(KaizalaNotifier),
    ),
):
    KaizalaAskPollOperator(
        task_id="ask", question="Tea?", options=["Yes", "No"], until="any", deferrable=True, poke_interval=1, timeout=600
    )
    HITLOperator(task_id="pay", subject="Pay?", options=["Pay", "Wait"], notifiers=[KaizalaNotifier()])
"""


class Watch:
    """All that Airflow tells those who watch it."""

    def __init__(self) -> None:
        self.metrics: list[str] = []
        self.spans = b""

    def metric(self, name: str, **tags: str) -> bool:
        """Return whether a metric came with these tags, in the way of InfluxDB."""
        wanted = {f"{tag}={value}" for tag, value in tags.items()}
        named = (each.partition(":")[0].split(",") for each in self.metrics)
        return any(found[0] == f"airflow.{name}" and wanted <= set(found[1:]) for found in named)


@contextmanager
def statsd(watch: Watch) -> Iterator[int]:
    """Receive metrics at a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))

        def receive() -> None:
            while data := receiver.recv(65536):
                watch.metrics.extend(data.decode().splitlines())

        thread = Thread(target=receive, daemon=True)
        thread.start()
        yield receiver.getsockname()[1]
        receiver.sendto(b"", receiver.getsockname())
        thread.join(10)


@contextmanager
def collector(watch: Watch) -> Iterator[int]:
    """Receive spans at a port; their names stand in them as they are."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            watch.spans += self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def texts(kaizala: KaizalaServer) -> list[str]:
    return [each["text"] for each in kaizala.feed(GROUP) if each["kind"] == "text"]


def test_a_run_that_is_watched(tmp_path: Path) -> None:
    watch = Watch()
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "watched.py").write_text(DAG)
    lineage = tmp_path / "lineage.json"
    with statsd(watch) as metrics_port, collector(watch) as spans_port:
        environment = {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_PORT": str(metrics_port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
            "AIRFLOW__TRACES__OTEL_ON": "True",
            "OTEL_TRACES_EXPORTER": "otlp_proto_http",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{spans_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_SERVICE_NAME": "airflow",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": f'{{"type": "file", "log_file_path": "{lineage}", "append": true}}',
            "AIRFLOW__OPENLINEAGE__INCLUDE_FULL_TASK_INFO": "True",
        }
        with Stack(tmp_path / "stack", tmp_path / "dags", environment, limited=False) as stack:
            kaizala = KaizalaServer(stack.kaizala)
            _run(stack, kaizala)
            wait_for("metrics", lambda: watch.metric("kaizala.wait.end", kind="responses", outcome="met"), 30)
            wait_for("spans", lambda: b"kaizala listActions" in watch.spans, 30)
    # a task and a triggerer have metrics of their own in Airflow
    assert watch.metric("kaizala.call", operation="postAction", outcome="success"), "by the task"
    assert watch.metric("kaizala.call", operation="listActions", outcome="success"), "by the triggerer"
    assert watch.metric("kaizala.call", operation="sendMessage", outcome="success"), "by the notifier"
    assert watch.metric("kaizala.wait.start", kind="responses")
    assert b"kaizala postAction" in watch.spans
    events = lineage.read_text("utf-8")
    assert '"name": "watched.ask"' in events
    told = "\n".join(watch.metrics) + watch.spans.decode("latin-1") + events
    assert not [secret for secret in SECRETS if secret in told]


def _run(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("watched")

    def reached(**wanted: str) -> bool:
        states = stack.task_states("watched", run)
        return all(states[name] == state for name, state in wanted.items())

    wait_for("both wait", lambda: reached(ask="deferred", pay="awaiting_input"), 120, stack.processes.check)
    (asked,) = [each for each in texts(kaizala) if each.startswith("Pay?")]
    page = f"{stack.airflow}/dags/watched/runs/{run}/tasks/pay/required_actions?map_index=-1"
    assert asked == f"Pay? (Pay / Wait)\nAnswer in Airflow: {page}"
    missed = f"DAG watched (run {run}) missed its deadline"
    wait_for("the deadline is told", lambda: missed in texts(kaizala), 60, stack.processes.check)
    (poll,) = [each for each in kaizala.feed(GROUP) if each["kind"] == "poll"]
    kaizala.call("POST", f"/people/{RAVI}/actions/{poll['actionId']}/votes", {"choice": "Yes"})
    details = f"/dags/watched/dagRuns/{run}/taskInstances/pay/-1/hitlDetails"
    stack.api("PATCH", details, {"chosen_options": ["Pay"], "params_input": {}})
    wait_for("both are answered", lambda: reached(ask="success", pay="success"), 90, stack.processes.check)
