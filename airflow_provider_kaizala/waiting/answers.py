"""What a wait hands back: plain JSON dicts, the same from every sensor and in every mode.

The shapes are public: results are stored as XComs and read by users' DAGs, so they change only by addition.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_kaizala.client.models import ActionDetails, Person, Response
    from airflow_provider_kaizala.waiting.progress import Progress


class PersonDict(TypedDict):
    """Somebody who was expected to answer."""

    mobile_number: str | None
    name: str | None


class AnswerDict(TypedDict):
    """One response.

    ``answers`` maps question title to answer: text, number, list of texts, ISO 8601 time, ``{"latitude", "longitude",
    "name"}`` or ``[{"url", "file_name"}]``. For a poll and a meeting its only key is the question or title; for a job it is
    the title, with the state in Kaizala's word, and ``is_completed`` says whether it is done (None for everything else).
    ``responder`` is a phone number; it, the name and the id are None where a survey is anonymous. ``responded_at`` is ISO 8601 in
    UTC. ``response_id`` and ``responded_at`` are None where Kaizala gives none.
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

    ``answers`` are oldest first as Kaizala lists them, a person who answered twice stands there twice. ``missing`` are those
    who had to answer and have not; empty where nobody in particular had to. ``answered_by`` and ``missing_names`` name the same
    people, each once, for a text: ``{{ ti.xcom_pull("ask")["missing_names"] | join(", ") }}``; who has no name is named by number,
    and whom an anonymous survey does not tell is left out.

    ``complete`` is False if the wait ended early. ``met`` is False too where a quorum can no longer come. ``tally`` counts people
    by their latest answer: of a poll or a meeting ``{"Yes": 2, "No": 0}``, of a form ``{question: {option: count}}`` for its
    questions with options, of a job ``{}``. ``winner`` is the option most people chose, of a form ``{question: option}``; None
    for a tie, and where nobody chose.
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
    winner: Any


def iso(moment: datetime | None) -> str | None:
    """Write an aware UTC time as ISO 8601 with ``Z``."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


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


def result_dict(group_id: str, action_id: str, action: ActionDetails, progress: Progress) -> ResultDict:
    """Return what a wait hands back."""
    from airflow_provider_kaizala.waiting.progress import who
    from airflow_provider_kaizala.waiting.tally import flat

    tally, winner = flat(action)
    counted = [response for response in action.responses if response.counts]
    people = {who(response, at): response.responder for at, response in enumerate(counted)}
    return {
        "group_id": group_id,
        "action_id": action_id,
        "action_type": action.action_type,
        "title": action.title,
        "complete": progress.over,
        "met": progress.met,
        "answers": [answer_dict(response) for response in counted],
        "answered_by": names(people.values()),
        "missing": [
            {"mobile_number": person.mobile_number, "name": person.name} for person in progress.missing
        ],
        "missing_names": names(progress.missing),
        "tally": tally,
        "winner": winner,
    }


def latest_of(answers: Iterable[AnswerDict]) -> list[AnswerDict]:
    """Return the answer of each person that counts, as the rules see it: the latest, by its time, else by its place."""
    found: dict[object, AnswerDict] = {}
    for at, answer in enumerate(answers):
        who = answer["responder"] or answer["responder_id"] or at
        before = found.get(who, answer)["responded_at"]
        now = answer["responded_at"]
        if before and now and datetime.fromisoformat(before) > datetime.fromisoformat(now):
            continue
        found[who] = answer
    return list(found.values())


def names(people: Iterable[Person]) -> list[str]:
    """Return a name of each, or a number; who has neither, as in an anonymous survey, is left out."""
    known = (person.name or person.mobile_number for person in people)
    return [each for each in known if each]


def called(people: Iterable[Person]) -> str:
    """Name people for a log."""
    return ", ".join(person.name or person.mobile_number or "somebody" for person in people) or "nobody"
