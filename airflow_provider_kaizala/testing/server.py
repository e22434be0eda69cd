"""The server that tests use, and two ways to start it."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.testing.wire import Call, KaizalaServerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CONN_ID = "kaizala_default"


class KaizalaServer:
    """Controls a server that runs in test mode.

    :param url: its address; the Kaizala API, ``/people/`` and ``/_test/`` are below it
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __repr__(self) -> str:
        return f"KaizalaServer({self.url!r})"

    def call(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """Call the control plane, with a path relative to ``/_test``, and return the JSON of the reply."""
        return Call(self.url).send(method, f"/_test{path}", body, query)

    # --- state -----------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Restore the seed and the real time, remove all faults and empty the journal."""
        self.call("POST", "/reset", {})

    def seed(self, seed: str | Mapping[str, Any], *, replace: bool = False) -> None:
        """Add groups, people, connectors, grants and actions, as YAML text or as a dict.

        :param replace: whether to remove everything else first
        """
        body = seed.encode() if isinstance(seed, str) else dict(seed)
        self.call("POST", "/seed", body, replace=str(replace).lower())

    def seeded(self) -> dict[str, Any]:
        """Return everything that was seeded."""
        found: dict[str, Any] = self.call("GET", "/seed")
        return found

    def people(self) -> list[dict[str, Any]]:
        """Return all people who have a phone number: ``mobileNumber``, ``name``, ``id`` and the ids of their ``groups``."""
        found: list[dict[str, Any]] = self.call("GET", "/people")["people"]
        return found

    def feed(self, group_id: str | None = None, mobile_number: str | None = None) -> list[dict[str, Any]]:
        """Return everything that was posted to a group, oldest first, as one of its people sees it.

        :param group_id: the seed's first group by default
        :param mobile_number: one of the group's people by default
        """
        group = group_id or self.default_group()
        if mobile_number is None:
            inside = [one["mobileNumber"] for one in self.people() if group in one["groups"]]
            if not inside:
                raise KaizalaServerError(f"no one is in the group {group!r}", 404)
            mobile_number = inside[0]
        items: list[dict[str, Any]] = []
        page: dict[str, Any] = {"after": 0, "hasMore": True}
        while page["hasMore"]:
            path = f"/people/{mobile_number}/groups/{group}/feed"
            page = self.call("GET", path, after=page["after"], count=200)
            items += page["items"]
        return items

    def delete_action(self, action_id: str) -> None:
        """Delete an action, as its sender can in the app."""
        self.call("POST", "/delete-action", {"actionId": action_id})

    def revoke_grant(
        self,
        *,
        connector_id: str | None = None,
        group_id: str | None = None,
        mobile_number: str | None = None,
    ) -> None:
        """Revoke a connector's grant for a group or a person; by default that of the first connector for the first group."""
        connector = connector_id or self.seeded()["connectors"][0]["id"]
        if group_id is None and mobile_number is None:
            group_id = self.default_group()
        body = {"connectorId": connector, "groupId": group_id, "mobileNumber": mobile_number}
        self.call("POST", "/revoke-grant", body)

    def rotation_ends_old_token(self, ends: bool = True) -> None:
        """Set whether a refresh token stops working once it is rotated, which happens from day 328 on, or only on day 365."""
        self.call("POST", "/rotation", {"endsOldToken": ends})

    # --- time ------------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the server's time."""
        return datetime.fromisoformat(self.call("GET", "/clock")["now"])

    def freeze(self, at: datetime | None = None) -> None:
        """Stop the server's clock, at the present time or at another one."""
        self.call("POST", "/clock", {"freeze": True if at is None else at.isoformat()})

    def advance(self, by: timedelta | float) -> None:
        """Move the server's clock forward, by seconds or a timedelta: tokens and surveys expire, deliveries are retried."""
        self.call("POST", "/clock", {"advance": by.total_seconds() if isinstance(by, timedelta) else by})

    def resume(self) -> None:
        """Let a frozen clock run again."""
        self.call("POST", "/clock", {"resume": True})

    # --- faults and journal ------------------------------------------------------------------------------------------------

    def fault(self, operation: str = "*", **fault: Any) -> None:
        """Make calls fail: ``fault("postAction", drop="after", count=1)``; see :mod:`airflow_provider_kaizala.server.control.faults`."""
        self.call("POST", "/faults", {"operation": operation, **fault})

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults; ``fired`` counts how often each has occurred."""
        found: list[dict[str, Any]] = self.call("GET", "/faults")["faults"]
        return found

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.call("DELETE", "/faults")

    def journal(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the requests that the server received and its replies, with secrets masked.

        :param wanted: ``operation``, ``group``, ``status``, ``since``: return only matching entries
        """
        found: list[dict[str, Any]] = self.call("GET", "/journal", **wanted)["entries"]
        return found

    # --- how to reach it ---------------------------------------------------------------------------------------------------

    def default_group(self) -> str:
        """Return the id of the seed's first group."""
        groups = self.seeded()["groups"]
        if not groups:
            raise KaizalaServerError("the seed has no group", 404)
        return str(groups[0]["id"])

    def connection(
        self, *, connector_id: str | None = None, default_group: str | None = None, **extra: Any
    ) -> dict[str, Any]:
        """Return an Airflow connection of a connector of the seed, with all its tokens and no limit of calls.

        :param connector_id: the seed's first by default
        :param default_group: by default the first group that the connector has a grant for, else the seed's first
        :param extra: further extras of the connection, such as ``timeout=5``
        """
        seeded = self.seeded()
        found = [one for one in seeded["connectors"] if connector_id in (None, one["id"])]
        if not found:
            known = ", ".join(one["id"] for one in seeded["connectors"]) or "none"
            raise KaizalaServerError(
                f"the seed has no connector{f' {connector_id!r}' if connector_id else ''}; it has {known}",
                404,
            )
        connector = found[0]
        extras: dict[str, Any] = {"calls_per_minute": 0}
        for grant in seeded["grants"]:
            if grant["connector"] != connector["id"]:
                continue
            if grant["kind"] == "group":
                extras.setdefault("group_refresh_tokens", {})[grant["group"]] = grant["refreshToken"]
            else:
                extras.setdefault("refresh_token", grant["refreshToken"])
        groups = [*extras.get("group_refresh_tokens", ()), *(group["id"] for group in seeded["groups"])]
        if default_group or groups:
            extras["default_group"] = default_group or groups[0]
        login = {"login": connector["id"], "password": connector["secret"]}
        return {"conn_type": "kaizala", "host": self.url, **login, "extra": extras | extra}

    # --- what was posted -----------------------------------------------------------------------------------------------------

    def posted(self, group_id: str | None = None) -> list[dict[str, Any]]:
        """Return everything that was posted to a group, oldest first, what only some of its people can see included.

        :param group_id: the seed's first group by default
        """
        group = group_id or self.default_group()
        numbers = [one["mobileNumber"] for one in self.people() if group in one["groups"]]
        items = {item["referenceId"]: item for number in numbers for item in self.feed(group, number)}
        return sorted(items.values(), key=lambda item: str(item["sentAt"]))

    def assert_posted(
        self,
        text: str | re.Pattern[str],
        *,
        kind: str | None = None,
        group_id: str | None = None,
        times: int = 1,
    ) -> list[dict[str, Any]]:
        """Check that something was posted to a group, so many times, and return it.

        Such as ``[poll] = kaizala_server.assert_posted("Is it open?", kind="poll")``.

        :param text: the whole text of a message or title of an action, or a pattern that is found in it
        :param kind: ``"text"``, ``"poll"``, ``"survey"``, ``"job"``, ``"announcement"``, ...; any by default
        :param group_id: the seed's first group by default
        :raises AssertionError: if not; it shows what was posted
        """

        def fits(each: str | None) -> bool:
            return bool(text.search(each or "") if isinstance(text, re.Pattern) else each == text)

        items = self.posted(group_id)
        found = [
            item
            for item in items
            if kind in (None, item["kind"]) and (fits(item["title"]) or fits(item["text"]))
        ]
        if len(found) != times:
            shown = (
                "\n".join(f"  {item['kind']}: {item['title'] or item['text']}" for item in items)
                or "  nothing"
            )
            wanted = f"{kind or 'post'} {text.pattern if isinstance(text, re.Pattern) else text!r}"
            raise AssertionError(
                f"{wanted} was posted {len(found)} times, not {times}; the group has\n{shown}"
            )
        return found

    def upload(self, name: str, content: bytes, mime_type: str) -> str:
        """Upload a file through the seed's first connector, and return its ``mediaResource``."""
        connection = self.connection()
        extra = connection["extra"]
        token = extra.get("refresh_token") or next(iter(extra["group_refresh_tokens"].values()))
        login = {"applicationId": connection["login"], "applicationSecret": connection["password"]}
        access = Call(self.url).send("GET", "/v1/accessToken", headers={**login, "refreshToken": token})
        boundary = "kaizala-test-file"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\nContent-Type: {mime_type}\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "accessToken": access["accessToken"],
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        return str(Call(self.url).send("POST", "/v1/media", body, headers=headers)["mediaResource"])


def journal_lines(server: KaizalaServer, most: int = 40) -> str:
    """Return the last calls of a server, a line each, for the report of a test that has failed."""
    try:
        entries = server.journal()
    except (OSError, http.client.HTTPException, KaizalaServerError) as error:
        return f"The journal cannot be read: {error}"
    entries = [entry for entry in entries if entry["kind"] == "delivery" or not _is_a_look(entry)]
    lines = [_line(entry) for entry in entries[-most:]]
    left_out = [f"... {len(entries) - most} calls before"] if len(entries) > most else []
    return "\n".join(left_out + lines) or "none"


def _is_a_look(entry: Mapping[str, Any]) -> bool:
    """Return whether a test or a scripted person only looked."""
    return bool(entry["method"] == "GET" and entry["path"].startswith("/_test/"))


def _line(entry: Mapping[str, Any]) -> str:
    if entry["kind"] == "delivery":
        return f"{entry['at']} {entry['operation']} -> {entry.get('url', '')} {entry.get('status')}"
    faults = f" (faults: {', '.join(entry['faults'])})" if entry["faults"] else ""
    reply = entry["reply"]
    message = f" {reply['message']}" if isinstance(reply, dict) and "message" in reply else ""
    name = f" {entry['operation']}" if entry["operation"] else ""
    return f"{entry['at']} {entry['method']} {entry['path']}{name} {entry['status']}{message}{faults}"


@contextmanager
def in_a_thread(folder: Path, seed: str) -> Iterator[KaizalaServer]:
    """Run a server in this process, on a free port, with its database in a folder."""
    from airflow_provider_kaizala.server.config import ServerConfig
    from airflow_provider_kaizala.server.run import RunningServer

    config = ServerConfig(
        port=0,
        database=f"sqlite:///{folder / 'kaizala.db'}",
        seed=seed,
        test_mode=True,
        connector_limit=0,
        tenant_limit=0,
        log_level="warning",
    )
    with RunningServer(config) as running:
        yield KaizalaServer(running.url)


@contextmanager
def in_a_process(python: str, folder: Path, seed: str, start_in: Path) -> Iterator[KaizalaServer]:
    """Run a server with another interpreter, on a free port, with its database in a folder."""
    options = {"--port": "0", "--seed": seed, "--database": f"sqlite:///{folder / 'kaizala.db'}"}
    limits = {"--connector-limit": "0", "--tenant-limit": "0", "--log-level": "warning"}
    words = [word for option in (options | limits).items() for word in option]
    # What this interpreter was told about its own modules is nothing for another one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    log = folder / "kaizala-server.log"
    with log.open("w") as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - the interpreter is the one that the settings name
                [python, "-m", "airflow_provider_kaizala.server", "serve", "--test-mode", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=start_in,
                env=environment,
            )
        except OSError as error:
            raise KaizalaServerError(
                f"kaizala_server_python: {python} cannot be run: {error.strerror}", 503
            ) from None
    with process:
        assert process.stdout is not None  # noqa: S101
        line = process.stdout.readline()
        if not line.startswith("ready http"):
            process.kill()
            said = log.read_text(errors="replace").strip().splitlines()
            raise KaizalaServerError(f"{python} does not run kaizala-server: {said[-1] if said else ''}", 503)
        try:
            yield KaizalaServer(line.split()[1])
        finally:
            process.terminate()
