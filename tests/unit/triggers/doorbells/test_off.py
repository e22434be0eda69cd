"""Where nothing is to be heard, nobody listens."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.triggers import accounts
from tests.unit.triggers.doorbells.scenes import RAVI, SENT_TEXT, on, who


def test_without_an_opt_in_nothing_happens(stage, kaizala, group, receiver, monkeypatch):
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "another")
    kaizala.poll({}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(1)
            return len(asyncio.all_tasks())

    assert stage.play(scene) == 3, "this one, the wait and the poll"
    assert receiver.secrets == []


def test_without_a_secret_nothing_happens(stage, kaizala, group, receiver, connect):
    connect(extra={"webhook_secret": None})

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(60)

    stage.play(scene)
    assert receiver.secrets == []


def test_on_airflow_2_nothing_happens(stage, kaizala, group, receiver, monkeypatch):
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", False)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(60)

    stage.play(scene)
    assert receiver.secrets == []


def test_an_invalid_option_stops_no_wait(stage, kaizala, group, receiver, monkeypatch, logs):
    monkeypatch.setenv("AIRFLOW__KAIZALA__PUSH_POLL_INTERVAL", "often")
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(5)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]
    assert "[kaizala] push_poll_interval must be a whole number" in logs.text


def test_loading_the_polls_loads_no_http_library():
    script = (
        "import airflow.providers.common.compat.sdk as sdk; sdk.conf; sdk.BaseHook; sdk.mask_secret\n"
        "from airflow.triggers.base import BaseTrigger\n"
        "import sys; before = set(sys.modules)\n"
        "import airflow_provider_kaizala.triggers.wait\n"
        "print(sorted({'requests', 'httpx', 'sqlalchemy', 'fastapi'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_accounts_that_end_while_others_begin(stage, kaizala, group, receiver):
    """Whoever comes while the last one leaves gets an account that works."""
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)

    async def scene():
        for _ in range(20):
            async with accounts.accounts().account("kaizala_default"):
                pass
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(1)
            return told, len(accounts.accounts()._accounts), len(accounts.accounts()._bells)

    told, *counts = stage.play(scene)
    assert who(told[-1]) == [RAVI]
    assert counts == [1, 1]
