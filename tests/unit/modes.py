"""One task, run to its end in any mode, on one clock, with as much of Airflow and of Kaizala around it as a wait meets."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_kaizala import compat
from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient
from airflow_provider_kaizala.client.client import KaizalaClient
from airflow_provider_kaizala.client.effects import Send, TransportFailure
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from airflow_provider_kaizala.triggers import pacing
from tests.unit.conftest import GROUP, Store
from tests.unit.task_instance import task_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

#: seconds between a try that has failed and the next
RETRY_DELAY = 10.0
INTERVAL = 10.0

# --- time ----------------------------------------------------------------------------------------------------------------


class Interruption(BaseException):
    """Something from outside that ends what the task is doing."""


class Died(Interruption):
    """The process has died: of a worker, or of the triggerer, which is then restarted."""


class TryFailed(Interruption):
    """The try has failed, wherever it was."""


class Cleared(Interruption):
    """Somebody has cleared the task."""

    state = None


class Marked(Interruption):
    """Somebody has marked the task as failed."""

    state = "failed"


class Answered(Interruption):
    """Airflow's record was answered there, and so Airflow resumes the task itself."""


class Clock:
    """The only time there is. It passes when a worker sleeps, and when everything in the triggerer waits for it to.

    It stands in for the module ``time``, and with :attr:`datetime` for the class.
    """

    def __init__(self) -> None:
        self.began = datetime.now(tz=UTC).replace(microsecond=0)
        self.seconds = 0.0
        self.interruption: Interruption | AirflowTaskTimeout | None = None
        #: called when something interrupts; the triggerer's way to hear of it
        self.on_interrupt: Any = None
        self._due: list[tuple[float, int, Any]] = []
        self._numbers = itertools.count()

        class Kind(type):
            def __instancecheck__(cls, value: Any) -> bool:
                return isinstance(value, datetime)

        class VirtualDatetime(datetime, metaclass=Kind):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return self.now().astimezone(tz)

        self.datetime = VirtualDatetime

    def monotonic(self) -> float:
        return 1000.0 + self.seconds

    def time(self) -> float:
        return self.began.timestamp() + self.seconds

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.seconds)

    def at(self, second: float, function: Any) -> tuple[float, int, Any]:
        """Call a function at a second; what is returned can be taken back."""
        entry = (second, next(self._numbers), function)
        heapq.heappush(self._due, entry)
        return entry

    def take_back(self, entry: tuple[float, int, Any]) -> None:
        if entry in self._due:
            self._due.remove(entry)
            heapq.heapify(self._due)

    def interrupt(self, what: Interruption | AirflowTaskTimeout) -> None:
        """Interrupt the task, whatever it is doing."""
        self.interruption = what
        if self.on_interrupt is not None:
            self.on_interrupt()

    @property
    def is_due(self) -> bool:
        """Whether something happens now."""
        return bool(self._due) and self._due[0][0] <= self.seconds

    def step(self, end: float | None) -> None:
        """Go on to what happens next, but not beyond a second."""
        if self._due and (end is None or self._due[0][0] <= end):
            second, _, function = heapq.heappop(self._due)
            self.seconds = max(self.seconds, second)
            function()
        elif end is None:
            raise RuntimeError("deadlock: nothing will ever happen")
        else:
            self.seconds = max(self.seconds, end)

    def sleep(self, seconds: float) -> None:
        """Let time pass in a worker.

        :raises Interruption: if something interrupts
        """
        end = self.seconds + seconds
        while self.interruption is None and (self.seconds < end or self.is_due):
            self.step(end)
        self.raise_interruption()

    def raise_interruption(self) -> None:
        what, self.interruption = self.interruption, None
        if what is not None:
            raise what

    def install(self, monkeypatch: Any) -> None:
        """Let every module of the provider go by this clock, except the watchdog of real exchanges, which outlives a test."""
        others = {"server", "testing", "requests_transport"}
        for name, module in list(sys.modules.items()):
            if name.startswith("airflow_provider_kaizala.") and not others & set(name.split(".")):
                if vars(module).get("time") is time:
                    monkeypatch.setattr(module, "time", self)
                if vars(module).get("datetime") is datetime:
                    monkeypatch.setattr(module, "datetime", self.datetime)
        policy = Policy.__init__.__kwdefaults__
        for name, value in (("clock", self.monotonic), ("wall", self.time), ("jitter", lambda: 0.5)):
            monkeypatch.setitem(policy, name, value)
        monkeypatch.setitem(KaizalaClient.__init__.__kwdefaults__, "sleep", self.sleep)
        monkeypatch.setitem(AsyncKaizalaClient.__init__.__kwdefaults__, "sleep", asyncio.sleep)
        monkeypatch.setattr(pacing.Pacer.__init__, "__defaults__", (self.monotonic,))


