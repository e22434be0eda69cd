"""What the bench of webhooks counts; what it measures is not tested here."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import push, push_load, push_notes
from benchmarks.load import LoadFailed
from benchmarks.push_load import EVENT_ID, Plan, Sent

if TYPE_CHECKING:
    from collections.abc import Iterator


class Receiver:
    """Takes events; refuses each as often as it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str | None, str]] = []
        self.refuse = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                pass

            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.heard.append((self.path, self.headers["kz-callback-token"], event["eventId"]))
                is_refused = Counter(receiver.heard)[receiver.heard[-1]] <= receiver.refuse
                self.send_response(503 if is_refused else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


def plan(port: int, **more: Any) -> Plan:
    headers = {"kz-callback-token": "t"}
    return Plan(
        port, "/kaizala/c?on=g", headers, json.dumps({"eventId": EVENT_ID}), "e", **{"count": 20, **more}
    )


def ids(count: int) -> list[str]:
    return [push_load.event_id("e", number) for number in range(count)]


@pytest.mark.parametrize("rate", [0, 200])
def test_each_event_is_sent_once_with_an_id_of_its_own(receiver: Receiver, rate: float) -> None:
    sent = push_load.send(plan(receiver.port, rate=rate))
    assert sorted(receiver.heard) == [("/kaizala/c?on=g", "t", each) for each in ids(20)]
    assert (sent.statuses, sent.refused, len(sent.latencies_ms)) == ({"200": 20}, 0, 20)


def test_an_event_comes_no_earlier_than_it_is_due(receiver: Receiver) -> None:
    sent = push_load.send(plan(receiver.port, count=5, rate=20))
    assert sent.ended - sent.began >= 4 / 20


def test_what_is_refused_is_sent_again_and_its_time_runs_on(receiver: Receiver) -> None:
    receiver.refuse = 1
    sent = push_load.send(plan(receiver.port, count=4))
    assert (sent.statuses, sent.refused) == ({"200": 4, "503": 4}, 4)
    assert min(sent.latencies_ms) >= push_load.AGAIN_SECONDS * 1000


def test_a_receiver_that_is_not_there_gives_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_load, "AGAIN_SECONDS", 0)
    with pytest.raises(RuntimeError, match=r"event 0 was not taken: {'0': 60}"):
        asyncio.run(push_load._carry_out(plan(1, count=1)))


def test_rates_and_percentiles() -> None:
    sent = Sent(began=100.0, ended=102.0, latencies_ms=[float(each) for each in range(20, 0, -1)])
    assert sent.per_second == 10
    assert (sent.percentile_ms(0.5), sent.percentile_ms(0.95)) == (10, 19)


def test_a_note_that_is_just_being_written_is_left_out(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes"
    assert push_notes.read_notes(path, "body") == []
    monkeypatch.setenv(push_notes.PLACE, str(path))
    for number in range(3):
        push_notes.note("body", number=number)
    push_notes.note("other")
    path.write_text(path.read_text() + '{"what": "bo')
    assert [each["number"] for each in push_notes.read_notes(path, "body")] == [0, 1, 2]


class Found:
    """What a stack has found."""

    def __init__(self, stored: list[str], processed: list[str]) -> None:
        self._stored, self._processed = stored, processed

    def stored(self, prefix: str) -> list[str]:
        return self._stored

    def processed(self, prefix: str) -> list[str]:
        return self._processed

    def processed_at(self, prefix: str) -> float:
        return 107.0

    def wait_for(self, what: str, ready: Any, seconds: float) -> None:
        if not ready():
            raise LoadFailed(f"{what}: not ready")


@pytest.mark.parametrize(
    ("stored", "processed", "says"),
    [
        (ids(19), ids(19), "20 events were taken, 19 are stored, in 19 rows"),
        ([*ids(20), ids(1)[0]], ids(20), "20 events were taken, 20 are stored, in 21 rows"),
        (ids(20), ids(19), "processing of all: not ready"),
        (ids(20), [*ids(20), ids(1)[0]], "1 events were processed twice"),
    ],
)
def test_an_event_that_is_lost_or_comes_twice_gives_no_figures(
    stored: list[str], processed: list[str], says: str
) -> None:
    found: Any = Found(stored, processed)
    with pytest.raises(LoadFailed, match=says):
        push.settle(found, plan(1), 100.0)


def test_how_long_processing_goes_on_after_the_last_event() -> None:
    found: Any = Found(ids(20), list(reversed(ids(20))))
    assert push.settle(found, plan(1), 100.0) == 7
