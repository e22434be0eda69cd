"""What ends a wait, what it survives, what it returns and how it times out: the same in every mode.

Each row of the table runs in each mode: a sensor in poke, reschedule and deferrable mode, an operator that asks in its worker and
deferrable, and one that asks in Airflow too (HITL). An end of its own is given for a mode that differs on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_kaizala.tasks import farewell
from tests.unit.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.modes import (
    INTERVAL,
    WAYS,
    Cleared,
    Clock,
    Died,
    End,
    Marked,
    Run,
    TryFailed,
    Way,
    World,
)

Event = Callable[[World], None]


# --- what happens --------------------------------------------------------------------------------------------------------


def votes(number: str, choice: str = "Yes") -> Event:
    return lambda world: world.votes(number, choice)


def edits(number: str, choice: str) -> Event:
    return lambda world: world.edits(number, choice)


def is_deleted(world: World) -> None:
    world.is_deleted()


def is_revoked(world: World) -> None:
    world.revokes()


def breaks(status: int, code: str, **headers: str) -> Event:
    return lambda world: world.breaks(status, code, **headers)


def recovers(world: World) -> None:
    world.recovers()


def slow(seconds: float) -> Event:
    return lambda world: setattr(world, "latency", seconds)


def connection_is(gone: bool) -> Event:
    return lambda world: setattr(world, "connection_is_gone", gone)


def in_airflow(choice: str) -> Event:
    return lambda world: world.is_answered_in_airflow(choice)


def interrupts(kind: Callable[[], Any]) -> Event:
    return lambda world: world.clock.interrupt(kind())


dies, fails, is_cleared, is_marked = map(interrupts, (Died, TryFailed, Cleared, Marked))


def no_triggerer(until: float) -> Event:
    return lambda world: world.triggerer_stops(until)


def at_once(*events: Event) -> Event:
    def all_of_them(world: World) -> None:
        for event in events:
            event(world)

    return all_of_them


# --- how it ends ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """An end.

    :param at: the second
    :param late: seconds later at which it may be
    """

    state: str
    at: float
    late: float = INTERVAL + 1
    says: str = ""
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)

    def check(self, end: End) -> None:
        assert end.state == self.state, end
        assert self.at <= end.at <= self.at + self.late
        if self.error is not None:
            assert self.error in [each.__name__ for each in type(end.error).__mro__]
        assert self.says in str(end.error or "")
        if self.result:
            assert {name: end.value[name] for name in self.result} == self.result


def success(at: float, late: float = INTERVAL + 1, **result: Any) -> Expected:
    """An end with a result, soon after a second."""
    return Expected("success", at, late, result=result)


def failure(at: float, says: str, late: float = INTERVAL + 1) -> Expected:
    """A failure that no retry can fix."""
    return Expected("failed", at, late, says, "AirflowFailException")


def timeout(at: float, says: str, late: float = 0.1) -> Expected:
    """A failure because time is up, at that very second."""
    return Expected("failed", at, late, says, "AirflowSensorTimeout")


def skip(at: float, says: str, late: float = 0.1) -> Expected:
    return Expected("skipped", at, late, says, "AirflowSkipException")


def no_answer(at: float, late: float = 0.1) -> Expected:
    """How HITL fails when time is up."""
    return Expected("failed", at, late, "No one has answered in time", "HITLTimeoutError")


def answer(at: float, choice: str, where: str | None, late: float = INTERVAL + 1) -> Expected:
    """How HITL ends with an answer."""
    return success(at, late, chosen_options=[choice], answered_in=where)


@dataclass(frozen=True)
class Row:
    """One scenario.

    :param happens: second to what happens then
    :param end: how it ends
    :param hitl: how it ends in HITL, if that differs
    :param differs: how it ends in another mode that differs
    :param given: arguments of the task
    :param ways: modes that have this at all
    :param posts: how often the question is posted
    """

    name: str
    happens: Mapping[float, Event]
    end: Expected
    hitl: Expected | None = None
    differs: Mapping[str, Expected] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    ways: Callable[[Way], bool] = lambda way: True
    posts: int = 1

    def expected(self, way: Way) -> Expected:
        if way.is_hitl and self.hitl is not None:
            return self.hitl
        return self.differs.get(way.name, self.end)


def sensors(way: Way) -> bool:
    return not way.asks


def asking(way: Way) -> bool:
    return way.asks


def all_but_hitl(way: Way) -> bool:
    return not way.is_hitl


def hitl_alone(way: Way) -> bool:
    return way.is_hitl


def deferrable(way: Way) -> bool:
    return way.is_hitl or way.mode["deferrable"]


SEEN_ONE = {"complete": False, "met": False, "answered_by": ["Name of 2"], "tally": {"Yes": 1, "No": 0}}
HOURS = {"timeout": 7200, "poke_interval": 600}
TIMED_OUT = "Timed out after 100 s: 0 of 1 answered"

TABLE = [
    # --- answers ----------------------------------------------------------------------------------------------------
    Row(
        "an answer",
        {15: votes(RAVI)},
        success(
            15, complete=True, met=True, tally={"Yes": 1, "No": 0}, winner="Yes", answered_by=["Name of 2"]
        ),
    ),
    Row(
        "an answer that was there before",
        {0: votes(RAVI)},
        success(0, late=0, complete=True, answered_by=["Name of 2"]),
        ways=sensors,
    ),
    Row(
        "an answer within the interval before the deadline",
        {96: votes(RAVI)},
        success(100, late=0.1, complete=True, answered_by=["Name of 2"]),
        given={"poke_interval": 60},
    ),
    Row(
        "an answer after the deadline",
        {101: votes(RAVI)},
        timeout(100, TIMED_OUT),
        hitl=no_answer(100),
    ),
    Row(
        "the same person twice",
        {5: votes(RAVI), 15: votes(RAVI), 35: votes(MEERA)},
        success(35, complete=True, answered_by=["Name of 2", "Name of 3"], tally={"Yes": 2, "No": 0}),
        given={"until": 2},
    ),
    Row(
        "an edited answer decides",
        {5: votes(RAVI, "Yes"), 35: edits(RAVI, "No")},
        success(35, complete=True, tally={"Yes": 0, "No": 1}, winner="No"),
        given={"until": {"kind": "quorum", "option": "No", "count": 1}},
    ),
    Row(
        "an edited answer counts no more",
        {5: votes(RAVI, "Yes"), 15: edits(RAVI, "No"), 35: votes(MEERA, "Yes")},
        success(100, late=0.1, complete=False, met=False, tally={"Yes": 1, "No": 1}, winner=None),
        hitl=answer(100, "No", None),
        given={"until": {"kind": "quorum", "option": "Yes", "count": 2}, "on_timeout": "return"},
    ),
    Row(
        "an answer in Airflow",
        {15: in_airflow("No")},
        answer(15, "No", "airflow", late=0),
        ways=hitl_alone,
    ),
    Row(
        "an answer in Airflow while no triggerer runs",
        {15: no_triggerer(until=2000), 45: in_airflow("No")},
        answer(45, "No", "airflow", late=0),
        ways=hitl_alone,
    ),
    # --- the question ends ------------------------------------------------------------------------------------------
    Row(
        "the question is deleted",
        {25: is_deleted, 55: in_airflow("No")},
        failure(25, "getAction failed"),
        hitl=answer(55, "No", "airflow"),
    ),
    Row(
        "the grant is revoked",
        {25: is_revoked, 55: in_airflow("No")},
        failure(25, "revoked"),
        hitl=answer(55, "No", "airflow"),
    ),
    Row(
        "the permission is taken away",
        {25: breaks(403, "Forbidden"), 55: in_airflow("No")},
        failure(25, "was not granted this group"),
        hitl=answer(55, "No", "airflow"),
    ),
    Row(
        "the question expires",
        {6000: in_airflow("No")},
        timeout(3605, "The question ended at"),
        hitl=answer(6000, "No", "airflow"),
        given=HOURS,
    ),
    Row(
        "the question expires, of which nothing could be read at first",
        {0: breaks(500, "Internal"), 25: recovers, 6000: in_airflow("No")},
        timeout(3605, "The question ended at"),
        hitl=answer(6000, "No", "airflow"),
        given=HOURS,
    ),
    Row(
        "the question expires, on_timeout=skip",
        {},
        skip(3605, "The question ended at"),
        given={**HOURS, "on_timeout": "skip"},
        ways=all_but_hitl,
    ),
    Row(
        "the question expires, on_timeout=return",
        {25: votes(RAVI)},
        success(3605, late=0.1, **SEEN_ONE),
        hitl=answer(7200, "No", None),
        given={**HOURS, "on_timeout": "return", "until": 2},
    ),
    Row(
        "an answer in the last moment of the question",
        {3599: votes(RAVI)},
        success(3600, late=5.1, complete=True),
        hitl=answer(3599, "Yes", "kaizala", late=601),
        given=HOURS,
    ),
    # --- time is up -------------------------------------------------------------------------------------------------
    Row("time is up", {}, timeout(100, TIMED_OUT), hitl=no_answer(100)),
    Row(
        "time is up, on_timeout=skip",
        {25: votes(RAVI)},
        skip(100, "Timed out after 100 s: 1 of 2 answered (Name of 2)"),
        given={"on_timeout": "skip", "until": 2},
        ways=all_but_hitl,
    ),
    Row(
        "time is up, on_timeout=return",
        {25: votes(RAVI)},
        success(100, late=0.1, **SEEN_ONE),
        hitl=answer(100, "No", None),
        given={"on_timeout": "return", "until": 2},
    ),
    Row(
        "time is up during a look",
        {19: slow(10)},
        timeout(35, "Timed out after 25 s: 0 of 1 answered", late=10.1),  # a reply to the group takes as long
        hitl=no_answer(35, late=10.1),
        given={"timeout": 25},
    ),
    Row(
        "an answer before a look during which time is up",
        {19: slow(10), 24: votes(RAVI)},
        success(35, late=0.1, complete=True, answered_by=["Name of 2"]),
        given={"timeout": 25},
    ),
    Row(
        "a rule that the group can never meet",
        {},
        failure(0, "until: cannot wait for 9 people; number of members of the group: 3", late=0),
        given={"until": 9},
    ),
    Row(
        "a rule that the group can never meet, as shows later",
        {0: breaks(500, "Internal"), 25: recovers, 75: in_airflow("No")},
        failure(25, "until: cannot wait for 9 people; number of members of the group: 3", late=31),
        hitl=answer(75, "No", "airflow"),
        given={"until": 9},
    ),
    # --- what a wait survives ---------------------------------------------------------------------------------------
    Row(
        "Kaizala fails for a while",
        {15: breaks(500, "Internal"), 55: recovers, 70: votes(RAVI)},
        success(70, complete=True),
    ),
    Row(
        "Kaizala fails from the first look on, for a while",
        {0: breaks(500, "Internal"), 45: recovers, 60: votes(RAVI)},
        success(60, late=31, complete=True),
    ),
    Row(
        "Kaizala fails until time is up",
        {0: breaks(500, "Internal")},
        timeout(100, "Timed out after 100 s: Kaizala could not be read", late=20),
        hitl=answer(100, "No", None, late=20),
        given={"on_timeout": "return"},
    ),
    Row(
        "throttled beyond the deadline",
        {25: votes(RAVI), 45: breaks(429, "TooManyRequests", retry_after="9999")},
        success(100, late=0.1, **SEEN_ONE),
        hitl=answer(100, "No", None),
        given={"until": 2, "on_timeout": "return"},
    ),
    Row(
        "throttled for a while",
        {15: breaks(429, "TooManyRequests", retry_after="20"), 30: recovers, 50: votes(RAVI)},
        success(50, complete=True),
    ),
    Row(
        "the connection is gone for a while",
        {0.01: connection_is(gone=True), 45: connection_is(gone=False), 60: votes(RAVI)},
        success(60, complete=True),
    ),
    Row(
        "the connection is gone when time is up",
        {25: votes(RAVI), 45: connection_is(gone=True)},
        success(100, late=0.1, **SEEN_ONE),
        hitl=answer(100, "No", None),
        given={"until": 2, "on_timeout": "return"},
    ),
    Row(
        "the triggerer dies",
        {25: dies, 45: votes(RAVI)},
        success(45, complete=True),
        ways=deferrable,
    ),
    Row(
        "no triggerer runs for a while",
        {25: no_triggerer(until=75), 45: votes(RAVI)},
        success(45, late=41, complete=True),
    ),
    Row(
        "no triggerer runs when time is up",
        {25: no_triggerer(until=2000), 45: votes(RAVI)},
        success(100, late=0.1, **SEEN_ONE),
        hitl=answer(2000, "No", None),  # only a triggerer can write Airflow's record
        differs={
            "sensor, deferrable": success(700, **SEEN_ONE),
            "operator, deferrable": success(700, **SEEN_ONE),
        },
        given={"until": 2, "on_timeout": "return"},
    ),
    # --- other tries ------------------------------------------------------------------------------------------------
    Row(
        "the process dies, and the next goes on",
        {25: dies, 75: votes(RAVI)},
        success(75, complete=True),
        given={"retries": 1},
    ),
    Row(
        "a try fails, and the next goes on",
        {25: fails, 75: votes(RAVI)},
        success(75, complete=True),
        given={"retries": 1},
    ),
    Row(
        "a try fails, and the next has the same deadline",
        {25: fails},
        timeout(100, TIMED_OUT),
        hitl=no_answer(100),
        given={"retries": 1},
    ),
    Row(
        "a try fails, and time is up before the next begins",
        {95: fails},
        timeout(105, TIMED_OUT),
        hitl=no_answer(105, late=9),
        given={"retries": 1},
    ),
    Row(
        "a try fails, and an answer comes before the next begins",
        {95: fails, 98: votes(RAVI)},
        success(105, late=9, complete=True),
        given={"retries": 1},
    ),
    Row(
        "a try fails before it could read anything, and the next has the same deadline",
        {0: breaks(500, "Internal"), 25: fails, 75: recovers},
        timeout(100, TIMED_OUT),
        hitl=no_answer(100),
        given={"retries": 1},
    ),
    Row(
        "a try fails, and the connection is gone when the next begins",
        {25: at_once(fails, connection_is(gone=True)), 55: connection_is(gone=False), 75: votes(RAVI)},
        success(75, complete=True),
        given={"retries": 1},
    ),
    Row(
        "time is up, though there are tries left",
        {},
        timeout(100, TIMED_OUT),
        hitl=no_answer(100),
        given={"retries": 1},
    ),
    Row(
        "cleared, and the wait begins anew",
        {25: is_cleared},
        timeout(125, TIMED_OUT),
        hitl=no_answer(125),
    ),
    Row(
        "cleared, and resumed",
        {25: is_cleared, 115: votes(RAVI)},
        success(115, complete=True, action_id="act-1"),
    ),
    Row(
        "cleared, to ask again",
        {25: is_cleared, 115: votes(RAVI)},
        success(115, complete=True, action_id="act-2"),
        given={"when_cleared": "ask_again"},
        ways=asking,
        posts=2,
    ),
    Row(
        "cleared after the question has expired",
        {3700: is_cleared, 5000: in_airflow("No")},
        timeout(3605, "The question ended at"),
        hitl=answer(5000, "No", "airflow"),
        given=HOURS,
    ),
    Row("marked as failed", {25: is_marked}, Expected("marked", 25)),
    # --- arguments of Airflow ---------------------------------------------------------------------------------------
    Row(
        "soft_fail, time is up",
        {},
        skip(100, f"Skipping, since soft_fail is set: {TIMED_OUT}"),
        given={"soft_fail": True},
        ways=sensors,
    ),
    Row(
        "soft_fail, the question is deleted",
        {25: is_deleted},
        skip(25, "Skipping, since soft_fail is set: getAction failed", late=11),
        given={"soft_fail": True},
        ways=sensors,
    ),
    Row(
        "soft_fail, the question expires",
        {},
        skip(3605, "Skipping, since soft_fail is set: The question ended at"),
        given={**HOURS, "soft_fail": True},
        ways=sensors,
    ),
    Row(
        "execution_timeout",
        {},
        Expected("failed", 30, 0.1, error="AirflowTaskTimeout"),
        differs={"sensor, reschedule": timeout(100, TIMED_OUT)},  # where it bounds a look
        given={"execution_timeout": timedelta(seconds=30)},
    ),
    Row(
        "execution_timeout of one try, and the next goes on",
        {50: votes(RAVI)},
        success(50, complete=True),
        given={"execution_timeout": timedelta(seconds=30), "retries": 1},
    ),
    Row(
        "soft_fail, execution_timeout",
        {},
        skip(30, "Skipping, since soft_fail is set: "),
        differs={"sensor, reschedule": skip(100, f"Skipping, since soft_fail is set: {TIMED_OUT}")},
        given={"execution_timeout": timedelta(seconds=30), "soft_fail": True},
        ways=sensors,
    ),
]


def cases() -> list[Any]:
    return [
        pytest.param(row, way, id=f"{row.name}: {way.name}")
        for row in TABLE
        for way in WAYS.values()
        if row.ways(way)
    ]


@pytest.fixture
def world(kaizala: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """A Kaizala in memory, on the one clock."""
    clock = Clock()
    world = World(kaizala, clock)
    world.install(monkeypatch)
    clock.install(monkeypatch)
    return world


def run(world: World, way: Way, happens: Mapping[float, Event], given: Mapping[str, Any]) -> End:
    """Run a task to its end; a sensor waits for the answers to a question that stands in the group already."""
    if not way.asks:
        world.ask("act-1", hours=1)
    for second, event in happens.items():
        world.clock.at(second, lambda event=event: event(world))
    world.clock.sleep(0)
    return Run(world, way, given).run()


@pytest.mark.parametrize(("row", "way"), cases())
def test_every_mode(row: Row, way: Way, world: World) -> None:
    end = run(world, way, row.happens, {"until": "any", "timeout": 100, **row.given})
    row.expected(way).check(end)
    assert len(world.posts) == (row.posts if way.asks else 0)


# --- beside the table ----------------------------------------------------------------------------------------------------

each_way = pytest.mark.parametrize("way", list(WAYS.values()), ids=lambda way: way.name)
#: what every mode returns, but for times
RESULT = {
    "group_id": GROUP,
    "action_id": "act-1",
    "action_type": "Poll",
    "title": "Tea?",
    "complete": False,
    "met": False,
    "answers": [
        {
            "responder": number,
            "responder_name": f"Name of {number[-1]}",
            "responder_id": f"u{number[-1]}",
            "response_id": f"r{at}",
            "is_completed": None,
            "answers": {"Tea?": choice},
        }
        for at, (number, choice) in enumerate([(RAVI, "No"), (MEERA, "Yes"), (RAVI, "No")])
    ],
    "answered_by": ["Name of 2", "Name of 3"],
    "missing": [{"mobile_number": ASHA, "name": "Name of 1"}],
    "missing_names": ["Name of 1"],
    "tally": {"Yes": 1, "No": 1},
    "chosen_by": {"Yes": ["Name of 3"], "No": ["Name of 2"]},
    "winner": None,
}
OF_HITL = {"chosen_options", "params_input", "responded_at", "responded_by_user", "timedout", "answered_in"}


@each_way
def test_the_same_result_in_every_mode(way: Way, world: World) -> None:
    happens = {5: votes(RAVI), 15: votes(MEERA), 25: edits(RAVI, "No"), 35: votes(RAVI, "No")}
    given = {"until": [RAVI, MEERA, ASHA], "on_timeout": "return"}
    end = run(world, way, happens, {**given, "timeout": 100})
    responded = [each.pop("responded_at") for each in end.value["answers"]]
    assert [datetime.fromisoformat(each) - world.clock.began for each in responded] == [
        timedelta(seconds=second) for second in (25, 15, 35)
    ]
    assert {name: end.value[name] for name in RESULT} == RESULT
    more = {"reference_id"} if way.asks else set()
    assert end.value.keys() - RESULT.keys() == (more | OF_HITL if way.is_hitl else more)


@each_way
def test_one_look_when_time_is_up_and_none_after_it(way: Way, world: World) -> None:
    run(world, way, {}, {"until": "any", "timeout": 95})
    assert [at for at in world.looks if at > 91] == [pytest.approx(95, abs=0.1)]


@pytest.mark.parametrize(("timeout", "reminders"), [(100, 2), (101, 3), (60, 1), (35, 0)])
@each_way
def test_as_many_reminders_in_every_mode(way: Way, world: World, timeout: int, reminders: int) -> None:
    """Every 30 seconds, as long as a look can follow before the end."""
    if way.asks:
        run(world, way, {}, {"until": "any", "timeout": timeout, "remind_every": 30})
        assert world.told == ["a reminder"] * reminders + [farewell.TIME_IS_UP]


#: what happens, the arguments, and what the group is told in the end
ENDS: Mapping[str, tuple[Mapping[float, Event], Mapping[str, Any], list[str]]] = {
    "answered": ({25: votes(RAVI)}, {}, []),
    "time is up": ({}, {}, [farewell.TIME_IS_UP]),
    "time is up, though there are tries left": ({}, {"retries": 1}, [farewell.TIME_IS_UP]),
    "execution_timeout is over": ({}, {"execution_timeout": timedelta(seconds=35)}, [farewell.TIME_IS_UP]),
    "execution_timeout is over, and a retry is answered": (
        {45: votes(RAVI)},
        {"execution_timeout": timedelta(seconds=35), "retries": 1},
        [],
    ),
    "the question is deleted": ({25: is_deleted}, {}, [farewell.FAILED]),
    "marked": ({25: is_marked}, {}, [farewell.STOPPED]),
    "cleared, and answered": ({25: is_cleared, 45: votes(RAVI)}, {}, [farewell.OPEN_AGAIN]),
    "cleared twice": ({25: is_cleared, 45: is_cleared, 65: votes(RAVI)}, {}, [farewell.OPEN_AGAIN] * 2),
    "cleared and retried": (
        {25: is_cleared, 45: fails, 65: votes(RAVI)},
        {"retries": 1},
        [farewell.OPEN_AGAIN],
    ),
    "answered while it was cleared": ({25: at_once(votes(RAVI), is_cleared)}, {}, []),
    "cleared, to ask again": (
        {25: is_cleared, 45: votes(RAVI)},
        {"when_cleared": "ask_again"},
        [farewell.ASKED_AGAIN],
    ),
    "nobody wants it told": ({25: is_marked}, {"tell_group": False}, []),
}


@pytest.mark.parametrize("name", ENDS)
@each_way
def test_a_question_ends_with_its_task_in_every_mode(way: Way, world: World, name: str) -> None:
    """Nobody answers a question for which no task waits; a question that another try continues with stays open."""
    if not way.asks:
        return
    happens, given, told = ENDS[name]
    if way.is_hitl and name == "the question is deleted":
        told = [farewell.TIME_IS_UP]  # it can still be answered in Airflow
    run(world, way, happens, {"until": "any", "timeout": 100, **given})
    assert world.told == told