class Loop(asyncio.SelectorEventLoop):
    """The triggerer's event loop."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.time = clock.monotonic  # type: ignore[method-assign]
        look = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            ready = look(0)
            if not ready and timeout != 0:
                clock.step(None if timeout is None else clock.seconds + timeout)
            return ready

        self._selector.select = select  # type: ignore[attr-defined]


# --- Kaizala and Airflow's record ----------------------------------------------------------------------------------------


class World:
    """A Kaizala in memory, where what is posted stands in the group, and what people and operators do to it.

    :ivar looks: the seconds at which the question was read
    :ivar posts: what was posted
    :ivar told: texts and reminders that were posted
    :ivar latency: seconds that a call takes
    :ivar triggerer_runs_from: the second from which on a triggerer runs
    """

    def __init__(self, kaizala: Any, clock: Clock) -> None:
        self.kaizala, self.clock = kaizala, clock
        self.looks: list[float] = []
        self.posts: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.state_of_task: str | None = "running"
        self.latency = 0.0
        self.broken: Any = None
        self.triggerer_runs_from = 0.0
        self.task_is_deferred = False
        self.connection_is_gone = False
        self.records: dict[UUID, Record] = {}
        self._answer = kaizala.answer
        kaizala.answer = self._on_request
        kaizala.otherwise = self._reply

    def _on_request(self, request: Any) -> Any:
        if request.method == "GET" and "/actions/" in request.path:
            self.looks.append(round(self.clock.seconds, 2))
        return self._answer(request)

    def _reply(self, request: Any) -> Any:
        if self.broken is not None and request.method == "GET":
            return self.broken
        if request.method != "POST":
            return self.kaizala.default(request)
        if request.path.endswith("/actions"):
            self.posts.append(request.json)
            name = f"act-{len(self.posts)}"
            self.ask(name, hours=request.json["actionBody"]["expiryInHours"])
            return 200, {"referenceId": f"ref-{len(self.posts)}", "actionId": name}
        self.told.append("a reminder" if request.path.endswith("/reminder") else request.json["message"])
        return 200, {"referenceId": f"ref-told-{len(self.told)}"}

    def ask(self, name: str, hours: float) -> None:
        """Put the question up."""
        now = self.clock.now()
        due = (now + timedelta(hours=hours)).isoformat()
        self.kaizala.poll(action_id=name, sent_at=now.isoformat(), dueDate=due, creatorId="u1")

    # --- what happens ---------------------------------------------------------------------------------------------------

    @property
    def details(self) -> dict[str, Any]:
        """What the latest question looks like."""
        found: dict[str, Any] = list(self.kaizala.actions.values())[-1]["actionDetails"]
        return found

    def votes(self, number: str, choice: str) -> None:
        responses = self.details["responses"]
        responses.append(
            {
                "responseId": f"r{len(responses)}",
                "responder": number,
                "responderName": f"Name of {number[-1]}",
                "responderId": f"u{number[-1]}",
                "responseTime": self.clock.now().isoformat(),
                "responseWithQuestions": [{"title": "Tea?", "type": "SingleOption", "answer": [choice]}],
            }
        )
        self.details["responseCount"] = len(responses)

    def edits(self, number: str, choice: str) -> None:
        (response,) = (each for each in self.details["responses"] if each["responder"] == number)
        response["responseTime"] = self.clock.now().isoformat()
        response["responseWithQuestions"][0]["answer"] = [choice]

    def is_deleted(self) -> None:
        self.kaizala.actions.popitem()

    def breaks(self, status: int, code: str, **headers: str) -> None:
        """Answer every read with an error from now on."""
        self.broken = self.kaizala.error(status, code, "not now", **headers)

    def recovers(self) -> None:
        self.broken = None

    def revokes(self) -> None:
        """Take the connector's tokens back."""
        self.kaizala.tokens = [self.kaizala.error(401, "InvalidRefreshToken", "revoked")] * 100
        self.broken = self.kaizala.error(401, "InvalidToken", "revoked")

    def triggerer_stops(self, until: float) -> None:
        """Let no triggerer run until a second."""
        self.triggerer_runs_from = until
        if self.clock.on_interrupt is not None:
            self.clock.interrupt(Died())

    def is_answered_in_airflow(self, choice: str) -> None:
        if self.records:
            record = list(self.records.values())[-1]
            record.answer, record.user = [choice], "admin"
            if self.task_is_deferred:
                self.clock.interrupt(Answered())

    def install(self, monkeypatch: Any) -> None:
        """Let calls take as long as they do here, and the connection come from here."""
        do, async_do = KaizalaClient._do, AsyncKaizalaClient._do
        world, clock = self, self.clock

        def cut_off(send: Send) -> bool:
            return world.latency > send.total_timeout

        def unhurried(send: Send) -> Send:
            return replace(send, total_timeout=600)  # in the real time of the transport

        async def slow(client: Any, effect: Any) -> Any:
            if not isinstance(effect, Send):
                return await do(client, effect)
            clock.sleep(min(world.latency, effect.total_timeout))
            if cut_off(effect):
                raise TransportFailure.timed_out(sent=True)
            return await do(client, unhurried(effect))

        async def slow_async(client: Any, effect: Any) -> Any:
            if not isinstance(effect, Send):
                return await async_do(client, effect)
            await asyncio.sleep(min(world.latency, effect.total_timeout))
            if cut_off(effect):
                raise TransportFailure.timed_out(sent=True)
            return await async_do(client, unhurried(effect))

        get_connection = KaizalaHook.get_connection

        def connection(conn_id: str) -> Any:
            if world.connection_is_gone:
                raise RuntimeError("the secrets backend is down")
            return get_connection(conn_id)

        async def async_connection(hook: Any) -> Any:
            await asyncio.sleep(0.02)
            return hook.connection

        async def inline(function: Any, *args: Any) -> Any:
            return function(*args)

        monkeypatch.setattr(KaizalaClient, "_do", slow)
        monkeypatch.setattr(AsyncKaizalaClient, "_do", slow_async)
        monkeypatch.setattr(KaizalaHook, "get_connection", staticmethod(connection))
        monkeypatch.setattr(KaizalaHook, "async_connection", async_connection)
        monkeypatch.setattr(asyncio, "to_thread", inline)
        monkeypatch.setattr("airflow_provider_kaizala.hooks.kaizala._in_thread", inline)
        monkeypatch.setattr(pacing, "_pacers", {})
        monkeypatch.setattr(compat, "state_of_task", lambda ti: self.state_of_task)
        if compat.has_hitl():
            self._install_records(monkeypatch)

    def _install_records(self, monkeypatch: Any) -> None:
        """Put Airflow's records of questions in place of what its API server keeps."""

        def upsert(ti_id: UUID, **asked: Any) -> None:
            self.records[ti_id] = Record(asked)

        def update(ti_id: UUID, chosen_options: list[str], params_input: dict[str, Any]) -> Any:
            return self.records[ti_id].write(chosen_options, params_input, self.clock.now())

        def sync_to_async(function: Any) -> Any:
            async def inline(**given: Any) -> Any:
                return function(**given)

            return inline

        there = "airflow_provider_kaizala.triggers.hitl"
        monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", upsert)
        monkeypatch.setattr(f"{there}.get_hitl_detail_content_detail", lambda ti_id: self.records[ti_id])
        monkeypatch.setattr(f"{there}.update_hitl_detail_response", update)
        monkeypatch.setattr(f"{there}.sync_to_async", sync_to_async)


