"""Until when a sensor waits, in all three modes: inside real Airflow, against the real server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.operators import KaizalaSendSurveyOperator
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from airflow_provider_kaizala.waiting.rules import AtLeast, Everyone, People, Quorum
from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP
from tests.airflow.waiting.dags import STRANGER, a_dag, ask_poll, forgets, votes

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.testing.people import People as Crew
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow


def test_every_rule(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    """One poll; the sensors wait one after another."""
    kaizala_people.ravi.votes("Yes")
    kaizala_people.asha.votes("Yes", after_polls=2)
    kaizala_people.meera.votes("No", after_polls=4)
    rules: dict[str, Any] = {
        "any": "any",
        "count": 2,
        "quorum": Quorum("Yes", 2),
        "named": [MEERA],
        "all": "all",
        "hopeless": {"kind": "quorum", "option": "yes", "count": 2, "people": [RAVI, MEERA]},
        "both": AtLeast(3) & Quorum("No", 1, (MEERA,)),
        "either": Quorum("No", 3) | People((MEERA, ASHA), "any"),
        "never": Everyone() & Quorum("Yes", 2, (RAVI, MEERA)),
    }
    with a_dag() as dag:
        before: Any = ask_poll()
        for name, rule in rules.items():
            wait = KaizalaResponseSensor(
                task_id=name, action_id="{{ ti.xcom_pull('ask')['action_id'] }}", until=rule, **mode
            )
            before >> wait
            before = wait
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}, states
    assert {name: values[name]["complete"] for name in rules} == dict.fromkeys(rules, True)
    assert [name for name in rules if not values[name]["met"]] == ["hopeless", "never"]
    assert votes(values["any"])[RAVI] == "Yes"
    assert votes(values["named"]) == {RAVI: "Yes", ASHA: "Yes", MEERA: "No"}
    assert values["all"]["missing"] == [], "the sender need not"
    assert (values["never"]["tally"], values["never"]["winner"]) == ({"Yes": 2, "No": 1}, "Yes")


def test_all_are_the_members_without_the_sender(
    mode: dict[str, Any], kaizala_people: Crew, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Yes")
    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 1.0, "on_timeout": "return"}
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until="all", **given)
    _, values = outcome(dag)
    assert values["wait"]["missing"] == [{"mobile_number": MEERA, "name": "Meera"}]


def test_the_latest_answer_counts(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    kaizala_people.ravi.votes("No").then("Yes", after_polls=2)
    with a_dag() as dag:
        ask = ask_poll()
        KaizalaResponseSensor(
            task_id="wait",
            action_id=ask.output["action_id"],
            until={"kind": "quorum", "option": "Yes", "count": 1},
            **mode,
        )
    states, values = outcome(dag)
    assert states["wait"] == "success"
    assert (votes(values["wait"]), values["wait"]["winner"]) == ({RAVI: "Yes"}, "Yes")


def test_who_leaves_while_one_waits_is_still_waited_for(
    mode: dict[str, Any],
    kaizala_server: KaizalaServer,
    kaizala_people: Crew,
    later: Any,
    connector: Callable[..., KaizalaClient],
    outcome: Any,
) -> None:
    kaizala_people.ravi.votes("Yes", after_polls=1)
    meera = next(one["id"] for one in kaizala_server.people() if one["mobileNumber"] == MEERA)

    def leave() -> None:
        with connector() as asha:
            asha.run(calls.remove_member(GROUP, meera))

    later("listMembers", leave, 1)
    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 6, "on_timeout": "return"}
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until="all", **given)
    _, values = outcome(dag)
    result = values["wait"]
    assert [
        one for one in kaizala_server.people() if one["mobileNumber"] == MEERA and GROUP in one["groups"]
    ] == []
    # who must is settled at the first look; where that is forgotten, at each
    assert (result["complete"], votes(result)) == (forgets(mode), {RAVI: "Yes"})
    waited_for = [] if forgets(mode) else [{"mobile_number": MEERA, "name": "Meera"}]
    assert result["missing"] == waited_for


def test_a_rule_that_can_never_be_met_fails_at_once(
    mode: dict[str, Any], telling: Any, told: list[str], outcome: Any
) -> None:
    rules: dict[str, tuple[Any, str]] = {
        "stranger": ([STRANGER], f"until: {STRANGER} cannot answer: not among the members of the group"),
        "too_many": (4, "until: cannot wait for 4 people; number of members of the group: 3"),
        "no_such_option": (Quorum("Maybe", 1), "until: the Poll has no option 'Maybe'; it has 'Yes', 'No'"),
        "too_many_for_one": (
            Quorum("Yes", 4),
            "until: cannot wait for 4 people; number of members of the group: 3",
        ),
    }
    with a_dag() as dag:
        ask = ask_poll()
        for name, (rule, _) in rules.items():
            KaizalaResponseSensor(
                task_id=name, action_id=ask.output["action_id"], until=rule, retries=3, **mode, **telling
            )
    states, _ = outcome(dag)
    assert states == {"ask": "success", **dict.fromkeys(rules, "failed")}
    assert len(told) == len(rules)
    for _, says in rules.values():
        assert any(says in each for each in told), (says, told)


def test_an_anonymous_survey_tells_no_names(
    mode: dict[str, Any], kaizala_people: Crew, telling: Any, told: list[str], outcome: Any
) -> None:
    kaizala_people.ravi.answers(["Yes"])
    with a_dag() as dag:
        ask = KaizalaSendSurveyOperator(
            task_id="ask",
            title="Happy?",
            questions=[{"title": "Happy?", "type": "SingleOption", "options": ["Yes", "No"]}],
            anonymous=True,
            due=timedelta(hours=1),
        )
        count = KaizalaResponseSensor(task_id="count", action_id=ask.output["action_id"], until=1, **mode)
        count >> KaizalaResponseSensor(
            task_id="named", action_id=ask.output["action_id"], until=[RAVI], **mode, **telling
        )
    states, values = outcome(dag)
    assert states == {"ask": "success", "count": "success", "named": "failed"}
    assert "'Happy?' is anonymous, so it does not show who has answered; give a count instead" in told[0]
    assert [each["responder"] for each in values["count"]["answers"]] == [None]
    assert values["count"]["answered_by"] == []
    assert values["count"]["winner"] == {"Happy?": "Yes"}
