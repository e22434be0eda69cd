from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaServerError
from airflow_provider_kaizala.client.readings import follow
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.waiting.rules import AtLeast, Everyone, People, Quorum, read_rule
from airflow_provider_kaizala.waiting.subjects import NewActions, NewMembers, Reactions, Responses
from airflow_provider_kaizala.waiting.wait import CLOCK_SKEW, Update, Wait
from tests.unit.waiting.actions import ASHA, JOHN, MEERA, RAVI, Calls, job, poll, survey
from tests.unit.waiting.strategies import moments, phones, rules, subjects


def begin(until, subject=None, *, seconds=60, **more):
    deadline = None if seconds is None else datetime.now(tz=UTC) + timedelta(seconds=seconds)
    return Wait(subject or Responses("g", "act-1"), read_rule(until), deadline, 30.0, **more)


def travelled(wait):
    return Wait.from_wire(json.loads(json.dumps(wait.to_wire())))


# --- how a wait travels --------------------------------------------------------------------------------------------------


def test_the_wire_format_is_fixed():
    wait = Wait(
        Responses("g", "a"),
        AtLeast(2),
        datetime(2026, 3, 1, 8, tzinfo=UTC),
        30.0,
        (ASHA,),
        True,
        datetime(2026, 3, 1, 7, tzinfo=UTC),
    )
    assert wait.to_wire() == {
        "subject": {
            "kind": "responses",
            "group_id": "g",
            "action_id": "a",
            "action_type": None,
            "sent_at": None,
        },
        "until": {"kind": "at_least", "count": 2},
        "deadline": "2026-03-01T08:00:00+00:00",
        "interval": 30.0,
        "voters": [ASHA],
        "settled": True,
        "closes_at": "2026-03-01T07:00:00+00:00",
    }
    plain = Wait(Responses("g", "a"), AtLeast(2), None, 30.0).to_wire()
    assert (plain["deadline"], plain["voters"], plain["closes_at"]) == (None, None, None)


def test_a_field_that_a_later_version_added_is_optional_in_older_rows():
    wire = {"subject": Responses("g", "a").to_wire(), "until": {"kind": "any"}, "interval": 30}
    assert Wait.from_wire(wire) == Wait(Responses("g", "a"), read_rule("any"), None, 30.0)


@given(
    st.builds(
        Wait,
        subject=subjects,
        rule=rules,
        deadline=st.none() | moments,
        interval=st.floats(min_value=0.1, max_value=1e6),
        voters=st.none() | phones,
        settled=st.booleans(),
        closes_at=st.none() | moments,
    )
)
def test_every_wait_survives_the_way_to_a_trigger(wait):
    assert travelled(wait) == wait


# --- when it ends --------------------------------------------------------------------------------------------------------

EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("deadline", "closes_at", "ends_at"),
    [
        (None, None, None),
        (EIGHT, None, EIGHT),
        (None, EIGHT, EIGHT + CLOCK_SKEW),
        (EIGHT, EIGHT, EIGHT),
        (EIGHT + timedelta(hours=1), EIGHT, EIGHT + CLOCK_SKEW),
        (EIGHT, EIGHT + timedelta(hours=1), EIGHT),
    ],
)
def test_a_wait_ends_at_its_deadline_or_soon_after_its_question(deadline, closes_at, ends_at):
    """So that an answer of the last moment is still seen, whose time is Kaizala's."""
    wait = Wait(Responses("g", "a"), AtLeast(1), deadline, 30.0, closes_at=closes_at)
    assert wait.ends_at == ends_at


def test_seconds_left():
    assert 59 < begin("any").seconds_left() <= 60
    assert begin("any", seconds=-5).seconds_left() == 0
    assert begin("any", seconds=None).seconds_left() is None
    ended = datetime.now(tz=UTC) - CLOCK_SKEW
    assert begin("any", closes_at=ended).seconds_left() == 0
    assert 0 < begin("any", closes_at=ended + timedelta(seconds=4)).seconds_left() <= 4


