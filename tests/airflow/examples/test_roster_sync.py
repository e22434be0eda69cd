"""A group follows HR's roster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP
from tests.airflow.dag_bag import callbacks_know_the_exception
from tests.airflow.examples.playing import texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play

pytestmark = pytest.mark.airflow


@pytest.fixture
def roster(tmp_path: Path) -> Callable[..., str]:
    """Write a roster; returns its path."""

    def write(*rows: str) -> str:
        path = tmp_path / "roster.csv"
        path.write_text("\n".join(("phone,name,status", *rows)) + "\n", encoding="utf-8-sig")
        return str(path)

    return write


def members(server: KaizalaServer) -> set[str]:
    return {one["mobileNumber"] for one in server.people() if GROUP in one["groups"]}


def test_the_group_follows_the_roster(
    roster: Callable[..., str], kaizala_server: KaizalaServer, play: Play
) -> None:
    path = roster("+910000000002, Ravi,active", "+910000000003,Meera,left", "+910000000004,Zoya,Active")
    kaizala_server.seed({"people": [{"mobileNumber": "+910000000004", "name": "Zoya"}]})
    states, values = play("roster_sync", roster=path)
    assert set(states.values()) == {"success"}
    assert members(kaizala_server) == {ASHA, RAVI, "+910000000004"}
    assert texts(kaizala_server) == [
        "HR's roster has changed. Joining us: Zoya. Leaving: Meera.",
        "Done: 1 joined, 1 left, 1 stayed as admins.",
    ]
    assert values["plan"] == {**values["change"], "dry_run": True}

    before = len(kaizala_server.feed())
    states, _ = play("roster_sync", roster=path)
    assert states["plan"] == "success"
    assert states["change"] == "skipped", "the second night there is nothing to do"
    assert len(kaizala_server.feed()) == before


@callbacks_know_the_exception
def test_half_a_roster_changes_nothing(
    roster: Callable[..., str], kaizala_server: KaizalaServer, play: Play
) -> None:
    states, _ = play("roster_sync", roster=roster("+910000000004,Zoya,active"), max_removals=1)
    assert states["plan"] == "failed"
    assert states["change"] == "upstream_failed"
    assert members(kaizala_server) == {ASHA, RAVI, MEERA}
    (told,) = texts(kaizala_server)
    assert told.startswith("HR's roster was not applied: 2 of 3 members of group ")
    assert "max_removals is 1: nothing was changed" in told
