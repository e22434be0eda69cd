"""What the answers of a survey come to: how often each option was chosen, and the average of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from airflow_provider_kaizala.server.domain.action_bodies import QuestionDraft

Shown = dict[str, Any]


def summed(questions: Sequence[QuestionDraft], answers: Sequence[Sequence[Any]]) -> list[Shown]:
    """Sum up the answers of all responses, as they are stored.

    :return: for each visible question with options or a number ``{"title", "type", "answered"}``, with it ``options``
        ``[{"title", "count"}]`` or ``average``, ``least`` and ``most``; a question that nobody has answered is left out
    """
    found = []
    # The answers to a card may be more than its questions, or fit none of them.
    for question, *all_given in zip(questions, *answers, strict=False):
        fitting: Any = (int, float) if question.type == "Numeric" else list
        given = [one for one in all_given if isinstance(one, fitting) and one != []]
        if question.is_invisible or not given:
            continue
        part: Shown = {"title": question.title, "type": question.type, "answered": len(given)}
        if question.type in ("SingleOption", "MultiOption"):
            counts = Counter(title for answer in given for title in answer)
            titles = [option["title"] for option in question.options]
            found.append({**part, "options": [{"title": one, "count": counts[one]} for one in titles]})
        elif question.type == "Numeric":
            found.append(
                {
                    **part,
                    "average": sum(given) / len(given),
                    "least": float(min(given)),
                    "most": float(max(given)),
                }
            )
    return found