@pytest.mark.parametrize(
    ("deadline", "closes_at", "why"),
    [
        (EIGHT, None, "Timed out after 90 s"),
        (EIGHT, EIGHT + timedelta(hours=1), "Timed out after 90 s"),
        (EIGHT, EIGHT, "Timed out after 90 s"),
        (EIGHT + timedelta(hours=1), EIGHT, "The question ended at 2026-03-01 08:00:00 UTC"),
        (None, EIGHT, "The question ended at 2026-03-01 08:00:00 UTC"),
    ],
)
def test_a_wait_says_why_it_ends(deadline, closes_at, why):
    wait = Wait(Responses("g", "a"), AtLeast(1), deadline, 30.0, closes_at=closes_at)
    assert wait.why_it_ends(90.0) == why


DUE = "2026-03-01T07:00:00Z"


@pytest.mark.parametrize(
    ("details", "closes_at"),
    [
        (poll(expiryDate=DUE), datetime(2026, 3, 1, 7, tzinfo=UTC)),
        (survey(dueDate=DUE), datetime(2026, 3, 1, 7, tzinfo=UTC)),
        (survey(dueDate=DUE, kind="MyCompany.Check"), datetime(2026, 3, 1, 7, tzinfo=UTC)),
        (poll(), None),
        (job({ASHA: None}, dueDate=DUE), None),
        (poll(kind="LetsMeet", startingTime=DUE), None),
    ],
    ids=["poll", "survey", "custom action", "poll without end", "job", "meeting"],
)
def test_a_question_stops_taking_answers_when_it_is_due_but_a_job_and_a_meeting_do_not(details, closes_at):
    wait, _ = follow(begin("any").settle(details), Calls())
    assert wait.closes_at == closes_at


def test_a_question_that_takes_no_more_answers_ends_the_wait(kaizala, group):
    kaizala.poll({RAVI: "Yes"}, expiryDate=(datetime.now(tz=UTC) - timedelta(minutes=1)).isoformat())
    wait, update = look(begin("all", Responses(group, "act-1")))
    assert not update.progress.over
    assert wait.seconds_left() == travelled(wait).seconds_left() == 0
    assert wait.why_it_ends(60.0).startswith("The question ended at ")


# --- looking -------------------------------------------------------------------------------------------------------------


def look(wait, last=None):
    """Look with the hook; return the wait as it is known then, and what was found."""
    hook = KaizalaHook()
    try:
        wait, details = hook.read(wait.look())
    finally:
        hook.close()
    return wait, wait.update(details, last)


def missing(update):
    return [each["mobile_number"] for each in update.result["missing"]]


@pytest.fixture
def on(group):
    """Begin a wait on the action of the in-memory Kaizala."""

    def make(until, **more):
        return begin(until, Responses(group, "act-1"), **more)

    return make


def test_the_first_look_settles_the_wait(kaizala, group, on):
    kaizala.poll({RAVI: "Yes"}, sent_at="2026-03-01T07:00:00Z")
    before = on(Quorum("Yes", 2, (RAVI, MEERA)))
    wait, update = look(before)
    assert (before.settled, wait.settled) == (False, True)
    assert wait.subject == Responses(group, "act-1", "Poll", datetime(2026, 3, 1, 7, tzinfo=UTC))
    assert wait.rule == Quorum("Yes", 2, (RAVI, MEERA), names={RAVI: "Name of 2", MEERA: "Name of 3"})
    assert (wait.deadline, wait.interval) == (before.deadline, 30.0)
    assert update.result["complete"] is False


def test_a_settled_wait_asks_only_for_the_answers(kaizala, on):
    kaizala.poll({})
    wait, _ = look(on("all"))
    kaizala.members.append(JOHN)
    kaizala.requests.clear()
    again, update = look(travelled(wait))
    assert again == wait
    assert missing(update) == [RAVI, MEERA], "who has come since was not asked"
    assert [request.path for request in kaizala.calls()] == [f"/groups/{wait.subject.group_id}/actions/act-1"]


def test_nothing_is_settled_by_a_look_that_fails_halfway(kaizala, on):
    kaizala.poll({})
    kaizala.otherwise = lambda request: (
        kaizala.error(500) if request.path.endswith("/members") else kaizala.default(request)
    )
    with pytest.raises(KaizalaServerError):
        look(on("all"))


