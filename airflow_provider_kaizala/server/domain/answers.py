"""Answers: checked against their questions when given, and shown as webhooks and details show them.

Answers are positional. Stored forms: option questions a list of titles, media a list of ``{"id", "name"}``, times as
given, everything else as it is shown; null where a question was left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from airflow_provider_kaizala.server.domain.action_bodies import QuestionDraft
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.media import as_attachment, find_resource
from airflow_provider_kaizala.server.domain.times import SECONDS_BELOW, from_iso

FILLER = "-"
# What an answer is to that has no question: a card's questions live in its package, which may have more (C27).
UNASKED = QuestionDraft("", "Text")
# Under this key an answer is stored as it was given, as it does not fit its question.
_AS_GIVEN = "asGiven"
# Where somebody answered who did not tell: the app's own default, as listeners read lt, lg and n without a look.
NOWHERE: dict[str, object] = {"lt": 0.0, "lg": 0.0, "n": ""}


@dataclass(frozen=True)
class Kept:
    """An answer that stays as it is stored, while others of the same response change."""

    stored: Any


def check_answers(
    op: Operation, questions: Sequence[QuestionDraft], given: Sequence[object], *, of_package: bool = False
) -> list[object]:
    """Check positional answers; missing ones at the end are null.

    :param of_package: answers that do not fit the questions, or are more, are stored as given (C27)
    """
    if len(given) > len(questions) and not of_package:
        raise bad_request(f"Answers holds {len(given)} entries, but there are {len(questions)} questions")
    padded = [*given, *[None] * (len(questions) - len(given))]
    check = _check_loosely if of_package else _check
    checked = [
        check(op, question, answer, f"Answers[{index}]")
        for index, (question, answer) in enumerate(zip_longest(questions, padded, fillvalue=UNASKED))
    ]
    if questions and all(answer is None for answer in checked):
        raise bad_request("Answers must hold at least one answer", "empty")
    return checked


def _check_loosely(op: Operation, question: QuestionDraft, answer: object, where: str) -> object:
    try:
        return _check(op, question, answer, where)
    except ApiError:
        return {_AS_GIVEN: answer}


def is_as_given(stored: Any) -> bool:
    """Tell whether a stored answer does not fit its question."""
    return isinstance(stored, dict) and _AS_GIVEN in stored


def _check(op: Operation, question: QuestionDraft, answer: object, where: str) -> object:
    if isinstance(answer, Kept):
        return answer.stored
    if answer is None or answer == "" or answer == []:
        return None
    if question.type == "Text":
        return _text(answer, where)
    if answer == FILLER and FILLER not in [option["title"] for option in question.options]:
        return None
    match question.type:
        case "SingleOption":
            if isinstance(answer, list) and len(answer) != 1:
                raise bad_request(f"{where} must be one option")
            return [_option(question, answer[0] if isinstance(answer, list) else answer, where)]
        case "MultiOption":
            chosen = answer if isinstance(answer, list) else [answer]
            return list(dict.fromkeys(_option(question, one, where) for one in chosen))
        case "Numeric":
            return Fields({where: answer}).number(where)
        case "DateTime":
            return _moment(answer, where)
        case "Location":
            return _location(answer, where)
        case "PhoneNumber":
            return _phone(answer, where)
        case _:
            resources = answer if isinstance(answer, list) else [answer]
            return [ref for one in resources for ref in find_resource(op, _text(one, where), where)]


def _text(answer: object, where: str) -> str:
    return Fields({where: answer}).optional_text(where, most=20_000) or ""


def _option(question: QuestionDraft, answer: object, where: str) -> str:
    titles = [option["title"] for option in question.options]
    text = _text(answer, where)
    if text in titles:
        return text
    for title in titles:
        if title.strip().lower() == text.strip().lower():
            return title
    raise bad_request(f"{where} is not one of the options: {', '.join(titles)[:500]}", "choice")


def _moment(answer: object, where: str) -> int | float:
    if isinstance(answer, str) and not answer.strip().lstrip("+-").replace(".", "", 1).isdigit():
        ms = from_iso(answer, where)
        # So near to 1970 it would be read as seconds.
        return ms if abs(ms) >= SECONDS_BELOW else ms / 1000
    number = Fields({where: answer}).number(where)
    return int(number) if float(number).is_integer() else number


def _location(answer: object, where: str) -> dict[str, object]:
    if not isinstance(answer, dict):
        raise bad_request(f"{where} must be a location such as {{lt, lg, n}}")
    fields = Fields(answer, f"{where}.")
    short = fields.has("lt")
    found: dict[str, object] = {
        "lt": fields.number("lt" if short else "latitude"),
        "lg": fields.number("lg" if short else "longitude"),
    }
    if name := fields.optional_text("n", "name"):
        found["n"] = name
    return found


def _phone(answer: object, where: str) -> dict[str, str]:
    if isinstance(answer, dict):
        fields = Fields(answer, f"{where}.")
        return {"cc": fields.text("cc", most=8), "pn": fields.text("pn", most=20)}
    return {"cc": "", "pn": _text(answer, where)}


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
            # Values below 10^11 are seconds (C11).
            return round(stored * 1000) if abs(stored) < SECONDS_BELOW else int(stored)
        case "Numeric":
            return float(stored)
        case "Location":
            return {**stored, "n": stored.get("n", "")}
        case _:
            return stored


def with_questions(
    questions: Sequence[QuestionDraft],
    answers: Sequence[object],
    *,
    location: dict[str, object] | None,
    time_ms: int,
    name: str,
) -> list[dict[str, object]]:
    """Return ``responseWithQuestions``: the real questions in order, then the three of the system."""
    shown: list[dict[str, object]] = []
    for question, answer in zip(
        [*questions, *[UNASKED] * (len(answers) - len(questions))], answers, strict=True
    ):
        entry: dict[str, object] = {
            "title": question.title,
            "type": question.type,
            "options": [{"title": option["title"]} for option in question.options],
        }
        if question.is_invisible:
            entry["isInvisible"] = True
        entry["answer"] = shown_answer(question, answer)
        shown.append(entry)
    for title, kind, answer in (
        ("Responder Location", "Location", location or NOWHERE),
        ("ResponseTime", "DateTime", time_ms),
        ("Responder Name", "Text", name),
    ):
        shown.append({"title": title, "type": kind, "options": [], "isInvisible": True, "answer": answer})
    return shown


def stored_json(answers: Sequence[object]) -> str:
    """Return answers as they are stored."""
    return json.dumps(list(answers), ensure_ascii=False)