@dataclass
class Record:
    """Airflow's record of a question: it takes one answer."""

    asked: dict[str, Any]
    answer: list[str] | None = None
    user: str | None = None
    params_input: dict[str, Any] = field(default_factory=dict)
    responded_at: datetime | None = None

    @property
    def response_received(self) -> bool:
        return self.answer is not None

    @property
    def chosen_options(self) -> list[str] | None:
        return self.answer

    @property
    def responded_by_user(self) -> Any:
        return SimpleNamespace(id=self.user, name=self.user.title()) if self.user else None

    def write(self, chosen: list[str], params_input: dict[str, Any], now: datetime) -> Any:
        if self.answer is not None:
            raise RuntimeError("API_SERVER_ERROR: 409")
        self.answer, self.params_input, self.responded_at = chosen, params_input, now
        return self


# --- tasks ---------------------------------------------------------------------------------------------------------------


class Way:
    """A task that waits for the answers to one question, in one of the modes."""

    asks: ClassVar[bool] = True
    is_hitl: ClassVar[bool] = False

    def __init__(self, name: str, **mode: Any) -> None:
        self.name, self.mode = name, mode

    def make(self, given: dict[str, Any]) -> Any:
        """Make the task; every process has its own."""
        raise NotImplementedError


class Sensor(Way):
    """A sensor: somebody else has asked."""

    asks = False

    def make(self, given: dict[str, Any]) -> Any:
        given = {name: value for name, value in given.items() if name not in ("when_cleared", "remind_every")}
        return KaizalaResponseSensor(task_id="wait", action_id="act-1", group_id=GROUP, **given, **self.mode)


