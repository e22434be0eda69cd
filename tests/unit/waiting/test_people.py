from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import ActionDetails, Person
from airflow_provider_kaizala.waiting.people import (
    Eligible,
    answers_of,
    by_number,
    latest,
    list_names,
    names,
    respondents,
    split,
)
from tests.unit.waiting.actions import ASHA, JOHN, MEERA, RAVI, job, numbers, poll, survey


def chosen(details):
    return [(each.responder.mobile_number, *each.answers.values()) for each in latest(details)]


# --- the answer that counts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("2026-03-01T07:00:00Z", "2026-03-01T07:00:00.500000Z", "No"),
        ("2026-03-01T07:00:00.500000Z", "2026-03-01T07:00:00Z", "Yes"),
        ("2026-03-01T07:00:00Z", "2026-03-01T07:00:00Z", "No"),
        ("2026-03-01T07:00:00Z", None, "No"),
        (None, "2026-03-01T07:00:00Z", "No"),
        (None, None, "No"),
    ],
)
def test_the_latest_answer_by_its_time_counts_or_else_the_last_in_the_list(first, second, counts):
    details = poll((ASHA, "Yes", first), (RAVI, "Yes"), (ASHA, "No", second))
    assert chosen(details) == [(ASHA, counts), (RAVI, "Yes")]


def test_each_anonymous_answer_is_one_of_a_different_person():
    assert chosen(poll((None, "Yes"), (None, "No"))) == [(None, "Yes"), (None, "No")]


def test_a_person_without_a_number_is_known_by_id():
    def answer(person_id):
        return {"responder": "", "responderId": person_id, "responderName": "X"}

    details = ActionDetails.read(
        {"actionType": "Survey", "actionDetails": {"responses": [answer("u1"), answer("u1"), answer("u2")]}}
    )
    assert [person.id for person in respondents(details)] == ["u1", "u2"]


def test_a_job_in_progress_is_not_an_answer():
    details = job({ASHA: "InProgress", RAVI: "Completed", MEERA: None})
    assert numbers(respondents(details)) == [RAVI]


# --- whose answers count -------------------------------------------------------------------------------------------------


def test_answers_of_some_people_leave_out_all_others_anonymous_ones_too():
    details = survey(ASHA, None, RAVI, MEERA)
    assert numbers(respondents(answers_of([MEERA, ASHA], details))) == [ASHA, MEERA]
    assert respondents(answers_of([], details)) == ()
    assert answers_of([ASHA], details).title == "Daily", "all else stays"


def test_answers_of_everyone_are_all_answers():
    details = survey(ASHA, None)
    assert answers_of(None, details) is details


# --- who has answered ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "answered"),
    [
        (Person(ASHA, "Asha"), Person(ASHA, "A. Rao", "u1")),
        (Person(None, "Asha", "u1"), Person(None, "A. Rao", "u1")),
        (Person(None, "Asha"), Person(None, "Asha")),
    ],
    ids=["by number", "else by id", "else by name"],
)
def test_people_are_compared_by_number_then_id_then_name(wanted, answered):
    assert split([wanted], [answered]) == ((wanted,), ())


def test_nobody_is_taken_for_somebody_unknown():
    unknown = Person()
    assert split([Person(ASHA), unknown], [unknown, unknown]) == ((), (Person(ASHA), unknown))


def test_people_by_number_have_the_names_that_are_known_of_them():
    details = job({ASHA: "Completed", RAVI: None})
    found = by_number([ASHA, RAVI, MEERA, JOHN], {MEERA: "Meera", ASHA: "not this"}, details)
    assert found == [
        Person(ASHA, "Asha"),
        Person(RAVI, "Ravi"),
        Person(MEERA, "Meera"),
        Person(JOHN, None),
    ]
    assert by_number([RAVI], {}, survey(RAVI)) == [Person(RAVI, "Ravi")], "a respondent has a name"


def test_names_for_a_text_leave_out_people_with_neither_name_nor_number():
    people = [Person(ASHA, "Asha"), Person(RAVI), Person(None, None, "u3"), Person(None, "Meera")]
    assert names(people) == ["Asha", RAVI, "Meera"]
    assert names([]) == []


def test_names_for_a_log_line_count_them_in():
    assert list_names([Person(ASHA, "Asha"), Person(RAVI), Person()]) == f"Asha, {RAVI}, somebody"


# --- who can answer ------------------------------------------------------------------------------------------------------

GROUP = Eligible({RAVI: "Ravi", MEERA: None}, {ASHA: "Asha"})


def test_the_sender_is_not_asked_but_may_answer():
    assert GROUP.names == {ASHA: "Asha", RAVI: "Ravi", MEERA: None}
    GROUP.require([ASHA, RAVI])
    GROUP.require_count(3)
    assert GROUP.known_names([ASHA, MEERA, JOHN]) == {ASHA: "Asha"}


def test_people_who_cannot_answer_are_named():
    with pytest.raises(KaizalaInputError) as refused:
        GROUP.require([JOHN, RAVI, "+910000000009"])
    assert str(refused.value) == (
        f"until: {JOHN}, +910000000009 cannot answer: not among the members of the group. Add them there, or leave them out"
    )


def test_a_count_that_can_never_be_reached_is_refused():
    with pytest.raises(
        KaizalaInputError, match=r"^until: cannot wait for 4 people; number of members of the group: 3"
    ):
        GROUP.require_count(4)


def test_some_of_the_eligible_alone_have_a_description_of_their_own():
    voters = GROUP.only([ASHA, MEERA], "voters")
    assert voters == Eligible({ASHA: "Asha", MEERA: None}, described="voters")
    with pytest.raises(KaizalaInputError, match="cannot wait for 3 people; number of voters: 2"):
        voters.require_count(3)
    with pytest.raises(KaizalaInputError, match=r"\+910000000002 cannot answer: not among the voters"):
        voters.require([RAVI])


def test_those_alone_must_be_eligible():
    with pytest.raises(KaizalaInputError, match=r"\+910000000004 .* not among the members of the group"):
        GROUP.only([ASHA, JOHN], "voters")
