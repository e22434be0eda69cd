"""What a wait survives, and what ends it, in all three modes: inside real Airflow, against the real server."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import task

from airflow_provider_kaizala.client.settings import Settings
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from demo.people import RAVI
from tests.airflow.waiting.dags import MODES, a_dag, ask_poll, votes

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People as Crew
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow


FAULTS: dict[str, dict[str, Any]] = {
    "throttle": {"throttle": 1, "count": 1},
    "5xx": {"status": 503, "count": 2},
    "401": {"status": 401, "count": 1},
    "down": {"drop": "before", "count": 2},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_be_over_is_waited_out(
    mode: dict[str, Any],
    fault: str,
    kaizala_server: KaizalaServer,
    kaizala_people: Crew,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Any,
) -> None:
    """By the wait itself, since the client repeats nothing here; a 401 is healed by a new access token."""
    # the first one of a process defines how they are made
    Settings(connector_id="x", connector_secret="s", api_root="https://kaizala.example")
    defaults = Settings.__init__.__defaults__ or ()
    assert defaults[-1] == Settings.retries
    monkeypatch.setattr(Settings.__init__, "__defaults__", (*defaults[:-1], 0))
    kaizala_people.ravi.votes("Yes", after_polls=1)
    with a_dag() as dag:

        @task
        def break_it() -> None:
            for operation in ("getAction", "listActions"):
                kaizala_server.fault(operation, **FAULTS[fault])

        ask = ask_poll()
        wait = KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], **mode)
        ask >> break_it() >> wait
    states, values = outcome(dag)
    assert states["wait"] == "success"
    assert votes(values["wait"]) == {RAVI: "Yes"}
    assert all(each["fired"] for each in kaizala_server.faults() if each["operation"] == "getAction")


@pytest.mark.parametrize("on_timeout", ["fail", "skip", "return"])
def test_a_throttle_beyond_the_deadline_ends_with_it(
    mode: dict[str, Any], on_timeout: str, kaizala_server: KaizalaServer, kaizala_people: Crew, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Yes")
    with a_dag() as dag:
        ask = ask_poll()

        @task
        def throttle() -> None:
            for operation in ("getAction", "listActions"):
                kaizala_server.fault(operation, throttle=40, count=1000)

        given = {**mode, "timeout": 4.0, "until": 2, "on_timeout": on_timeout}
        wait = KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], **given)
        ask >> throttle() >> wait
    began = time.monotonic()
    states, _ = outcome(dag)
    assert states["wait"] == ("skipped" if on_timeout == "skip" else "failed"), "nothing was seen to return"
    assert time.monotonic() - began < 25


def test_unknown_action_fails_at_once(
    mode: dict[str, Any], telling: Any, told: list[str], outcome: Any
) -> None:
    with a_dag() as dag:
        KaizalaResponseSensor(
            task_id="wait", action_id="00000000-0000-4000-8000-000000000000", retries=3, **mode, **telling
        )
    began = time.monotonic()
    states, _ = outcome(dag)
    assert states["wait"] == "failed", "not up_for_retry, and not waiting until the timeout"
    assert time.monotonic() - began < 20
    assert "getAction failed for group" in told[0]


@pytest.mark.parametrize("lost", ["deleted", "revoked"])
def test_what_waiting_does_not_mend_ends_it(
    mode: dict[str, Any],
    lost: str,
    kaizala_server: KaizalaServer,
    later: Any,
    telling: Any,
    told: list[str],
    outcome: Any,
) -> None:
    def lose() -> None:
        if lost == "revoked":
            kaizala_server.revoke_grant()
        else:
            action = next(item["actionId"] for item in kaizala_server.feed() if item["kind"] == "poll")
            kaizala_server.delete_action(action)

    later("getAction", lose, 1)
    with a_dag() as dag:
        ask = ask_poll()
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], retries=3, **mode, **telling)
    began = time.monotonic()
    states, _ = outcome(dag)
    assert states["wait"] == "failed"
    assert time.monotonic() - began < 20
    assert len(told) == 1
    assert ("404" if lost == "deleted" else "refresh token of group") in told[0]


# --- in the triggerer --------------------------------------------------------------------------------------------------------


def test_nothing_secret_travels(
    kaizala_conn: dict[str, Any], outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger

    seen: list[str] = []
    run = KaizalaWaitTrigger.run

    def noted(self: Any) -> Any:
        seen.append(json.dumps(self.serialize()))
        return run(self)

    monkeypatch.setattr(KaizalaWaitTrigger, "run", noted)
    with a_dag() as dag:
        ask = ask_poll()
        KaizalaResponseSensor(
            task_id="wait",
            action_id=ask.output["action_id"],
            on_timeout="skip",
            **{"poke_interval": 0.3, "timeout": 0.6, **MODES["deferrable"]},
        )
    outcome(dag)
    secrets = [kaizala_conn["password"], kaizala_conn["extra"]["refresh_token"]]
    assert seen
    assert [secret for secret in secrets if secret in "".join(seen)] == []
