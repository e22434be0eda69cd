"""A group decides what happens to figures that look wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from tests.airflow.dag_bag import DagBag
from tests.airflow.examples.playing import FOLDER, NOBODY, SOMEBODY, TIME_IS_UP, cards, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play

pytestmark = pytest.mark.airflow


def reruns() -> Sequence[Any]:
    """Runs of the gate that are to be."""
    from airflow.models import DagRun

    found: Sequence[Any] = DagRun.find(dag_id="quality_gate", state="queued")
    return found


@pytest.mark.parametrize(
    ("choice", "goes_on", "told"),
    [
        ("Publish anyway", {"publish", "tell"}, "are published: 8 rows."),
        ("Hold", {"hold"}, "are held back: decided by Ravi."),
        ("Rerun", {"rerun"}, None),
        (None, {"hold"}, "are held back: no decision in time."),
    ],
)
def test_the_gate_goes_where_people_say(
    choice: str | None,
    goes_on: set[str],
    told: str | None,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    play: Play,
) -> None:
    if choice:
        kaizala_people.ravi.votes(choice, after_polls=1)
    if not AIRFLOW_V_3_0_PLUS:
        DagBag(dag_folder=str(FOLDER)).sync_to_db()  # only a DAG that Airflow knows can be triggered
    before = len(reruns())
    states, _ = play("quality_gate", timeouts={"ask": SOMEBODY if choice else NOBODY})
    assert {name for name, state in states.items() if state == "success"} == {
        "measure",
        "is_good",
        "ask",
        *goes_on,
    }
    assert set(states.values()) == {"success", "skipped"}
    (asked,) = cards(kaizala_server)
    assert asked.endswith(
        ", 8 rows: 25.0 % incomplete (limit 2 %), 12.5 % duplicate (limit 1 %), 12.5 % negative (limit 0 %). What now?"
    )
    assert len(reruns()) == before + (choice == "Rerun")
    read = texts(kaizala_server)
    if not choice:
        assert read.pop(0) == TIME_IS_UP
    assert [text.split(" ", 3)[3] for text in read] == ([told] if told else [])


def test_the_gate_lets_good_figures_pass(kaizala_server: KaizalaServer, play: Play) -> None:
    limits = {"incomplete": 50, "duplicate": 50, "negative": 50}
    states, values = play("quality_gate", max_percent=limits)
    assert {name for name, state in states.items() if state == "skipped"} == {"ask", "hold", "rerun"}
    assert values["publish"] == 8
    assert cards(kaizala_server) == []
    (told,) = texts(kaizala_server)
    assert told.endswith("are published: 8 rows.")
