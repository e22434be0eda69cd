"""Operators, notifier and hook inside real Airflow, against the real server."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.settings import Grant
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import (
    KaizalaSendActionOperator,
    KaizalaSendAnnouncementOperator,
    KaizalaSendMediaOperator,
    KaizalaSendMeetingOperator,
    KaizalaSendMessageOperator,
)
from demo.people import RAVI
from demo.stack import GROUP

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f0005000"
    "1ff5d0e3f0c0000000049454e44ae426082"
)  # fmt: skip
_numbers = itertools.count()


def a_dag(**kwargs: Any) -> DAG:
    """A DAG with a name of its own."""
    return DAG(f"post_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **kwargs)


def test_texts_are_templated_mapped_and_replied(
    kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    with a_dag(params={"store": "Store 12"}) as dag:
        first = KaizalaSendMessageOperator(task_id="first", text="Hello {{ params.store }}")
        KaizalaSendMessageOperator.partial(
            task_id="each", reply_to_reference_id=first.output["reference_id"]
        ).expand(text=["one", "two {{ dag.dag_id }}", "three.md"])
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    texts = [item["text"] for item in kaizala_server.feed() if item["kind"] == "text"]
    assert texts[0] == "Hello Store 12"
    assert sorted(texts[1:]) == ["one", "three.md", f"two {dag.dag_id}"]
    replies = {
        item["replyToReferenceId"] for item in kaizala_server.feed() if item["text"] in ("one", "three.md")
    }
    assert replies == {values["first"]["reference_id"]}
    assert values["first"] == {
        "group_id": GROUP,
        "reference_id": values["first"]["reference_id"],
        "action_id": None,
    }


def test_every_other_kind_of_post(
    kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any, tmp_path: Path
) -> None:
    image, notes = tmp_path / "shelf.png", tmp_path / "notes.pdf"
    image.write_bytes(PNG)
    notes.write_bytes(b"%PDF-1.4 notes")
    with a_dag() as dag:
        (
            KaizalaSendAnnouncementOperator(
                task_id="announce", title="Notice", text="Shift moved", files=str(notes)
            )
            >> KaizalaSendMediaOperator(task_id="image", files=str(image), caption="Shelf 3")
            >> KaizalaSendMediaOperator(task_id="album", files=[str(image), str(image)])
            >> KaizalaSendMeetingOperator(
                task_id="meet",
                title="Stand-up",
                starts_at=datetime.now(tz=UTC) + timedelta(hours=3),
                duration=timedelta(minutes=15),
                place={"latitude": 17.4, "longitude": 78.3, "name": "Back office"},
            )
            >> KaizalaSendActionOperator(
                task_id="card",
                package_id="com.example.card.2",
                title="Pump 3",
                properties={"status": "Open", "visits": 2},
                questions=[{"title": "Fixed?", "type": "SingleOption", "options": ["Yes", "No"]}],
            )
        )
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}, states
    assert values["image"]["action_id"] is None
    assert values["album"]["action_id"] is None
    assert values["meet"]["action_id"]
    assert values["card"]["action_id"]
    assert len(kaizala_server.feed()) >= 5


def test_access_token_is_fetched_once_and_shared(kaizala_conn: dict[str, Any], run_dag: Any) -> None:
    """What the first task stored is what the second one uses."""
    seen: list[str | None] = []
    seed = Grant(GROUP, kaizala_conn["extra"]["group_refresh_tokens"][GROUP]).seed
    with a_dag() as dag:

        @task
        def look() -> None:
            seen.append(compat.get_variable(f"kaizala_token_{GROUP}_{seed}"))

        post = [KaizalaSendMessageOperator(task_id=f"post_{at}", text="Hello") for at in range(2)]
        post[0] >> look.override(task_id="look_1")() >> post[1] >> look.override(task_id="look_2")()
    assert run_dag(dag).state == "success"
    first, second = (json.loads(text) for text in seen if text)
    assert first == second
    assert first["access_token"]


def test_bad_rendered_text_fails_without_retry_and_sends_nothing(
    kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    with a_dag() as dag:
        KaizalaSendMessageOperator(task_id="long", text="{{ 'x' * 4001 }}", retries=2)
    states, _ = outcome(dag)
    assert states == {"long": "failed"}
    assert [item for item in kaizala_server.feed() if item["kind"] == "text"] == []


def test_wrong_secret_says_what_to_check(
    kaizala_conn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_KAIZALA_DEFAULT", json.dumps({**kaizala_conn, "password": "other-secret"})
    )
    good, message = KaizalaHook().test_connection()
    assert not good
    assert "connector secret" in message
    assert "other-secret" not in message


def test_connection_test_names_each_token(kaizala_conn: dict[str, Any]) -> None:
    good, message = KaizalaHook().test_connection()
    assert good, message
    assert "user's refresh token works" in message
    assert f"group {GROUP} works" in message


def test_hook_reads_groups_and_members(kaizala_conn: dict[str, Any]) -> None:
    client = KaizalaHook().get_conn()
    assert client.run(calls.get_group(GROUP)).name == "Store 12"
    members = client.run(calls.list_members(GROUP))
    assert {member.name for member in members} == {"Asha", "Ravi", "Meera"}
    ravi = next(member for member in members if member.mobile_number == RAVI)
    assert client.run(calls.remove_member(GROUP, ravi.id)) is True
    assert len(client.run(calls.list_members(GROUP))) == 2
    assert client.run(calls.add_members(GROUP, [RAVI])) is True
    assert len(client.run(calls.list_members(GROUP))) == 3


def test_failed_task_is_told_to_the_group(
    kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    with a_dag() as dag:

        @task(on_failure_callback=KaizalaNotifier("{{ ti.task_id }} of {{ dag.dag_id }} failed"))
        def breaks() -> None:
            raise ValueError("boom")

        breaks()
    states, _ = outcome(dag)
    assert states == {"breaks": "failed"}
    assert [item["text"] for item in kaizala_server.feed() if item["kind"] == "text"] == [
        f"breaks of {dag.dag_id} failed"
    ]


@pytest.mark.skipif(not compat.AIRFLOW_V_3_0_PLUS, reason="Airflow 2 gives such callbacks another context")
def test_notifier_of_a_dag_works_in_dag_test(
    kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    """There Airflow gives it the serialized DAG, which cannot render."""
    with a_dag(on_failure_callback=KaizalaNotifier("{{ dag.dag_id }}: {{ reason }}")) as dag:

        @task
        def breaks() -> None:
            raise ValueError("boom")

        breaks()
    outcome(dag)
    assert [item["text"] for item in kaizala_server.feed() if item["kind"] == "text"] == [
        f"{dag.dag_id}: task_failure"
    ]


def test_notifier_never_fails_a_task(
    kaizala_conn: dict[str, Any], outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_KAIZALA_DEFAULT", json.dumps({**kaizala_conn, "host": "http://127.0.0.1:9"})
    )
    with a_dag() as dag:

        @task(on_success_callback=KaizalaNotifier("done", total_timeout=2))
        def fine() -> int:
            return 1

        fine()
    states, values = outcome(dag)
    assert states == {"fine": "success"}
    assert values == {"fine": 1}


def test_group_without_grant_is_named(
    kaizala_conn: dict[str, Any], monkeypatch: pytest.MonkeyPatch, outcome: Any
) -> None:
    del kaizala_conn["extra"]["refresh_token"]
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", json.dumps(kaizala_conn))
    other = "22222222-2222-4222-8222-222222222222@1"
    with pytest.raises(Exception, match=f"no refresh token for group {other}"):
        KaizalaHook().run(calls.get_group(other))
    assert requests.get(f"{kaizala_conn['host']}/healthz", timeout=5).status_code == 200
