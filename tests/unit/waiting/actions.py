"""Actions as Kaizala describes them, and a Kaizala that answers calls as a test says."""

from __future__ import annotations

from airflow_provider_kaizala.client.models import ActionDetails

ASHA, RAVI, MEERA, JOHN = "+910000000001", "+910000000002", "+910000000003", "+910000000004"
NAMES = {ASHA: "Asha", RAVI: "Ravi", MEERA: "Meera", JOHN: "John"}


def poll(*votes, options=("Yes", "No"), title="Pay?", kind="Poll", sender=None, **details):
    """A poll; each vote is ``(who, option)`` or ``(who, option, time)``, and who is None for an anonymous one."""
    return ActionDetails.read(
        {
            "actionType": kind,
            "actionId": "a1",
            "sender": sender,
            "actionDetails": {
                "title": title,
                "choices": [{"title": option} for option in options],
                "responses": [_response(who, {title: option}, *when) for who, option, *when in votes],
                **details,
            },
        }
    )


def form(questions, *answers, kind="Survey", **details):
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
                "responses": [_response(who, given, *when) for who, given, *when in answers],
                **details,
            },
        }
    )


def survey(*responders, kind="Survey", **details):
    """A survey without options that these people have answered; None stands for an anonymous answer."""
    return form({"How?": None}, *((who, {"How?": "well"}) for who in responders), kind=kind, **details)


def job(states, **details):
    """A job: phone number to the word that Kaizala has for this person's state, None for no word yet."""
    return ActionDetails.read(
        {
            "actionType": "Job",
            "actionId": "a1",
            "actionDetails": {
                "title": "Check pump",
                "assignee": [{"mobileNumber": number, "name": NAMES.get(number)} for number in states],
                "responses": [
                    {"assignee": number, "response": state} for number, state in states.items() if state
                ],
                **details,
            },
        }
    )


def _response(who, answers, when=None):
    return {
        "responder": who or "",
        "responderName": NAMES.get(who),
        "responseTime": when,
        "responseWithQuestions": [
            {
                "title": title,
                "type": "MultiOption" if isinstance(value, list) else "SingleOption",
                "answer": value if isinstance(value, list) else [value],
            }
            for title, value in answers.items()
        ],
    }


def numbers(people):
    return [person.mobile_number for person in people]


class Calls:
    """Answers calls without a network: operationId to a value, or to an exception to raise."""

    def __init__(self, **answers):
        self.answers, self.made = answers, []

    def __call__(self, call):
        self.made.append(call)
        answer = self.answers[call.operation]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def operations(self):
        return [call.operation for call in self.made]
