"""The people of the demo group, who read and answer through the API that the page uses."""

from __future__ import annotations

from typing import Any

import requests

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
PIN = "1234"


class Person:
    """A person who is signed in to a Kaizala server."""

    def __init__(self, server: str, mobile_number: str, pin: str = PIN) -> None:
        self._server = server
        self._session = requests.Session()
        reply = self._session.post(
            f"{server}/people/session", json={"mobileNumber": mobile_number, "pin": pin}, timeout=30
        )
        reply.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {reply.json()['token']}"

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        reply = self._session.post(f"{self._server}/people{path}", json=body, timeout=30)
        reply.raise_for_status()
        return reply.json()

    def feed(self, group_id: str, after: int = 0) -> dict[str, Any]:
        """Return a page of what was posted to a group, from a cursor on."""
        reply = self._session.get(
            f"{self._server}/people/groups/{group_id}/feed", params={"after": after}, timeout=30
        )
        reply.raise_for_status()
        page: dict[str, Any] = reply.json()
        return page

    def say(self, group_id: str, text: str) -> None:
        """Post a message."""
        self._post(f"/groups/{group_id}/messages", {"text": text})

    def answer(self, action_id: str, *answers: Any) -> None:
        """Answer a survey, with one answer for each question."""
        self._post(f"/actions/{action_id}/responses", {"answers": list(answers)})

    def vote(self, action_id: str, choice: str) -> None:
        """Vote in a poll."""
        self._post(f"/actions/{action_id}/votes", {"choice": choice})

    def complete(self, action_id: str) -> None:
        """Mark a job as done."""
        self._post(f"/actions/{action_id}/completion", {"isCompleted": True})