def test_any_answer_needs_no_list_of_members(kaizala, on):
    kaizala.poll({})
    look(on("any"))
    assert kaizala.calls("/members") == []


# --- who can answer ------------------------------------------------------------------------------------------------------


def test_all_are_those_in_the_group_without_the_sender(kaizala, on):
    kaizala.poll({})
    kaizala.actions["act-1"]["sender"] = MEERA
    assert missing(look(on("all"))[1]) == [ASHA, RAVI]
    kaizala.actions["act-1"] |= {"sender": None, "creatorId": "U2"}
    assert missing(look(on("all"))[1]) == [ASHA, MEERA]
    assert kaizala.calls("/users/me") == []


def test_where_kaizala_does_not_name_the_sender_it_is_the_connectors_own_user(kaizala, group):
    kaizala.reacts(RAVI)
    _, update = look(begin("all", Reactions(group, "ref-1")))
    assert missing(update) == [MEERA]
    assert len(kaizala.calls("/users/me")) == 1


def test_if_the_own_user_cannot_be_read_all_are_asked(kaizala, group):
    kaizala.reacts(RAVI)
    kaizala.otherwise = lambda request: (
        kaizala.error(403) if request.path == "/users/me" else kaizala.default(request)
    )
    assert missing(look(begin("all", Reactions(group, "ref-1")))[1]) == [ASHA, MEERA]


def test_a_count_needs_no_sender(kaizala, group):
    kaizala.reacts(RAVI)
    look(begin(3, Reactions(group, "ref-1")))
    assert kaizala.calls("/users/me") == []


def test_of_a_hub_group_the_subscribers_are_asked_and_the_members_may_answer(kaizala, on):
    def answer(request):
        if request.path.endswith("/subscribers"):
            return 200, {"subscribers": [kaizala._member(number) for number in (RAVI, "+910000000007")]}
        status, body = kaizala.default(request)[:2]
        return status, body | {"groupType": "ConnectGroup"}

    kaizala.otherwise = answer
    kaizala.poll({})
    assert missing(look(on("all"))[1]) == [RAVI, "+910000000007"]
    assert look(on([MEERA]))[1].result["complete"] is False, "a member of the hub may answer"
    with pytest.raises(KaizalaInputError, match=r"\+910000000009 cannot answer: not among the members"):
        look(on(["+910000000009"]))


def test_a_rule_that_can_never_be_met_is_refused_at_the_first_look(kaizala, on):
    kaizala.poll({})
    with pytest.raises(
        KaizalaInputError, match="until: cannot wait for 4 people; number of members of the group: 3"
    ):
        look(on(4))
    kaizala.job([RAVI, MEERA])
    with pytest.raises(
        KaizalaInputError, match="cannot wait for 3 people; number of assignees of the job: 2"
    ):
        look(on(3))


@pytest.mark.parametrize("asked", ["poll", "job"])
def test_a_part_that_can_never_be_met_leaves_the_other(kaizala, on, asked):
    if asked == "poll":
        kaizala.poll({RAVI: "Yes"})
    else:
        kaizala.job([RAVI, MEERA], done=[RAVI])
    wait, update = look(on(AtLeast(5) | "all"))
    assert [type(part) for part in wait.rule.parts] == [Everyone]
    assert missing(update) == [MEERA]
    with pytest.raises(KaizalaInputError, match="cannot wait for 5 people"):
        look(on(AtLeast(5) & "all"))


def test_a_group_whose_members_may_not_be_read_is_not_checked(kaizala, group, on, logs):
    kaizala.poll({RAVI: "Yes"})
    kaizala.otherwise = lambda request: (
        kaizala.error(403, "Forbidden", "no permission")
        if request.path.endswith(("/members", group))
        else kaizala.default(request)
    )
    wait, update = look(on([RAVI]))
    assert wait.settled
    assert update.result["complete"] is True
    (line,) = logs.of("warning")
    assert "whether the rule can be met is not checked" in line
    assert look(on(9))[1].text == "1 of 9 answered (Name of 2)"
    with pytest.raises(KaizalaInputError, match="'all' needs to know who must answer"):
        look(on("all"))


