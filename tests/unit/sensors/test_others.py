"""The sensors for reactions, posts and members: what is theirs alone; the rest is tested with that for answers."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.sensors import KaizalaActionSensor, KaizalaMemberSensor, KaizalaReactionSensor
from airflow_provider_kaizala.waiting.rules import AtLeast, Everyone, People, Quorum, read_rule
from airflow_provider_kaizala.waiting.subjects import NewActions, NewMembers, Reactions
from airflow_provider_kaizala.waiting.wait import Wait

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
TIMES = {"poke_interval": 0.001, "timeout": 60, "deferrable": False, "task_id": "wait"}


def parked(run_task, sensor, **context):
    with pytest.raises(TaskDeferred) as found:
        run_task(sensor, **context)
    return Wait.from_wire(found.value.trigger.serialize()[1]["wait"]).subject


# --- reactions ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"reference_id": " "}, "reference_id is empty"),
        ({"reaction_type": "Love"}, "reaction_type must be one of Like, Comment, not 'Love'"),
        ({"source_group_id": "no group"}, "source_group_id: 'no group' is not a valid group id"),
    ],
)
def test_reactions_refused_when_the_dag_is_parsed(changes, says):
    with pytest.raises(KaizalaInputError) as refused:
        KaizalaReactionSensor(**{"reference_id": "r", **TIMES, **changes})
    assert says in str(refused.value)


def test_likes_and_comments(kaizala, run_task):
    kaizala.reacts(RAVI)
    kaizala.reacts(MEERA, comment="fine")
    likes = run_task(KaizalaReactionSensor(reference_id="{{ ' ref-1 ' }}", **TIMES))
    assert [(each["responder"], each["answers"]) for each in likes["answers"]] == [(RAVI, {"Like": True})]
    comments = run_task(KaizalaReactionSensor(reference_id="ref-1", reaction_type="Comment", **TIMES))
    assert [(each["responder_name"], each["answers"]) for each in comments["answers"]] == [
        ("Name of 3", {"Comment": "fine"})
    ]


def test_what_travels_of_reactions(kaizala, run_task, group):
    sensor = KaizalaReactionSensor(
        reference_id="{{ ' ref-1 ' }}", source_group_id="{{ params.above }}", **{**TIMES, "deferrable": True}
    )
    subject = parked(run_task, sensor, params={"above": group})
    assert subject == Reactions(group, "ref-1", "Like", group)


# --- posts -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"action_type": "Announcement"},
            "action_type must be one of Image, Document, Job",
        ),
        ({"since": "yesterday"}, "since must be a datetime or an ISO 8601 string"),
        ({"since": 5}, "since must be a datetime or an ISO 8601 string"),
    ],
)
def test_posts_refused_when_the_dag_is_parsed(changes, says):
    with pytest.raises(KaizalaInputError) as refused:
        KaizalaActionSensor(**{"action_type": "Image", **TIMES, **changes})
    assert says in str(refused.value)


def test_posts_since_the_dag_run_began(kaizala, run_task):
    kaizala.poll({}, sent_at="2026-03-01T07:59:59Z")
    kaizala.poll({}, action_id="act-2", sent_at="2026-03-01T08:00:00Z")
    began = datetime(2026, 3, 1, 8, 0, 0, 700_000, tzinfo=UTC)
    result = run_task(
        KaizalaActionSensor(action_type="Poll", count_own=True, **TIMES),
        dag_run=SimpleNamespace(start_date=began),
    )
    assert [each["response_id"] for each in result["answers"]] == ["act-2"]
    assert result["answers"][0]["responder"] == ASHA


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("2026-03-01T07:00:00+01:00", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        (" 2026-03-01T07:00:00Z\n", datetime(2026, 3, 1, 7, tzinfo=UTC)),
        (datetime(2026, 3, 1, 7), datetime(2026, 3, 1, 7, tzinfo=UTC)),  # noqa: DTZ001
        ("{{ params.since }}", datetime(2026, 3, 1, 7, tzinfo=UTC)),
    ],
)
def test_since(kaizala, run_task, group, since, moment):
    sensor = KaizalaActionSensor(action_type="Image", since=since, **{**TIMES, "deferrable": True})
    subject = parked(run_task, sensor, params={"since": "2026-03-01T07:00:00"})
    assert subject == NewActions(group, "Image", moment, ignored=ASHA)


def test_the_dags_own_post_does_not_satisfy_the_sensor(kaizala, run_task):
    """The connector's own user is Asha."""
    kaizala.poll({}, sent_at="2026-03-01T08:00:00Z")
    given = {"action_type": "Poll", "since": "2026-03-01T08:00:00Z", **TIMES, "timeout": 0.001}
    with pytest.raises(AirflowSensorTimeout, match="0 of 1 answered"):
        run_task(KaizalaActionSensor(**given))
    assert run_task(KaizalaActionSensor(**given, count_own=True))["answered_by"] == ["Name of 1"]