class Asking(Way):
    """An operator that asks and waits."""

    def make(self, given: dict[str, Any]) -> Any:
        given = {**given, "question": "Tea?", "options": ["Yes", "No"], "due": timedelta(hours=1)}
        return ops.KaizalaAskPollOperator(task_id="wait", **given, **self.mode)


class HITL(Way):
    """An operator that asks in Airflow too."""

    is_hitl = True

    def make(self, given: dict[str, Any]) -> Any:
        given = {**given, "subject": "Tea?", "options": ["Yes", "No"], "due": timedelta(hours=1)}
        given["response_timeout"] = given.pop("timeout")
        given["defaults"] = "No" if given.pop("on_timeout", "fail") == "return" else None
        return ops.KaizalaHITLOperator(task_id="wait", **given)


WAYS = {
    "sensor, poke": Sensor("sensor, poke", mode="poke", deferrable=False),
    "sensor, reschedule": Sensor("sensor, reschedule", mode="reschedule", deferrable=False),
    "sensor, deferrable": Sensor("sensor, deferrable", deferrable=True),
    "operator, in the worker": Asking("operator, in the worker", deferrable=False),
    "operator, deferrable": Asking("operator, deferrable", deferrable=True),
}
if compat.has_hitl():
    WAYS["HITL"] = HITL("HITL")


@dataclass(frozen=True)
class End:
    """How a task has ended.

    :param state: ``"success"``, ``"failed"``, ``"skipped"``, or ``"marked"`` by hand
    :param at: the second
    :param value: what it returned
    :param error: what it raised
    """

    state: str
    at: float
    value: Any = None
    error: BaseException | None = None


