"""A stage for polls: hours pass in no time, and every call is seen with its moment."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when everybody waits for it to."""

    def __init__(self):
        self.moment = 1000.0
        super().__init__()
        look = self._selector.select

        def select(timeout):
            ready = look(0 if timeout is not None else 0.01)
            if not ready and timeout:
                self.moment += timeout
            return ready

        self._selector.select = select

    def time(self):
        return self.moment


class Stage:
    """Waits of the triggerer, and what they cost."""

    def __init__(self, kaizala):
        self.kaizala = kaizala
        self.calls = []
        self.connections_read = 0
        self._answer = kaizala.answer
        kaizala.answer = self.answer

    def answer(self, request):
        if request.path != "/accessToken":
            self.calls.append((self.now, request))
        return self._answer(request)

    @property
    def now(self):
        return asyncio.get_running_loop().time() - 1000.0

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

    def play(self, scene):
        """Run a coroutine function to its end."""
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(scene())

    @asynccontextmanager
    async def waits(self, *subjects, interval=10.0, conn_id="kaizala_default"):
        """Let one wait begin for each; yields what each is told, in the order of *subjects*."""
        from airflow_provider_kaizala.client.errors import KaizalaError
        from airflow_provider_kaizala.triggers.polls import polls

        async def wait(subject, told):
            try:
                async with polls().watch(conn_id, subject, interval) as subscription:
                    while True:
                        told.append(await subscription.next(None))
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


@pytest.fixture
def stage(kaizala, monkeypatch):
    """The triggerer's side of a Kaizala in memory, in virtual time, nothing of which is left from another test.

    The budget of all clients of this process counts real time, so it is left out.
    """
    from airflow_provider_kaizala.client.budget import Budget
    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
    from airflow_provider_kaizala.triggers import pacing, polls

    def virtual_now():
        return asyncio.get_running_loop().time()

    async def inline(function, *args):
        return function(*args)

    stage = Stage(kaizala)

    async def async_connection(hook):
        stage.connections_read += 1
        await asyncio.sleep(0.02)
        return hook.connection

    monkeypatch.setattr(asyncio, "to_thread", inline)
    monkeypatch.setattr("airflow_provider_kaizala.hooks.kaizala.shared_budget", lambda settings: Budget(0))
    monkeypatch.setattr(KaizalaHook, "async_connection", async_connection)
    monkeypatch.setattr(polls, "time", SimpleNamespace(monotonic=virtual_now))
    monkeypatch.setattr(pacing.Pacer.__init__, "__defaults__", (virtual_now,))
    monkeypatch.setattr(pacing, "_pacers", {})
    return stage


@pytest.fixture
def no_sweeps(monkeypatch):
    """Nothing is read that shows no change."""
    monkeypatch.setattr("airflow_provider_kaizala.triggers.pacing.Sweeps.take", lambda self, most: 0)