def test_an_anonymous_question_and_rules_on_names_do_not_go_together(kaizala, on):
    kaizala.survey(None, isAnonymous=True)
    for by_name in ([RAVI], "all", Quorum("Yes", 1, (RAVI,)), AtLeast(1) | "all"):
        with pytest.raises(KaizalaInputError, match="until: 'Opening check' is anonymous"):
            look(on(by_name))
    assert look(on(1))[1].result["complete"] is True


def test_a_job_is_for_its_assignees(kaizala, on):
    kaizala.job([RAVI, MEERA], done=[RAVI])
    assert missing(look(on("all"))[1]) == [MEERA]
    with pytest.raises(KaizalaInputError, match=r"\+910000000001 .* not among the assignees of the job"):
        look(on([ASHA]))
    assert kaizala.calls("/members") == []


def test_a_job_with_an_assignee_whose_number_is_not_known_is_not_checked():
    details = job({ASHA: "Completed"}, assignee=[{"mobileNumber": ASHA}, {"name": "Ravi"}])
    wait, _ = follow(begin([RAVI]).settle(details), Calls())
    assert wait.rule == People((RAVI,))


# --- whose answers count -------------------------------------------------------------------------------------------------


def test_only_the_answers_of_the_voters_count(kaizala, on):
    kaizala.poll({ASHA: "No", RAVI: "Yes", MEERA: "No"})
    kaizala.members.append(JOHN)
    wait, update = look(on(2, voters=(RAVI, JOHN)))
    assert update.text == "1 of 2 answered (Name of 2)"
    assert not update.progress.over
    result = update.result
    assert (result["tally"], result["winner"]) == ({"Yes": 1, "No": 0}, "Yes")
    assert result["chosen_by"] == {"Yes": ["Name of 2"], "No": []}
    assert len(result["answers"]) == 3, "what the others said is not kept back"
    kaizala.poll({ASHA: "No", RAVI: "Yes", JOHN: "No"})
    assert look(travelled(wait))[1].progress.met


def test_all_are_the_voters_if_there_are_some(kaizala, on):
    kaizala.poll({ASHA: "No", RAVI: "Yes"})
    _, update = look(on("all", voters=(RAVI, MEERA)))
    assert missing(update) == [MEERA]
    assert update.text == "1 of 2 answered (Name of 2); missing: Name of 3"


@pytest.mark.parametrize("until", ["all", 2, AtLeast(5) | "all"])
def test_of_a_job_too_only_the_voters_are_waited_for(kaizala, on, until):
    kaizala.job([ASHA, RAVI, MEERA], done=[RAVI])
    wait, update = look(on(until, voters=(RAVI, MEERA)))
    assert missing(update) == [MEERA]
    kaizala.job([ASHA, RAVI, MEERA], done=[RAVI, MEERA])
    assert look(travelled(wait))[1].progress.met


def test_a_rule_must_fit_the_voters(kaizala, on):
    kaizala.poll({})
    with pytest.raises(KaizalaInputError, match="until: cannot wait for 3 people; number of voters: 2"):
        look(on(3, voters=(RAVI, MEERA)))
    with pytest.raises(KaizalaInputError, match=r"\+910000000001 cannot answer: not among the voters"):
        look(on([ASHA], voters=(RAVI, MEERA)))


def test_voters_who_cannot_answer_are_refused_whatever_the_rule(kaizala, on):
    kaizala.poll({})
    with pytest.raises(KaizalaInputError, match=r"\+910000000004 .* not among the members of the group"):
        look(on("any", voters=(RAVI, JOHN)))


def test_voters_of_an_anonymous_question_are_refused(kaizala, on):
    kaizala.survey(None, isAnonymous=True)
    with pytest.raises(KaizalaInputError, match="'Opening check' is anonymous"):
        look(on("any", voters=(RAVI,)))


@pytest.mark.parametrize(
    ("rule", "tally"),
    [
        (Quorum("Yes", 2, (RAVI, MEERA)), {"Yes": 1, "No": 0}),
        (Quorum("Yes", 2, (RAVI, MEERA)) | Quorum("No", 1, (ASHA,)), {"Yes": 1, "No": 1}),
        (Quorum("Yes", 2, (RAVI, MEERA)) | Quorum("No", 1), {"Yes": 1, "No": 2}),
        (People((RAVI,)), {"Yes": 1, "No": 2}),
        (Quorum("Yes", 2), {"Yes": 1, "No": 2}),
    ],
)
def test_the_people_of_a_quorum_are_those_who_count_in_the_tally(rule, tally):
    update = begin(rule).update(poll((ASHA, "No"), (RAVI, "Yes"), (JOHN, "No")))
    assert update.result["tally"] == tally


