"""What the answers of a survey come to: how often each option was chosen, and the average of numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

Shown = dict[str, Any]


def summed(responses: list[Shown]) -> list[Shown]:
    """Sum up responses, as ``load_responses`` returns them.

    :return: for each visible question with options or a number ``{"title", "type", "answered"}``, with it ``options``
        ``[{"title", "count"}]`` or ``average``, ``least`` and ``most``; a question that nobody has answered is left out
    """
    found = []
    # The answers to a card may be more than its questions; the last three are the system's.
    asked = [one["responseDetails"]["responseWithQuestions"][:-3] for one in responses]
    for question, *others in zip(*asked, strict=False):
        fitting: Any = (int, float) if question["type"] == "Numeric" else list
        answers: list[Any] = [one["answer"] for one in (question, *others)]
        given = [one for one in answers if isinstance(one, fitting) and one != []]
        if question.get("isInvisible") or not given:
            continue
        part: Shown = {"title": question["title"], "type": question["type"], "answered": len(given)}
        if question["type"] in ("SingleOption", "MultiOption"):
            counts = Counter(title for answer in given for title in answer)
            titles = [option["title"] for option in question["options"]]
            found.append({**part, "options": [{"title": one, "count": counts[one]} for one in titles]})
        elif question["type"] == "Numeric":
            found.append(
                {**part, "average": sum(given) / len(given), "least": min(given), "most": max(given)}
            )
    return found
