"""Actions as the wire brings them."""

from __future__ import annotations

from airflow_provider_kaizala.client.models import ActionDetails

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


def name(number):
    return f"Name of {number[-1]}"


def poll(*votes, choices=("Yes", "No"), title="Pay?", kind="Poll", **details):
    """A poll; each vote is ``(who, choice)`` or ``(who, choice, time)``, and who is None for an anonymous one."""
    return ActionDetails.read(
        {
            "actionType": kind,
            "actionId": "a1",
            "actionDetails": {
                "title": title,
                "choices": [{"title": choice} for choice in choices],
                "responses": [
                    response(who, [(title, "SingleOption", [choice])], *when) for who, choice, *when in votes
                ],
                **details,
            },
        }
    )


def form(questions, *answers, kind="Survey"):
    """A survey; *questions* are title to options, or to None for a text; an answer is ``(who, {title: value})``."""
    return ActionDetails.read(
        {
            "actionType": kind,
            "actionId": "a1",
            "actionDetails": {
                "title": "Daily",
                "questions": [
                    {"title": title, "options": [{"title": each} for each in options or ()]}
                    for title, options in questions.items()
                ],
                "responses": [
                    response(
                        who,
                        [
                            (title, "MultiOption" if isinstance(value, list) else "SingleOption", value)
                            for title, value in given.items()
                        ],
                        *when,
                    )
                    for who, given, *when in answers
                ],
            },
        }
    )


def job(states):
    """A job: number to the word Kaizala has for its state, None for one who was not heard of."""
    return ActionDetails.read(
        {
            "actionType": "Job",
            "actionId": "a1",
            "actionDetails": {
                "title": "Check pump",
                "assignee": [{"mobileNumber": number, "name": name(number)} for number in states],
                "responses": [
                    {"assignee": number, "response": state} for number, state in states.items() if state
                ],
            },
        }
    )


def response(who, rows, when=None):
    return {
        "responder": who or "",
        "responderName": who and name(who),
        "responseTime": when,
        "responseWithQuestions": [{"title": t, "type": kind, "answer": value} for t, kind, value in rows],
    }
