"""The loop that empties the outbox while the server runs.

Each webhook that has something due gets a turn of about a second, a limited number of them at once and of those a
limited number for one receiver, the one that waited longest first: a slow receiver only delays itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from airflow_provider_kaizala.server.delivery import outbox
from airflow_provider_kaizala.server.delivery.calls import parse_url
from airflow_provider_kaizala.server.delivery.outbox import Delivery, Outcome, Retries
from airflow_provider_kaizala.server.delivery.posting import post_event
from airflow_provider_kaizala.server.hashing import new_token
from airflow_provider_kaizala.server.media_sweep import sweep_files
from airflow_provider_kaizala.server.state import ServerState

log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
TURN_SECONDS = 1.0
MOST_AT_ONCE = 128
MOST_FOR_ONE_RECEIVER = 8
SWEEP_SECONDS = 3600.0


class Deliverer:
    """Delivers what is in the outbox; one per server process."""

    def __init__(self, server: ServerState) -> None:
        self._server = server
        self._owner = outbox.process_name(new_token()[:16])
        self._retries = Retries(int(server.config.webhook_first_retry_seconds * 1000))
        self._turns: dict[str, tuple[asyncio.Task[None], bytes]] = {}
        self._served: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the loop."""
        await self._server.database.write(lambda conn: outbox.release_dead(conn, self._owner))
        self._loop = asyncio.create_task(self._run(), name="webhook deliveries")

    async def stop(self) -> None:
        """Stop at once; what was on its way is posted again by whoever comes next."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self.break_off()
        with contextlib.suppress(Exception):
            await self._server.database.write(lambda conn: outbox.release(conn, self._owner))

    async def break_off(self) -> None:
        """End the deliveries that are on their way, without an outcome."""
        turns = [task for task, _ in self._turns.values()]
        for task in turns:
            task.cancel()
        await asyncio.gather(*turns, return_exceptions=True)
        self._turns.clear()  # of those that had not begun too

    async def _run(self) -> None:
        swept = 0.0
        while True:
            try:
                if time.monotonic() - swept > SWEEP_SECONDS or not swept:
                    swept = time.monotonic()
                    now_ms = self._server.clock.now_ms()
                    await self._server.database.write(lambda conn: outbox.sweep(conn, now_ms))  # noqa: B023
                    await sweep_files(self._server)
                await self._start_turns()
            except Exception:
                log.exception("looking for deliveries failed")
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def _start_turns(self) -> None:
        if len(self._turns) >= MOST_AT_ONCE:
            return
        due = await self._server.database.read(
            lambda conn: outbox.due_webhooks(conn, self._server.clock.now_ms())
        )
        self._served = {webhook_id: self._served.get(webhook_id, 0.0) for webhook_id, _ in due}
        for webhook_id, url in sorted(due, key=lambda one: self._served[one[0]]):
            receiver = parse_url(url).netloc
            busy = sum(1 for _, other in self._turns.values() if other == receiver)
            if webhook_id in self._turns or busy >= MOST_FOR_ONE_RECEIVER:
                continue
            if len(self._turns) >= MOST_AT_ONCE:
                break
            self._served[webhook_id] = time.monotonic()
            task = asyncio.create_task(self._turn(webhook_id), name=f"webhook {webhook_id}")
            self._turns[webhook_id] = (task, receiver)

    async def _turn(self, webhook_id: str) -> None:
        began = time.monotonic()
        done: Outcome | None = None
        try:
            while (delivery := await self._next(webhook_id, began, done)) is not None:
                done = await post_event(self._server, delivery)
                _report(done)
        except Exception:
            log.exception("delivering for webhook %s failed", webhook_id)
            # Whatever it is, it shall not spin.
            await asyncio.sleep(TURN_SECONDS)
        finally:
            self._turns.pop(webhook_id, None)
            self._wake.set()

    async def _next(self, webhook_id: str, began: float, done: Outcome | None) -> Delivery | None:
        more = done is None or (done.delivered and time.monotonic() - began < TURN_SECONDS)
        return await self._server.database.write(
            lambda conn: outbox.take_turn(
                conn, self._owner, webhook_id, self._server.clock.now_ms(), self._retries, done, more
            )
        )


def _report(done: Outcome) -> None:
    one = done.delivery
    if done.delivered:
        log.debug("event %s delivered to webhook %s", one.event_id, one.webhook_id)
        return
    level = logging.WARNING if one.attempt > outbox.RETRIES else logging.INFO
    log.log(
        level,
        "event %s not delivered to webhook %s: %s (attempt %d of %d)%s",
        one.event_id,
        one.webhook_id,
        done.error,
        one.attempt,
        outbox.RETRIES + 1,
        "; the webhook is inactive until it is updated" if one.attempt > outbox.RETRIES else "",
    )
