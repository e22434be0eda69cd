"""A job goes from crew to crew until one has done it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from demo.people import ASHA, MEERA, RAVI
from tests.airflow.examples.playing import NOBODY, TIME_IS_UP, cards, reminders, texts

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play

pytestmark = pytest.mark.airflow


AREA, HEAD_OFFICE = "22222222-2222-4222-8222-222222222222@1", "33333333-3333-4333-8333-333333333333@1"


@pytest.fixture
def groups(kaizala_server: KaizalaServer) -> dict[str, Any]:
    """Params of an incident: three groups, which the connection reaches with a user's token."""
    more = [(AREA, "Area north", [MEERA]), (HEAD_OFFICE, "Head office", [])]
    kaizala_server.seed(
        {
            "groups": [
                {"id": group, "name": name, "admins": [ASHA], "members": people}
                for group, name, people in more
            ]
        }
    )
    return {
        "incident": "No power at pump 12",
        "field_crew": [RAVI, MEERA],
        "area_group": AREA,
        "area_crew": [MEERA],
        "head_office_group": HEAD_OFFICE,
        "head_office_crew": [ASHA],
    }


def test_an_incident_is_solved_by_the_first_crew(
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    groups: dict[str, Any],
    play: Play,
) -> None:
    kaizala_people.ravi.completes(after_polls=1)
    states, _ = play("field_incident", **groups)
    assert {name for name, state in states.items() if state == "success"} == {
        "field",
        "is_open_after_field",
        "who_solved_it",
        "announce",
    }
    assert set(states.values()) == {"success", "skipped"}
    assert cards(kaizala_server) == ["No power at pump 12"]
    assert texts(kaizala_server) == ["Solved by Ravi: No power at pump 12"]
    assert [kaizala_server.feed(group) for group in (AREA, HEAD_OFFICE)] == [[], []]


def test_an_incident_is_solved_by_the_second_crew(
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    groups: dict[str, Any],
    play: Play,
) -> None:
    kaizala_people.meera.completes(group_id=AREA, after_polls=1)
    states, values = play("field_incident", timeouts={"field": NOBODY}, **groups)
    assert {name for name, state in states.items() if state == "skipped"} == {"head_office"}
    assert set(states.values()) == {"success", "skipped"}
    assert values["field"]["complete"] is False
    assert cards(kaizala_server, AREA) == ["No power at pump 12 (not done in time by Ravi, Meera)"]
    assert texts(kaizala_server) == [TIME_IS_UP, "Solved by Meera: No power at pump 12"]
    assert reminders(kaizala_server) in (1, 2), "two, but one that is late is left out"
    assert kaizala_server.feed(HEAD_OFFICE) == []


def test_an_incident_that_nobody_solves(
    kaizala_server: KaizalaServer, groups: dict[str, Any], play: Play
) -> None:
    quick = dict.fromkeys(("field", "area", "head_office"), 1.0)
    states, _ = play("field_incident", timeouts=quick, **groups)
    assert states["head_office"] == "failed"
    assert states["announce"] == "upstream_failed"
    assert cards(kaizala_server, HEAD_OFFICE) == ["No power at pump 12 (not done in time by Meera)"]
    assert texts(kaizala_server) == [
        TIME_IS_UP,
        "No power at pump 12: no crew has reported it done. Please phone the control room.",
    ]
