from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.wait import Wait, new_wait
from airflow_provider_kaizala.waiting.rules import Everyone, Quorum
from airflow_provider_kaizala.waiting.subjects import Responses, Joined, Posts, Reactions

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


def begin(group, until, subject=None, seconds=60):
    end = datetime.now(tz=UTC) + timedelta(seconds=seconds)
    return new_wait(subject or Responses(group, "act-1"), until, end, 30.0)


def look(wait):
    hook = KaizalaHook()
    try:
        return wait.look(hook)
    finally:
        hook.close()


def travelled(wait):
    return Wait.from_wire(json.loads(json.dumps(wait.to_wire())))


def test_it_survives_the_way_to_the_triggerer(kaizala, group):
    kaizala.poll({RAVI: "Yes"}, sent_at="2026-03-01T07:00:00Z")
    wait = begin(group, Quorum("Yes", 2, (RAVI, MEERA)))
    assert travelled(wait) == wait
    assert look(wait)["complete"] is False
    assert travelled(wait) == wait
    assert wait.settled
    assert wait.subject == Responses(group, "act-1", "Poll", datetime(2026, 3, 1, 7, tzinfo=UTC))


def test_who_is_in_the_group_is_asked_once(kaizala, group):
    kaizala.poll({})
    wait = begin(group, "all")
    look(wait)
    kaizala.members.append("+910000000004")
    assert [each["mobile_number"] for each in look(travelled(wait))["missing"]] == [RAVI, MEERA]
    assert len(kaizala.calls("/members")) == 1


def test_all_are_those_in_the_group_without_the_sender(kaizala, group):
    kaizala.poll({})
    kaizala.actions["act-1"]["sender"] = MEERA
    assert [each["mobile_number"] for each in look(begin(group, "all"))["missing"]] == [ASHA, RAVI]
    kaizala.actions["act-1"] |= {"sender": None, "creatorId": "U2"}
    assert [each["mobile_number"] for each in look(begin(group, "all"))["missing"]] == [ASHA, MEERA]


def test_where_the_sender_is_not_told_it_is_the_connectors_user(kaizala, group):
    kaizala.reacts(RAVI)
    result = look(begin(group, "all", Reactions(group, "ref-1")))
    assert [each["mobile_number"] for each in result["missing"]] == [MEERA]
    assert len(kaizala.calls("/users/me")) == 1


def test_of_a_hub_group_the_subscribers_are_asked_and_the_members_may_answer(kaizala, group):
    def answer(request):
        if request.path.endswith("/subscribers"):
            return 200, {"subscribers": [kaizala._member(number) for number in (RAVI, "+910000000007")]}
        status, body = kaizala.default(request)[:2]
        return status, body | {"groupType": "ConnectGroup"}

    kaizala.otherwise = answer
    kaizala.poll({})
    missing = look(begin(group, "all"))["missing"]
    assert {each["mobile_number"] for each in missing} == {RAVI, "+910000000007"}
    assert look(begin(group, [MEERA]))["complete"] is False, "a member of the hub may"
    with pytest.raises(AirflowFailException, match="cannot answer, being no member"):
        look(begin(group, ["+910000000009"]))


def test_a_group_that_may_not_be_read(kaizala, group, logs):
    """What needs no list of members goes on without the check."""
    kaizala.poll({RAVI: "Yes"})

    def answer(request):
        if request.path.endswith(("/members", group)):
            return kaizala.error(403, "Forbidden", "no permission")
        return kaizala.default(request)

    kaizala.otherwise = answer
    assert look(begin(group, [RAVI]))["complete"] is True
    assert "whether the rule can be met is not checked" in logs.of("warning")[0]
    with pytest.raises(AirflowFailException, match="'all' needs to know who must answer"):
        look(begin(group, "all"))


def test_an_anonymous_survey_and_names(kaizala, group):
    kaizala.survey(None, isAnonymous=True)
    for by_name in ([RAVI], "all", Quorum("Yes", 1, (RAVI,))):
        with pytest.raises(AirflowFailException, match="'Opening check' is anonymous"):
            look(begin(group, by_name))
    assert look(begin(group, 1))["complete"] is True


def test_a_job_is_for_its_assignees(kaizala, group):
    kaizala.job([RAVI, MEERA], done=[RAVI])
    assert [each["mobile_number"] for each in look(begin(group, "all"))["missing"]] == [MEERA]
    with pytest.raises(AirflowFailException, match="the job is not assigned to"):
        look(begin(group, [ASHA]))
    assert kaizala.calls("/members") == []


def test_members_who_were_there_at_the_first_look_have_not_joined(kaizala, group):
    wait = begin(group, "any", Joined(group))
    assert not wait.may_travel
    kaizala.script += [(500, {})] * 5
    assert look(wait) is None
    assert not wait.may_travel, "the triggerer would take everybody for new"
    assert look(wait)["complete"] is False
    assert wait.may_travel
    kaizala.members.append("+910000000004")
    assert [each["responder"] for each in look(travelled(wait))["answers"]] == ["+910000000004"]


def test_what_may_travel_before_a_look(group):
    assert begin(group, "any").may_travel
    assert not begin(group, "all").may_travel, "who must answer is not known"
    assert begin(group, "any", Posts(group, "Image", datetime.now(tz=UTC))).may_travel
    assert begin(group, [RAVI], Joined(group, ())).may_travel is False


@pytest.mark.parametrize(
    "subject",
    [
        Responses("g", "a", "Poll", datetime(2026, 3, 1, tzinfo=UTC)),
        Reactions("g", "r", "Comment", "above"),
        Posts("g", "Image", datetime(2026, 3, 1, tzinfo=UTC)),
        Joined("g", (ASHA,)),
    ],
)
def test_its_trigger_waits_on_the_same(subject):
    from airflow_provider_kaizala.triggers import for_subject

    wait = new_wait(subject, Everyone((RAVI,)), datetime(2026, 3, 2, tzinfo=UTC), 30.0)
    made = wait.trigger("other", {"wait": wait.to_wire()}, datetime(2026, 3, 1, 12, tzinfo=UTC))
    path, kwargs = made.serialize()
    again = for_subject(subject.kind)(**json.loads(json.dumps(kwargs)))
    assert again.serialize() == (path, kwargs)
    assert again.subject() == subject
    assert (kwargs["poke_interval"], kwargs["kaizala_conn_id"]) == (30.0, "other")
    assert (kwargs["deadline"], kwargs["wake_at"]) == (
        "2026-03-02T00:00:00+00:00",
        "2026-03-01T12:00:00+00:00",
    )
    assert Wait.from_wire(kwargs["carry"]["wait"]) == wait


def test_seconds_left(group):
    assert 59 < begin(group, "any").seconds_left() <= 60
    assert begin(group, "any", seconds=-5).seconds_left() == 0
