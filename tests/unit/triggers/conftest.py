"""A stage for triggers and polls: hours pass in no time, and every call is seen with its moment."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient
from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.feed import FeedError
from airflow_provider_kaizala.push.pages import Page
from airflow_provider_kaizala.triggers import accounts, doorbells, pacing, poll
from airflow_provider_kaizala.triggers import wait as triggers_wait
from airflow_provider_kaizala.waiting.wait import Wait

#: what the wall clock shows when a scene begins
BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when everything waits for it to."""

    def __init__(self):
        self.moment = 1000.0
        super().__init__()
        look = self._selector.select

        def select(timeout):
            ready = look(0)
            if not ready and timeout is None:
                raise RuntimeError("deadlock: nothing is due, and nothing outside this loop can wake it")
            if not ready:
                self.moment += timeout
            return ready

        self._selector.select = select

    def time(self):
        return self.moment


def virtual_now():
    return asyncio.get_running_loop().time()


class Stage:
    """The triggerer's side of a Kaizala in memory.

    :ivar latency: seconds that each call to Kaizala takes
    :ivar unreadable: errors with which the next reads of the Airflow connection fail
    :ivar fired_at: the second at which the last event was fired
    """

    def __init__(self, kaizala):
        self.kaizala = kaizala
        self.calls, self.later = [], []
        self.connections_read, self.unreadable = 0, []
        self.latency = 0.0
        self.fired_at = None
        self._answer = kaizala.answer
        kaizala.answer = self.answer

    def answer(self, request):
        if request.path != "/accessToken":
            self.calls.append((self.now, request))
        return self._answer(request)

    @property
    def now(self):
        """Seconds since the scene began."""
        return virtual_now() - 1000.0

    def moments(self, end):
        """When calls were made whose path ends so."""
        return [round(at, 3) for at, request in self.calls if request.path.endswith(end)]

    @property
    def lists(self):
        return self.moments("/actions")

    @property
    def details(self):
        """Ids of the actions that were read by themselves, in order."""
        return [request.path.split("/")[-1] for _, request in self.calls if "/actions/" in request.path]

    def at(self, seconds, function):
        """Call a function so many seconds after the next scene has begun."""
        self.later.append((seconds, function))

    def play(self, scene, limit=86_400):
        """Run a coroutine function to its end, within *limit* seconds of virtual time."""

        async def bounded():
            for seconds, function in self.later:
                asyncio.get_running_loop().call_later(seconds, function)
            self.later.clear()
            async with asyncio.timeout(limit):
                return await scene()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(bounded())

    def event(self, trigger):
        """Run a trigger to its end; return what its event says."""

        async def scene():
            (found,) = [event.payload async for event in trigger.run()]
            self.fired_at = round(self.now, 3)
            return found

        found = self.play(scene)
        assert json.loads(json.dumps(found)) == found, "plain"
        return found

    @asynccontextmanager
    async def waits(self, *subjects, interval=10.0, conn_id="kaizala_default"):
        """Let one wait begin for each; yields what each is told, in the order of *subjects*."""

        async def wait(subject, told):
            try:
                async with (
                    accounts.accounts().account(conn_id) as account,
                    account.watch(subject, interval) as feed,
                ):
                    while True:
                        told.append(await feed.next(None))
            except KaizalaError as error:
                told.append(error)

        told = [[] for _ in subjects]
        tasks = [
            asyncio.ensure_future(wait(subject, each)) for subject, each in zip(subjects, told, strict=True)
        ]
        try:
            yield told
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class Receiver:
    """The receiver's side of the event feed.

    :ivar down: whether it answers nobody
    :ivar failing: how many of the next requests fail
    :ivar requests: when each request came, and from which cursor
    :ivar secrets: what each feed was opened with
    """

    def __init__(self, stage, group):
        self.stage, self.group = stage, group
        self.events, self.down, self.failing = [], False, 0
        self.requests, self.secrets, self.open = [], [], 0
        self._news = asyncio.Event()

    def event(self, event_type="PollResponse", action_id="act-1", group=None, object_type="Group", prefix=""):
        """Receive an event.

        :param prefix: how its id begins
        """
        group = group or self.group
        data = {"groupId": group} | ({"actionId": action_id} if action_id else {})
        body = {
            "eventId": f"{prefix}e{len(self.events)}",
            "eventType": event_type,
            "objectType": object_type,
            "objectId": group if object_type == "Group" else action_id,
            "data": data,
        }
        self.events.append(KaizalaEvent.read(body, cursor=len(self.events) + 1))
        self._news.set()
        self._news = asyncio.Event()

    def feed(self, conn_id, secret, base_url):
        self.secrets.append((conn_id, secret, base_url))
        self.open += 1
        return self

    async def aclose(self):
        self.open -= 1

    async def listen(self, after, wait):
        self.requests.append((round(self.stage.now, 3), after))
        await asyncio.sleep(0.01)
        if self.down or self.failing:
            self.failing = max(0, self.failing - 1)
            raise FeedError("the receiver is down")
        end = len(self.events)
        if wait and after >= end:
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                return Page((), after)
        if after is None:
            return Page((), end)
        return Page(tuple(self.events[after:]), len(self.events))


@pytest.fixture
def stage(kaizala, monkeypatch):
    """The triggerer's side of a Kaizala in memory, in virtual time, nothing of which is left from another test.

    The budget of all clients of this process counts real time, so it is left out.
    """
    stage = Stage(kaizala)
    run = AsyncKaizalaClient.run

    async def slow_run(client, call, **more):
        await asyncio.sleep(stage.latency)
        return await run(client, call, **more)

    async def inline(function, *args):
        return function(*args)

    async def async_connection(hook):
        stage.connections_read += 1
        await asyncio.sleep(0.02)
        if stage.unreadable:
            raise stage.unreadable.pop(0)
        return hook.connection

    def wall_clock():
        return BEGIN + timedelta(seconds=stage.now)

    clock = SimpleNamespace(monotonic=virtual_now)
    monkeypatch.setattr(asyncio, "to_thread", inline)
    monkeypatch.setattr("airflow_provider_kaizala.hooks.kaizala._in_thread", inline)
    monkeypatch.setattr("airflow_provider_kaizala.hooks.kaizala.shared_budget", lambda settings: Budget(0))
    monkeypatch.setattr(KaizalaHook, "async_connection", async_connection)
    monkeypatch.setattr(AsyncKaizalaClient, "run", slow_run)
    monkeypatch.setattr(accounts, "time", clock)
    monkeypatch.setattr(poll, "time", clock)
    monkeypatch.setattr(doorbells, "time", clock)
    monkeypatch.setattr(triggers_wait, "time", clock)
    monkeypatch.setattr(Wait, "now", staticmethod(wall_clock))
    monkeypatch.setattr(pacing.Pacer.__init__, "__defaults__", (virtual_now,))
    monkeypatch.setattr(pacing, "_pacers", {})
    return stage


@pytest.fixture
def no_sweeps(monkeypatch):
    """Nothing is read that shows no change."""
    monkeypatch.setattr("airflow_provider_kaizala.triggers.pacing.Sweeps.take", lambda self, most: 0)


@pytest.fixture
def in_seconds():
    """Return a time so many seconds after a scene begins, as ISO 8601."""
    return lambda seconds: (BEGIN + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def receiver(stage, group, monkeypatch, no_sweeps):
    """A receiver of events of ``kaizala_default``."""
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "kaizala_default")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow:8080")
    receiver = Receiver(stage, group)
    monkeypatch.setattr(doorbells, "EventFeed", receiver.feed)
    return receiver
