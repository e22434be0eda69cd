"""A wait for messages ends in the same way in every mode, as all waits do, see ``test_every_mode.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from airflow_provider_kaizala.sensors import KaizalaMessageSensor
from tests.unit.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.modes import INTERVAL, Clock, Died, End, Run, TryFailed, Way, World
from tests.unit.stored_events import StoredEvents

Event = Callable[[World, StoredEvents], None]


class Listening(Way):
    """A sensor for messages."""

    asks = False

    def make(self, given: dict[str, Any]) -> Any:
        return KaizalaMessageSensor(task_id="wait", group_id=GROUP, **given, **self.mode)


WAYS = [
    Listening("poke", mode="poke", deferrable=False),
    Listening("reschedule", mode="reschedule", deferrable=False),
    Listening("deferrable", deferrable=True),
]


def writes(text: str, number: str = RAVI) -> Event:
    return lambda world, stored: stored.message(text, number)


def receiver_is(down: bool) -> Event:
    return lambda world, stored: setattr(stored, "is_down", down)


def dies(world: World, stored: StoredEvents) -> None:
    world.clock.interrupt(Died())


def fails(world: World, stored: StoredEvents) -> None:
    world.clock.interrupt(TryFailed())


#: name, what happens at which second, arguments, and how it ends: state, second, text of the message or of the error
Row = tuple[str, dict[float, Event], dict[str, Any], tuple[str, float, str]]
TABLE: list[Row] = [
    ("a message", {15: writes("no"), 35: writes("done")}, {}, ("success", 35, "done")),
    ("the connector's own", {15: writes("done", ASHA), 35: writes("done!")}, {}, ("success", 35, "done!")),
    (
        "of chosen people",
        {15: writes("done"), 35: writes("done too", MEERA)},
        {"people": [MEERA]},
        ("success", 35, "done too"),
    ),
    ("of two people", {15: writes("done"), 16: writes("done"), 35: writes("done too", MEERA)}, {"until": 2}, ("success", 35, "done too")),
    ("in the last moment", {96: writes("done")}, {"poke_interval": 60}, ("success", 100, "done")),
    ("time is up", {15: writes("no")}, {}, ("failed", 100, "Timed out after 100 s: 0 of 1 answered")),
    ("time is up, skip", {}, {"on_timeout": "skip"}, ("skipped", 100, "Timed out after 100 s")),
    ("time is up, return", {15: writes("done")}, {"on_timeout": "return", "until": 2}, ("success", 100, "done")),
    (
        "the receiver is down for a while",
        {15: receiver_is(True), 25: writes("done"), 55: receiver_is(False)},
        {},
        ("success", 55, "done"),
    ),
    (
        "the receiver is down from the first look on",
        {0: receiver_is(True), 25: writes("done"), 55: receiver_is(False)},
        {},
        ("success", 55, "done"),
    ),
    ("the receiver is down when time is up", {15: receiver_is(True)}, {}, ("failed", 100, "Timed out after 100 s")),
    ("the receiver is down all the time", {0: receiver_is(True)}, {"on_timeout": "return"}, ("failed", 100, "Kaizala could not be read")),
    ("the process dies, and a message comes before the next", {35: dies, 38: writes("done")}, {"retries": 1}, ("success", 38, "done")),
    ("a try fails, and a message comes before the next", {35: fails, 38: writes("done")}, {"retries": 1}, ("success", 38, "done")),
    ("a try fails, and time is up at the same moment", {35: fails}, {"retries": 1}, ("failed", 100, "0 of 1 answered")),
    (
        "no triggerer runs for a while",
        {15: lambda world, stored: world.triggerer_stops(75), 25: writes("done")},
        {},
        ("success", 25, "done"),
    ),
    ("people who cannot answer", {}, {"people": ["+919999999999"]}, ("failed", 0, "cannot answer: not among the members")),
]  # fmt: skip


@pytest.fixture
def world(kaizala: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    clock = Clock()
    world = World(kaizala, clock)
    world.install(monkeypatch)
    clock.install(monkeypatch)
    return world


@pytest.fixture
def stored(world: World, monkeypatch: pytest.MonkeyPatch) -> StoredEvents:
    stored = StoredEvents(world.clock.now)
    for module in ("sensors.message", "triggers.sources"):
        monkeypatch.setattr(f"airflow_provider_kaizala.{module}.EventFeed", stored.feed)
    return stored


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize(
    ("name", "happens", "given", "end"), TABLE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_messages_in_every_mode(
    name: str,
    happens: Mapping[float, Event],
    given: dict[str, Any],
    end: tuple[str, float, str],
    way: Way,
    world: World,
    stored: StoredEvents,
) -> None:
    for second, event in happens.items():
        world.clock.at(second, lambda event=event: event(world, stored))
    world.clock.sleep(0)
    found: End = Run(world, way, {"pattern": "done", "timeout": 100, **given}).run()
    state, at, says = end
    assert found.state == state, found
    late = 60 if "triggerer" in name else 2 * INTERVAL + 20 if "down" in name else INTERVAL + 1
    assert at <= found.at <= at + late
    assert says in (found.value["message"]["text"] if state == "success" else str(found.error))
    assert stored.open == 0
