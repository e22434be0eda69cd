"""The server that tests use, and two ways to start it."""

from __future__ import annotations

import os
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
                raise KaizalaServerError(f"nobody is in the group {group!r}", 404)
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

    def connection(self) -> dict[str, Any]:
        """Return an Airflow connection of the seed's first connector, with all its tokens, the first group, and no limit of calls."""
        seeded = self.seeded()
        if not seeded["connectors"]:
            raise KaizalaServerError("the seed has no connector", 404)
        connector = seeded["connectors"][0]
        extra: dict[str, Any] = {"calls_per_minute": 0}
        for grant in seeded["grants"]:
            if grant["connector"] != connector["id"]:
                continue
            if grant["kind"] == "group":
                extra.setdefault("group_refresh_tokens", {})[grant["group"]] = grant["refreshToken"]
            else:
                extra.setdefault("refresh_token", grant["refreshToken"])
        if seeded["groups"]:
            extra["default_group"] = seeded["groups"][0]["id"]
        login = {"login": connector["id"], "password": connector["secret"]}
        return {"conn_type": "kaizala", "host": self.url, **login, "extra": extra}


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