class Run:
    """One task instance, and what Airflow does with it: retries, reschedules, deferrals, clearing."""

    def __init__(self, world: World, way: Way, given: Mapping[str, Any]) -> None:
        self.world, self.clock, self.way = world, world.clock, way
        self.given = {"poke_interval": INTERVAL, **given}
        self.retries = int(self.given.get("retries", 0))
        self.store = Store()
        self.number, self.max_tries = 1, self.retries
        self.began: datetime | None = None
        self.first_reschedule: datetime | None = None

    def run(self) -> End:
        """Run the task to its end."""
        while True:
            try:
                return self._end("success", value=self._try())
            except AirflowSkipException as skip:
                return self._end("skipped", error=skip)
            except (AirflowFailException, AirflowSensorTimeout) as error:
                return self._end("failed", error=error)
            except Marked:
                return self._end("marked")
            except Cleared:
                self.max_tries = self.number + self.retries
                self.first_reschedule = None
            except (Exception, AirflowTaskTimeout, Died, TryFailed) as error:  # noqa: BLE001
                if self.number > self.max_tries:
                    return self._end("failed", error=error)
                self._gap(RETRY_DELAY)
            self.number += 1

    def _end(self, state: str, **how: Any) -> End:
        return End(state, round(self.clock.seconds, 2), **how)

    def _gap(self, seconds: float) -> None:
        """Let time pass in which the task has no process that could die."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            try:
                self.clock.sleep(end - self.clock.seconds)
            except Died:
                continue

    def _try(self) -> Any:
        self.began = self.clock.now()
        resume: tuple[str, dict[str, Any]] | None = None
        while True:
            process_began = self.clock.now()
            try:
                return self._process(resume)
            except compat.reschedule_exception() as rescheduled:
                self.first_reschedule = self.first_reschedule or process_began
                until = rescheduled.reschedule_date  # type: ignore[attr-defined]
                self._gap((until - self.clock.now()).total_seconds())
            except TaskDeferred as deferred:
                resume = self._defer(deferred)

    # --- in a worker ----------------------------------------------------------------------------------------------------

    def _process(self, resume: tuple[str, dict[str, Any]] | None) -> Any:
        """Run one process of the task."""
        task = self.way.make(self.given)
        ti = task_instance(
            id=UUID(int=self.number),
            try_number=self.number,
            max_tries=self.max_tries,
            start_date=self.began,
            get_first_reschedule_date=lambda context: self.first_reschedule,
        )
        context = {
            "ti": ti,
            "task_instance": ti,
            "task": task,
            "params": {},
            "dag_run": SimpleNamespace(conf={}, run_id="manual__1"),
            "task_state_store": self.store,
        }
        try:
            with self._bounded(task.execution_timeout):
                if resume is not None:
                    return task.resume_execution(*resume, context)
                task.render_template_fields(context)
                return task.execute(context)
        except (
            Cleared,
            Marked,
            AirflowTaskTimeout,
        ) as what:  # Airflow tells the process; ours is interrupted already
            self.world.state_of_task = what.state if isinstance(what, Cleared | Marked) else "running"
            task.on_kill()
            raise

    @contextmanager
    def _bounded(self, execution_timeout: timedelta | None) -> Any:
        """Raise AirflowTaskTimeout in a process that lasts too long, as Airflow's signal does."""
        if execution_timeout is None:
            yield
            return
        end = self.clock.seconds + execution_timeout.total_seconds()
        over = AirflowTaskTimeout("Timeout, PID: 1")
        entry = self.clock.at(end, lambda: self.clock.interrupt(over))
        try:
            yield
        finally:
            self.clock.take_back(entry)

    # --- in the triggerer -----------------------------------------------------------------------------------------------

    def _defer(self, deferred: TaskDeferred) -> tuple[str, dict[str, Any]]:
        """Wait in the triggerer; return how the task is resumed."""
        self.world.task_is_deferred = True
        try:
            return self._wait_deferred(deferred)
        finally:
            self.world.task_is_deferred = False

    def _wait_deferred(self, deferred: TaskDeferred) -> tuple[str, dict[str, Any]]:
        path, kwargs = json.loads(json.dumps(deferred.trigger.serialize()))
        kept = json.loads(json.dumps(deferred.kwargs or {}))
        ends = float("inf")
        if deferred.timeout is not None:
            ends = self.clock.seconds + deferred.timeout.total_seconds()
        while self.clock.seconds < ends:
            try:
                self._gap(min(self.world.triggerer_runs_from, ends) - self.clock.seconds)
                event = self._triggerer(path, kwargs, ends)
            except Answered:
                return deferred.method_name, {**kept, "event": self._answered_in_airflow()}
            except Died:
                continue  # another triggerer runs the trigger
            except TryFailed:
                return "__fail__", {"error": "Trigger failure", "traceback": ["because"]}
            else:
                if event is not None:
                    return deferred.method_name, {**kept, "event": event}
        return "__fail__", {"error": "Trigger timeout"}

    def _triggerer(self, path: str, kwargs: dict[str, Any], ends: float) -> Any:
        """Run a trigger; return what its event says, None if it fires none until Airflow ends the deferral."""
        kind = resolve_name(":".join(path.rsplit(".", 1)))

        async def scene() -> Any:
            trigger = kind(**kwargs)
            trigger.trigger_id = 1
            task = asyncio.ensure_future(anext(trigger.run()))
            self.clock.on_interrupt = task.cancel
            try:
                async with asyncio.timeout(ends - self.clock.seconds):
                    return (await task).payload
            except TimeoutError:
                return None
            except asyncio.CancelledError:
                if isinstance(self.clock.interruption, Cleared | Marked):
                    self.world.state_of_task = self.clock.interruption.state
                    await trigger.on_kill()
                return None
            finally:
                self.clock.on_interrupt = None
                await trigger.cleanup()
                left = asyncio.all_tasks() - {asyncio.current_task()}
                assert left == set(), "nothing of a wait is left in the triggerer"

        with asyncio.Runner(loop_factory=lambda: Loop(self.clock)) as runner:
            event = runner.run(scene())
        self.clock.raise_interruption()
        return json.loads(json.dumps(event))

    def _answered_in_airflow(self) -> dict[str, Any]:
        """What Airflow 3.3 resumes a task with that was answered there."""
        record = self.world.records[UUID(int=self.number)]
        return {
            "chosen_options": record.answer,
            "params_input": record.params_input,
            "responded_at": self.clock.now(),
            "responded_by_user": {"id": record.user, "name": str(record.user).title()},
            "timedout": False,
        }
