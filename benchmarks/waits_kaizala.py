"""A Kaizala server with groups full of polls, for waits."""

from __future__ import annotations

import json
import sqlite3
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.settings import Settings
from airflow_provider_kaizala.testing.server import KaizalaServer
from benchmarks.processes import free_port, wait_until_it_answers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from demo.processes import Processes

CONNECTOR, SECRET, USER_TOKEN = "bench-connector", "bench-secret", "bench-user-token"
ASHA, RAVI = "+910000000001", "+910000000002"
#: the limits of the hosted service
LIMITS = ("--connector-limit", "100", "--tenant-limit", "300")
BETWEEN_POLLS_MS = 600
NO_LIMITS = ("--connector-limit", "0", "--tenant-limit", "0")


@dataclass(frozen=True)
class Poll:
    """A poll that somebody may wait on."""

    group_id: str
    action_id: str
    action_type: str
    sent_at: str


def group_id(number: int) -> str:
    """Return the id of one of the groups."""
    return f"00000000-0000-4000-8000-{number:012d}@1"


def group_token(group: str) -> str:
    """Return what a group's admin has granted."""
    return f"token-of-{group}"


def connection(url: str, groups: Sequence[str], *, limited: bool) -> str:
    """Return an Airflow connection that reaches some groups, each by a token of its own."""
    extra: dict[str, Any] = {"group_refresh_tokens": {group: group_token(group) for group in groups}}
    if not limited:
        extra["calls_per_minute"] = 0
    return json.dumps(
        {"conn_type": "kaizala", "host": url, "login": CONNECTOR, "password": SECRET, "extra": extra}
    )


def write_seed(path: Path, sizes: Sequence[int]) -> None:
    """Write a seed of so many groups, with so many polls in each."""
    groups = [group_id(number) for number in range(len(sizes))]
    seed = {
        "people": [{"mobileNumber": ASHA, "name": "Asha"}, {"mobileNumber": RAVI, "name": "Ravi"}],
        "connectors": [{"id": CONNECTOR, "secret": SECRET}],
        "groups": [
            {"id": group, "name": f"Store {number}", "admins": [ASHA], "members": [RAVI]}
            for number, group in enumerate(groups)
        ],
        "grants": [
            {"connector": CONNECTOR, "kind": "user", "person": ASHA, "refreshToken": USER_TOKEN},
            *(
                {"connector": CONNECTOR, "kind": "group", "person": ASHA, "group": group,
                 "refreshToken": group_token(group)}
                for group in groups
            ),
        ],
        "actions": [
            {"group": group, "sender": ASHA, "actionType": "Poll",
             "actionBody": {"title": f"Is till {number} counted?", "choices": [{"title": "Yes"}, {"title": "No"}]}}
            for group, size in zip(groups, sizes, strict=True)
            for number in range(size)
        ],
    }  # fmt: skip
    path.write_text(json.dumps(seed))


def spread_polls(database: Path) -> None:
    """Let the polls be posted one after the other, as the limit of calls would have had it; a seed comes all at once."""
    with sqlite3.connect(database) as base:
        rows = base.execute(
            "SELECT id, reference_id, created_ms, row_number() OVER (PARTITION BY group_id ORDER BY seq DESC) FROM action"
        ).fetchall()
        moved = [(created - back * BETWEEN_POLLS_MS, one, post) for one, post, created, back in rows]
        base.executemany("UPDATE action SET created_ms = ? WHERE id = ?", [each[:2] for each in moved])
        base.executemany(
            "UPDATE post SET sent_ms = ? WHERE reference_id = ?", [(each[0], each[2]) for each in moved]
        )
    base.close()


class Kaizala:
    """A running server in test mode: its journal counts calls."""

    def __init__(
        self, processes: Processes, database: Path, limits: Sequence[str], seed: Path | None = None
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        more = () if seed is None else ("--seed", str(seed))
        self.process = processes.start(
            "kaizala-server",
            [sys.executable, "-m", "airflow_provider_kaizala.server", "serve", "--port", str(port), "--test-mode",
             "--database", f"sqlite:///{database}", "--log-level", "warning", *limits, *more],
            {},
        )  # fmt: skip
        wait_until_it_answers(port, "/healthz", processes)
        self.control = KaizalaServer(self.url)
        self._client = KaizalaClient(
            Settings(CONNECTOR, SECRET, self.url, refresh_token=USER_TOKEN, calls_per_minute=0)
        )

    def calls(self) -> int:
        """Return how many calls there were since it started."""
        # of calls that nobody makes, none is listed, and what is told is the number of the last of all
        found: int = self.control.call("GET", "/journal", operation="createGroup")["last"]
        return found

    def statuses(self, count: int = 1000) -> set[int]:
        """Return the statuses of the last calls."""
        entries = self.control.call("GET", "/journal", since=max(0, self.calls() - count))["entries"]
        return {entry["status"] for entry in entries}

    def throttled(self) -> int:
        """Return how many of the last 2,000 calls were answered 429."""
        return len(self.control.call("GET", "/journal", status=429)["entries"])

    def polls(self, group: str) -> list[Poll]:
        """List the polls of a group."""
        return [
            Poll(
                group, str(each.action_id), each.action_type, each.sent_at.isoformat() if each.sent_at else ""
            )
            for each in self._client.iterate(calls.list_actions(group, "Poll", None, 1000))
        ]

    def token(self) -> str:
        """Return an access token that reaches all groups."""
        granted = self._client.run(calls.access_token(CONNECTOR, SECRET, USER_TOKEN))
        return granted.access_token

    def vote(self, poll: Poll) -> None:
        """Answer, as Ravi would on his phone."""
        self.control.call("POST", f"/people/{RAVI}/actions/{poll.action_id}/votes", {"choice": "Yes"})