def test_a_naive_since_is_in_the_timezone_of_the_dag(kaizala, run_task, group):
    with DAG("in_india", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kolkata")):
        sensors = [
            KaizalaActionSensor(
                action_type="Image", since=since, **{**TIMES, "deferrable": True, "task_id": name}
            )
            for name, since in (("a", datetime(2026, 3, 1, 7)), ("b", "2026-03-01T07:00"))  # noqa: DTZ001
        ]
    for sensor in sensors:
        assert parked(run_task, sensor).since == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)


# --- members -----------------------------------------------------------------------------------------------------------------


def test_somebody_joins(kaizala, run_task, group):
    def look(request):
        if len(kaizala.calls("/members")) == 3:
            kaizala.members.append("+910000000004")
        return kaizala.default(request)

    kaizala.otherwise = look
    result = run_task(KaizalaMemberSensor(**TIMES))
    assert [each["responder"] for each in result["answers"]] == ["+910000000004"]


def test_people_who_are_in_it_already(kaizala, run_task):
    assert run_task(KaizalaMemberSensor(until=[RAVI, MEERA], **TIMES))["complete"] is True


def test_what_travels_of_members(kaizala, run_task, group):
    sensor = KaizalaMemberSensor(**{**TIMES, "deferrable": True})
    kaizala.script += [(500, {})] * 5
    assert parked(run_task, sensor) == NewMembers(group, (ASHA, RAVI, MEERA)), "not before the first look"


def test_a_reschedule_that_would_forget_who_was_there(kaizala, run_task):
    sensor = KaizalaMemberSensor(mode="reschedule", **TIMES)
    with pytest.raises(AirflowFailException, match="use deferrable=True or mode='poke'"):
        run_task(sensor)
    assert run_task(KaizalaMemberSensor(mode="reschedule", until=[RAVI], **TIMES))["complete"] is True


# --- rules that can never be met -----------------------------------------------------------------------------------------------

LIKES, POSTS = {"reference_id": "r"}, {"action_type": "Image"}
NEVER = [
    (KaizalaMemberSensor, {}, "all", "no one in particular has to join"),
    (KaizalaMemberSensor, {}, Everyone() | AtLeast(2), "no one in particular has to join"),
    (KaizalaMemberSensor, {}, Quorum("Yes", 1, (RAVI,)), "no options to choose"),
    (KaizalaMemberSensor, {}, AtLeast(1) & People((RAVI,)), "use two sensors"),
    (KaizalaReactionSensor, LIKES, Quorum("Yes", 1), "a like chooses no option"),
    (KaizalaActionSensor, POSTS, AtLeast(1) & Quorum("Yes", 1), "posting chooses no option"),
]


@pytest.mark.parametrize(("sensor", "given", "until", "says"), NEVER)
def test_rules_that_can_never_be_met(kaizala, run_task, sensor, given, until, says):
    with pytest.raises(KaizalaInputError, match=says):
        sensor(until=until, **given, **TIMES)
    late = sensor(until="{{ params.until }}", **given, **TIMES)
    late.until = read_rule(until).to_wire()  # what a template has brought
    with pytest.raises(AirflowFailException, match=says):
        run_task(late)


def test_rules_that_they_can_meet(kaizala, run_task):
    kaizala.reacts(RAVI, comment=" approve ")
    given = {"reference_id": "ref-1", "reaction_type": "Comment", **TIMES}
    assert run_task(KaizalaReactionSensor(until=Quorum("Approve", 1), **given))["met"] is True
    assert run_task(KaizalaMemberSensor(until=People((RAVI,)) | People((ASHA,)), **TIMES))["met"] is True


@pytest.mark.parametrize(
    ("sensor", "given", "name"),
    [
        (KaizalaActionSensor, {"action_type": "Image", "since": "2026-03-01T08:00:00Z"}, "since"),
        (
            KaizalaReactionSensor,
            {"reference_id": "ref-1", "source_group_id": "{{ ti.xcom_pull() }}"},
            "source_group_id",
        ),
    ],
)
def test_what_was_to_come_and_has_not_is_not_taken_for_left_out(kaizala, run_task, sensor, given, name):
    """Else another moment, or another group, would be waited on."""
    made = sensor(**given, **TIMES)
    setattr(made, name, None)  # as a template leaves it
    with pytest.raises(AirflowFailException, match=f"{name} rendered to None"):
        run_task(made)
    assert kaizala.calls() == []
