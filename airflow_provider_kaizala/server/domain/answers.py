"""Answers: checked against their questions when given, and shown as webhooks and details show them.

Answers are positional. Stored forms: option questions a list of titles, media a list of ``{"id", "name"}``, times epoch
milliseconds (seconds below 10^11; once in the unit they came in), everything else as it is shown; null where a question was left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from airflow_provider_kaizala.server.domain.action_bodies import OPTION_QUESTIONS, Place, QuestionDraft
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.media import as_attachment, find_resource
from airflow_provider_kaizala.server.domain.times import SECONDS_BELOW, as_ms

MAX_TEXT = 20_000
# What an answer is to that has no question: a card's questions live in its package, which may have more (C27).
UNASKED = QuestionDraft("", "Text")
# Under this key an answer is stored as it was given, as it does not fit its question.
_AS_GIVEN = "asGiven"


class Phone(NamedTuple):
    """A phone number as an answer: with a country code of its own, or in one piece."""

    number: str
    country_code: str = ""


@dataclass(frozen=True)
class Stored:
    """An answer as it is stored: it stays while others of the same response change, or was checked by itself."""

    value: Any


# By the type of the question: text, number, epoch milliseconds, titles of options or media resources, place, phone number.
Answer = str | int | float | list[str] | Place | Phone | Stored | None


def paired(questions: Sequence[QuestionDraft], answers: Sequence[Any]) -> Iterator[tuple[QuestionDraft, Any]]:
    """Pair each answer with its question, those beyond the questions with :data:`UNASKED`."""
    return zip([*questions, *[UNASKED] * (len(answers) - len(questions))], answers, strict=False)


def check_answers(
    op: Operation, questions: Sequence[QuestionDraft], answers: Iterable[Answer]
) -> list[object]:
    """Return positional answers as they are stored; missing ones at the end are null."""
    checked = [
        check_answer(op, question or UNASKED, answer, f"Answers[{index}]")
        for index, (question, answer) in enumerate(zip_longest(questions, answers))
    ]
    if questions and all(answer is None for answer in checked):
        raise bad_request("Answers must hold at least one answer", "empty")
    return checked


def check_answer(op: Operation, question: QuestionDraft, answer: Answer, where: str) -> object:
    """Return an answer as it is stored.

    :param where: names it in an error
    """
    match answer:
        case None:
            return None
        case Stored():
            return answer.value
        case Phone():
            return {"cc": answer.country_code, "pn": answer.number}
        case dict():
            return short_place(answer)
        case list() if question.type in OPTION_QUESTIONS:
            if question.type == "SingleOption" and len(answer) != 1:
                raise bad_request(f"{where} must be one option")
            return list(dict.fromkeys(_option(question, one, where) for one in answer))
        case list():
            return [ref for one in answer for ref in find_resource(op, one, where)]
        case int() | float() if question.type == "DateTime" and abs(answer) < SECONDS_BELOW:
            # So near to 1970 milliseconds would be read as seconds.
            return answer / 1000
        case _:
            return answer


def short_place(place: Place) -> dict[str, object]:
    """Return a place as answers have it."""
    named = {"n": place["name"]} if "name" in place else {}
    return {"lt": place["latitude"], "lg": place["longitude"], **named}


def as_given(answer: object) -> Stored:
    """Return an answer to a card that does not fit its question, stored as it was given (C27)."""
    return Stored({_AS_GIVEN: answer})


def is_as_given(stored: Any) -> bool:
    """Tell whether a stored answer does not fit its question."""
    return isinstance(stored, dict) and _AS_GIVEN in stored


def _option(question: QuestionDraft, text: str, where: str) -> str:
    titles = [option["title"] for option in question.options]
    if text in titles:
        return text
    for title in titles:
        if title.strip().lower() == text.strip().lower():
            return title
    raise bad_request(f"{where} is not one of the options: {', '.join(titles)[:500]}", "choice")


def shown_answer(question: QuestionDraft, stored: Any) -> object:
    """Return a stored answer as webhooks and details show it."""
    if stored is None:
        return None
    if is_as_given(stored):
        return stored[_AS_GIVEN]
    match question.type:
        case "Image" | "AttachmentList":
            return [as_attachment(ref) for ref in stored]
        case "DateTime":
            return as_ms(stored)
        case "Numeric":
            return float(stored)
        case "Location":
            return {**stored, "n": stored.get("n", "")}
        case _:
            return stored
