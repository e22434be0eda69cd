"""What a wait returns: plain JSON dicts, the same from every operator and sensor and in every mode.

The shapes are public: results are stored as XComs and read by users' DAGs, so they change only by addition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_kaizala.client.models.wire import iso
from airflow_provider_kaizala.waiting.people import names, respondents
from airflow_provider_kaizala.waiting.tally import ballots, has_one_question, winner

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.models import ActionDetails, Response
    from airflow_provider_kaizala.waiting.rules import Progress


class PersonDict(TypedDict):
    """A person who was expected to answer."""

    mobile_number: str | None
    name: str | None


class AnswerDict(TypedDict):
    """One response.

    ``answers`` maps question title to answer: text, number, list of texts, ISO 8601 time, ``{"latitude", "longitude",
    "name"}`` or ``[{"url", "file_name"}]``. For a poll and a meeting its only key is the question or title; for a job it is
    the title, with the state in Kaizala's word, and ``is_completed`` says whether it is done (None for everything else).
    ``responder`` is a phone number; it, the name and the id are None if a survey is anonymous. ``responded_at`` is ISO 8601 in
    UTC. ``response_id`` and ``responded_at`` are None if Kaizala gives none.
    """

    responder: str | None
    responder_name: str | None
    responder_id: str | None
    response_id: str | None
    responded_at: str | None
    is_completed: bool | None
    answers: dict[str, Any]


class ResultDict(TypedDict):
    """How a wait ended.

    ``answers`` are in Kaizala's order, oldest first; a person who answered twice is listed twice. ``missing`` lists the people
    who had to answer and have not; it is empty if the rule names no one in particular. ``answered_by`` and ``missing_names``
    name the same people, each once, for a text: ``{{ ti.xcom_pull("ask")["missing_names"] | join(", ") }}``. People without a
    name are listed by number; respondents of an anonymous survey are left out.

    ``complete`` is False if the wait ended early. ``met`` is also False if a quorum can no longer be reached. ``tally`` counts
    people by their latest answer: for a poll or a meeting ``{"Yes": 2, "No": 0}``, for a form ``{question: {option: count}}``
    for its questions with options, for a job ``{}``. ``chosen_by`` has the same keys, with names instead of counts. ``winner``
    is the option that most people chose, for a form ``{question: option}``; None for a tie, or if nobody chose. Where the task
    names ``voters``, or a quorum its people, only they count in these three.
    """

    group_id: str
    action_id: str
    action_type: str
    title: str | None
    complete: bool
    met: bool
    answers: list[AnswerDict]
    answered_by: list[str]
    missing: list[PersonDict]
    missing_names: list[str]
    tally: dict[str, Any]
    chosen_by: dict[str, Any]
    winner: Any


def answer_dict(response: Response) -> AnswerDict:
    """Return one response as a plain dict."""
    return {
        "responder": response.responder.mobile_number,
        "responder_name": response.responder.name,
        "responder_id": response.responder.id,
        "response_id": response.response_id,
        "responded_at": iso(response.responded_at),
        "is_completed": response.completed,
        "answers": dict(response.answers),
    }


def result_dict(
    group_id: str, action_id: str, details: ActionDetails, counted: ActionDetails, progress: Progress
) -> ResultDict:
    """Return the result of a wait.

    :param counted: *details* with the answers that count in the tally
    """
    by_question = ballots(counted)
    tally: dict[str, Any] = {
        question: {option: len(people) for option, people in options.items()}
        for question, options in by_question.items()
    }
    chosen_by: dict[str, Any] = {
        question: {option: names(people) for option, people in options.items()}
        for question, options in by_question.items()
    }
    best: Any = {question: winner(counts) for question, counts in tally.items()} or None
    if has_one_question(details):
        tally, chosen_by, best = (next(iter(each.values())) for each in (tally, chosen_by, best))
    return {
        "group_id": group_id,
        "action_id": action_id,
        "action_type": details.action_type,
        "title": details.title,
        "complete": progress.over,
        "met": progress.met,
        "answers": [answer_dict(response) for response in details.responses if response.counts],
        "answered_by": names(respondents(details)),
        "missing": [
            {"mobile_number": person.mobile_number, "name": person.name} for person in progress.missing
        ],
        "missing_names": names(progress.missing),
        "tally": tally,
        "chosen_by": chosen_by,
        "winner": best,
    }
