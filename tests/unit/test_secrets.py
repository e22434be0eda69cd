"""Nothing that is logged, raised, handed on or shown holds a secret, whatever the server says."""

from __future__ import annotations

import asyncio
import json
import traceback
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import (
    KaizalaSendAnnouncementOperator,
    KaizalaSendMediaOperator,
    KaizalaSendMessageOperator,
    KaizalaSendPollOperator,
)
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger

ROTATED = "rotated-refresh-token"


@pytest.fixture(autouse=True)
def unmasked(monkeypatch):
    """Take away Airflow's masking, which must be a second line and not the first."""
    for module in ("hooks.kaizala", "hooks.token_store"):
        monkeypatch.setattr(f"airflow_provider_kaizala.{module}.mask_secret", lambda secret, name=None: None)


class Seen:
    """What anybody could read."""

    def __init__(self):
        self.texts: list[str] = []

    def error(self, error):
        while error is not None:
            self.texts += [str(error), repr(error), repr(error.args), repr(vars(error))]
            self.texts += traceback.format_exception(error)
            error = error.__cause__ or error.__context__

    def value(self, value):
        self.texts += [repr(value), json.dumps(value, default=repr)]

    def run(self, what):
        try:
            self.value(what())
        except BaseException as error:  # noqa: BLE001 - whatever comes is read
            self.error(error)


def echo(request):
    """Say back all that was sent, in every way that a careless server would."""
    sent = {**request.headers, "body": request.body.decode(errors="replace")}
    return " | ".join(f"{name}: {value}" for name, value in sent.items())


def token_of(request):
    return request.headers.get("accesstoken") or request.headers["refreshtoken"]


FAILURES = {
    "400": lambda k, r: k.error(400, echo(r)[:90], echo(r)),
    "401": lambda k, r: k.error(401, "InvalidToken", echo(r)),
    "403": lambda k, r: k.error(403, "Forbidden", echo(r)),
    "404": lambda k, r: k.error(404, "NotFound", echo(r)),
    "415": lambda k, r: k.error(415, "UnsupportedMedia", echo(r)),
    "418": lambda k, r: k.error(418, echo(r), echo(r)),
    "429": lambda k, r: k.error(429, "TooMany", echo(r), Retry_After="999999"),
    "500": lambda k, r: k.error(500, "Internal", echo(r)),
    "503": lambda k, r: k.error(503, "Busy", echo(r), Retry_After="999999"),
    "308": lambda k, r: (
        308,
        {"message": echo(r)},
        {"Location": f"https://evil.example/{token_of(r)}/v1?{token_of(r)}"},
    ),
    "unreadable": lambda k, r: (200, [echo(r)]),
    "error in a success": lambda k, r: (200, {"errorCode": "Odd", "message": echo(r)}),
    "no connection": lambda k, r: ConnectionRefusedError(echo(r)),
}


def everything(kaizala, run_task, seen, tmp_path, dag):
    """Use all that talks to Kaizala, once."""
    (tmp_path / "a.jpg").write_bytes(b"picture")
    picture = str(tmp_path / "a.jpg")
    with dag:
        tasks = [
            KaizalaSendMessageOperator(task_id="text", text="Hello"),
            KaizalaSendPollOperator(task_id="poll", question="Tea?", options=["Yes", "No"]),
            KaizalaSendMediaOperator(task_id="media", files=picture),
            KaizalaSendAnnouncementOperator(task_id="notice", text="Hello", files=[picture]),
            KaizalaResponseSensor(task_id="poke", action_id="act-1", poke_interval=0.001, timeout=0.001),
            KaizalaResponseSensor(task_id="defer", action_id="act-1", deferrable=True),
        ]
    for task in tasks:
        seen.run(lambda task=task: run_task(task))
        seen.texts += [repr(getattr(task, name)) for name in task.template_fields]
        seen.texts += [repr(task), repr(task.hook), repr(vars(task.hook))]
    seen.run(KaizalaHook().test_connection)
    KaizalaNotifier("Hello")({})

    async def in_the_triggerer():
        await KaizalaNotifier("Hello")
        deadline = (datetime.now(tz=UTC) - timedelta(seconds=1)).isoformat()
        trigger = KaizalaWaitTrigger("a-group", "act-1", {"kind": "any"}, 0.001, deadline)
        return [trigger.serialize(), [event.payload async for event in trigger.run()]]

    seen.run(lambda: asyncio.run(in_the_triggerer()))


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("at", ["sign in", "call"])
def test_no_secret_anywhere(
    kaizala, connect, run_task, logs, tmp_path, dag, variables, secrets_of_the_connection, failure, at
):
    def answer(request):
        return failure(kaizala, request)

    if at == "sign in":
        kaizala.tokens += [answer] * 200
    else:
        kaizala.tokens += [lambda request: kaizala.token(request, refresh=ROTATED)] * 200
        kaizala.otherwise = answer
    seen = Seen()
    everything(kaizala, run_task, seen, tmp_path, dag)
    assert len(seen.texts) > 50
    assert len(kaizala.requests) > 5
    assert logs.lines
    text = "\n".join([*seen.texts, logs.text])
    assert "went wrong" in text or "***" in text or failure is FAILURES["unreadable"], "the echo was seen"
    assert [secret for secret in [*secrets_of_the_connection, ROTATED] if secret in text] == []


def test_no_secret_where_all_is_well(
    kaizala, run_task, logs, tmp_path, dag, variables, secrets_of_the_connection
):
    kaizala.tokens += [lambda request: kaizala.token(request, refresh=ROTATED)] * 9
    kaizala.survey("+910000000001")
    seen = Seen()
    everything(kaizala, run_task, seen, tmp_path, dag)
    text = "\n".join([*seen.texts, logs.text])
    assert "ref-" in text
    assert [secret for secret in [*secrets_of_the_connection, ROTATED] if secret in text] == []
    assert ROTATED in str(variables), "it is kept in a Variable, and only there"