def test_the_winner_is_the_voters_choice_even_where_a_quorum_names_others():
    details = poll((ASHA, "No"), (RAVI, "Yes"), (JOHN, "No"))
    update = begin(Quorum("Yes", 1, (RAVI, JOHN)), voters=(RAVI,)).update(details)
    assert update.result["tally"] == {"Yes": 1, "No": 0}


# --- new members and new actions -----------------------------------------------------------------------------------------


def test_members_who_were_there_at_the_first_look_have_not_joined(kaizala, group):
    wait, update = look(begin("any", NewMembers(group)))
    assert wait.subject == NewMembers(group, (ASHA, RAVI, MEERA))
    assert update.result["complete"] is False
    kaizala.members.append(JOHN)
    _, update = look(travelled(wait))
    assert [each["responder"] for each in update.result["answers"]] == [JOHN]
    assert update.result["complete"] is True


def test_people_who_are_not_in_the_group_yet_can_join_it(kaizala, group):
    _, update = look(begin([JOHN], NewMembers(group)))
    assert update.text == f"0 of 1 answered; missing: {JOHN}"
    assert len(kaizala.calls("/members")) == 1


def test_own_posts_do_not_count(kaizala, group):
    kaizala.survey(action_id="act-1", sent_at="2026-03-01T07:00:00+00:00")
    kaizala.survey(action_id="act-2", sent_at="2026-03-01T07:00:01+00:00")
    kaizala.actions["act-2"]["sender"] = RAVI
    since = datetime(2026, 3, 1, 6, tzinfo=UTC)
    wait, update = look(begin("any", NewActions(group, "Survey", since)))
    assert wait.subject == NewActions(group, "Survey", since, ignored=ASHA)
    assert [each["responder"] for each in update.result["answers"]] == [RAVI]
    _, update = look(travelled(wait))
    assert [each["responder"] for each in update.result["answers"]] == [RAVI]


# --- updates -------------------------------------------------------------------------------------------------------------


def test_an_update_holds_what_was_read_and_what_the_task_would_return():
    details = poll((RAVI, "Yes"))
    update = begin(2).update(details)
    assert update.details is details
    assert (update.progress.met, update.text) == (False, "1 of 2 answered (Ravi)")
    assert (update.result["group_id"], update.result["action_id"]) == ("g", "act-1")
    assert (update.result["complete"], update.result["met"]) == (False, False)
    assert update.result["chosen_by"] == {"Yes": ["Ravi"], "No": []}


def test_only_a_change_is_news():
    wait = begin(2)
    first = wait.update(poll())
    assert first.news == "'Pay?': 0 of 2 answered"
    assert wait.update(poll(), first).news is None
    second = wait.update(poll((RAVI, "Yes")), first)
    assert second.news == "'Pay?': 1 of 2 answered (Ravi)"
    assert wait.update(poll((RAVI, "No")), second).news is None, "the text says nothing of the vote"
    assert wait.update(poll(), second).news == "'Pay?': 0 of 2 answered"


def test_what_has_no_title_is_named_by_its_id():
    assert begin(2).update(poll(title=None)).news == "'act-1': 0 of 2 answered"


def test_an_update_survives_the_way_to_another_process_as_far_as_it_is_needed():
    update = begin(2).update(poll((RAVI, "Yes")))
    again = Update.from_wire(json.loads(json.dumps(update.to_wire())))
    assert again == Update(None, None, update.result, update.text)
    assert begin(2).update(poll((RAVI, "Yes")), again).news is None, "it is not logged twice"


def test_a_rule_that_does_not_fit_what_was_read_is_refused():
    with pytest.raises(KaizalaInputError, match="the Poll has no option 'Maybe'"):
        begin(Quorum("Maybe", 1)).update(poll())
